/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <check.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/process/body.h"
#include "lib/process/node.h"
#include "lib/process/spawn.h"
#include "osier/info.h"
#include "osier/mailbox.h"
#include "osier/osier.h"
#include "tests/support/node_fixture.h"

/* A process goes on on another thread after each kind of suspension point. The node is stepped by
 * two threads, in such a way that the one on which the process was seen last does not run it
 * next. */

OSR_MESSAGE(parcel, 0x7501, (1, i64, n), (2, pid, from));
OSR_MESSAGE(stamp, 0x7502, (1, i64, n));
OSR_REQUEST(forward, 0x7503, stamp, (1, pid, next), (2, i64, n));
OSR_REQUEST(dawdle, 0x7504, stamp, (1, u32, ms));

#define CHECK_OK(self, call) OSR_CHECK(self, (call) == OSR_OK)
#define STEPS_MAX 200000

/* ---- two threads that step ----------------------------------------------------------------- */

typedef struct stepper {
    pthread_t thread;
    sem_t go;
    sem_t gone;
    long id;
} stepper;

static stepper steppers[2];
static osr_node *node;
static uint64_t clock_ns;
static bool did;
static bool over;
static uint64_t due_ns;
static _Atomic long seen_on; /* the thread that the process in question was seen on last */
static _Atomic bool finished;

static uint64_t stepped_now(void *context)
{
    (void)context;
    return clock_ns;
}

static void *step_on_demand(void *argument)
{
    stepper *mine = argument;
    mine->id = syscall(SYS_gettid);
    for (;;) {
        (void)sem_post(&mine->gone);
        (void)sem_wait(&mine->go);
        if (over) {
            return NULL;
        }
        did = osr_node_step(node, &due_ns);
    }
}

static void step_on(stepper *who)
{
    (void)sem_post(&who->go);
    (void)sem_wait(&who->gone);
    if (!did && due_ns != UINT64_MAX && due_ns > clock_ns) {
        clock_ns = due_ns;
    }
}

static void begin_steppers(void)
{
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(sem_init(&steppers[i].go, 0, 0), 0);
        ck_assert_int_eq(sem_init(&steppers[i].gone, 0, 0), 0);
        ck_assert_int_eq(pthread_create(&steppers[i].thread, NULL, step_on_demand, &steppers[i]),
                         0);
        (void)sem_wait(&steppers[i].gone);
    }
}

static void end_steppers(void)
{
    over = true;
    for (int i = 0; i < 2; i++) {
        (void)sem_post(&steppers[i].go);
        (void)pthread_join(steppers[i].thread, NULL);
    }
    over = false;
}

/* ---- the process that moves ---------------------------------------------------------------- */

#define KEPT 48

typedef struct luggage {
    volatile int64_t kept[KEPT];
    long left_on;
} luggage;

static void pack(luggage *own, int64_t seed)
{
    for (int i = 0; i < KEPT; i++) {
        own->kept[i] = seed * 1000 + i;
    }
    own->left_on = syscall(SYS_gettid); /* a system call: nothing of a thread is cached */
    atomic_store(&seen_on, own->left_on);
}

/* Somewhere else, with all that was packed. */
static void unpack(osr_self *self, luggage *own, int64_t seed)
{
    long here = syscall(SYS_gettid);
    atomic_store(&seen_on, here);
    OSR_CHECK(self, here != own->left_on);
    for (int i = 0; i < KEPT; i++) {
        OSR_CHECK(self, own->kept[i] == seed * 1000 + i);
    }
}

/* What a handler does between its caller's steps: the same, for the server. */
static osr_err moved_sleep(osr_self *self, uint32_t ms)
{
    luggage own;
    pack(&own, ms);
    osr_err err = osr_sleep(self, ms);
    unpack(self, &own, ms);
    return err;
}

typedef struct porter {
    int64_t calls;
} porter;

OSR_ON_CALL(porter, forward, stamp)
{
    state->calls += 1;
    reply->n = request->n;
    if (!osr_pid_is_none(request->next)) {
        luggage own;
        stamp answer;
        pack(&own, 77);
        CHECK_OK(self, forward_call(self, osr_to(request->next), &(forward){.n = request->n + 1},
                                    &answer, 5000));
        unpack(self, &own, 77);
        reply->n = answer.n;
    }
    return OSR_REPLY;
}

OSR_ON_CALL(porter, dawdle, stamp)
{
    CHECK_OK(self, moved_sleep(self, request->ms));
    reply->n = request->ms;
    return OSR_REPLY;
}

OSR_SERVER(porter, OSR_CALL(forward), OSR_CALL(dawdle));

OSR_ENTRY(echoes, parcel)
{
    for (;;) {
        osr_message message;
        osr_err err = osr_receive(self, OSR_FOREVER, &message);
        if (err != OSR_OK) {
            return err;
        }
        parcel what = *OSR_AS(parcel, &message);
        osr_caller caller = osr_caller_of(&message);
        if (osr_sleep(self, 1) != OSR_OK) { /* else the thread is handed on to it, and back */
            return OSR_EEXIT;
        }
        if (caller.ref != 0) {
            (void)osr_reply_to(self, caller, &parcel_osr_type, &what);
        } else {
            parcel_send(self, osr_to(argument->from), &what);
        }
    }
}

static bool any(void *context, const osr_message *message)
{
    (void)context;
    return OSR_AS(parcel, message) != NULL;
}

/* Has room for one. */
OSR_ENTRY(slow, parcel)
{
    osr_message message;
    osr_err err = OSR_OK;
    (void)argument;
    while (err != OSR_EEXIT) {
        err = osr_receive(self, OSR_FOREVER, &message);
        err = err == OSR_OK ? osr_sleep(self, 2) : err;
    }
    return err;
}

OSR_FUNCTION(far_away, parcel, stamp)
{
    reply->n = request->n;
    return osr_sleep(self, 1);
}
OSR_EXPORT(far_away);
OSR_REMOTE(far_away, parcel, stamp);

/* ---- another node, as far as one that waits for it can see ---------------------------------- */

static osri_sender *in_line;
static osri_envelope *spawn_asked;

static void far_send(void *context, const osri_route *route, osri_envelope **signal)
{
    (void)context;
    (void)route;
    spawn_asked = *signal;
    *signal = NULL;
}

static bool far_try_send(void *context, const osri_route *route, osri_envelope **signal,
                         osri_sender *sender)
{
    if ((*signal)->kind == OSRI_SIGNAL_SPAWN) {
        far_send(context, route, signal);
        return true;
    }
    in_line = sender;
    return false;
}

static void far_send_admitted(void *context, const osri_route *route, osri_envelope **signal,
                              osri_sender *sender)
{
    (void)context;
    (void)route;
    (void)sender;
    osri_envelope_free(signal);
}

static const osri_remote_ops far = {
    .send = far_send, .try_send = far_try_send, .send_admitted = far_send_admitted};

/* The link becomes free, and the other node refuses to spawn. */
OSR_ENTRY(carrier, parcel)
{
    (void)argument;
    while (osr_sleep(self, 1) == OSR_OK) {
        if (in_line != NULL) {
            osri_sender_wake(in_line, OSRI_SENDER_ADMITTED);
            in_line = NULL;
        }
        if (spawn_asked != NULL) {
            osri_spawn_result refused = {.error = OSR_ENOTFOUND};
            osri_route route = {.pid = spawn_asked->from};
            osri_envelope *answer;
            CHECK_OK(self, osri_signal_new(OSRI_SIGNAL_SPAWN_REPLY, OSR_PID_NONE, spawn_asked->ref,
                                           &osri_spawn_result_osr_type, &refused, &answer));
            CHECK_OK(self, osri_signal_send(self->node, &route, &answer));
            osri_envelope_free(&spawn_asked);
        }
    }
    return OSR_EEXIT;
}

/* ---- the kinds ------------------------------------------------------------------------------ */

typedef struct company {
    osr_pid echo, slow, carrier; /* the last answers nothing */
    osr_pid porters[2];
} company;

/* Sends in this way until its turn is used up. */
static void send_until_moved(osr_self *self, int way)
{
    osr_dest nobody[2] = {osr_name("nobody", "move@host"), osr_name("nobody", "move@host")};
    for (long here = syscall(SYS_gettid); syscall(SYS_gettid) == here;) {
        parcel *built;
        switch (way) {
        case 0:
            parcel_send(self, nobody[0], &(parcel){.n = 13});
            break;
        case 1:
            CHECK_OK(self, parcel_send_all(self, nobody, 2, &(parcel){.n = 13}));
            break;
        default:
            CHECK_OK(self, parcel_new(self, 0, &built));
            CHECK_OK(self, parcel_give(self, nobody[0], &built));
            break;
        }
    }
}

/* Those in which somebody else has to do with it than one that is asked. */
static void wait_for_others(osr_self *self, int kind, const company *others)
{
    static const char *const nodes[] = {"move@host"};
    osr_message message;
    osr_ref asked[2];
    osr_pid pid;
    size_t index;
    stamp answer;
    osr_err err;
    const stamp *kept;
    switch (kind) {
    case 16: /* for room */
        for (int i = 0; i < 3; i++) {
            CHECK_OK(self, parcel_send(self, osr_to(others->slow), &(parcel){.n = 16}));
        }
        break;
    case 17:
        CHECK_OK(self, osr_suspend(self, others->echo, 5000));
        CHECK_OK(self, osr_resume(self, others->echo));
        break;
    case 18:
    case 19:
        send_until_moved(self, kind - 17);
        break;
    case 20:
        CHECK_OK(self,
                 dawdle_begin(self, osr_to(others->porters[0]), &(dawdle){.ms = 3}, &asked[0]));
        CHECK_OK(self, dawdle_begin(self, osr_to(others->carrier), &(dawdle){.ms = 0}, &asked[1]));
        CHECK_OK(self, osr_await_any(self, asked, 2, OSR_FOREVER, &index, &message, NULL));
        OSR_CHECK(self, index == 0 && osr_abandon(self, asked[1]));
        break;
    case 21:
        CHECK_OK(self, far_away_rpc(self, NULL, &(parcel){.n = 21}, 5000, &kept, NULL));
        OSR_CHECK(self, kept->n == 21);
        break;
    case 22:
        CHECK_OK(self, dawdle_multi_call(self, nodes, 1, "porter", &(dawdle){.ms = 3}, &answer,
                                         &err, 5000));
        OSR_CHECK(self, err == OSR_OK && answer.n == 3);
        break;
    case 23: /* for a link */
        self->node->remote = &far;
        CHECK_OK(self, parcel_send(self, osr_name("any", "far@host"), &(parcel){.n = 23}));
        self->node->remote = NULL;
        break;
    default: /* a process elsewhere */
        self->node->remote = &far;
        OSR_CHECK(self, osr_spawn_named(self, "any", NULL, NULL, OSR_SPAWN(.node = "far@host"),
                                        &pid) == OSR_ENOTFOUND);
        self->node->remote = NULL;
        break;
    }
}

/* Each kind of suspension point; all have to wait for another process or for time. */
static void wait_in_kind(osr_self *self, int kind, const company *others)
{
    static const osr_type *const parcels[] = {&parcel_osr_type};
    osr_message message;
    stamp answer;
    osr_pid pid;
    osr_ref timer;
    const osr_process_info *info;
    osr_reason shutdown = osr_reason_of(OSR_REASON_SHUTDOWN);
    switch (kind) {
    case 0:
        CHECK_OK(self, osr_yield(self));
        break;
    case 1:
        CHECK_OK(self, osr_sleep(self, 3));
        break;
    case 2:
        parcel_send(self, osr_to(others->echo), &(parcel){.n = 2});
        CHECK_OK(self, osr_receive(self, 5000, &message));
        break;
    case 3:
        parcel_send(self, osr_to(others->echo), &(parcel){.n = 3});
        CHECK_OK(self, osr_receive_of(self, parcels, 1, OSR_FOREVER, &message));
        break;
    case 4:
        parcel_send(self, osr_to(others->echo), &(parcel){.n = 4});
        CHECK_OK(self, osr_receive_where(self, any, NULL, OSR_FOREVER, &message));
        break;
    case 5:
        OSR_CHECK(self, osr_receive(self, 2, &message) == OSR_ETIMEDOUT);
        break;
    case 6:
        CHECK_OK(self, osri_request(self, osr_to(others->echo), &parcel_osr_type, &(parcel){.n = 6},
                                    5000, &message, NULL));
        OSR_CHECK(self, OSR_AS(parcel, &message)->n == 6);
        break;
    case 7:
        CHECK_OK(self,
                 forward_call(self, osr_to(others->porters[0]), &(forward){.n = 7}, &answer, 5000));
        OSR_CHECK(self, answer.n == 7);
        break;
    case 8: /* a handler that calls */
        CHECK_OK(self, forward_call(self, osr_to(others->porters[0]),
                                    &(forward){.next = others->porters[1], .n = 8}, &answer, 5000));
        OSR_CHECK(self, answer.n == 9);
        break;
    case 9: /* a handler that sleeps */
        CHECK_OK(self,
                 dawdle_call(self, osr_to(others->porters[1]), &(dawdle){.ms = 4}, &answer, 5000));
        break;
    case 10:
        OSR_CHECK(self, osr_is_alive(self, others->echo));
        break;
    case 11:
        CHECK_OK(self, osr_info(self, others->echo, 5000, &info));
        break;
    case 12:
        CHECK_OK(self, osr_timer_start(self, 2, &timer));
        CHECK_OK(self, osr_receive(self, OSR_FOREVER, &message));
        break;
    case 13: /* who only sends */
        send_until_moved(self, 0);
        break;
    case 14:
        CHECK_OK(self, dawdle_begin(self, osr_to(others->porters[0]), &(dawdle){.ms = 3}, &timer));
        CHECK_OK(self, osr_await(self, timer, OSR_FOREVER, &message, NULL));
        break;
    case 15:
        CHECK_OK(self, porter_start(self, NULL, NULL, &pid));
        CHECK_OK(self, osr_server_stop(self, osr_to(pid), &shutdown, 5000));
        break;
    default:
        wait_for_others(self, kind, others);
        break;
    }
}

#define KINDS 25

OSR_ENTRY(mover, parcel)
{
    company others;
    luggage own;
    parcel me = {.from = osr_self_pid(self)};
    CHECK_OK(self, echoes_spawn(self, &me, OSR_SPAWN(.link = true), &others.echo));
    CHECK_OK(self, slow_spawn(self, &me,
                              OSR_SPAWN(.link = true,
                                        .mailbox = OSR_MAILBOX(.messages_max = 1,
                                                               .policy = OSR_MAILBOX_SUSPEND)),
                              &others.slow));
    CHECK_OK(self, carrier_spawn(self, &me, OSR_SPAWN(.link = true), &others.carrier));
    CHECK_OK(self, porter_start(self, NULL, OSR_SPAWN(.link = true, .name = "porter"),
                                &others.porters[0]));
    CHECK_OK(self, porter_start(self, NULL, OSR_SPAWN(.link = true), &others.porters[1]));
    for (int round = 0; round < 5; round++) {
        pack(&own, argument->n);
        wait_in_kind(self, (int)argument->n, &others);
        unpack(self, &own, argument->n);
    }
    atomic_store(&finished, true);
    return OSR_OK;
}

/* ---- leaving on another thread --------------------------------------------------------------- */

static long cleaned_on;

static void clean(void *argument)
{
    *(long *)argument = syscall(SYS_gettid);
}

OSR_ENTRY(victim, parcel)
{
    luggage own;
    CHECK_OK(self, osr_defer(self, clean, &cleaned_on));
    pack(&own, 1);
    osr_message message;
    osr_err err = osr_receive(self, OSR_FOREVER, &message);
    unpack(self, &own, 1);
    OSR_CHECK(self, err == OSR_EEXIT);
    atomic_store(&finished, true);
    return err;
}

/* ---- the tests ------------------------------------------------------------------------------- */

static void set_up(void)
{
    static osr_env env;
    env = *osr_env_real();
    env.now_ns = stepped_now;
    env.boot_ns = stepped_now;
    clock_ns = 1000000000u;
    node = node_fixture_own(
        OSR_NODE(.name = "move@host", .schedulers = 1, .env = &env, .log_level = OSR_LOG_WARNING));
    atomic_store(&finished, false);
    begin_steppers();
}

static void tear_down(void)
{
    end_steppers();
    node_fixture_own_end(&node, 1000);
}

/* On the thread where it was not seen last, until it says that it is done. */
static void step_across(void)
{
    for (int i = 0; i < STEPS_MAX && !atomic_load(&finished); i++) {
        step_on(&steppers[atomic_load(&seen_on) == steppers[0].id ? 1 : 0]);
    }
    ck_assert_msg(atomic_load(&finished), "the process has not come through");
}

/* A process that waits in this kind of suspension point goes on elsewhere, with all its locals. */
START_TEST(a_process_moves_at_each_suspension_point)
{
    osr_pid pid;
    ck_assert_int_eq(osr_node_spawn(node, &mover_osr_entry, &(parcel){.n = _i}, NULL, &pid),
                     OSR_OK);
    step_across();
}
END_TEST

/* One that is told to exit leaves its frames, and cleans up, on another thread. */
START_TEST(a_process_ends_elsewhere)
{
    osr_pid pid;
    osr_reason shutdown = osr_reason_of(OSR_REASON_SHUTDOWN);
    ck_assert_int_eq(osr_node_spawn(node, &victim_osr_entry, &(parcel){.n = 1}, NULL, &pid),
                     OSR_OK);
    do {
        step_on(&steppers[0]);
    } while (did);
    ck_assert_int_eq(osr_node_exit(node, pid, &shutdown), OSR_OK);
    step_across();
    step_on(&steppers[1]);
    ck_assert_int_eq(cleaned_on, steppers[1].id);
}
END_TEST

/* ---- blocking code --------------------------------------------------------------------------- */

static _Atomic int64_t kept_rounds, over_rounds;

static void block(void *argument)
{
    const int64_t *round = argument;
    while (atomic_load(&kept_rounds) <= *round) {
        (void)sched_yield();
    }
}

/* Keeps its thread until the other has come back, which has to be on another one. */
OSR_ENTRY(keeps_thread, parcel)
{
    (void)self;
    atomic_store(&kept_rounds, argument->n + 1);
    while (atomic_load(&over_rounds) <= argument->n) {
    }
    return OSR_OK;
}

/* Once is enough, unless the machine is so busy that its own turn has lasted long before. */
OSR_ENTRY(blocks, parcel)
{
    bool has_moved = false;
    (void)argument;
    for (int64_t round = 0; round < 20 && !has_moved; round++) {
        luggage own;
        osr_pid pid;
        CHECK_OK(self, keeps_thread_spawn(self, &(parcel){.n = round}, NULL, &pid));
        pack(&own, 5);
        osr_err err = osr_blocking(self, block, &round);
        has_moved = syscall(SYS_gettid) != own.left_on;
        atomic_store(&over_rounds, round + 1);
        OSR_CHECK(self, err == OSR_OK);
        if (has_moved) {
            unpack(self, &own, 5);
        }
    }
    OSR_CHECK(self, has_moved);
    return OSR_OK;
}

/* One whose blocking code has returned goes on wherever its scheduler is by then. */
START_TEST(a_process_moves_while_it_blocks)
{
    osr_pid pid;
    osr_ended ended;
    ck_assert_int_eq(osr_node_new(OSR_NODE(.schedulers = 1, .log_level = OSR_LOG_WARNING), &node),
                     OSR_OK);
    ck_assert_int_eq(osr_node_start(node), OSR_OK);
    ck_assert_int_eq(osr_node_spawn(node, &blocks_osr_entry, &(parcel){.n = 1}, NULL, &pid),
                     OSR_OK);
    ck_assert_int_eq(osr_node_wait(node, pid, 30000, &ended), OSR_OK);
    ck_assert_msg(ended.code == OSR_REASON_NORMAL, "%s", ended.text);
    osr_node_stop(node, 1000);
    osr_node_free(&node);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("migration");
    TCase *threaded = tcase_create("threaded");
    tcase_set_timeout(threaded, 60);
    tcase_add_test(threaded, a_process_moves_while_it_blocks);
    suite_add_tcase(suite, threaded);
    TCase *tests = tcase_create("migration");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, a_process_moves_at_each_suspension_point, 0, KINDS);
    tcase_add_test(tests, a_process_ends_elsewhere);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
