/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_TESTS_REFUSED_WORLD_H
#define OSR_TESTS_REFUSED_WORLD_H

#include <check.h>
#include <stdatomic.h>

#include "dist/net/door.h"
#include "dist/net/state.h"
#include "tests/unit/net/actors.h"

/* Real nodes on ZeroMQ in one OS process, with their logs: one that accepts, a friend that is
 * connected to it from the beginning, and one that is refused. */

#define DEADLINE_MS 20000
#define DAY_S UINT64_C(86400)
#define TICK_MS 2000
#define LOG_BYTES (64 * 1024)
#define ACCEPTOR "a@localhost"
#define FRIEND "good@localhost"
#define EVIL "evil@localhost"
#define OTHER "other@localhost"

typedef struct refused_node {
    const char *name;
    char endpoint[OSRI_ENDPOINT_BYTES];
    osri_identity identity;
    osri_policy *policy;
    osri_audit *audit;
    osri_door door;
    atomic_bool is_crowded; /* it admits nobody: too many have come */
    bool has_bad_book;      /* it looks up keys that are not those of the nodes */
    osr_node *node;
    osri_net *net;
    void *thread;
    atomic_bool stop;
    osri_log log;
    osri_mutex mutex;     /* OSRI_RANK_LEAF */
    char text[LOG_BYTES]; /* guarded_by: mutex */
    size_t used;          /* guarded_by: mutex */
} refused_node;

extern const uint8_t refused_secret[32]; /* the cluster's */
extern refused_node acceptor, friendly, evil;
extern osri_revocations revoked; /* the acceptor's list */

uint64_t now_ms(void);
uint64_t now_s(void);
void pause_shortly(void);

/* How often the words stand in the log of the node. */
unsigned lines_with(refused_node *at, const char *words);
void await_line(refused_node *at, const char *words);
/* The same for one line that has this level. */
void await_line_at(refused_node *at, osr_log_level level, const char *words);

/* at NULL: it does not listen. */
osri_transport *make_transport(const osri_identity *identity, refused_node *at);
void make_identity(const char *name, osri_identity *ret_identity);
void start_node(refused_node *at);

/* The acceptor's and the friend's identities are made; then both run, and are connected. */
void start_acceptor_and_friend(void);
void join_friend(void);

/* The friend asks the acceptor for a process, and hears what `expected` says. */
void friend_starts(const char *expected);
/* The friend's note arrives over the link that it had from the beginning. */
void friend_says(uint32_t number);
void check_friend_untouched(void);
void stop_all(void);

#endif
