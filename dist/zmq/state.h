/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_DIST_ZMQ_STATE_H
#define OSR_DIST_ZMQ_STATE_H

#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>

#include <zmq.h>

#include "dist/transport.h"
#include "dist/zmq/context.h"
#include "dist/zmq/resolve.h"
#include "dist/zmq/socket.h"
#include "dist/zmq/transport.h"
#include "dist/zmq/waker.h"

/* The transport's state, shared by its files: transport.c (operations), table.c (connections by
 * number and routing id), dialer.c, acceptor.c with accepts.c (TCP connections that are not ours to
 * see yet), poll.c. One owner at a time. */

#define OSRI_ZMQ_SWEEP_MS 100 /* how exact deadlines are */

typedef enum osri_zmq_conn_state {
    OSRI_ZMQ_RESOLVING = 1, /* dialed: its name is being looked up */
    OSRI_ZMQ_CONNECTING,    /* dialed: TCP and CURVE handshakes */
    OSRI_ZMQ_OPEN,
    OSRI_ZMQ_ENDING, /* gone; what had arrived is still delivered, then CLOSED */
    OSRI_ZMQ_TOMB,   /* accepted, over for the owner: frames of its routing id are dropped */
} osri_zmq_conn_state;

typedef struct osri_zmq_conn {
    osri_conn number; /* sequence << 16 | slot */
    osri_zmq_conn_state state;
    bool dialed;
    bool opened_due;  /* OPENED not yet reported */
    bool closed_due;  /* all delivered, CLOSED not yet reported */
    bool rejected;    /* dialed: its handshake failed, see osri_transport_event */
    const char *text; /* why it ended; the first reason stays */
    uint8_t peer_key[OSRI_KEY_BYTES];
    int fd;               /* libzmq's, -1: not known; only shut after comparing the inode */
    uint64_t taken_bytes; /* on the wire, of the frames that we were given */

    /* dialed */
    void *socket;
    void *monitor;
    osri_resolve_job *job;
    uint16_t port;
    bool readable;
    uint64_t dialed_ms;

    /* accepted */
    struct osri_zmq_conn *id_next; /* same bucket */
    uint32_t routing_id;
    uint64_t inode;
    bool fd_over;        /* the end of its TCP connection was seen */
    bool kick_due;       /* tomb that lingers until settle_ms */
    uint64_t settle_ms;  /* tomb: kick then; ended: forget then */
    uint64_t reads_last; /* ending: by this read of the ROUTER all of its frames were delivered */
} osri_zmq_conn;

/* An accepted TCP connection that has not sent a frame yet. */
typedef struct osri_zmq_accept {
    uint64_t inode;
    uint64_t begun_ms;
    uint64_t since_ms;       /* begun, or cut off in vain */
    uint64_t look;           /* which saw its begin */
    struct in6_addr address; /* of IPv4 as ::ffff:a.b.c.d; all zero: not known */
    bool waiting;
    bool kicked; /* it was mute too long: we have ended it */
} osri_zmq_accept;

/* One whose end was seen, and no frame of it so far. */
typedef struct osri_zmq_gone {
    int fd;
    struct in6_addr address;
    uint64_t ms; /* that it lasted */
    osri_zmq_stranger_end end;
    uint64_t reads_last; /* by this read of the ROUTER all of its frames were delivered */
} osri_zmq_gone;

#define OSRI_ZMQ_GONE_MAX 64

/* After so many reads of the ROUTER whatever had arrived by now was delivered: it takes turns
 * between its peers, which hold 64 frames each at most. */
#define OSRI_ZMQ_READS_TO_END(t)                                                                   \
    ((t)->router_reads + 65 * ((uint64_t)(t)->conn_count + (t)->accept_waiting + 1))

#define OSRI_ZMQ_BUCKETS 256

typedef struct osri_zmq_transport {
    osri_transport base;
    pthread_t owner; /* last one that called; see osri_zmq_own */
    atomic_uint handover;
    void *context;
    osri_waker *waker;
    uint8_t key_public[OSRI_KEY_BYTES];
    uint8_t key_secret[OSRI_KEY_BYTES];
    osri_transport_admit *admit;
    void *admit_context;
    osri_zmq_stranger *stranger;
    uint32_t tick_ms, connect_ms, silent_ms;
    bool ipv6;

    /* connections */
    osri_zmq_conn **slots;
    uint32_t slot_capacity, conn_count;
    uint64_t next_sequence;
    uint32_t next_slot;
    osri_zmq_conn *buckets[OSRI_ZMQ_BUCKETS]; /* accepted, by routing id */
    uint32_t due_count;                       /* connections with opened_due or closed_due */
    uint32_t pending_count; /* with a deadline: dialing, and accepted that are ending or tombs */

    /* acceptor */
    void *router;
    void *router_monitor;
    char domain[OSRI_ZAP_DOMAIN_BYTES];
    char bound[OSRI_ENDPOINT_BYTES];
    uint16_t port;
    bool router_readable;
    uint64_t router_reads;
    osri_zmq_accept *accepts; /* by descriptor */
    size_t accept_capacity, accept_waiting;
    bool next_end_by_key;                  /* what the monitor said just now, see F3 */
    uint64_t looks;                        /* at the ROUTER's monitor */
    osri_zmq_gone gone[OSRI_ZMQ_GONE_MAX]; /* oldest first */
    uint32_t gone_count;

    /* poll */
    struct pollfd *items;
    osri_zmq_conn **sources; /* [0] is the ROUTER's place, then dialed connections with a socket */
    uint32_t source_count, source_capacity;
    bool stale;          /* items and sources have to be made anew */
    uint32_t cursor;     /* whose turn it was */
    uint32_t round_left; /* events until the sockets are looked at again */
    uint64_t swept_ms;
    uint64_t backlog_ms;
    zmq_msg_t lent; /* what the last FRAME points into; always initialised */
    zmq_msg_t held; /* first frame of held_conn, reported after its ACCEPTED; always initialised */
    osri_conn held_conn;
} osri_zmq_transport;

/* Called first by each operation but wake(). */
void osri_zmq_own(osri_zmq_transport *transport);
uint64_t osri_zmq_now_ns(void);
uint64_t osri_zmq_now_ms(void);

/* table.c. A new connection gets a number; OSR_ELIMIT, OSR_ENOMEM. */
osr_err osri_zmq_conn_new(osri_zmq_transport *transport, osri_zmq_conn_state state,
                          osri_zmq_conn **ret_conn);
osri_zmq_conn *osri_zmq_conn_find(osri_zmq_transport *transport, osri_conn number);
void osri_zmq_conn_free(osri_zmq_transport *transport,
                        osri_zmq_conn *conn); /* its sockets are closed already */
void osri_zmq_conn_set_state(osri_zmq_transport *transport, osri_zmq_conn *conn,
                             osri_zmq_conn_state state);
void osri_zmq_conn_set_due(osri_zmq_transport *transport, osri_zmq_conn *conn, bool opened,
                           bool closed);
void osri_zmq_id_insert(osri_zmq_transport *transport, osri_zmq_conn *conn, uint32_t routing_id);
osri_zmq_conn *osri_zmq_id_find(osri_zmq_transport *transport, uint32_t routing_id);

/* dialer.c */
osr_err osri_zmq_dial(osri_transport *transport, const char *endpoint,
                      const uint8_t server_key[OSRI_KEY_BYTES], osri_conn *ret_conn);
osr_err osri_zmq_dialed_send(osri_zmq_conn *conn, const uint8_t *frame, size_t frame_bytes);
void osri_zmq_dialed_watch(osri_zmq_transport *transport,
                           osri_zmq_conn *conn); /* reads its monitor */
void osri_zmq_dialed_end(osri_zmq_transport *transport, osri_zmq_conn *conn, const char *text);
void osri_zmq_dialed_sweep(osri_zmq_transport *transport, osri_zmq_conn *conn, uint64_t now_ms);
bool osri_zmq_dialed_take(osri_zmq_transport *transport, osri_zmq_conn *conn,
                          osri_transport_event *ret_event);
void osri_zmq_dialed_free(osri_zmq_transport *transport, osri_zmq_conn *conn, uint32_t linger_ms);

/* acceptor.c */
osr_err osri_zmq_listen(osri_transport *transport, const char *endpoint, char *ret_endpoint);
osr_err osri_zmq_accepted_send(osri_zmq_transport *transport, osri_zmq_conn *conn,
                               const uint8_t *frame, size_t frame_bytes);
void osri_zmq_accepted_sweep(osri_zmq_transport *transport, osri_zmq_conn *conn, uint64_t now_ms);
bool osri_zmq_accepted_take(osri_zmq_transport *transport, osri_transport_event *ret_event);
void osri_zmq_accepted_bury(osri_zmq_transport *transport, osri_zmq_conn *conn, uint32_t linger_ms);
void osri_zmq_acceptor_stop(osri_zmq_transport *transport, uint32_t linger_ms);

/* accepts.c */
void osri_zmq_accepts_watch(osri_zmq_transport *transport); /* reads the ROUTER's monitor */
bool osri_zmq_accepts_claim(osri_zmq_transport *transport, osri_zmq_conn *conn);
void osri_zmq_accepts_sweep(osri_zmq_transport *transport, uint64_t now_ms);
void osri_zmq_accepts_reject(osri_zmq_transport *transport, int fd);
void osri_zmq_accepted_end(osri_zmq_transport *transport, osri_zmq_conn *conn, const char *text);
bool osri_zmq_is_tcp_of_port(int fd, uint16_t port);
bool osri_zmq_kick(int fd, uint64_t inode); /* false: that TCP connection is over already */

/* strangers.c. Accepts that end before a frame of them was read are told of once no such frame can
 * be left; spoke(): one was read after all; all: the ROUTER was read empty. */
struct in6_addr osri_zmq_address_of_peer(int fd); /* all zero where it is not known */
void osri_zmq_stranger_ended(osri_zmq_transport *transport, int fd, const osri_zmq_accept *accept);
void osri_zmq_stranger_spoke(osri_zmq_transport *transport, int fd);
void osri_zmq_strangers_tell(osri_zmq_transport *transport, bool all);

/* backlog.c */
uint64_t osri_zmq_received_bytes(int fd); /* so far; 0: the kernel does not say */
#define OSRI_ZMQ_ENDLESS_TEXT "peer sends a message without end"
void osri_zmq_backlog_took(osri_zmq_conn *conn, size_t frame_bytes);
bool osri_zmq_backlog_is_over(int fd, uint64_t taken_bytes);
void osri_zmq_backlog_sweep(osri_zmq_transport *transport, uint64_t now_ms);

/* poll.c. Room for as many sources as there can be connections, and one for the ROUTER. */
osr_err osri_zmq_sources_reserve(osri_zmq_transport *transport, uint32_t capacity);
void osri_zmq_sources_free(osri_zmq_transport *transport);
bool osri_zmq_poll(osri_transport *transport, uint64_t timeout_ns, osri_transport_event *ret_event);

#endif
