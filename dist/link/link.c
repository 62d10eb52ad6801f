/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/link/link.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "dist/link/state.h"
#include "lib/core/heap.h"

/* The link: events and ending. dist/PROTOCOL.md, "States", is the table that this implements.
 *
 * Invariants
 *   I1  phase only grows;
 *   I2  DOWN is emitted by osri_link_finish() alone, which sets OSRI_PHASE_DOWN and frees what the
 *       link held;
 *   I3  in OSRI_PHASE_DOWN nothing changes and nothing is emitted;
 *   I4  a frame has its number once it is built: refused frames are kept and leave first (held). */

#define VERSION 1
#define SETUP_MS 7000
#define TICK_MS 10000
#define TICK_MS_LEAST 100
#define LINGER_MS 500

const char *osri_refusal_text(uint32_t refusal)
{
    switch (refusal) {
#define X(name, value, text)                                                                       \
    case value:                                                                                    \
        return text;
        OSRI_REFUSAL_MAP(X)
#undef X
    default:
        return "refused";
    }
}

const char *osri_down_name(osri_down down)
{
    switch (down) {
#define X(name, value, text)                                                                       \
    case OSRI_DOWN_##name:                                                                         \
        return text;
        OSRI_DOWN_MAP(X)
#undef X
    }
    return "connection_closed";
}

static bool labels_fit(const osri_link_config *config)
{
    for (uint32_t i = 0; i < config->label_count && i < OSRI_LINK_LABELS_MAX; i++) {
        if (strlen(config->labels[i]) >= OSRI_LINK_LABEL_BYTES) {
            return false;
        }
    }
    return config->label_count <= OSRI_LINK_LABELS_MAX;
}

static void fill_defaults(osri_link_config *config)
{
    config->version_min = config->version_min == 0 ? VERSION : config->version_min;
    config->version_max = config->version_max == 0 ? VERSION : config->version_max;
    config->setup_ms = config->setup_ms == 0 ? SETUP_MS : config->setup_ms;
    config->tick_ms = config->tick_ms == 0 ? TICK_MS : config->tick_ms;
    config->peer_name = config->peer_name == NULL ? "" : config->peer_name;
    if (config->window_bytes_max == 0) {
        config->window_bytes_max = OSRI_LINK_WINDOW_BYTES_MAX;
    }
}

osr_err osri_link_new(const osri_link_config *config, bool dialed, uint64_t now_ns,
                      osri_link **ret_link)
{
    osri_link_config filled = *config;
    osri_link *link;

    fill_defaults(&filled);
    if (filled.self == NULL || filled.hooks.check == NULL || !labels_fit(&filled) ||
        filled.tick_ms < TICK_MS_LEAST || filled.window_bytes_max < OSRI_LINK_WINDOW_BYTES_MIN ||
        strlen(filled.peer_name) >= OSRI_NAME_BYTES) {
        return OSR_EINVAL;
    }
    link = osri_heap_zalloc(sizeof(*link));
    if (link == NULL) {
        return OSR_ENOMEM;
    }
    link->config = filled;
    link->dialed = dialed;
    link->phase = dialed ? OSRI_PHASE_CONNECTING : OSRI_PHASE_ACCEPTING;
    link->deadline_ns = now_ns + filled.setup_ms * OSRI_NS_PER_MS;
    *ret_link = link;
    return OSR_OK;
}

static void drop_memory(osri_link *link)
{
    osri_outbox_fini(&link->outbox);
    osri_inbox_fini(&link->inbox);
    osri_link_block_free_all(&link->held);
}

void osri_link_free(osri_link **link)
{
    if (*link != NULL) {
        drop_memory(*link);
        osri_heap_free(*link, sizeof(**link));
        *link = NULL;
    }
}

void osri_link_finish(osri_link *link, const osri_link_end *end, osri_link_actions *actions)
{
    osri_link_action *action = osri_actions_push(actions, OSRI_LINK_DOWN);

    (void)snprintf(actions->text, sizeof(actions->text), "%s", end->text == NULL ? "" : end->text);
    action->down = end->down;
    action->refusal = end->refusal;
    action->by_peer = end->by_peer;
    action->was_up = link->was_up;
    action->lost_records = link->outbox.queued_records;
    action->text = actions->text;
    for (const osri_link_block *frame = link->held.first; frame != NULL; frame = frame->next) {
        action->lost_records += frame->records;
    }
    if (!link->transport_gone) {
        action = osri_actions_push(actions, OSRI_LINK_CLOSE_TRANSPORT);
        action->linger_ms = end->linger_ms;
    }
    drop_memory(link);
    link->phase = OSRI_PHASE_DOWN;
}

void osri_link_violation(osri_link *link, osri_link_actions *actions, const char *format, ...)
{
    char what[OSRI_LINK_TEXT_BYTES];
    char text[sizeof(what) + OSRI_NAME_BYTES + 32];
    osri_link_end end = {.down = OSRI_DOWN_PROTOCOL_ERROR, .text = text};
    const char *name = link->peer.certificate.name;
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(what, sizeof(what), format, arguments);
    va_end(arguments);
    (void)snprintf(text, sizeof(text), "link %s: %s; closing", name[0] == '\0' ? "?" : name, what);
    if (osri_flow_may_emit(link)) { /* nothing follows it that would ask when it was sent */
        osri_flow_goodbye(link, OSRI_DOWN_PROTOCOL_ERROR, what, link->sent_ns, actions);
        end.linger_ms = LINGER_MS;
    }
    osri_link_finish(link, &end, actions);
}

static void on_closed(osri_link *link, const osri_link_event *event, osri_link_actions *actions)
{
    osri_link_end end = {.down = OSRI_DOWN_CONNECTION_CLOSED, .text = event->text};

    if (link->phase == OSRI_PHASE_LEAVING && link->goodbye_sent) {
        end.down = OSRI_DOWN_GOODBYE;
        end.text = link->leaving_text;
    } else if (!link->was_up) {
        end.down = OSRI_DOWN_SETUP_FAILED;
    }
    if (end.text == NULL) {
        end.text = "the connection was closed";
    }
    link->transport_gone = true;
    osri_link_finish(link, &end, actions);
}

static osr_err on_send(osri_link *link, const osri_link_event *event, osri_link_actions *actions)
{
    osr_err err;

    if (link->phase == OSRI_PHASE_LEAVING && (!event->control || link->goodbye_sent)) {
        return OSR_ECLOSED;
    }
    if (event->bytes == NULL || event->bytes_count == 0) {
        return OSR_EINVAL;
    }
    if (event->bytes_count > OSRI_LINK_RECORD_BYTES_MAX) {
        return OSR_ELIMIT;
    }
    err = osri_outbox_put(&link->outbox, event->sender, event->bytes, event->bytes_count);
    if (err == OSR_OK) {
        if (link->phase == OSRI_PHASE_LEAVING) {
            osri_outbox_flush(&link->outbox);
        }
        osri_flow_pump(link, event->now_ns, actions);
    }
    return err;
}

static void leave(osri_link *link, const osri_link_event *event, osri_link_actions *actions)
{
    uint32_t linger_ms = event->linger_ms == 0 ? LINGER_MS : event->linger_ms;

    link->phase = OSRI_PHASE_LEAVING;
    link->deadline_ns = event->now_ns + linger_ms * OSRI_NS_PER_MS;
    (void)snprintf(link->leaving_text, sizeof(link->leaving_text), "%s",
                   event->text == NULL ? "this node is stopping" : event->text);
    osri_outbox_flush(&link->outbox);
    osri_flow_pump(link, event->now_ns, actions);
}

static bool may_close_with(osri_down down)
{
    return down == OSRI_DOWN_GOODBYE || down == OSRI_DOWN_DISCONNECT ||
           down == OSRI_DOWN_RESTARTED || down == OSRI_DOWN_REVOKED ||
           down == OSRI_DOWN_PROTOCOL_ERROR || down == OSRI_DOWN_NO_MEMORY;
}

static osr_err on_close(osri_link *link, const osri_link_event *event, osri_link_actions *actions)
{
    osri_link_end end = {.down = event->down,
                         .linger_ms = event->linger_ms == 0 ? LINGER_MS : event->linger_ms,
                         .text = event->text};

    if (!may_close_with(event->down)) {
        return OSR_EINVAL;
    }
    if (link->phase == OSRI_PHASE_UP && event->down == OSRI_DOWN_GOODBYE) {
        leave(link, event, actions);
        return OSR_OK;
    }
    if (link->phase == OSRI_PHASE_UP && !link->blocked) {
        osri_flow_goodbye(link, event->down, event->text, event->now_ns, actions);
    }
    if (end.text == NULL) {
        end.text = "closed by this node";
    }
    osri_link_finish(link, &end, actions);
    return OSR_OK;
}

static osr_err on_frame(osri_link *link, const osri_link_event *event, osri_link_actions *actions)
{
    if (link->phase < OSRI_PHASE_HELLO_SENT || event->bytes == NULL) {
        return OSR_EINVAL;
    }
    link->counters.frames_received++;
    link->counters.bytes_received += event->bytes_count;
    if (link->phase < OSRI_PHASE_UP) {
        osri_setup_frame(link, event, actions);
    } else {
        osri_flow_frame(link, event, actions);
    }
    return OSR_OK;
}

static osr_err on_event(osri_link *link, const osri_link_event *event, osri_link_actions *actions)
{
    switch (event->kind) {
    case OSRI_LINK_OPENED:
    case OSRI_LINK_ACCEPTED:
        if (event->peer_key == NULL ||
            link->phase !=
                (event->kind == OSRI_LINK_OPENED ? OSRI_PHASE_CONNECTING : OSRI_PHASE_ACCEPTING)) {
            return OSR_EINVAL;
        }
        osri_setup_start(link, event->peer_key, actions);
        return OSR_OK;
    case OSRI_LINK_FRAME:
        return on_frame(link, event, actions);
    case OSRI_LINK_CLOSED:
        on_closed(link, event, actions);
        return OSR_OK;
    case OSRI_LINK_WRITABLE:
        osri_flow_release(link, actions);
        osri_flow_pump(link, event->now_ns, actions);
        return OSR_OK;
    case OSRI_LINK_SEND:
        return on_send(link, event, actions);
    case OSRI_LINK_FLUSH:
        osri_outbox_flush(&link->outbox);
        osri_flow_pump(link, event->now_ns, actions);
        return OSR_OK;
    case OSRI_LINK_TIME:
        return OSR_OK;
    case OSRI_LINK_CLOSE:
        return on_close(link, event, actions);
    }
    return OSR_EINVAL;
}

osr_err osri_link_step(osri_link *link, const osri_link_event *event,
                       osri_link_actions *ret_actions)
{
    osr_err err;

    osri_actions_reset(ret_actions);
    if (link->phase == OSRI_PHASE_DOWN) {
        return OSR_ECLOSED;
    }
    err = on_event(link, event, ret_actions);
    if (err == OSR_OK) {
        osri_time_pass(link, event->now_ns, ret_actions);
    }
    return err;
}

/* Records that end in a data frame of ours. */
static uint32_t count_records(const osri_link *link, const uint8_t *frame, size_t frame_bytes)
{
    const uint8_t *cursor = frame + OSRI_WIRE_HEADER_BYTES;
    osri_wire_header header;
    osri_wire_part part;
    uint32_t count = 0;

    if (osri_wire_header_read(frame, frame_bytes, &header) != OSR_OK || header.tag != link->tag ||
        header.kind != OSRI_WIRE_DATA) {
        return 0;
    }
    while (osri_wire_part_read(&cursor, frame + frame_bytes, &part) == OSR_OK) {
        count += part.fragment && !part.last ? 0 : 1;
    }
    return count;
}

osr_err osri_link_take_back(osri_link *link, const uint8_t *frame, size_t frame_bytes)
{
    osri_link_block *copy;

    if (link->phase == OSRI_PHASE_DOWN) {
        return OSR_ECLOSED;
    }
    copy = osri_link_block_new(frame_bytes);
    if (copy == NULL) {
        return OSR_ENOMEM;
    }
    memcpy(copy->bytes, frame, frame_bytes);
    copy->used = frame_bytes;
    copy->records = count_records(link, frame, frame_bytes);
    osri_link_block_push(&link->held, copy);
    link->blocked = true;
    return OSR_OK;
}

size_t osri_link_queued_bytes(const osri_link *link)
{
    return link->outbox.queued_bytes;
}

size_t osri_link_queued_large_bytes(const osri_link *link)
{
    return link->outbox.queued_large_bytes;
}

size_t osri_link_in_flight_bytes(const osri_link *link)
{
    return (size_t)(link->window.sent - link->window.acknowledged);
}

uint64_t osri_link_answered_ns(const osri_link *link)
{
    return link->window.answered_ns;
}

bool osri_link_is_up(const osri_link *link)
{
    return link->phase == OSRI_PHASE_UP;
}

bool osri_link_is_down(const osri_link *link)
{
    return link->phase == OSRI_PHASE_DOWN;
}

bool osri_link_was_dialed(const osri_link *link)
{
    return link->dialed;
}

const osri_link_peer *osri_link_peer_of(const osri_link *link)
{
    return link->was_up ? &link->peer : NULL;
}

void osri_link_count(const osri_link *link, osri_link_counters *ret_counters)
{
    *ret_counters = link->counters;
    ret_counters->window_bytes = link->window.limit;
    ret_counters->round_trip_ns = link->window.round_trip_ns;
    ret_counters->fastest_ns = link->window.fastest_ns == UINT64_MAX ? 0 : link->window.fastest_ns;
}
