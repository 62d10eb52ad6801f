/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/identity/pack.h"
#include "dist/net/state.h"

/* Changing T, how long a peer may be silent, at run time (dist/PROTOCOL.md, "Ticks"): each peer is
 * told first; a smaller T holds here once the old one has passed. */

#define SENDER_TICKS (UINT64_MAX - 1) /* that of members */
#define TICK_MS_MIN 100
#define TICK_MS_MAX 3600000
#define RECORD_BYTES_MAX 16

static void say(osri_session *session, uint32_t tick_ms)
{
    uint8_t bytes[RECORD_BYTES_MAX];
    osri_writer writer;
    osri_link_event event = {
        .kind = OSRI_LINK_SEND, .bytes = bytes, .sender = SENDER_TICKS, .control = true};

    osri_writer_init(&writer, bytes, sizeof(bytes));
    osri_write_array(&writer, 2);
    osri_write_uint(&writer, OSRI_RECORD_TICK);
    osri_write_uint(&writer, tick_ms);
    event.bytes_count = writer.bytes;
    osri_session_touch(session);
    session->net->counters.records_sent++;
    (void)osri_session_step(session, &event);
}

static void change(osri_session *session)
{
    osri_net *net = session->net;
    uint32_t before_ms = session->tick_ms;

    session->tick_ms = net->options.tick_ms;
    session->tick_due_ns = UINT64_MAX;
    if (session->tick_ms >= before_ms) {
        osri_link_set_tick(session->link, session->tick_ms, 0);
    } else {
        session->tick_due_ns = osri_net_now(net) + before_ms * OSRI_NS_PER_MS_NET;
        osri_net_due(net, session->tick_due_ns);
    }
    say(session, session->tick_ms);
    if (!session->dead) {
        osri_net_due(net, osri_link_next_due(session->link));
    }
}

void osri_net_ticks_up(osri_session *session)
{
    if (session->tick_ms != session->net->options.tick_ms) {
        change(session); /* it was changed during the handshake */
    }
}

void osri_net_ticks_change(osri_net *net, uint32_t tick_ms)
{
    net->options.tick_ms = tick_ms;
    for (osri_list_link *l = osri_list_first(&net->sessions); l != NULL;
         l = osri_list_next(&net->sessions, l)) {
        osri_session *session = OSRI_LIST_ENTRY(l, osri_session, in_all);
        if (session->up && !session->dead && session->tick_ms != tick_ms) {
            change(session);
        }
    }
}

void osri_net_ticks_tick(osri_session *session, uint64_t now_ns)
{
    if (now_ns >= session->tick_due_ns) {
        session->tick_due_ns = UINT64_MAX;
        osri_link_set_tick(session->link, session->tick_ms, 0);
    }
    osri_net_due(session->net, session->tick_due_ns);
}

void osri_net_ticks_record(osri_session *session, const uint8_t *bytes, size_t size)
{
    osri_reader reader;
    uint64_t tick_ms;

    osri_reader_init(&reader, bytes, size);
    osri_read_array_of(&reader, 2);
    reader.failed = osri_read_uint(&reader, UINT8_MAX) != OSRI_RECORD_TICK || reader.failed;
    tick_ms = osri_read_uint(&reader, TICK_MS_MAX);
    if (!osri_reader_is_done(&reader) || tick_ms < TICK_MS_MIN) {
        osri_session_fail(session, "malformed record of two");
        return;
    }
    osri_link_set_tick(session->link, 0, (uint32_t)tick_ms);
}

bool osri_net_ticks_are(uint32_t tick_ms)
{
    return tick_ms >= TICK_MS_MIN && tick_ms <= TICK_MS_MAX;
}
