/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dist/membership/table.h"

/* Several tables that tell each other: whatever happens before, once all are connected through
 * somebody they agree, and everybody who is there is joined. Sessions are queues here: what is on
 * its way when one ends is lost. */

#define NODES 6
#define STEPS 400
#define SEEDS 300
#define ROUNDS_MAX 200
#define WALL_MS UINT64_C(1800000000000)

typedef struct wire {
    uint8_t bytes[1 << 16]; /* records, each behind its size */
    size_t used;
} wire;

typedef struct node {
    char name[16];
    osri_members table;
    uint64_t creation;
    uint64_t starts;
    bool alive;
} node;

typedef struct session {
    uint64_t number; /* 0: there is none */
    uint64_t told[2];
    wire to[2]; /* what travels to the side */
} session;

static node nodes[NODES];
static session sessions[NODES][NODES]; /* [lesser][greater] */
static uint64_t numbers;
static uint64_t seed;
static const uint8_t key[OSRI_KEY_BYTES] = {1};

static uint64_t random_below(uint64_t bound)
{
    uint64_t z = seed += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (z ^ (z >> 31)) % bound;
}

static void put(wire *to, osri_members_writer *record)
{
    size_t size;
    const uint8_t *bytes;

    if (record->count > 0) {
        bytes = osri_members_end(record, &size);
        ck_assert_uint_lt(to->used + sizeof(size) + size, sizeof(to->bytes));
        memcpy(to->bytes + to->used, &size, sizeof(size));
        memcpy(to->bytes + to->used + sizeof(size), bytes, size);
        to->used += sizeof(size) + size;
    }
}

static void put_one(wire *to, const osri_member *member)
{
    static osri_members_writer record;

    osri_members_begin(&record);
    ck_assert(osri_members_add(&record, member));
    put(to, &record);
}

static session *between(int a, int b, int *ret_side_of_a)
{
    *ret_side_of_a = a < b ? 0 : 1;
    return a < b ? &sessions[a][b] : &sessions[b][a];
}

static void start(int i)
{
    node *at = &nodes[i];
    bool clock_back = at->starts > 0 && random_below(3) == 0;
    osri_member self = {.name = at->name,
                        .version = (clock_back ? 1 : ++at->starts * 1000),
                        .state = OSRI_MEMBER_JOINED,
                        .endpoint = "tcp://h:1",
                        .labels = "w\n",
                        .key = key};

    (void)snprintf(at->name, sizeof(at->name), "n%d@h", i);
    self.creation = at->creation = random_below(UINT64_MAX);
    ck_assert_int_eq(osri_members_init(&at->table, 0, &self), OSR_OK);
    at->alive = true;
}

static void up(int a, int b)
{
    int sides[2];
    session *link = between(a, b, &sides[0]);
    int ends[2] = {a, b};

    if (link->number != 0 || !nodes[a].alive || !nodes[b].alive) {
        return;
    }
    sides[1] = 1 - sides[0];
    memset(link, 0, sizeof(*link));
    link->number = ++numbers;
    for (int i = 0; i < 2; i++) {
        node *at = &nodes[ends[i]];
        const osri_members_entry *entry;
        osri_member peer = {.name = nodes[ends[1 - i]].name,
                            .creation = nodes[ends[1 - i]].creation,
                            .state = OSRI_MEMBER_JOINED,
                            .endpoint = "",
                            .labels = "",
                            .key = key};
        ck_assert_int_eq(osri_members_up(&at->table, &peer, &entry), OSR_OK);
        put_one(&link->to[sides[1 - i]], &at->table.self->now);
    }
}

static void down(int a, int b)
{
    int side;
    session *link = between(a, b, &side);

    if (link->number != 0) {
        link->number = 0;
        (void)osri_members_down(&nodes[a].table, nodes[b].name, OSRI_MEMBER_LOST);
        (void)osri_members_down(&nodes[b].table, nodes[a].name, OSRI_MEMBER_LOST);
    }
}

static void crash(int i)
{
    for (int k = 0; k < NODES; k++) {
        if (k != i) {
            down(i, k);
        }
    }
    osri_members_fini(&nodes[i].table);
    nodes[i].alive = false;
}

static bool tell(int from, int to)
{
    static osri_members_writer record;
    int side;
    session *link = between(from, to, &side);
    bool any = false;
    bool more = link->number != 0;

    while (more) {
        osri_members_begin(&record);
        more = osri_members_tell(&nodes[from].table, link->number, &link->told[side], &record);
        any = any || record.count > 0;
        put(&link->to[1 - side], &record);
    }
    return any;
}

typedef struct hearing_at {
    int node, peer;
    uint64_t number;
} hearing_at;

static void take(void *context, const osri_member *said)
{
    const hearing_at *where = context;
    osri_hearing hearing = {
        .source = where->number, .peer = nodes[where->peer].name, .wall_ms = WALL_MS};
    const osri_members_entry *entry;
    osri_heard_member heard;
    osri_member contested;

    ck_assert_int_eq(
        osri_members_hear(&nodes[where->node].table, &hearing, said, &heard, &entry, &contested),
        OSR_OK);
    if (heard == OSRI_MEMBER_CONTESTED) {
        int who = said->name[1] - '0';
        int side;
        session *link = between(where->node, who, &side);
        ck_assert_uint_ne(link->number, 0);
        put_one(&link->to[1 - side], &contested);
    }
}

static bool deliver(int from, int to)
{
    int side;
    session *link = between(to, from, &side);
    wire *in = &link->to[side];
    hearing_at where = {to, from, link->number};
    static wire taken;
    size_t at = 0;

    if (link->number == 0 || in->used == 0) {
        return false;
    }
    memcpy(&taken, in, sizeof(taken));
    in->used = 0;
    while (at < taken.used) {
        size_t size;
        memcpy(&size, taken.bytes + at, sizeof(size));
        ck_assert_int_eq(osri_members_read(taken.bytes + at + sizeof(size), size, take, &where),
                         OSR_OK);
        at += sizeof(size) + size;
    }
    return true;
}

static void anything(void)
{
    int a = (int)random_below(NODES);
    int b = (int)random_below(NODES);

    switch (random_below(20)) {
    case 0:
        if (nodes[a].alive) {
            crash(a);
        } else {
            start(a);
        }
        break;
    case 1:
        if (nodes[a].alive) {
            osri_members_drain(&nodes[a].table, random_below(2) == 0);
        }
        break;
    case 2:
    case 3:
        if (a != b) {
            down(a, b);
        }
        break;
    case 4:
    case 5:
    case 6:
    case 7:
        if (a != b) {
            up(a, b);
        }
        break;
    default:
        if (a != b && nodes[a].alive && nodes[b].alive) {
            (void)tell(a, b);
            (void)deliver(a, b);
        }
        break;
    }
}

/* Everybody speaks until nobody has anything to say. False: that does not end. */
static bool speak(void)
{
    bool any = true;

    for (int rounds = 0; any && rounds < ROUNDS_MAX; rounds++) {
        any = false;
        for (int a = 0; a < NODES; a++) {
            for (int b = 0; b < NODES; b++) {
                if (a != b) {
                    any = tell(a, b) || any;
                    any = deliver(a, b) || any;
                }
            }
        }
    }
    return !any;
}

/* All are there, in one line at least; then the last one dies. */
static bool settle(void)
{
    bool quiet;

    for (int i = 0; i < NODES; i++) {
        if (!nodes[i].alive) {
            start(i);
        }
    }
    for (int i = 0; i + 1 < NODES; i++) {
        up(i, i + 1);
    }
    quiet = speak();
    crash(NODES - 1);
    return speak() && quiet;
}

static void expect_agreement(void)
{
    for (int a = 0; a < NODES - 1; a++) {
        for (int b = 0; b < NODES - 1; b++) {
            const osri_members_entry *here = osri_members_find(&nodes[a].table, nodes[b].name);
            const osri_member *there = &nodes[b].table.self->now;
            ck_assert_ptr_nonnull(here);
            ck_assert_int_eq(here->now.state, OSRI_MEMBER_JOINED);
            ck_assert_uint_eq(here->now.creation, nodes[b].creation);
            ck_assert_uint_eq(here->now.version, there->version);
            ck_assert_int_eq(here->now.draining, there->draining);
            ck_assert_str_eq(here->now.labels, "w\n");
        }
        const osri_members_entry *dead = osri_members_find(&nodes[a].table, nodes[NODES - 1].name);
        ck_assert_ptr_nonnull(dead);
        ck_assert_int_eq(dead->now.state, OSRI_MEMBER_LOST);
    }
}

/* Crashes, restarts with a clock that goes back, sessions that come and go, drains: in the end all
 * agree, and the news stops. */
START_TEST(all_agree_in_the_end)
{
    for (uint64_t s = 1; s <= SEEDS; s++) {
        seed = s * UINT64_C(7919);
        memset(nodes, 0, sizeof(nodes));
        memset(sessions, 0, sizeof(sessions));
        for (int i = 0; i < NODES; i++) {
            start(i);
        }
        for (int step = 0; step < STEPS; step++) {
            anything();
        }
        ck_assert_msg(settle(), "seed %llu: they do not stop speaking", (unsigned long long)s);
        expect_agreement();
        for (int i = 0; i < NODES; i++) {
            if (nodes[i].alive) {
                osri_members_fini(&nodes[i].table);
            }
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("members_gossip");
    TCase *tests = tcase_create("members_gossip");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, all_agree_in_the_end);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
