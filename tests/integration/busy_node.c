/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <osier/osier.h>

/* A node for the tests of the shell: a counter, a server whose handler never returns, one that
 * never answers, and one whose label a terminal would obey. */

OSR_MESSAGE(counter_value, 0x0102, (1, i64, value));
OSR_REQUEST(counter_add, 0x0101, counter_value, (1, i64, by));
OSR_MESSAGE(counter_reset, 0x0103);
OSR_STATE(counter, (1, i64, n));

OSR_ON_CALL(counter, counter_add, counter_value)
{
    reply->value = state->n += request->by;
    return OSR_REPLY;
}
OSR_ON_INFO(counter, counter_reset)
{
    state->n = 0;
    (void)osr_printf(self, "counter is reset\n");
    return OSR_NOREPLY;
}
OSR_SERVER(counter, OSR_CALL(counter_add), OSR_INFO(counter_reset));

OSR_MESSAGE(busy_spin, 0x0110);
OSR_STATE(busy, (1, u64, turns));

OSR_ON_INFO(busy, busy_spin)
{
    volatile uint64_t *turns = &state->turns;
    do {
        *turns += 1;
    } while (*turns != 0); /* not within a lifetime */
    return OSR_NOREPLY;
}
OSR_SERVER(busy, OSR_INFO(busy_spin));

OSR_MESSAGE(mute_answer, 0x0121);
OSR_REQUEST(mute_ask, 0x0120, mute_answer);
typedef struct mute {
    int asked;
} mute;

OSR_ON_CALL(mute, mute_ask, mute_answer)
{
    state->asked += 1;
    return OSR_NOREPLY;
}
OSR_SERVER(mute, OSR_CALL(mute_ask));

OSR_MESSAGE(painted_text, 0x0131, (1, str, text));
OSR_REQUEST(painted_ask, 0x0130, painted_text);
typedef struct painted {
    int asked;
} painted;

OSR_ON_CALL(painted, painted_ask, painted_text)
{
    reply->text = osr_str_of("\033[2J\302\233red\007");
    return OSR_REPLY;
}
OSR_SERVER(painted, OSR_CALL(painted_ask));

/* Prints so often, the first time after so long. */
OSR_MESSAGE(greeting, 0x0140, (1, str, name), (2, u32, times), (3, u32, later_ms), (4, str, node));
OSR_ENTRY(greeter, greeting)
{
    osr_err err = argument->later_ms == 0 ? OSR_OK : osr_sleep(self, argument->later_ms);
    for (uint32_t i = 1; i <= argument->times && err == OSR_OK; i++) {
        err = osr_printf(self, "hello %s %u on %s\n", argument->name.at, (unsigned)i,
                         osr_self_node_name(self));
    }
    return err;
}
OSR_EXPORT(greeter);

/* Starts a greeter on another node, and ends when that does. */
OSR_ENTRY(relay, greeting)
{
    osr_pid pid;
    osr_message down;
    osr_err err =
        greeter_spawn(self, argument, OSR_SPAWN(.node = argument->node.at, .monitor = true), &pid);
    return err != OSR_OK ? err : osr_receive(self, 10000, &down);
}
OSR_EXPORT(relay);

OSR_FUNCTION(doubled, counter_add, counter_value)
{
    reply->value = 2 * request->by;
    return osr_printf(self, "doubling %d\n", (int)request->by);
}
OSR_EXPORT(doubled);

int main(int argc, char **argv)
{
    return osr_main(
        argc, argv,
        OSR_APP_WITH("busy", .intensity = 20,
                     .children = OSR_CHILDREN(
                         OSR_CHILD(counter, .name = "counter"), OSR_CHILD(busy, .name = "busy"),
                         OSR_CHILD(mute, .name = "mute"),
                         OSR_CHILD(painted, .name = "painted", .label = "\033]0;gone\007"))));
}
