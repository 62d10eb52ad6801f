/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "tests/unit/conformance/conform.h"

/* Servers on one node: what gen_server_SUITE asks of them. */

OSR_MESSAGE(clerk_answer, 0x7420, (1, i64, n));
OSR_REQUEST(clerk_ask, 0x7421, clerk_answer, (1, u32, what), (2, u32, ms), (3, pid, other));
OSR_MESSAGE(clerk_options, 0x7422, (1, pid, observer), (2, i32, error), (3, u32, ms),
            (4, bool, traps), (5, bool, goes_on));
OSR_STATE(clerk, (1, pid, observer), (2, i64, asked));

typedef enum ask_what {
    ASK_COUNT = 1,
    ASK_SLOWLY,    /* after .ms */
    ASK_CRASH,     /* ends with error EIO instead */
    ASK_LAST,      /* answers and ends */
    ASK_ELSEWHERE, /* .other answers */
    ASK_IDLE,      /* tells the observer when nothing comes for .ms */
} ask_what;

enum { SAYS_CONTINUED = 101, SAYS_IDLE, SAYS_TERMINATED };

static void say(osr_self *self, const clerk *state, int64_t what)
{
    if (!osr_pid_is_none(state->observer)) {
        (void)mark_send(self, osr_to(state->observer), &(mark){.n = what});
    }
}

OSR_ON_INIT(clerk, clerk_options)
{
    state->observer = argument->observer;
    (void)osr_trap_exit(self, argument->traps);
    if (argument->ms != 0 && osr_sleep(self, argument->ms) != OSR_OK) {
        return OSR_EEXIT;
    }
    if (argument->goes_on) {
        osr_continue(self);
    }
    return (osr_err)argument->error;
}

OSR_ON_CONTINUE(clerk)
{
    say(self, state, SAYS_CONTINUED);
    return OSR_NOREPLY;
}

OSR_ON_IDLE(clerk)
{
    say(self, state, SAYS_IDLE);
    return OSR_NOREPLY;
}

OSR_MESSAGE(errand, 0x7423, (1, pid, pid), (2, u64, ref));

/* Answers in the server's stead. */
OSR_ENTRY(helper, mark)
{
    osr_message message;
    CHECK_OK(self, osr_receive(self, OSR_FOREVER, &message));
    const errand *what = OSR_AS(errand, &message);
    osr_caller caller = {what->pid, what->ref};
    return OSR_ANSWER(clerk_ask, self, caller, &(clerk_answer){.n = 77});
}

OSR_ON_CALL(clerk, clerk_ask, clerk_answer)
{
    osr_caller caller = osr_current_caller(self);
    osr_reason reason = osr_reason_error(OSR_EIO);
    reply->n = ++state->asked;
    switch (request->what) {
    case ASK_SLOWLY:
        (void)osr_sleep(self, request->ms);
        return OSR_REPLY;
    case ASK_CRASH:
        (void)osr_fail(self, &reason);
        state->asked = -1; /* no reply: OSR_STOP would send one */
        OSR_CHECK(self, state->asked == 0);
        return OSR_STOP;
    case ASK_LAST:
        return OSR_STOP;
    case ASK_ELSEWHERE:
        (void)errand_send(self, osr_to(request->other), &(errand){caller.pid, caller.ref});
        return OSR_NOREPLY;
    case ASK_IDLE:
        osr_idle_after(self, request->ms);
        return OSR_REPLY;
    default:
        return OSR_REPLY;
    }
}

OSR_ON_TERMINATE(clerk)
{
    say(self, state, SAYS_TERMINATED);
}

OSR_SERVER(clerk, OSR_INIT(clerk_options), OSR_CONTINUE, OSR_IDLE, OSR_CALL(clerk_ask),
           OSR_TERMINATE);

static osr_pid a_clerk(osr_self *self, const osr_spawn_options *options)
{
    osr_pid pid;
    clerk_options argument = {.observer = osr_self_pid(self)};
    CHECK_OK(self, clerk_start(self, &argument, options, &pid));
    return pid;
}

static osr_err ask(osr_self *self, osr_dest to, ask_what what, uint32_t timeout_ms, int64_t *ret_n)
{
    clerk_answer answer = {0};
    clerk_ask request = {.what = (uint32_t)what, .ms = 40};
    osr_err err = clerk_ask_call(self, to, &request, &answer, timeout_ms);
    *ret_n = answer.n;
    return err;
}

/* gen_server_SUITE:start: what init said is what the starter hears, and nothing else comes. */
static osr_err gen_server_start(osr_self *self)
{
    osr_pid pid;
    clerk_options fails = {.error = OSR_EADDRESS};
    clerk_options slow = {.ms = 100000};
    clerk_options goes_on = {.observer = osr_self_pid(self), .goes_on = true};
    const osr_spawn_options *linked = OSR_SPAWN(.link = true, .name = "clerk");
    (void)osr_trap_exit(self, true);
    OSR_CHECK(self, clerk_start(self, &fails, linked, &pid) == OSR_EADDRESS);
    OSR_CHECK(self, osr_pid_is_none(osr_whereis(self, "clerk"))); /* free again */
    OSR_CHECK(self,
              osr_server_start(self, &clerk_osr_server, &slow, linked, 20, &pid) == OSR_ETIMEDOUT);
    expect_silence(self); /* no exit of either */
    CHECK_OK(self, clerk_start(self, &goes_on, linked, &pid));
    OSR_CHECK(self, next_mark(self) == SAYS_CONTINUED);
    osr_pid other;
    OSR_CHECK(self, clerk_start(self, &goes_on, OSR_SPAWN(.name = "clerk"), &other) == OSR_ETAKEN);
    OSR_CHECK(self, osr_pid_equal(osr_whereis(self, "clerk"), pid));
    return OSR_OK;
}

/* gen_server_SUITE:call, calling_self, crash, and a reply that comes late. */
static osr_err gen_server_call(osr_self *self)
{
    int64_t n;
    osr_pid pid = a_clerk(self, OSR_SPAWN(.name = "clerk"));
    osr_dest to = osr_to(pid);
    OSR_CHECK(self, ask(self, osr_name("nobody", NULL), ASK_COUNT, 1000, &n) == OSR_ENOPROC);
    OSR_CHECK(self, ask(self, osr_to(osr_self_pid(self)), ASK_COUNT, 1000, &n) == OSR_ESELF);
    CHECK_OK(self, ask(self, osr_name("clerk", "test@host"), ASK_COUNT, 10000, &n));
    OSR_CHECK(self, n == 1);
    OSR_CHECK(self, ask(self, to, ASK_SLOWLY, 5, &n) == OSR_ETIMEDOUT);
    CHECK_OK(self, ask(self, to, ASK_COUNT, OSR_FOREVER, &n));
    OSR_CHECK(self, n == 3 || n == 2); /* 2: it was late already when it was taken */
    expect_silence(self);              /* the late reply is never seen */
    OSR_CHECK(self, ask(self, to, ASK_CRASH, 10000, &n) == OSR_EFAILED);
    OSR_CHECK(self, next_mark(self) == SAYS_TERMINATED);
    OSR_CHECK(self, ask(self, to, ASK_COUNT, 1000, &n) == OSR_ENOPROC);
    return OSR_OK;
}

/* gen_server_SUITE:call, a reply by another process; handle_event_timeout: any message cancels. */
static osr_err gen_server_replies_and_timeouts(osr_self *self)
{
    int64_t n;
    osr_pid pid = a_clerk(self, NULL);
    osr_pid other;
    clerk_answer answer;
    CHECK_OK(self, helper_spawn(self, &(mark){0}, NULL, &other));
    clerk_ask elsewhere = {.what = ASK_ELSEWHERE, .other = other};
    CHECK_OK(self, clerk_ask_call(self, osr_to(pid), &elsewhere, &answer, 10000));
    OSR_CHECK(self, answer.n == 77);
    CHECK_OK(self, ask(self, osr_to(pid), ASK_IDLE, 10000, &n));
    OSR_CHECK(self, next_mark(self) == SAYS_IDLE);
    clerk_ask rests = {.what = ASK_IDLE, .ms = 1000000};
    CHECK_OK(self, clerk_ask_call(self, osr_to(pid), &rests, &answer, 10000));
    CHECK_OK(self, ask(self, osr_to(pid), ASK_COUNT, 10000, &n)); /* cancels */
    CHECK_OK(self, ask(self, osr_to(pid), ASK_LAST, 10000, &n));
    OSR_CHECK(self, n == 5 && next_mark(self) == SAYS_TERMINATED);
    expect_silence(self);
    return OSR_OK;
}

/* gen_server_SUITE:stop1-10, and N8: when terminate runs, and when not. */
static osr_err gen_server_stop(osr_self *self)
{
    osr_reason shutdown = osr_reason_of(OSR_REASON_SHUTDOWN);
    osr_pid pid = watch(self, a_clerk(self, NULL));
    CHECK_OK(self, osr_server_stop(self, osr_to(pid), &shutdown, 10000));
    OSR_CHECK(self, next_mark(self) == SAYS_TERMINATED && any_down(self) == OSR_REASON_SHUTDOWN);
    OSR_CHECK(self, osr_server_stop(self, osr_to(pid), &shutdown, 1000) == OSR_ENOPROC);
    static const osr_reason_code codes[] = {OSR_REASON_KILL, OSR_REASON_SHUTDOWN};
    static const osr_reason_code seen[] = {OSR_REASON_KILLED, OSR_REASON_SHUTDOWN};
    for (int i = 0; i < 2; i++) { /* it does not trap exits */
        pid = watch(self, a_clerk(self, NULL));
        send_exit(self, pid, codes[i]);
        OSR_CHECK(self, any_down(self) == seen[i]);
        expect_silence(self);
    }
    (void)osr_trap_exit(self, true);
    clerk_options traps = {.observer = osr_self_pid(self), .traps = true};
    CHECK_OK(self, clerk_start(self, &traps, OSR_SPAWN(.link = true), &pid));
    (void)watch(self, pid);
    send_exit(self, pid, OSR_REASON_SHUTDOWN); /* its parent's */
    OSR_CHECK(self, next_mark(self) == SAYS_TERMINATED);
    OSR_CHECK(self, any_down(self) == OSR_REASON_SHUTDOWN && any_exit(self) == OSR_REASON_SHUTDOWN);
    return OSR_OK;
}

static const conform_case cases[64] = {CASE(gen_server_start), CASE(gen_server_call),
                                       CASE(gen_server_replies_and_timeouts),
                                       CASE(gen_server_stop)};

int main(void)
{
    return run_conform("conform_servers");
}
