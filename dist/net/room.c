/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/identity/pack.h"
#include "dist/net/state.h"
#include "lib/process/bound.h"

/* Bounded mailboxes whose senders are to wait: which of ours a peer knows of, and how many messages
 * it may still send there (its own lanes keep the same of us, and who waits).
 *
 * Invariants
 *   M1  a peer that has been told FULL of a mailbox in this session waits from then on whenever it
 *       has no credit; it is told ROOM, with more, once half of the mailbox is free, and ROOM of
 *       nothing when there is no bound any more or the process has ended. All by one sender of the
 *       link, so in order.
 *   M2  our count of a peer's credit is at most its own: each message by pid takes one off ours,
 *       also one that needed none there. So nobody waits for ever, and the bound is passed by no
 *       more than what who cannot wait sends, and what was under way before FULL arrived. */

#define SENDER_ROOMS (UINT64_MAX - 2)
#define RECORD_BYTES_MAX 32

/* Of full_told: what is left, and not NULL. */
static void *kept(uint64_t credit)
{
    return (void *)(uintptr_t)(credit + 1);
}

static uint64_t credit_of(const void *value)
{
    return (uint64_t)(uintptr_t)value - 1;
}

static void say(osri_session *session, osri_writer *writer, const uint8_t *bytes)
{
    osri_link_event event = {.kind = OSRI_LINK_SEND,
                             .bytes = bytes,
                             .bytes_count = writer->bytes,
                             .sender = SENDER_ROOMS,
                             .control = true};

    osri_session_touch(session);
    session->net->counters.records_sent++;
    (void)osri_session_step(session, &event);
}

static void say_full(osri_session *session, uint64_t process)
{
    uint8_t bytes[RECORD_BYTES_MAX];
    osri_writer writer;

    osri_writer_init(&writer, bytes, sizeof(bytes));
    osri_write_array(&writer, 2);
    osri_write_uint(&writer, OSRI_RECORD_FULL);
    osri_write_uint(&writer, process);
    say(session, &writer, bytes);
}

static void say_room(osri_session *session, uint64_t process, uint64_t messages)
{
    uint8_t bytes[RECORD_BYTES_MAX];
    osri_writer writer;

    osri_writer_init(&writer, bytes, sizeof(bytes));
    osri_write_array(&writer, 2);
    osri_write_uint(&writer, OSRI_RECORD_ROOM);
    osri_write_array(&writer, 2);
    osri_write_uint(&writer, process);
    osri_write_uint(&writer, messages);
    say(session, &writer, bytes);
}

void osri_net_room_full(osri_net *net, osr_pid receiver, uint64_t from)
{
    const char *name = osri_directory_find(&net->directory, from, NULL);
    osri_party *party = name == NULL ? NULL : osri_party_find(net, name);
    osri_session *session = party == NULL ? NULL : party->up;
    uint64_t process = osri_record_process(receiver);

    if (session != NULL && session->peer.node == from &&
        osri_map_get_u64(&session->full_told, process) == NULL &&
        osri_map_put_u64(&session->full_told, process, kept(0), NULL) == OSR_OK) {
        say_full(session, process);
    }
}

static bool is_told(osri_session *session, uint64_t process, uint64_t *ret_credit)
{
    const void *value =
        session->up && !session->dead ? osri_map_get_u64(&session->full_told, process) : NULL;

    *ret_credit = value == NULL ? 0 : credit_of(value);
    return value != NULL;
}

/* Those that have no credit left. */
static uint64_t count_waiting(osri_net *net, uint64_t process)
{
    uint64_t count = 0, credit;

    for (osri_list_link *l = osri_list_first(&net->sessions); l != NULL;
         l = osri_list_next(&net->sessions, l)) {
        count += is_told(OSRI_LIST_ENTRY(l, osri_session, in_all), process, &credit) && credit == 0;
    }
    return count;
}

/* messages: for each that waits; 0: there is no bound any more, for all. */
static void grant(osri_net *net, uint64_t process, uint64_t messages)
{
    uint64_t credit;

    for (osri_list_link *l = osri_list_first(&net->sessions); l != NULL;
         l = osri_list_next(&net->sessions, l)) {
        osri_session *session = OSRI_LIST_ENTRY(l, osri_session, in_all);

        if (!is_told(session, process, &credit)) {
            continue;
        }
        if (messages == 0) {
            (void)osri_map_remove_u64(&session->full_told, process);
            say_room(session, process, 0);
        } else if (credit == 0 &&
                   osri_map_put_u64(&session->full_told, process, kept(messages), NULL) == OSR_OK) {
            say_room(session, process, messages);
        }
    }
}

void osri_net_room_made(osri_net *net, osr_pid receiver)
{
    uint64_t process = osri_record_process(receiver);
    uint64_t waiting = count_waiting(net, process);
    uint64_t room;

    if (!osri_bound_room(net->node, receiver, &room)) {
        grant(net, process, 0);
    } else if (waiting > 0 && room == 0) {
        osri_bound_await(net->node, receiver); /* it has been taken meanwhile */
    } else if (waiting > 0) {
        grant(net, process, room > waiting ? room / waiting : 1);
    }
}

void osri_net_room_used(osri_session *session, uint64_t process)
{
    osr_node *node = session->net->node;
    uint64_t credit;

    if (!is_told(session, process, &credit) || credit == 0 ||
        osri_map_put_u64(&session->full_told, process, kept(credit - 1), NULL) != OSR_OK) {
        return;
    }
    if (credit == 1) {
        osri_bound_await(node, osri_record_pid(osr_node_id(node), process));
    }
}

bool osri_net_room_is_record(const uint8_t *bytes, size_t size)
{
    return size > 2 && (bytes[1] == OSRI_RECORD_FULL || bytes[1] == OSRI_RECORD_ROOM);
}

void osri_net_room_record(osri_session *session, const uint8_t *bytes, size_t size)
{
    osri_reader reader;
    uint64_t kind, process, messages = 0;

    osri_reader_init(&reader, bytes, size);
    osri_read_array_of(&reader, 2);
    kind = osri_read_uint(&reader, UINT8_MAX);
    if (kind == OSRI_RECORD_ROOM) {
        osri_read_array_of(&reader, 2);
    }
    process = osri_read_uint(&reader, UINT64_MAX);
    if (kind == OSRI_RECORD_ROOM) {
        messages = osri_read_uint(&reader, UINT32_MAX);
    }
    if (!osri_reader_is_done(&reader) || process == 0) {
        osri_session_fail(session, "malformed record of a mailbox");
    } else if (session->lane != NULL && kind == OSRI_RECORD_FULL) {
        osri_lane_mailbox_full(session->lane, process);
    } else if (session->lane != NULL) {
        osri_lane_mailbox_room(session->lane, process, messages);
    }
}
