/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lib/core/heap.h"
#include "lib/process/node.h"
#include "osier/info.h"
#include "osier/mailbox.h"
#include "osier/port.h"
#include "osier/trace.h"
#include "tests/unit/process/process_kit.h"

/* Mailbox bounds of every policy that change, aliases, suspension, timers, links, ports and traces,
 * all at once and at random: what meets there meets nowhere else. Every wait of an actor has a
 * deadline, so each ends by itself; afterwards the accounts of messages and memory balance. The
 * seed is printed; TURMOIL_SEED sets it, TURMOIL_LIVES how many actors live. On the stepped node a
 * seed is replayed exactly. */

#define ACTORS 20    /* at a time */
#define LIVES 1500   /* one after the other */
#define STEPS 400    /* of each, at most */
#define FOREIGNERS 2 /* threads with a port */
#define NAME_BYTES 16

OSR_MESSAGE(life, 0x7201, (1, u64, seed), (2, u64, steps));
OSR_MESSAGE(errand, 0x7202, (1, i64, n), (2, pid, pid), (3, u64, ref));
OSR_MESSAGE(parcel, 0x7203, (1, str, text), (2, list(u64), numbers));
OSR_MESSAGE(advice, 0x7204, (1, i64, n));
OSR_REQUEST(question, 0x7205, advice, (1, i64, n));

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text == NULL ? otherwise : strtoull(text, NULL, 10);
}

static void some_name(uint64_t draw, char *ret_name)
{
    (void)snprintf(ret_name, NAME_BYTES, "actor%u", (unsigned)(draw % ACTORS));
}

static osr_mailbox_options some_bound(uint64_t draw, osr_pid overflow)
{
    return (osr_mailbox_options){.size = sizeof(osr_mailbox_options),
                                 .messages_max = draw % 7,
                                 .bytes_max = draw % 3 == 0 ? 2000 : 0,
                                 .policy = (osr_mailbox_policy)(draw / 7 % 5),
                                 .otherwise = (osr_mailbox_policy)(draw / 35 % 4),
                                 .wait_ms = 1 + (uint32_t)(draw % 3),
                                 .overflow = overflow,
                                 .mark_high = 4,
                                 .mark_low = 1};
}

/* ---- what an actor does --------------------------------------------------------------------- */

typedef struct actor {
    uint64_t random;
    osr_caller alias, priority; /* ref 0: none */
} actor;

/* One of the things that can be done, perhaps to the one of that pid. */
typedef osr_err action(osr_self *self, actor *own, osr_pid other, uint64_t draw);

static errand some_errand(const actor *own, uint64_t draw)
{
    osr_caller back = draw % 2 == 0 ? own->alias : own->priority;
    return (errand){.n = (int64_t)(draw % 100), .pid = back.pid, .ref = back.ref};
}

static osr_err sends(osr_self *self, actor *own, osr_pid other, uint64_t draw)
{
    errand message = some_errand(own, draw);
    char name[NAME_BYTES];
    some_name(draw / 8, name);
    return draw % 4 == 0   ? errand_try_send(self, osr_to(other), &message)
           : draw % 4 == 1 ? errand_send(self, osr_name(name, NULL), &message)
                           : errand_send(self, osr_to(other), &message);
}

static osr_err sends_to_all(osr_self *self, actor *own, osr_pid other, uint64_t draw)
{
    errand message = some_errand(own, draw);
    char names[4][NAME_BYTES];
    osr_dest to[5] = {osr_to(other)};
    for (size_t i = 0; i < 4; i++) {
        some_name(next_random(&own->random), names[i]);
        to[i + 1] = osr_name(names[i], NULL);
    }
    return errand_send_all(self, to, 5, &message);
}

static osr_err gives(osr_self *self, actor *own, osr_pid other, uint64_t draw)
{
    parcel *built;
    (void)own;
    osr_err err = parcel_new(self, 40, &built);
    if (err != OSR_OK) {
        return err;
    }
    (void)!osr_build_str(built, "hello", 5, &built->text);
    err = draw % 2 == 0 ? parcel_try_give(self, osr_to(other), &built)
                        : parcel_give(self, osr_to(other), &built);
    parcel_drop(self, &built);
    return err;
}

static osr_err asks(osr_self *self, actor *own, osr_pid other, uint64_t draw)
{
    advice got;
    (void)own;
    return question_call(self, osr_to(other), &(question){.n = 1}, &got, (uint32_t)(draw % 4));
}

static osr_err begins(osr_self *self, actor *own, osr_pid other, uint64_t draw)
{
    osr_message message;
    osr_ref ref;
    (void)own;
    osr_err err = question_begin(self, osr_to(other), &(question){.n = 2}, &ref);
    if (err == OSR_OK && draw % 3 != 0) {
        return osr_await(self, ref, (uint32_t)(draw % 3), &message, NULL);
    }
    if (err == OSR_OK) {
        (void)osr_abandon(self, ref);
    }
    return err;
}

static osr_err looks(osr_self *self, actor *own, osr_pid other, uint64_t draw)
{
    const osr_process_info *info;
    (void)own;
    (void)osr_is_alive(self, other);
    return osr_info(self, other, (uint32_t)(draw % 5), &info);
}

static osr_err suspends(osr_self *self, actor *own, osr_pid other, uint64_t draw)
{
    (void)own;
    osr_err err = osr_suspend(self, other, (uint32_t)(draw % 5));
    if (draw % 4 != 0) { /* else its own end does */
        (void)osr_resume(self, other);
    }
    return err;
}

static osr_err binds(osr_self *self, actor *own, osr_pid other, uint64_t draw)
{
    osr_mailbox_options options = some_bound(next_random(&own->random), other);
    if (draw % 4 == 0) {
        (void)!osr_monitor_mailboxes(self, draw % 8 == 0);
    }
    return osr_mailbox_bound(self, draw % 5 == 0 ? NULL : &options);
}

static osr_err takes_aliases(osr_self *self, actor *own, osr_pid other, uint64_t draw)
{
    osr_caller *alias = draw % 2 == 0 ? &own->alias : &own->priority;
    (void)other;
    if (alias->ref != 0) {
        (void)osr_unalias(self, *alias);
        alias->ref = 0;
        return OSR_OK;
    }
    osr_alias_mode mode = draw % 3 == 0 ? OSR_ALIAS_REPLY : OSR_ALIAS_EXPLICIT;
    return draw % 2 == 0 ? osr_alias(self, mode, alias) : osr_alias_priority(self, mode, alias);
}

static osr_err times(osr_self *self, actor *own, osr_pid other, uint64_t draw)
{
    osr_ref timer;
    errand message = some_errand(own, draw);
    osr_err err = draw % 2 == 0 ? errand_send_after(self, osr_to(other), &message, draw % 3, &timer)
                                : osr_timer_start(self, draw % 3, &timer);
    if (err == OSR_OK && draw % 5 == 0) {
        (void)osr_timer_cancel(self, timer, NULL);
    }
    return err;
}

static osr_err watches(osr_self *self, actor *own, osr_pid other, uint64_t draw)
{
    osr_ref monitor;
    (void)own;
    if (draw % 4 == 0) {
        return osr_link(self, other);
    }
    if (draw % 4 == 1) {
        return osr_unlink(self, other);
    }
    osr_err err = osr_monitor(self, osr_to(other), &monitor);
    if (err == OSR_OK && draw % 2 == 0) {
        (void)osr_demonitor(self, monitor, draw % 8 == 2);
    }
    return err;
}

static osr_err ends_another(osr_self *self, actor *own, osr_pid other, uint64_t draw)
{
    osr_reason reason = osr_reason_of(draw % 4 == 0   ? OSR_REASON_KILL
                                      : draw % 4 == 1 ? OSR_REASON_CUSTOM
                                                      : OSR_REASON_NORMAL);
    (void)own;
    return osr_send_exit(self, other, &reason);
}

static osr_err ends_itself(osr_self *self, actor *own, osr_pid other, uint64_t draw)
{
    osr_reason reason = osr_reason_crash("of its own");
    (void)own;
    (void)other;
    if (draw % 16 == 0) {
        osr_exit(self, &reason);
    }
    return osr_yield(self);
}

/* What is asked is mostly answered, an errand by way of the alias that it names. */
static osr_err receives(osr_self *self, actor *own, osr_pid other, uint64_t draw)
{
    static const osr_type *const types[] = {&errand_osr_type, &question_osr_type};
    osr_message message;
    const void *kept;
    (void)own;
    (void)other;
    osr_err err = draw % 2 == 0 ? osr_receive_of(self, types, 2, (uint32_t)(draw / 2 % 2), &message)
                                : osr_receive(self, (uint32_t)(draw / 2 % 2), &message);
    if (err != OSR_OK) {
        return err;
    }
    const errand *got = OSR_AS(errand, &message);
    if (message.ref != 0) {
        return draw % 3 == 0 ? OSR_OK
                             : osr_reply_to(self, osr_caller_of(&message), &advice_osr_type,
                                            &(advice){.n = 1});
    }
    if (got != NULL && got->ref != 0) {
        osr_caller back = {got->pid, got->ref};
        return errand_send(self, draw % 3 == 0 ? osr_to_alias(back) : osr_to_alias_priority(back),
                           &(errand){.n = 9});
    }
    if (osr_keep(self, &message, &kept) == OSR_OK) {
        osr_free(self, (void *)(uintptr_t)kept);
    }
    return OSR_OK;
}

static action *const actions[] = {sends,         sends,    sends_to_all, gives,    gives,
                                  asks,          begins,   looks,        suspends, binds,
                                  takes_aliases, times,    times,        watches,  ends_another,
                                  ends_itself,   receives, receives,     receives, receives};

OSR_ENTRY(lives, life)
{
    actor own = {.random = argument->seed | 1};
    osr_err err = OSR_OK;
    (void)osr_trap_exit(self, next_random(&own.random) % 2 == 0);
    for (uint64_t i = 0; i < argument->steps && err != OSR_EEXIT; i++) {
        char name[NAME_BYTES];
        uint64_t draw = next_random(&own.random);
        some_name(draw, name);
        draw = next_random(&own.random);
        err = actions[draw % (sizeof(actions) / sizeof(actions[0]))](
            self, &own, osr_whereis(self, name), draw / 64);
    }
    return err == OSR_EEXIT ? err : OSR_OK;
}

/* ---- who makes them ------------------------------------------------------------------------- */

static uint64_t seed;

static void begin_life(osr_self *self, uint64_t *random, uint64_t at, osr_ref *ret_monitor)
{
    char name[NAME_BYTES];
    osr_pid pid;
    uint64_t draw = next_random(random);
    life argument = {.seed = next_random(random), .steps = 1 + next_random(random) % STEPS};
    osr_mailbox_options bound = some_bound(next_random(random), osr_self_pid(self));
    some_name(at, name);
    CHECK_OK(self, lives_spawn(self, &argument,
                               OSR_SPAWN(.name = name, .monitor = true, .ret_monitor = ret_monitor,
                                         .pinned = draw % 6 == 0, .exit_ms = 200,
                                         .priority = (osr_priority)(draw / 8 % 3),
                                         .mailbox = draw / 32 % 2 == 0 ? NULL : &bound,
                                         .memory_max = draw / 64 % 5 == 0 ? 64 : 0),
                               &pid));
}

/* Its own mailbox takes what is too much for others. */
static osr_err makes_lives(osr_self *self)
{
    uint64_t random = seed | 1;
    uint64_t lives_max = from_environment("TURMOIL_LIVES", LIVES);
    osr_ref monitors[ACTORS];
    for (uint64_t i = 0; i < ACTORS; i++) {
        begin_life(self, &random, i, &monitors[i]);
    }
    for (uint64_t begun = ACTORS, ended = 0; ended < begun;) {
        osr_message message;
        CHECK_OK(self, osr_receive(self, 60000, &message)); /* else somebody's wait has no end */
        const osr_down *down = OSR_AS(osr_down, &message);
        for (uint64_t i = 0; down != NULL && i < ACTORS; i++) {
            if (monitors[i].number == down->monitor.number) {
                ended += 1;
                monitors[i].number = 0;
                if (begun < lives_max) {
                    begin_life(self, &random, i, &monitors[i]);
                    begun += 1;
                }
                break;
            }
        }
    }
    OSR_CHECK(self, osri_map_count(&self->node->waiting_for_room) == 0);
    return OSR_OK;
}

static void draw_seed(void)
{
    seed = from_environment("TURMOIL_SEED", (uint64_t)time(NULL) * 2654435761u);
    (void)printf("TURMOIL_SEED=%llu\n", (unsigned long long)seed);
    (void)fflush(stdout);
}

/* On one thread, where a seed is replayed exactly. */
START_TEST(turmoil_on_a_stepped_node_leaves_accounts_that_balance)
{
    draw_seed();
    node_fixture_run(makes_lives);
}
END_TEST

/* ---- and from outside ----------------------------------------------------------------------- */

static osr_node *node;
static atomic_bool over;

static void use_port(osr_port *port, uint64_t *random)
{
    char name[NAME_BYTES];
    osr_message message;
    advice got;
    for (int i = 0; i < 50; i++) {
        uint64_t draw = next_random(random);
        errand mine = {.n = i, .pid = osr_port_pid(port)};
        some_name(draw, name);
        (void)OSR_PORT_SEND(port, osr_name(name, NULL), errand, &mine);
        if (draw / 64 % 4 == 0) {
            (void)!OSR_PORT_CALL(port, osr_name(name, NULL), question, &(question){.n = 1}, &got,
                                 2);
        }
        if (osr_port_receive(port, (uint32_t)(draw / 256 % 2), &message) == OSR_OK &&
            message.ref != 0) {
            (void)osr_port_reply(port, osr_caller_of(&message), &advice_osr_type,
                                 &(advice){.n = 3});
        }
    }
}

static void foreigner(void *argument)
{
    uint64_t random = (seed + (uint64_t)(uintptr_t)argument) | 1;
    while (!atomic_load(&over)) {
        osr_port *port;
        if (osr_port_open(node, OSR_PORT(.queue_max = 5), &port) == OSR_OK) {
            use_port(port, &random);
            osr_port_close(&port);
        }
    }
}

static void count_in(void *context, const osr_snapshot *snapshot)
{
    uint64_t *queued = context;
    *queued += snapshot->queued;
}

/* Traces and snapshots, one after the other. */
static void observer(void *argument)
{
    static osr_event events[256];
    const osr_env *env = argument;
    while (!atomic_load(&over)) {
        osr_trace *trace;
        uint64_t queued = 0;
        ck_assert_int_eq(osr_processes(node, count_in, &queued), OSR_OK);
        if (osr_trace_start(node, OSR_TRACE(.limit = 1000), &trace) == OSR_OK) {
            uint64_t until = env->now_ns(env->context) + UINT64_C(5000000);
            while (env->now_ns(env->context) < until) {
                (void)osr_trace_read(trace, events, 256);
            }
            osr_trace_stop(&trace);
        }
    }
}

OSR_ENTRY(maker, life)
{
    (void)argument;
    return makes_lives(self);
}

static void check_accounts(uint64_t blocks_before)
{
    osr_node_counters counters;
    osr_node_count(node, &counters);
    osr_node_free(&node);
    ck_assert_uint_eq(counters.processes, 0);
    ck_assert_uint_eq(counters.messages_sent,
                      counters.messages_received + counters.messages_dropped);
    ck_assert_uint_eq(osri_heap_live_blocks(), blocks_before);
}

/* On more threads than there are processors, watched, and disturbed from outside. */
START_TEST(turmoil_on_many_threads_leaves_accounts_that_balance)
{
    const osr_env *env = osr_env_real();
    void *threads[FOREIGNERS + 1];
    osr_pid pid;
    osr_ended ended;
    uint64_t blocks_before = osri_heap_live_blocks();
    draw_seed();
    ck_assert_int_eq(
        osr_node_new(OSR_NODE(.name = "turmoil@host", .schedulers = 4, .log_level = OSR_LOG_ERROR),
                     &node),
        OSR_OK);
    ck_assert_int_eq(osr_node_start(node), OSR_OK);
    ck_assert_int_eq(osr_node_spawn(node, &maker_osr_entry, &(life){0}, NULL, &pid), OSR_OK);
    for (uintptr_t i = 0; i <= FOREIGNERS; i++) {
        void *argument = i == FOREIGNERS ? (void *)(uintptr_t)env : (void *)(i * 1000);
        ck_assert_int_eq(env->thread_start(env->context, "turmoil",
                                           i == FOREIGNERS ? observer : foreigner, argument,
                                           &threads[i]),
                         OSR_OK);
    }
    ck_assert_int_eq(osr_node_wait(node, pid, 600000, &ended), OSR_OK);
    atomic_store(&over, true);
    for (size_t i = 0; i <= FOREIGNERS; i++) {
        env->thread_join(env->context, threads[i]);
    }
    ck_assert_msg(ended.code == OSR_REASON_NORMAL, "the maker ended: %s", ended.text);
    osr_node_stop(node, 5000);
    check_accounts(blocks_before);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("turmoil");
    TCase *stepped = tcase_create("stepped");
    TCase *threaded = tcase_create("threaded");
    tcase_add_checked_fixture(stepped, node_fixture_stepped, node_fixture_end);
    tcase_set_timeout(stepped, 600);
    tcase_set_timeout(threaded, 600);
    tcase_add_test(stepped, turmoil_on_a_stepped_node_leaves_accounts_that_balance);
    tcase_add_test(threaded, turmoil_on_many_threads_leaves_accounts_that_balance);
    suite_add_tcase(suite, stepped);
    suite_add_tcase(suite, threaded);
    return run_suite(suite);
}
