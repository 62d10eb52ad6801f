/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "tests/sim/tap.h"

#include <string.h>

#define FRAME_BYTES 8192 /* longer ones are not kept */

/* A data frame with a payload. */
typedef struct kept {
    uint64_t tag;
    size_t bytes_count;
    uint8_t bytes[FRAME_BYTES];
} kept;

typedef struct pair {
    kept last; /* of the latest session */
    kept old;  /* of one before it */
} pair;

typedef struct tap {
    pair pairs[CLUSTER_NODES_MAX][CLUSTER_NODES_MAX]; /* receiver, sender */
    bool armed;
    fault kind;
    uint32_t host, peer;
    uint8_t forged[FRAME_BYTES];
    uint8_t hello[OSRI_HANDSHAKE_BYTES_MAX];
    size_t hello_bytes;
} tap;

static tap the;

osr_err __real_osri_link_step(osri_link *link, const osri_link_event *event,
                              osri_link_actions *ret_actions);
osr_err __wrap_osri_link_step(osri_link *link, const osri_link_event *event,
                              osri_link_actions *ret_actions);

void tap_begin(void)
{
    memset(&the, 0, sizeof(the));
}

void tap_arm(fault kind, uint32_t host, uint32_t peer)
{
    the.armed = true;
    the.kind = kind;
    the.host = host;
    the.peer = peer;
}

void tap_disarm(void)
{
    the.armed = false;
}

size_t tap_hello(const uint8_t **ret_bytes)
{
    *ret_bytes = the.hello;
    return the.hello_bytes;
}

/* "n3@sim" */
static uint32_t host_of(const char *name)
{
    uint32_t host = name[0] == 'n' ? (uint32_t)(name[1] - '0') : CLUSTER_NODES_MAX;

    return host < CLUSTER_NODES_MAX ? host : CLUSTER_NODES_MAX;
}

static void keep(kept *place, uint64_t tag, const osri_link_event *event)
{
    place->tag = tag;
    place->bytes_count = event->bytes_count;
    memcpy(place->bytes, event->bytes, event->bytes_count);
}

static bool has_payload(const osri_link_event *event)
{
    return event->bytes_count > OSRI_WIRE_HEADER_BYTES + OSRI_WIRE_WHOLE_HEAD_BYTES &&
           event->bytes_count <= FRAME_BYTES && event->bytes[24] == OSRI_WIRE_DATA;
}

static void watch_frame(const osri_link *link, const osri_link_event *event, uint32_t host,
                        uint32_t peer)
{
    pair *frames = &the.pairs[host][peer];

    if (!has_payload(event)) {
        return;
    }
    if (frames->last.bytes_count > 0 && frames->last.tag != link->tag) {
        frames->old = frames->last;
    }
    keep(&frames->last, link->tag, event);
}

static void random_frame(osri_link_event *forged)
{
    size_t count = 1 + (size_t)cluster_random(everybody.world, 200);

    for (size_t i = 0; i < count; i++) {
        the.forged[i] = (uint8_t)cluster_random(everybody.world, 256);
    }
    forged->bytes = the.forged;
    forged->bytes_count = count;
}

/* The payload of an earlier session under its tag, numbered as if it were the frame that is due. */
static void stray_frame(const osri_link *link, const kept *old, osri_link_event *forged)
{
    osri_wire_header header = {.tag = old->tag,
                               .seq = link->seq_received + 1,
                               .acknowledged = link->window.acknowledged,
                               .kind = OSRI_WIRE_DATA};

    memcpy(the.forged, old->bytes, old->bytes_count);
    osri_wire_header_write(the.forged, &header);
    forged->bytes = the.forged;
    forged->bytes_count = old->bytes_count;
}

/* The frame before this one, once more; it acknowledges what is acknowledged by now. */
static void repeated_frame(const osri_link *link, const kept *last, osri_link_event *forged)
{
    osri_wire_header header;

    (void)!osri_wire_header_read(last->bytes, last->bytes_count, &header);
    header.acknowledged = link->window.acknowledged;
    memcpy(the.forged, last->bytes, last->bytes_count);
    osri_wire_header_write(the.forged, &header);
    forged->bytes = the.forged;
    forged->bytes_count = last->bytes_count;
}

/* A good frame with one record, which is garbage. */
static void malformed_record(const osri_link *link, osri_link_event *forged)
{
    osri_wire_header header = {.tag = link->tag,
                               .seq = link->seq_received + 1,
                               .acknowledged = link->window.acknowledged,
                               .kind = OSRI_WIRE_DATA};
    osri_wire_part part = {.bytes_count = 20};
    size_t count = OSRI_WIRE_HEADER_BYTES;

    osri_wire_header_write(the.forged, &header);
    count += osri_wire_head_write(the.forged + count, &part);
    for (uint32_t i = 0; i < part.bytes_count; i++) {
        the.forged[count++] = (uint8_t)cluster_random(everybody.world, 128); /* never an array */
    }
    forged->bytes = the.forged;
    forged->bytes_count = count;
}

/* Whether the frame is another one now. */
static bool forge_data(const osri_link *link, osri_link_event *event, const pair *frames)
{
    switch (the.kind) {
    case FAULT_STRAY:
        if (frames->old.bytes_count == 0 || frames->old.tag == link->tag) {
            return false;
        }
        stray_frame(link, &frames->old, event);
        return true;
    case FAULT_REPEAT:
        if (frames->last.bytes_count == 0 || frames->last.tag != link->tag) {
            return false;
        }
        repeated_frame(link, &frames->last, event);
        return true;
    case FAULT_SKIP:
        return has_payload(event);
    case FAULT_GARBAGE:
        random_frame(event);
        return true;
    case FAULT_RECORD:
        malformed_record(link, event);
        return true;
    default:
        return false;
    }
}

/* Whether the frame is forged; with SKIP it is to be left out. */
static bool forge(const osri_link *link, osri_link_event *frame, uint32_t host, uint32_t peer)
{
    bool setup = link->phase < OSRI_PHASE_UP;

    if (!the.armed || the.host != host || setup != (the.kind == FAULT_HANDSHAKE) ||
        (!setup && the.peer != peer)) {
        return false;
    }
    if (setup) {
        random_frame(frame);
    } else if (!forge_data(link, frame, &the.pairs[host][peer])) {
        return false;
    }
    the.armed = false;
    coverage_fault(the.kind);
    if (!setup) {
        people_note((event){.kind = EVENT_FORGED, .x = host, .y = peer});
    }
    return true;
}

static void mix_event(const osri_link *link, const osri_link_event *event, uint32_t host)
{
    uint64_t words[] = {host,          (uint64_t)link->phase, (uint64_t)event->kind,
                        event->now_ns, event->sender,         event->bytes_count};

    journal_mix(&everybody.book, words, sizeof(words));
    if (event->bytes != NULL) {
        journal_mix(&everybody.book, event->bytes, event->bytes_count);
    }
}

static osr_err step(osri_link *link, const osri_link_event *event, osri_link_actions *actions)
{
    osri_link_phase before = link->phase;
    bool rearmed = link->rearmed;
    osr_err err = __real_osri_link_step(link, event, actions);

    coverage_step(before, rearmed, link, event, err, actions);
    return err;
}

osr_err __wrap_osri_link_step(osri_link *link, const osri_link_event *event,
                              osri_link_actions *ret_actions)
{
    osri_link_event copy = *event;
    uint32_t host = host_of(link->config.self->certificate.name);
    uint32_t peer = host_of(link->peer.certificate.name);

    if (everybody.dying || host == CLUSTER_NODES_MAX) {
        return __real_osri_link_step(link, event, ret_actions);
    }
    mix_event(link, event, host);
    if (event->kind != OSRI_LINK_FRAME || link->phase == OSRI_PHASE_DOWN) {
        return step(link, event, ret_actions);
    }
    if (link->phase == OSRI_PHASE_HELLO_DUE && event->bytes_count <= sizeof(the.hello)) {
        memcpy(the.hello, event->bytes, event->bytes_count);
        the.hello_bytes = event->bytes_count;
    }
    if (forge(link, &copy, host, peer) && the.kind == FAULT_SKIP) {
        osri_actions_reset(ret_actions);
        return OSR_OK;
    }
    if (link->phase >= OSRI_PHASE_UP && peer < CLUSTER_NODES_MAX) {
        watch_frame(link, event, host, peer);
    }
    return step(link, &copy, ret_actions);
}
