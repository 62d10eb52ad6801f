/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_TESTS_LINK_WORLD_H
#define OSR_TESTS_LINK_WORLD_H

#include <check.h>

#include "dist/link/link.h"

/* Two links, a (dials) and b (accepts), joined by a wire that the test holds in its hands, on a
 * clock that it sets. What they do is written down: tests compare the trace. */

#define MS UINT64_C(1000000)

typedef struct wire_frame {
    struct wire_frame *next;
    size_t bytes_count;
    uint8_t bytes[];
} wire_frame;

typedef struct link_end {
    const char *name; /* "a", "b" */
    osri_identity identity;
    osri_link_config config;
    osri_link *link;
    osri_link_actions *actions;
    struct link_end *other;
    wire_frame *sent;     /* on the way to the other, oldest first */
    osri_verdict verdict; /* what its hook name_state answers */
    osri_claim claim;     /* what it was asked; name is only valid then */
    bool full;            /* its transport refuses frames */
    bool closed;          /* it has closed its transport */
    int ups, downs, delivers;
    osri_link_action down; /* text is down_text */
    char down_text[OSRI_LINK_TEXT_BYTES];
    uint8_t *received; /* all records, one after the other */
    size_t received_bytes;
} link_end;

typedef struct link_world {
    uint64_t now_ns;
    uint64_t now_s; /* real time, for certificates */
    link_end a, b;
    char trace[16384];
    bool quiet; /* nothing is written down */
} link_world;

extern link_world world;

/* Node a "a@h1", node b "b@h2", of one cluster; links are made by world_connect() or
 * world_make_links(). */
void world_begin(void);

/* Frees everything and checks that all memory came back. */
void world_end(void);

/* A development identity of another node. */
void world_identity(const char *cluster, uint8_t secret, const char *name,
                    osri_identity *ret_identity);

void world_make_links(void);

/* Made, opened, accepted, handshake done; the trace is empty. */
void world_connect(void);

/* One event; the time is set, the actions are executed. */
osr_err world_step(link_end *end, osri_link_event event);
osr_err world_send(link_end *end, uint64_t sender, const void *bytes, size_t bytes_count);
osr_err world_say(link_end *end, uint64_t sender, const char *text); /* SEND */
void world_flush(link_end *end);

/* Opens and accepts: the transports' first events. */
void world_open(void);

/* Delivers the oldest frame that `end` has sent. False: there is none. */
bool world_carry(link_end *end);

/* Carries frames in turns until there are none. */
void world_settle(void);

/* Lets time pass: TIME events when they are due, frames without delay. */
void world_pass(uint64_t ns);

/* The transport loses the connection: CLOSED on both sides that are not down. */
void world_break(void);

/* Replaces the oldest frame that the end has sent. */
void world_forge(link_end *end, const void *bytes, size_t bytes_count);

/* Compares the trace, then empties it. */
void world_expect(const char *trace);

#endif
