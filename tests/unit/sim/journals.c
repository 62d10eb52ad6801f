/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "tests/unit/sim/journals.h"

#include "lib/core/heap.h"

const osr_pid ann = {A, 1, 1};
const osr_pid abe = {A, 2, 1};
const osr_pid bob = {B, 1, 1};

journal book;
uint64_t now_ns;
static uint64_t blocks_before;

static void be_born(osr_pid who)
{
    ADD(.kind = EVENT_BORN, .who = who);
    ADD(.kind = EVENT_SYNCED, .who = who);
}

void set_up(void)
{
    blocks_before = osri_heap_live_blocks();
    book = (journal){0};
    now_ns = SECOND;
    ADD(.kind = EVENT_STARTED, .x = A, .y = 0, .z = 2000);
    ADD(.kind = EVENT_STARTED, .x = B, .y = 1, .z = 2000);
    be_born(ann);
    be_born(abe);
    be_born(bob);
    UP(A, S, 1);
    UP(B, S, 0);
    NODEUP(ann, 1, S, B);
    NODEUP(abe, 1, S, B);
    NODEUP(bob, 0, S, A);
}

void tear_down(void)
{
    journal_fini(&book);
    ck_assert_uint_eq(osri_heap_live_blocks(), blocks_before);
}

void lose_session(void)
{
    DOWNED(A, S, 1);
    DOWNED(B, S, 0);
    NODEDOWN(ann, 1);
    NODEDOWN(abe, 1);
    NODEDOWN(bob, 0);
}

void renew_session(uint64_t number)
{
    UP(A, number, 1);
    UP(B, number, 0);
    NODEUP(ann, 1, number, B);
    NODEUP(abe, 1, number, B);
    NODEUP(bob, 0, number, A);
}

void expect(const char *promise)
{
    checker_verdict verdict = checker_check(&book);

    if (promise == NULL) {
        ck_assert_msg(verdict.promise == NULL, "broken: %s", verdict.promise);
    } else {
        ck_assert_msg(verdict.promise != NULL, "held: %s", promise);
        ck_assert_str_eq(verdict.promise, promise);
    }
}
