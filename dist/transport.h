/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_DIST_TRANSPORT_H
#define OSR_DIST_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "osier/err.h"

/* What carries frames between two nodes: an operations table with two implementations, dist/zmq
 * (real) and dist/sim (seeded, in memory, virtual time). Both pass the suite in
 * tests/support/transport_suite.h.
 *
 * Contract
 *   T1  A connection is a duplex, ordered, authenticated and encrypted stream of frames between
 *       exactly two endpoints. Its number (osri_conn) is never used again by the same transport
 *       object.
 *   T2  A frame arrives whole, once, in order, or not at all; what arrives is a prefix of what was
 *       sent. Accepted by send() is not delivered: a suffix may be lost when the connection ends.
 *   T3  Each connection reported by OPENED or ACCEPTED, and each dial that returned OSR_OK, ends
 *       with exactly one CLOSED event, after its last FRAME, unless the owner closed it itself by
 *       close(). After close() no event of that connection follows.
 *   T4  A connection never comes back by itself: a lost one is CLOSED and a new one has a new
 *       number.
 *   T5  The transport may not notice that the other side is gone; silence is the link's business
 *       (ticks).
 *   T6  One owner at a time calls everything but wake(); ownership may move between threads.
 *
 * Nothing here blocks but poll(), and that only up to its timeout. */

#define OSRI_KEY_BYTES 32
#define OSRI_FRAME_BYTES_MAX (128 * 1024) /* one frame, ours; the transport refuses longer ones */
#define OSRI_ENDPOINT_BYTES 128           /* "tcp://192.0.2.1:9100" or "sim://3", with its NUL */

typedef uint64_t osri_conn; /* 0 is no connection */

typedef enum osri_transport_event_kind {
    OSRI_CONN_OPENED = 1, /* a dialed one is up: the other side holds the key we dialed */
    OSRI_CONN_ACCEPTED,   /* somebody dialed us and proved to hold peer_key; a FRAME follows */
    OSRI_CONN_FRAME,
    OSRI_CONN_CLOSED, /* also for a dial that failed; text says why in words */
} osri_transport_event_kind;

typedef struct osri_transport_event {
    osri_transport_event_kind kind;
    osri_conn conn;
    uint8_t peer_key[OSRI_KEY_BYTES]; /* OPENED, ACCEPTED: the CURVE key that it has proven */
    char peer_address[64];            /* ACCEPTED: where from, for log lines; "" where unknown */
    const uint8_t *frame; /* FRAME: valid until the next call of poll() or close(conn) */
    size_t frame_bytes;
    const char *text; /* CLOSED: why, static or valid until the next poll() */
    bool rejected;    /* CLOSED, dialed: somebody answered, and one side did not take the other */
} osri_transport_event;

/* Decides who may connect, by proven key, before anything of theirs is read. May be called on a
 * thread of the transport's own; must not call back into the transport. Returns true to admit. */
typedef bool osri_transport_admit(void *context, const uint8_t key[OSRI_KEY_BYTES],
                                  const char *address);

typedef struct osri_transport osri_transport;

typedef struct osri_transport_ops {
    const char *name; /* "zmq", "sim" */

    /* Accepts connections at endpoint, once in a transport's life. A port range
     * "tcp://127.0.0.1:9100-9199" takes the first free port. ret_endpoint: OSRI_ENDPOINT_BYTES,
     * what was bound.
     * Errors: OSR_EADDRESS taken or not ours; OSR_EINVAL not an endpoint; OSR_EPERM the key check
     * cannot be guaranteed (fails closed). */
    osr_err (*listen)(osri_transport *transport, const char *endpoint, char *ret_endpoint);

    /* Starts a connection to whoever holds server_key at endpoint; OPENED or CLOSED follows.
     * Errors: OSR_EINVAL; OSR_ELIMIT no descriptors left; OSR_ENOMEM. */
    osr_err (*dial)(osri_transport *transport, const char *endpoint,
                    const uint8_t server_key[OSRI_KEY_BYTES], osri_conn *ret_conn);

    /* Hands one frame over (copied). Errors: OSR_ECLOSED not an open connection (any more);
     * OSR_EFULL the transport takes no more now: nothing was sent; OSR_EINVAL too long or empty. */
    osr_err (*send)(osri_transport *transport, osri_conn conn, const uint8_t *frame,
                    size_t frame_bytes);

    /* Ends a connection at once; frames not yet on the wire may be lost. `linger_ms` > 0 gives them
     * that long to leave, without blocking the caller. Unknown numbers are ignored. */
    void (*close)(osri_transport *transport, osri_conn conn, uint32_t linger_ms);

    /* The next event, waiting at most timeout_ns (0 polls) or until wake(). False: none. */
    bool (*poll)(osri_transport *transport, uint64_t timeout_ns, osri_transport_event *ret_event);

    /* Makes a poll() that waits, or the next one that would, return. Any thread; never blocks. */
    void (*wake)(osri_transport *transport);

    /* Ends everything, waiting at most linger_ms for frames to leave. NULL is accepted. */
    void (*free)(osri_transport *transport, uint32_t linger_ms);
} osri_transport_ops;

/* Implementations embed this as their first member. */
struct osri_transport {
    const osri_transport_ops *ops;
};

#endif
