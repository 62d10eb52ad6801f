/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <check.h>
#include <stdlib.h>

#include "osier/server.h"
#include "tests/support/node_fixture.h"
#include "tests/unit/process/process_kit.h"

/* A server that begins requests in its handlers and rests between them. */

OSR_MESSAGE(sum, 0x0651, (1, i64, value));
OSR_REQUEST(add_one, 0x0652, sum, (1, i64, to));
OSR_MESSAGE(far_end, 0x0653, (1, pid, pid));

OSR_STATE(adder, (1, i64, calls));
OSR_ON_CALL(adder, add_one, sum)
{
    state->calls += 1;
    reply->value = request->to + 1;
    return OSR_REPLY;
}
OSR_SERVER(adder, OSR_CALL(add_one));

OSR_STATE(front, (1, pid, pid));
OSR_ON_INIT(front, far_end)
{
    state->pid = argument->pid;
    return OSR_OK;
}
OSR_ON_CALL(front, add_one, sum)
{
    osr_ref begun;
    osr_message answer;
    add_one body = {.to = request->to};
    CHECK_OK(self, add_one_begin(self, osr_to(state->pid), &body, &begun));
    CHECK_OK(self, osr_await(self, begun, 5000, &answer, NULL));
    reply->value = OSR_AS(sum, &answer)->value;
    return OSR_REPLY;
}
OSR_SERVER(front, OSR_INIT(far_end), OSR_CALL(add_one));

static osr_err asks_again_and_again(osr_self *self)
{
    osr_pid pid, asked;
    CHECK_OK(self, adder_start(self, NULL, OSR_SPAWN(.link = true), &pid));
    far_end end = {.pid = pid};
    CHECK_OK(self, front_start(self, &end, OSR_SPAWN(.link = false), &asked));
    for (int64_t i = 0; i < 10; i++) {
        add_one request = {.to = i};
        sum reply;
        CHECK_OK(self, add_one_call(self, osr_to(asked), &request, &reply, 5000));
        OSR_CHECK(self, reply.value == i + 1);
    }
    osr_reason reason = osr_reason_of(OSR_REASON_SHUTDOWN);
    CHECK_OK(self, osr_send_exit(self, asked, &reason));
    return OSR_OK;
}

/* What it needed for a request is given back, also while it only rests: the fixture counts. */
START_TEST(a_resting_server_keeps_nothing_of_its_requests)
{
    node_fixture_run(asks_again_and_again);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("server_begin");
    TCase *tests = tcase_create("stepped");
    tcase_add_checked_fixture(tests, node_fixture_stepped, node_fixture_end);
    tcase_add_test(tests, a_resting_server_keeps_nothing_of_its_requests);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
