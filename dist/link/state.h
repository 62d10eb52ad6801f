/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_DIST_LINK_STATE_H
#define OSR_DIST_LINK_STATE_H

#include "dist/link/actions.h"
#include "dist/link/handshake.h"
#include "dist/link/inbox.h"
#include "dist/link/outbox.h"
#include "dist/link/window.h"

/* The inside of a link, shared by link.c (events, time, ending), setup.c (handshake) and flow.c
 * (data). */

#define OSRI_NS_PER_MS UINT64_C(1000000)

typedef enum osri_link_phase {
    OSRI_PHASE_CONNECTING = 1, /* dialed, the transport has not opened it yet */
    OSRI_PHASE_ACCEPTING,      /* made for an accepted connection, ACCEPTED not yet in */
    OSRI_PHASE_HELLO_SENT,
    OSRI_PHASE_HELLO_DUE,
    OSRI_PHASE_READY_DUE,
    OSRI_PHASE_UP,
    OSRI_PHASE_LEAVING, /* draining, then GOODBYE sent, then waiting for the peer to close */
    OSRI_PHASE_DOWN,
} osri_link_phase;

struct osri_link {
    osri_link_config config; /* defaults filled in */
    osri_link_phase phase;
    bool dialed;
    bool was_up;          /* UP was emitted; peer is complete */
    bool transport_gone;  /* CLOSED came: there is nothing to close */
    uint64_t deadline_ns; /* of setup, or of leaving */
    uint8_t proven_key[OSRI_KEY_BYTES];
    osri_link_peer peer;
    osri_verdict verdict;

    uint64_t tag;
    uint64_t seq_sent;
    uint64_t seq_received;
    osri_window window;
    osri_receipt receipt;
    osri_outbox outbox;
    osri_inbox inbox;
    osri_link_block_list held; /* frames the transport refused, oldest first */
    bool blocked;              /* until WRITABLE */
    bool goodbye_sent;
    char leaving_text[OSRI_LINK_TEXT_BYTES];

    uint64_t tick_ns;      /* T: how much silence we bear */
    uint64_t tick_send_ns; /* how much we keep */
    uint64_t sent_ns;      /* last frame */
    uint64_t received_ns;  /* last frame */
    bool rearmed;          /* one more T was granted since the last frame */
    osri_link_counters counters;
};

/* How a link ends. */
typedef struct osri_link_end {
    osri_down down;
    uint32_t refusal;
    bool by_peer;
    uint32_t linger_ms;
    const char *text;
} osri_link_end;

/* Emits DOWN and CLOSE_TRANSPORT, gives back all memory. Nothing follows. */
void osri_link_finish(osri_link *link, const osri_link_end *end, osri_link_actions *actions);

/* The peer broke the protocol: `format` says how, to it in a GOODBYE if the session was up. */
void osri_link_violation(osri_link *link, osri_link_actions *actions, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* setup.c: a transport's connection is there, and a frame in one of the phases before UP. */
void osri_setup_start(osri_link *link, const uint8_t *peer_key, osri_link_actions *actions);
void osri_setup_frame(osri_link *link, const osri_link_event *event, osri_link_actions *actions);

/* time.c: after every event. */
void osri_time_pass(osri_link *link, uint64_t now_ns, osri_link_actions *actions);

/* flow.c: a session begins; a frame in UP or LEAVING; what is due to leave. */
void osri_flow_begin(osri_link *link, uint64_t now_ns);
void osri_flow_frame(osri_link *link, const osri_link_event *event, osri_link_actions *actions);
void osri_flow_pump(osri_link *link, uint64_t now_ns, osri_link_actions *actions);
void osri_time_set_ticks(osri_link *link); /* from our T and the peer's */
void osri_flow_tick(osri_link *link, uint64_t now_ns, osri_link_actions *actions);
bool osri_flow_may_emit(const osri_link *link); /* up, not blocked, GOODBYE not sent */
void osri_flow_goodbye(osri_link *link, osri_down down, const char *text, uint64_t now_ns,
                       osri_link_actions *actions);
void osri_flow_release(osri_link *link, osri_link_actions *actions);

#endif
