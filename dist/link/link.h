/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_DIST_LINK_H
#define OSR_DIST_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dist/identity/identity.h"
#include "dist/link/verdict.h"
#include "dist/transport.h"

/* The link protocol (dist/PROTOCOL.md): one connection to one peer node, dialed or accepted, as a
 * pure state machine. No socket, no clock, no randomness: events go in with the time, actions come
 * out, the owner executes them in order. What the records contain is not the link's business.
 *
 * Contract with the owner
 *   L1  Every transport event of the connection goes in (OPENED, ACCEPTED, FRAME, CLOSED); step()
 *       is called with TIME no later than the time of osri_link_next_due().
 *   L2  The actions of one step are executed in order and before the next step that uses the same
 *       actions object; what they point to is valid until then. A DELIVER may point into the frame
 *       that was stepped.
 *   L3  UP is emitted at most once; DOWN exactly once, as the last action but CLOSE_TRANSPORT.
 *       After DOWN every step gives OSR_ECLOSED and no action, and the link holds no memory but
 *       itself: free it.
 *   L4  Records of one sender arrive in the order they were given; what arrives is a prefix of it;
 *       none twice.
 *   L5  A frame that the transport refused with OSR_EFULL, and all later ones of that step, go back
 *       with osri_link_take_back(), in order; WRITABLE lets the link go on. Any other refusal is
 *       CLOSED.
 *   L6  Before UP is executed, the owner takes down whatever other link is up with the same name.
 *   L7  A record of at most 16 KiB whose sender has no stream open (no longer record that is queued
 *       or on its way) leaves before every record that is given later, whoever its sender.
 * Threads: one at a time. */

#define OSRI_LINK_RECORD_BYTES_MAX (16 * 1024 * 1024 + 64 * 1024) /* 16 MiB of data, and slack */
#define OSRI_LINK_FRAME_BYTES_MAX (64 * 1024)    /* the longest that we take from a peer */
#define OSRI_LINK_BATCH_BYTES (16 * 1024)        /* a batch of this size leaves without FLUSH */
#define OSRI_LINK_WINDOW_BYTES_MIN (64 * 1024)   /* in flight at the start of a session */
#define OSRI_LINK_WINDOW_BYTES_MAX (1024 * 1024) /* in flight at most */
#define OSRI_LINK_TEXT_BYTES 256                 /* a reason in words, with its NUL */
#define OSRI_LINK_LABELS_MAX 16
#define OSRI_LINK_LABEL_BYTES 64 /* with its NUL */

typedef struct osri_link osri_link;
typedef struct osri_link_actions osri_link_actions;

/* Why a handshake was refused. The numbers travel: append, never reuse. */
#define OSRI_REFUSAL_MAP(X)                                                                        \
    X(VERSION, 10, "no common protocol version")                                                   \
    X(MALFORMED, 11, "malformed handshake")                                                        \
    X(SELF, 12, "a node cannot connect to itself")                                                 \
    X(CLUSTER, 20, "another cluster")                                                              \
    X(KEY, 21, "the certificate does not match the connection's key")                              \
    X(VALIDITY, 22, "the certificate is expired or not yet valid")                                 \
    X(AUTHORITY, 23, "the certificate is signed by another authority")                             \
    X(REVOKED, 24, "the certificate is revoked")                                                   \
    X(ROLE, 25, "the certificate lacks the role to join")                                          \
    X(WRONG_NAME, 26, "this node has another name")                                                \
    X(NAME_TAKEN, 30, "the name is connected with another key")                                    \
    X(CONNECTED, 31, "already connected")                                                          \
    X(SIMULTANEOUS, 32, "both dialed; the other connection is kept")                               \
    X(LIMIT, 40, "too many connections")                                                           \
    X(STOPPING, 41, "the node is stopping")

typedef enum osri_refusal {
    OSRI_REFUSAL_NONE = 0,
#define X(name, value, text) OSRI_REFUSAL_##name = value,
    OSRI_REFUSAL_MAP(X)
#undef X
} osri_refusal;

/* "no common protocol version"; static; "refused" for an unknown number. */
const char *osri_refusal_text(uint32_t refusal);

/* Why a link ended. */
#define OSRI_DOWN_MAP(X)                                                                           \
    X(CONNECTION_CLOSED, 1, "connection_closed")                                                   \
    X(DISCONNECT, 2, "disconnect")                                                                 \
    X(TICK_TIMEOUT, 3, "net_tick_timeout")                                                         \
    X(PROTOCOL_ERROR, 4, "protocol_error")                                                         \
    X(REFUSED, 5, "refused")                                                                       \
    X(SETUP_FAILED, 6, "connection_setup_failed")                                                  \
    X(GOODBYE, 7, "goodbye")                                                                       \
    X(RESTARTED, 8, "restarted")                                                                   \
    X(REVOKED, 9, "revoked")                                                                       \
    X(NO_MEMORY, 10, "no_memory")

/* The numbers travel in GOODBYE: append, never reuse. */
typedef enum osri_down {
#define X(name, value, text) OSRI_DOWN_##name = value,
    OSRI_DOWN_MAP(X)
#undef X
} osri_down;

/* "net_tick_timeout"; static. The reason of nodedown. */
const char *osri_down_name(osri_down down);

/* What the other side said of itself, checked. Text fields hold no control characters. */
typedef struct osri_link_peer {
    osri_certificate certificate; /* .name, .key, .roles, .serial, .spawn */
    uint64_t creation;
    uint64_t node_id; /* hooks.node_id(certificate.name, creation) */
    uint64_t features;
    uint64_t os_pid;
    uint64_t crl_version;
    uint32_t tick_ms;
    uint32_t window_bytes;
    uint32_t version; /* the one agreed on */
    bool hidden;
    bool dialed;         /* by us */
    uint8_t session[16]; /* chosen by the acceptor */
    uint32_t label_count;
    char labels[OSRI_LINK_LABELS_MAX][OSRI_LINK_LABEL_BYTES];
} osri_link_peer;

/* What the link asks its owner. Pure with regard to the link: called within step(), must not call
 * it back. */
typedef struct osri_link_hooks {
    void *context;

    /* Checks a peer's certificate against our authority, the proven transport key, cluster,
     * validity, revocations and role JOIN. Returns OSRI_REFUSAL_NONE and the decoded certificate,
     * or why not with a text for both logs. */
    osri_refusal (*check)(void *context, const osri_signed_certificate *certificate,
                          const uint8_t proven_key[OSRI_KEY_BYTES],
                          osri_certificate *ret_certificate, char ret_text[OSRI_LINK_TEXT_BYTES]);

    /* May this peer have its name now? NULL accepts. Usually osri_link_verdict() over the other
     * links that exist under that name, this one left out. Asked for a HELLO (claim->dialed false)
     * and for a WELCOME (true). */
    osri_verdict (*name_state)(void *context, const osri_claim *claim);

    /* The number that pids carry for a node (DESIGN.md D13). NULL leaves peer->node_id 0. */
    uint64_t (*node_id)(const char *name, uint64_t creation);
} osri_link_hooks;

/* How a link is made. Zero is the default of every number. What is pointed to is lent and outlives
 * the link. */
typedef struct osri_link_config {
    const osri_identity *self; /* certificate, creation */
    osri_link_hooks hooks;
    const char *peer_name;   /* dialer: whom we want; "" or NULL: whoever is there */
    const uint8_t *peer_key; /* dialer: the key that was dialed, 32 bytes; else NULL */
    uint8_t random[16];      /* fresh random bytes: nonce of a dialer, session of an acceptor */
    const char *const *labels;
    uint32_t label_count;
    uint64_t features;
    uint64_t os_pid;
    uint64_t crl_version;
    uint32_t version_min;      /* 0: 1 */
    uint32_t version_max;      /* 0: 1 */
    uint32_t setup_ms;         /* 0: 7,000; from osri_link_new to UP */
    uint32_t tick_ms;          /* 0: 10,000; T: down after T without a frame, at most 1.25 T */
    uint32_t window_bytes_max; /* 0: OSRI_LINK_WINDOW_BYTES_MAX; both directions */
    bool hidden;
} osri_link_config;

/* Makes a link in the state CONNECTING (dialed) or ACCEPTING. now_ns starts the setup deadline.
 * Ownership: *config is copied, not what it points to. Free with osri_link_free().
 * Errors: OSR_ENOMEM; OSR_EINVAL self or hooks.check missing, too many or too long labels. */
OSR_MUST_CHECK osr_err osri_link_new(const osri_link_config *config, bool dialed, uint64_t now_ns,
                                     osri_link **ret_link);

/* In any state; queued records are gone. NULL is accepted; *link becomes NULL. */
void osri_link_free(osri_link **link);

typedef enum osri_link_event_kind {
    OSRI_LINK_OPENED = 1, /* transport: our dial is up; peer_key */
    OSRI_LINK_ACCEPTED,   /* transport: somebody dialed us; peer_key */
    OSRI_LINK_FRAME,      /* transport: bytes */
    OSRI_LINK_CLOSED,     /* transport: text; nothing was closed by us */
    OSRI_LINK_WRITABLE,   /* transport: takes frames again, after take_back() */
    OSRI_LINK_SEND,       /* bytes is one record, copied; sender; control. Waits for UP */
    OSRI_LINK_FLUSH,      /* the batch is over: what is queued leaves */
    OSRI_LINK_TIME,       /* only the time */
    OSRI_LINK_CLOSE,      /* ours: down, text, linger_ms */
} osri_link_event_kind;

typedef struct osri_link_event {
    osri_link_event_kind kind;
    uint64_t now_ns; /* every event; monotonic */
    const uint8_t *bytes;
    size_t bytes_count;
    uint64_t sender;         /* SEND: key of the sending process; order is kept within one */
    bool control;            /* SEND: exits, links, ...: taken while leaving, too, until GOODBYE */
    const uint8_t *peer_key; /* OPENED, ACCEPTED: 32 bytes */
    const char *text;        /* CLOSED, CLOSE: why; may be NULL */
    osri_down down;          /* CLOSE: GOODBYE lets the queue drain and waits for the peer to
                                close, at most linger_ms (0: 500); DISCONNECT, RESTARTED,
                                REVOKED and PROTOCOL_ERROR tell the peer and end at once */
    uint32_t linger_ms;
} osri_link_event;

typedef enum osri_link_action_kind {
    OSRI_LINK_SEND_FRAME = 1,  /* bytes, to the transport */
    OSRI_LINK_DELIVER,         /* bytes: one record, whole */
    OSRI_LINK_UP,              /* peer; verdict REPLACE: other links of the name go down first */
    OSRI_LINK_DOWN,            /* down, refusal, text, was_up, lost_records */
    OSRI_LINK_CLOSE_TRANSPORT, /* linger_ms; not emitted after CLOSED came from the transport */
} osri_link_action_kind;

typedef struct osri_link_action {
    osri_link_action_kind kind;
    uint32_t linger_ms;
    const uint8_t *bytes;
    size_t bytes_count;
    const osri_link_peer *peer; /* UP: valid as long as the link */
    osri_verdict verdict;
    osri_down down;
    uint32_t refusal; /* DOWN: osri_refusal where down is REFUSED */
    bool by_peer;     /* DOWN: the other side refused, or said goodbye */
    bool was_up;
    uint64_t lost_records; /* DOWN: queued here and not handed to the transport whole */
    const char *text;      /* DOWN: in words, never NULL */
} osri_link_action;

/* Room for the actions of one step; may serve any number of links in turn. Errors: OSR_ENOMEM. */
OSR_MUST_CHECK osr_err osri_link_actions_new(osri_link_actions **ret_actions);
void osri_link_actions_free(osri_link_actions **actions);
size_t osri_link_actions_count(const osri_link_actions *actions);
const osri_link_action *osri_link_actions_at(const osri_link_actions *actions, size_t index);

/* One event in, its actions out (those of an earlier step are forgotten, also on error).
 * Errors: OSR_ECLOSED the link is down (or, for SEND, about to be): nothing happens; OSR_EINVAL not
 * an event for this state, or an empty record; OSR_ELIMIT a record above
 * OSRI_LINK_RECORD_BYTES_MAX; OSR_ENOMEM the record was not taken. On the last three the link is
 * unchanged. */
osr_err osri_link_step(osri_link *link, const osri_link_event *event,
                       osri_link_actions *ret_actions);

/* A frame of the last step's actions that the transport refused for now. The link sends nothing
 * until WRITABLE. Errors: OSR_ENOMEM: the owner closes the connection and steps CLOSED; OSR_ECLOSED
 * the link is down: drop it. */
OSR_MUST_CHECK osr_err osri_link_take_back(osri_link *link, const uint8_t *frame,
                                           size_t frame_bytes);

/* Changes T while the link is up: ours, how long we bear silence, or the peer's, which we have to
 * keep up with; 0: that one stays. What is due (osri_link_next_due) changes with it. At least 100.
 */
void osri_link_set_tick(osri_link *link, uint32_t ours_ms, uint32_t peers_ms);

/* When step(TIME) is due at the latest; UINT64_MAX once down. */
uint64_t osri_link_next_due(const osri_link *link);

/* Bytes of records given and not yet handed to the transport; bytes handed over and not yet
 * acknowledged. */
size_t osri_link_queued_bytes(const osri_link *link);
size_t osri_link_queued_large_bytes(const osri_link *link); /* of them in large records */
size_t osri_link_in_flight_bytes(const osri_link *link);

/* When we sent something that the peer has acknowledged since: it lived after that; 0: nothing yet.
 */
uint64_t osri_link_answered_ns(const osri_link *link);

bool osri_link_is_up(const osri_link *link);
bool osri_link_is_down(const osri_link *link);
bool osri_link_was_dialed(const osri_link *link);

/* The peer, once UP was emitted; else NULL. */
const osri_link_peer *osri_link_peer_of(const osri_link *link);

typedef struct osri_link_counters {
    uint64_t frames_sent, frames_received;
    uint64_t bytes_sent, bytes_received; /* of frames, with headers */
    uint64_t records_sent, records_received;
    uint64_t fragments_sent, fragments_received;
    uint64_t window_bytes;  /* now */
    uint64_t round_trip_ns; /* measured last; 0: not yet */
    uint64_t fastest_ns;    /* the shortest; 0: not yet */
} osri_link_counters;
void osri_link_count(const osri_link *link, osri_link_counters *ret_counters);

#endif
