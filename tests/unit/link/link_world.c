/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "tests/unit/link/link_world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dist/link/handshake.h"
#include "dist/link/wire.h"
#include "lib/core/heap.h"

link_world world;
static uint64_t blocks_before;

static void note(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void note(const char *format, ...)
{
    size_t used = strlen(world.trace);
    va_list arguments;

    if (world.quiet) {
        return;
    }
    va_start(arguments, format);
    (void)vsnprintf(world.trace + used, sizeof(world.trace) - used, format, arguments);
    va_end(arguments);
}

static osri_refusal check(void *context, const osri_signed_certificate *certificate,
                          const uint8_t proven_key[OSRI_KEY_BYTES],
                          osri_certificate *ret_certificate, char ret_text[OSRI_LINK_TEXT_BYTES])
{
    const link_end *end = context;

    return (osri_refusal)osri_identity_check(&end->identity, certificate, proven_key, world.now_s,
                                             OSRI_ROLE_JOIN, ret_certificate, ret_text,
                                             OSRI_LINK_TEXT_BYTES);
}

static osri_verdict name_state(void *context, const osri_claim *claim)
{
    link_end *end = context;

    end->claim = *claim;
    return end->verdict;
}

static uint64_t node_id(const char *name, uint64_t creation)
{
    return creation * 31 + strlen(name);
}

void world_identity(const char *cluster, uint8_t secret, const char *name,
                    osri_identity *ret_identity)
{
    static uint64_t creation = 1000;
    uint8_t bytes[32];
    osri_identity_request request = {.secret = bytes,
                                     .cluster = cluster,
                                     .name = name,
                                     .now_s = 1000000,
                                     .creation = creation++};

    memset(bytes, secret, sizeof(bytes));
    ck_assert_int_eq(osri_identity_development(&request, ret_identity), OSR_OK);
}

static void begin_end(link_end *end, const char *name, const char *node, link_end *other)
{
    *end = (link_end){.name = name, .other = other};
    world_identity("dev", 1, node, &end->identity);
    end->config = (osri_link_config){
        .self = &end->identity,
        .hooks = {.context = end, .check = check, .name_state = name_state, .node_id = node_id},
        .os_pid = 4711,
    };
    memset(end->config.random, node[0], sizeof(end->config.random));
    ck_assert_int_eq(osri_link_actions_new(&end->actions), OSR_OK);
}

void world_begin(void)
{
    blocks_before = osri_heap_live_blocks();
    world = (link_world){.now_ns = 1000 * MS, .now_s = 1000100};
    begin_end(&world.a, "a", "a@h1", &world.b);
    begin_end(&world.b, "b", "b@h2", &world.a);
    world.a.config.peer_name = "b@h2";
}

static void finish_end(link_end *end)
{
    while (end->sent != NULL) {
        wire_frame *frame = end->sent;

        end->sent = frame->next;
        free(frame);
    }
    osri_link_free(&end->link);
    osri_link_actions_free(&end->actions);
    free(end->received);
}

void world_end(void)
{
    finish_end(&world.a);
    finish_end(&world.b);
    ck_assert_uint_eq(osri_heap_live_blocks(), blocks_before);
}

/* --- The trace ------------------------------------------------------------------------------- */

static void note_frame(const link_end *end, const uint8_t *bytes, size_t bytes_count)
{
    static const char *const names[] = {"", "HELLO", "WELCOME", "READY", "REFUSE"};
    osri_handshake handshake;
    osri_wire_header header;

    if (osri_handshake_decode(bytes, bytes_count, 0, UINT32_MAX, &handshake) == OSR_OK) {
        note("%s sends %s", end->name, names[handshake.kind]);
        note(handshake.kind == OSRI_HANDSHAKE_REFUSE ? " %u\n" : "\n", handshake.refusal);
        return;
    }
    ck_assert_int_eq(osri_wire_header_read(bytes, bytes_count, &header), OSR_OK);
    note("%s sends %s%s %llu: %zu bytes, acknowledges %llu\n", end->name,
         header.kind == OSRI_WIRE_GOODBYE ? "GOODBYE" : "DATA",
         (header.flags & OSRI_WIRE_ACK_NOW) != 0 ? "+ACK_NOW" : "", (unsigned long long)header.seq,
         bytes_count - OSRI_WIRE_HEADER_BYTES, (unsigned long long)header.acknowledged);
}

static void note_record(const link_end *end, const uint8_t *bytes, size_t bytes_count)
{
    if (bytes_count <= 32) {
        note("%s gets \"%.*s\"\n", end->name, (int)bytes_count, (const char *)bytes);
    } else {
        note("%s gets %zu bytes\n", end->name, bytes_count);
    }
}

void world_expect(const char *trace)
{
    ck_assert_str_eq(world.trace, trace);
    world.trace[0] = '\0';
}

/* --- The owner's part ------------------------------------------------------------------------ */

static void put_on_wire(link_end *end, const uint8_t *bytes, size_t bytes_count)
{
    wire_frame *frame = malloc(sizeof(*frame) + bytes_count);
    wire_frame **place = &end->sent;

    ck_assert_ptr_nonnull(frame);
    frame->next = NULL;
    frame->bytes_count = bytes_count;
    memcpy(frame->bytes, bytes, bytes_count);
    while (*place != NULL) {
        place = &(*place)->next;
    }
    *place = frame;
}

static void execute_send(link_end *end, const osri_link_action *action)
{
    if (end->full) {
        note("%s holds back\n", end->name);
        ck_assert_int_eq(osri_link_take_back(end->link, action->bytes, action->bytes_count),
                         osri_link_is_down(end->link) ? OSR_ECLOSED : OSR_OK);
        return;
    }
    note_frame(end, action->bytes, action->bytes_count);
    put_on_wire(end, action->bytes, action->bytes_count);
}

static void execute_deliver(link_end *end, const osri_link_action *action)
{
    note_record(end, action->bytes, action->bytes_count);
    end->delivers++;
    end->received = realloc(end->received, end->received_bytes + action->bytes_count);
    memcpy(end->received + end->received_bytes, action->bytes, action->bytes_count);
    end->received_bytes += action->bytes_count;
}

static void execute(link_end *end, const osri_link_action *action)
{
    switch (action->kind) {
    case OSRI_LINK_SEND_FRAME:
        execute_send(end, action);
        break;
    case OSRI_LINK_DELIVER:
        execute_deliver(end, action);
        break;
    case OSRI_LINK_UP:
        end->ups++;
        note("%s is up with %s%s\n", end->name, action->peer->certificate.name,
             action->verdict == OSRI_VERDICT_REPLACE ? ", replacing" : "");
        break;
    case OSRI_LINK_DOWN:
        end->downs++;
        end->down = *action;
        (void)snprintf(end->down_text, sizeof(end->down_text), "%s", action->text);
        end->down.text = end->down_text;
        note("%s is down: %s%s", end->name, osri_down_name(action->down),
             action->by_peer ? " by peer" : "");
        note(action->refusal != 0 ? " %u\n" : "\n", action->refusal);
        break;
    case OSRI_LINK_CLOSE_TRANSPORT:
        end->closed = true;
        break;
    }
}

osr_err world_step(link_end *end, osri_link_event event)
{
    osr_err err;

    event.now_ns = world.now_ns;
    err = osri_link_step(end->link, &event, end->actions);
    for (size_t i = 0; i < osri_link_actions_count(end->actions); i++) {
        execute(end, osri_link_actions_at(end->actions, i));
    }
    return err;
}

static void must_step(link_end *end, osri_link_event event)
{
    ck_assert_int_eq(world_step(end, event), OSR_OK);
}

osr_err world_send(link_end *end, uint64_t sender, const void *bytes, size_t bytes_count)
{
    return world_step(end, (osri_link_event){.kind = OSRI_LINK_SEND,
                                             .sender = sender,
                                             .bytes = bytes,
                                             .bytes_count = bytes_count});
}

osr_err world_say(link_end *end, uint64_t sender, const char *text)
{
    return world_send(end, sender, text, strlen(text));
}

void world_flush(link_end *end)
{
    must_step(end, (osri_link_event){.kind = OSRI_LINK_FLUSH});
}

void world_make_links(void)
{
    ck_assert_int_eq(osri_link_new(&world.a.config, true, world.now_ns, &world.a.link), OSR_OK);
    ck_assert_int_eq(osri_link_new(&world.b.config, false, world.now_ns, &world.b.link), OSR_OK);
}

void world_open(void)
{
    must_step(&world.a, (osri_link_event){.kind = OSRI_LINK_OPENED,
                                          .peer_key = world.b.identity.certificate.key});
    must_step(&world.b, (osri_link_event){.kind = OSRI_LINK_ACCEPTED,
                                          .peer_key = world.a.identity.certificate.key});
}

bool world_carry(link_end *end)
{
    wire_frame *frame = end->sent;

    if (frame == NULL) {
        return false;
    }
    end->sent = frame->next;
    if (!osri_link_is_down(end->other->link)) {
        must_step(end->other, (osri_link_event){.kind = OSRI_LINK_FRAME,
                                                .bytes = frame->bytes,
                                                .bytes_count = frame->bytes_count});
    }
    free(frame);
    return true;
}

/* A side that has closed its transport, and whose frames have arrived, is heard to be gone. */
static bool carry_end(link_end *end)
{
    if (!end->closed || end->sent != NULL || osri_link_is_down(end->other->link)) {
        return false;
    }
    must_step(end->other,
              (osri_link_event){.kind = OSRI_LINK_CLOSED, .text = "closed by the peer"});
    return true;
}

void world_settle(void)
{
    bool more = true;

    while (more) {
        more = world_carry(&world.a);
        more = world_carry(&world.b) || more;
        more = carry_end(&world.a) || more;
        more = carry_end(&world.b) || more;
    }
}

void world_connect(void)
{
    world_make_links();
    world_open();
    world_settle();
    ck_assert(osri_link_is_up(world.a.link) && osri_link_is_up(world.b.link));
    world.trace[0] = '\0';
}

void world_pass(uint64_t ns)
{
    uint64_t end_ns = world.now_ns + ns;

    for (;;) {
        uint64_t a_ns = osri_link_next_due(world.a.link);
        uint64_t b_ns = osri_link_next_due(world.b.link);
        uint64_t due_ns = a_ns < b_ns ? a_ns : b_ns;

        if (due_ns > end_ns) {
            break;
        }
        world.now_ns = due_ns > world.now_ns ? due_ns : world.now_ns;
        must_step(due_ns == a_ns ? &world.a : &world.b, (osri_link_event){.kind = OSRI_LINK_TIME});
        world_settle();
    }
    world.now_ns = end_ns;
}

void world_break(void)
{
    link_end *ends[2] = {&world.a, &world.b};

    for (int i = 0; i < 2; i++) {
        if (!osri_link_is_down(ends[i]->link)) {
            must_step(ends[i],
                      (osri_link_event){.kind = OSRI_LINK_CLOSED, .text = "connection reset"});
        }
    }
}

void world_forge(link_end *end, const void *bytes, size_t bytes_count)
{
    wire_frame *old = end->sent;

    if (old != NULL) {
        end->sent = old->next;
        free(old);
    }
    old = end->sent;
    end->sent = NULL;
    put_on_wire(end, bytes, bytes_count);
    end->sent->next = old;
}
