/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <osier/osier.h>
#include <string.h>

/* A node for the tests of flow control: servers that pour messages into another node, and some that
 * take them, fast or slowly. */

OSR_MESSAGE(flow_load, 0x0141, (1, u64, number), (2, bin, data));
OSR_MESSAGE(flow_pour, 0x0140, (1, str, node), (2, str, to), (3, u64, count), (4, u32, bytes),
            (5, u32, every_ms));
OSR_STATE(pourer, (1, u64, sent));
OSR_STATE(sink, (1, u64, taken), (2, u64, gaps));
OSR_STATE(slow, (1, u64, taken));

OSR_ON_INFO(pourer, flow_pour)
{
    flow_load load = {.number = 0};
    uint8_t *data;
    osr_err err = osr_bin_alloc(message->bytes + 1, &load.data, &data);
    if (err != OSR_OK) {
        return OSR_NOREPLY;
    }
    memset(data, 0x5a, message->bytes + 1);
    for (uint64_t i = 0; i < message->count && err == OSR_OK; i++) {
        load.number = i;
        err = flow_load_send(self, osr_name(message->to.at, message->node.at), &load);
        state->sent += 1;
        if (err == OSR_OK && message->every_ms != 0) {
            err = osr_sleep(self, message->every_ms);
        }
    }
    osr_bin_unref(&load.data);
    osr_log_self(self, OSR_LOG_NOTICE, "poured %llu", (unsigned long long)state->sent);
    return OSR_NOREPLY;
}
OSR_SERVER(pourer, OSR_INFO(flow_pour));

OSR_ON_INFO(sink, flow_load)
{
    (void)self;
    state->gaps += message->number != state->taken && message->number != 0;
    state->taken = message->number + 1;
    return OSR_NOREPLY;
}
OSR_SERVER(sink, OSR_INFO(flow_load));

OSR_ON_INFO(slow, flow_load)
{
    (void)message;
    state->taken += 1;
    return osr_sleep(self, 1000) == OSR_OK ? OSR_NOREPLY : OSR_STOP;
}
OSR_SERVER(slow, OSR_INFO(flow_load));

int main(int argc, char **argv)
{
    return osr_main(
        argc, argv,
        OSR_APP_WITH("flow", .children = OSR_CHILDREN(OSR_CHILD(pourer, .name = "pourer"),
                                                      OSR_CHILD(pourer, .name = "pulse"),
                                                      OSR_CHILD(sink, .name = "sink"),
                                                      OSR_CHILD(sink, .name = "drain"),
                                                      OSR_CHILD(slow, .name = "slow"))));
}
