/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/identity/pack.h"
#include "dist/net/state.h"

/* Full mailboxes: which of ours a peer has been told of, and which of its it has told us of (its
 * lane keeps them, and who waits). Advice only: what comes to a full mailbox all the same is
 * treated as its bound says.
 *
 * Invariant: a peer that has been told FULL of a mailbox in this session is told ROOM once there is
 * some, or its process has ended; both by one sender of the link, so in order. */

#define SENDER_ROOMS (UINT64_MAX - 2)
#define RECORD_BYTES_MAX 24
#define TOLD ((void *)(uintptr_t)1)

static void say(osri_session *session, uint64_t kind, uint64_t receiver)
{
    uint8_t bytes[RECORD_BYTES_MAX];
    osri_writer writer;
    osri_link_event event = {
        .kind = OSRI_LINK_SEND, .bytes = bytes, .sender = SENDER_ROOMS, .control = true};

    osri_writer_init(&writer, bytes, sizeof(bytes));
    osri_write_array(&writer, 2);
    osri_write_uint(&writer, kind);
    osri_write_uint(&writer, receiver);
    event.bytes_count = writer.bytes;
    session->dirty = true;
    session->net->counters.records_sent++;
    (void)osri_session_step(session, &event);
}

void osri_net_room_full(osri_net *net, osr_pid receiver, uint64_t from)
{
    const char *name = osri_directory_find(&net->directory, from, NULL);
    osri_party *party = name == NULL ? NULL : osri_party_find(net, name);
    osri_session *session = party == NULL ? NULL : party->up;
    uint64_t process = osri_record_process(receiver);

    if (session != NULL && session->peer.node == from &&
        osri_map_get_u64(&session->full_told, process) == NULL &&
        osri_map_put_u64(&session->full_told, process, TOLD, NULL) == OSR_OK) {
        say(session, OSRI_RECORD_FULL, process);
    }
}

void osri_net_room_made(osri_net *net, osr_pid receiver)
{
    uint64_t process = osri_record_process(receiver);

    for (osri_list_link *l = osri_list_first(&net->sessions); l != NULL;
         l = osri_list_next(&net->sessions, l)) {
        osri_session *session = OSRI_LIST_ENTRY(l, osri_session, in_all);
        if (session->up && !session->dead &&
            osri_map_remove_u64(&session->full_told, process) != NULL) {
            say(session, OSRI_RECORD_ROOM, process);
        }
    }
}

bool osri_net_room_is_record(const uint8_t *bytes, size_t size)
{
    return size > 2 && (bytes[1] == OSRI_RECORD_FULL || bytes[1] == OSRI_RECORD_ROOM);
}

void osri_net_room_record(osri_session *session, const uint8_t *bytes, size_t size)
{
    osri_reader reader;
    uint64_t kind, process;

    osri_reader_init(&reader, bytes, size);
    osri_read_array_of(&reader, 2);
    kind = osri_read_uint(&reader, UINT8_MAX);
    process = osri_read_uint(&reader, UINT64_MAX);
    if (!osri_reader_is_done(&reader) || process == 0) {
        osri_session_fail(session, "malformed record of a mailbox");
    } else if (session->lane != NULL && kind == OSRI_RECORD_FULL) {
        osri_lane_mailbox_full(session->lane, process);
    } else if (session->lane != NULL) {
        osri_lane_mailbox_room(session->lane, process);
    }
}
