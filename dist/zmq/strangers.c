/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/zmq/state.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

/* Who never became a connection.
 *
 * The end of a TCP connection is seen before what had arrived by it is read, so an end without a
 * frame is kept until the ROUTER was read empty, or OSRI_ZMQ_READS_TO_END says that nothing of it
 * can be left: then whoever it was is told of, unless a frame of it was read after all.
 *
 * Its address is taken when its begin is seen, since there is no descriptor any more at its end.
 * Where begin and end are seen at once the descriptor may be a later connection's already (libzmq
 * tells of an end before it closes), so the address is not known then. */

#define TIMER_LATE_MS 100 /* the begin may be seen so long after it was */

static void take_address(int fd, struct in6_addr *ret_peer)
{
    struct sockaddr_storage address = {0};
    socklen_t bytes = sizeof address;
    if (getpeername(fd, (struct sockaddr *)&address, &bytes) != 0) {
        return;
    }
    if (address.ss_family == AF_INET6) {
        *ret_peer = ((struct sockaddr_in6 *)&address)->sin6_addr;
        return;
    }
    ret_peer->s6_addr[10] = ret_peer->s6_addr[11] = 0xff;
    memcpy(ret_peer->s6_addr + 12, &((struct sockaddr_in *)&address)->sin_addr, 4);
}

struct in6_addr osri_zmq_address_of_peer(int fd)
{
    struct in6_addr peer = {0};
    take_address(fd, &peer);
    return peer;
}

static void tell(osri_zmq_transport *t, const osri_zmq_gone *gone)
{
    char text[INET6_ADDRSTRLEN] = "";
    if (IN6_IS_ADDR_V4MAPPED(&gone->address)) {
        inet_ntop(AF_INET, gone->address.s6_addr + 12, text, sizeof text);
    } else if (!IN6_IS_ADDR_UNSPECIFIED(&gone->address)) {
        inet_ntop(AF_INET6, &gone->address, text, sizeof text);
    }
    t->stranger(t->admit_context, text, gone->ms, gone->end);
}

static void remove_gone(osri_zmq_transport *t, uint32_t at)
{
    t->gone_count--;
    memmove(t->gone + at, t->gone + at + 1, (t->gone_count - at) * sizeof *t->gone);
}

/* libzmq ends a handshake by its own clock, whose timer may have begun a little before ours. */
static osri_zmq_stranger_end end_of(const osri_zmq_transport *t, const osri_zmq_accept *accept)
{
    if (t->next_end_by_key) {
        return OSRI_ZMQ_STRANGER_OTHER_KEY;
    }
    return accept->kicked ||
                   osri_zmq_now_ms() - accept->begun_ms >= OSRI_ZMQ_HANDSHAKE_MS - TIMER_LATE_MS
               ? OSRI_ZMQ_STRANGER_TIMED_OUT
               : OSRI_ZMQ_STRANGER_LEFT;
}

void osri_zmq_stranger_ended(osri_zmq_transport *t, int fd, const osri_zmq_accept *accept)
{
    osri_zmq_gone gone = {.fd = fd,
                          .ms = osri_zmq_now_ms() - accept->begun_ms,
                          .end = end_of(t, accept),
                          .reads_last = OSRI_ZMQ_READS_TO_END(t)};
    if (!t->stranger) {
        return;
    }
    if (accept->look != t->looks) {
        gone.address = accept->address;
    }
    if (t->gone_count == OSRI_ZMQ_GONE_MAX) {
        tell(t, &t->gone[0]);
        remove_gone(t, 0);
    }
    t->gone[t->gone_count++] = gone;
    t->router_readable = true;
}

void osri_zmq_stranger_spoke(osri_zmq_transport *t, int fd)
{
    for (uint32_t i = 0; i < t->gone_count; i++) {
        if (t->gone[i].fd == fd) {
            remove_gone(t, i);
            return;
        }
    }
}

void osri_zmq_strangers_tell(osri_zmq_transport *t, bool all)
{
    while (t->gone_count > 0 && (all || t->router_reads >= t->gone[0].reads_last)) {
        tell(t, &t->gone[0]);
        remove_gone(t, 0);
    }
}
