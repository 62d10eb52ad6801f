/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_TESTS_BENCH_ECHO_H
#define OSR_TESTS_BENCH_ECHO_H

#include <osier/server.h>

/* The server that the benchmarks call: it answers what it is given. */

#define ECHO_MS 5000 /* a call's limit, as the peers have it */

OSR_MESSAGE(echo_reply, 0x0520, (1, i64, value));
OSR_REQUEST(echo, 0x0521, echo_reply, (1, i64, value));
OSR_STATE(echo_server, (1, i64, answered));

OSR_ON_CALL(echo_server, echo, echo_reply)
{
    state->answered += 1;
    reply->value = request->value;
    return OSR_REPLY;
}

OSR_SERVER(echo_server, OSR_CALL(echo));

#endif
