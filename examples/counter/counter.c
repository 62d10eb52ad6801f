/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <osier/osier.h>

/* A server that other nodes can call. Start it, then ask it:
 *
 *     counter &
 *     osier exec counter 'call counter counter_add{by: 5}'
 */

OSR_MESSAGE(counter_value, 0x0102, (1, i64, value));
OSR_REQUEST(counter_add, 0x0101, counter_value, (1, i64, by)); /* a request names its reply */
OSR_STATE(counter, (1, i64, n));

OSR_ON_CALL(counter, counter_add, counter_value) /* self, state, request, reply: all typed */
{
    reply->value = state->n += request->by;
    return OSR_REPLY;
}
OSR_SERVER(counter, OSR_CALL(counter_add));

int main(int argc, char **argv)
{
    return osr_main(argc, argv, OSR_APP("counter", OSR_CHILD(counter, .name = "counter")));
}
