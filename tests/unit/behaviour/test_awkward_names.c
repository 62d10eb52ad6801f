/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "osier/osier.h"
#include "osier/rpc.h"
#include "tests/unit/process/process_kit.h"

/* A message may have any name that C allows, also those that the declared functions might have for
 * their parameters: what counts here is that this file compiles. */

OSR_MESSAGE(count, 0x7501, (1, i64, n));
OSR_MESSAGE(to, 0x7502, (1, i64, to));
OSR_MESSAGE(message, 0x7503, (1, i64, message));
OSR_MESSAGE(argument, 0x7504, (1, i64, argument), (2, pid, self));
OSR_MESSAGE(reply, 0x7505, (1, i64, reply));
OSR_REQUEST(request, 0x7506, reply, (1, i64, request));
OSR_MESSAGE(name, 0x7507, (1, i64, name));
OSR_MESSAGE(err, 0x7508, (1, i64, err));
OSR_MESSAGE(node, 0x7509, (1, i64, node));
OSR_MESSAGE(options, 0x750a, (1, i64, options));
OSR_MESSAGE(room, 0x750b, (1, i64, room));
OSR_MESSAGE(in, 0x750c, (1, i64, out));
OSR_STATE(counter, (1, i64, n));

OSR_REMOTE(doubled, request, reply);
OSR_FUNCTION(doubled, request, reply)
{
    reply->reply = 2 * request->request;
    return OSR_OK;
}
OSR_EXPORT(doubled);

OSR_ON_INIT(counter, argument)
{
    (void)self;
    state->n = argument->argument;
    return OSR_OK;
}

OSR_ON_CALL(counter, request, reply)
{
    (void)self;
    reply->reply = state->n + request->request;
    return OSR_REPLY;
}

OSR_ON_INFO(counter, count)
{
    (void)self;
    state->n += message->n;
    return OSR_NOREPLY;
}

OSR_SERVER(counter, OSR_INIT(argument), OSR_CALL(request), OSR_INFO(count));

OSR_ENTRY(sends, argument)
{
    osr_dest there = osr_to(argument->self);
    CHECK_OK(self, count_send(self, there, &(count){.n = argument->argument}));
    CHECK_OK(self, to_send(self, there, &(to){.to = 2}));
    return message_send(self, there, &(message){.message = 3});
}

static osr_err talks(osr_self *self)
{
    osr_pid pid;
    osr_message got;
    reply answer;
    argument given = {.argument = 1, .self = osr_self_pid(self)};
    CHECK_OK(self, sends_spawn(self, &given, NULL, &pid));
    CHECK_OK(self, osr_receive(self, 5000, &got));
    OSR_CHECK(self, OSR_AS(count, &got)->n == 1);
    CHECK_OK(self, osr_receive(self, 5000, &got));
    OSR_CHECK(self, OSR_AS(to, &got)->to == 2);
    CHECK_OK(self, osr_receive(self, 5000, &got));
    OSR_CHECK(self, OSR_AS(message, &got)->message == 3);

    CHECK_OK(self, counter_start(self, &given, NULL, &pid));
    CHECK_OK(self, count_send(self, osr_to(pid), &(count){.n = 4}));
    CHECK_OK(self, request_call(self, osr_to(pid), &(request){.request = 5}, &answer, 5000));
    OSR_CHECK(self, answer.reply == 10);
    const reply *twice;
    CHECK_OK(self, doubled_rpc(self, NULL, &(request){.request = 21}, 5000, &twice, NULL));
    OSR_CHECK(self, twice->reply == 42);
    return OSR_OK;
}

START_TEST(messages_may_be_called_as_parameters_are)
{
    node_fixture_run(talks);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, messages_may_be_called_as_parameters_are);
}

int main(void)
{
    Suite *suite = suite_create("awkward names");
    ADD_BOTH(suite, add_tests);
    return run_suite(suite);
}
