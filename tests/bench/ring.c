/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "tests/bench/bench.h"

/* One token goes round K processes, counting down from N: one message is under way at any time. */

OSR_MESSAGE(token, 0x0503, (1, i64, left));
OSR_MESSAGE(ring_done, 0x0504);
OSR_MESSAGE(ring_member, 0x0505, (1, pid, next), (2, pid, owner));

/* Hands the token on until it is used up, or the owner hears so from another. */
static osr_err pass_tokens(osr_self *self, osr_pid next, osr_pid owner)
{
    for (;;) {
        osr_message message;
        osr_err err = osr_receive(self, OSR_FOREVER, &message);
        const token *got = err == OSR_OK ? OSR_AS(token, &message) : NULL;
        if (got == NULL) {
            OSR_CHECK(self, err != OSR_OK || OSR_AS(ring_done, &message) != NULL);
            return err;
        }
        if (got->left == 0) {
            ring_done done = {0};
            return osr_pid_equal(owner, osr_self_pid(self))
                       ? OSR_OK
                       : ring_done_send(self, osr_to(owner), &done);
        }
        token hop = {.left = got->left - 1};
        (void)token_send(self, osr_to(next), &hop);
    }
}

OSR_ENTRY(ring_process, ring_member)
{
    return pass_tokens(self, argument->next, argument->owner);
}

/* The owner is the last of the ring. */
OSR_ENTRY(ring, bench_options)
{
    uint64_t start = osr_now(self);
    ring_member member = {.next = osr_self_pid(self), .owner = osr_self_pid(self)};
    osr_err err = OSR_OK;
    for (uint64_t i = 1; i < argument->k && err == OSR_OK; i++) {
        err = ring_process_spawn(self, &member, OSR_SPAWN(.link = true), &member.next);
    }
    token first = {.left = (int64_t)argument->n};
    if (err == OSR_OK) {
        err = token_send(self, osr_to(member.next), &first);
    }
    if (err == OSR_OK) {
        err = pass_tokens(self, member.next, member.owner);
    }
    if (err == OSR_OK) {
        bench_report(&bench_ring, argument->n, osr_now(self) - start, "");
    }
    return err;
}

const bench_case bench_ring = {"ring", "N K", "one token, K processes in a ring, N hops",
                               &ring_osr_entry, NULL};
