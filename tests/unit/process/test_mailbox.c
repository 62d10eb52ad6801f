/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "lib/process/mailbox.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/core/heap.h"

#define KINDS 40
#define WAITING_MAX 2000

static osr_type types[KINDS]; /* only their ids are looked at */
static osri_mailbox mailbox;
static uint64_t blocks_before;

/* What a mailbox is meant to be: messages in order of arrival. */
static osri_envelope *model[WAITING_MAX];
static size_t waiting;

static void setup(void)
{
    for (uint32_t i = 0; i < KINDS; i++) {
        types[i] = (osr_type){.id = 0x1000 + 7 * i, .name = "sample"};
    }
    blocks_before = osri_heap_live_blocks();
    osri_mailbox_init(&mailbox);
    waiting = 0;
}

static void teardown(void)
{
    for (osri_envelope *one; (one = osri_mailbox_take(&mailbox)) != NULL;) {
        osri_envelope_free(&one);
    }
    ck_assert_uint_eq(osri_heap_live_blocks(), blocks_before);
}

static osri_envelope *add(uint32_t kind)
{
    osri_envelope *envelope;
    ck_assert_int_eq(osri_envelope_new(NULL, NULL, &envelope), OSR_OK);
    envelope->type = &types[kind];
    osri_mailbox_append(&mailbox, envelope);
    model[waiting++] = envelope;
    return envelope;
}

/* Behind those of priority, before the others. */
static void add_priority(uint32_t kind)
{
    osri_envelope *envelope;
    size_t at = 0;
    ck_assert_int_eq(osri_envelope_new(NULL, NULL, &envelope), OSR_OK);
    envelope->type = &types[kind];
    while (at < waiting && (model[at]->flags & OSRI_ENVELOPE_PRIORITY) != 0) {
        at += 1;
    }
    osri_mailbox_insert_priority(&mailbox, envelope);
    memmove(&model[at + 1], &model[at], (waiting - at) * sizeof(model[0]));
    model[at] = envelope;
    waiting += 1;
}

static void drop(osri_envelope *envelope)
{
    envelope->type = NULL; /* it has no body */
    osri_envelope_free(&envelope);
}

/* Takes place `at` out of the model, and holds what the mailbox gave against it. */
static void expect(osri_envelope *got, size_t at)
{
    ck_assert_ptr_eq(got, at < waiting ? model[at] : NULL);
    if (got != NULL) {
        memmove(&model[at], &model[at + 1], (waiting - at - 1) * sizeof(model[0]));
        waiting -= 1;
        drop(got);
    }
}

static size_t oldest_of(const uint32_t *kinds, size_t count)
{
    for (size_t at = 0; at < waiting; at++) {
        for (size_t i = 0; i < count; i++) {
            if (model[at]->type == &types[kinds[i]]) {
                return at;
            }
        }
    }
    return waiting;
}

static void take_of(const uint32_t *kinds, size_t count)
{
    const osr_type *wanted[4];
    for (size_t i = 0; i < count; i++) {
        wanted[i] = &types[kinds[i]];
    }
    size_t at = oldest_of(kinds, count);
    osri_mailbox_rewind(&mailbox);
    expect(osri_mailbox_take_of(&mailbox, wanted, count), at);
}

static const osri_envelope *wanted_one;
static size_t offered;

static bool is_wanted(void *context, const osr_message *message)
{
    (void)context;
    offered += 1;
    return wanted_one != NULL && message->ref == wanted_one->ref;
}

static void take_where(size_t at)
{
    static uint64_t numbers;
    for (size_t i = 0; i < waiting; i++) {
        model[i]->ref = ++numbers;
    }
    wanted_one = at < waiting ? model[at] : NULL;
    offered = 0;
    osri_mailbox_rewind(&mailbox);
    size_t looked_at = at < waiting ? at + 1 : waiting;
    expect(osri_mailbox_take_where(&mailbox, is_wanted, NULL), at);
    ck_assert_uint_eq(offered, looked_at);
}

static void empty(void)
{
    osri_mailbox_rewind(&mailbox);
    while (waiting > 0) {
        expect(osri_mailbox_take(&mailbox), 0);
    }
    ck_assert_ptr_null(osri_mailbox_take(&mailbox));
    ck_assert(osri_mailbox_is_empty(&mailbox));
}

/* Whatever is asked in whatever order, the mailbox gives what a plain list would give, and offers
 * each message once a call. */
START_TEST(behaves_as_a_plain_list)
{
    uint64_t random = (uint64_t)(_i + 1) * UINT64_C(0x2545f4914f6cdd1d);
    for (int step = 0; step < 20000; step++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        uint32_t kinds[4];
        uint32_t spread = 1 + (uint32_t)(random >> 40) % KINDS;
        for (int i = 0; i < 4; i++) {
            kinds[i] = (uint32_t)(random >> (8 + 9 * i)) % spread;
        }
        bool grows = (step / 1500) % 2 == 0;
        switch (random % (grows ? 16 : 8)) {
        case 0:
            expect(osri_mailbox_take(&mailbox), 0);
            break;
        case 5:
            if (_i % 2 == 1 && waiting < WAITING_MAX) { /* the others know of no priority */
                add_priority(kinds[0]);
            }
            break;
        case 1:
            take_where((random >> 20) % (waiting + 1));
            break;
        case 2:
        case 3:
        case 4:
            take_of(kinds, 1 + (random >> 60) % 4);
            break;
        default:
            if (waiting < WAITING_MAX) {
                (void)add(kinds[0]);
            }
            break;
        }
        ck_assert_int_eq(osri_mailbox_is_empty(&mailbox), waiting == 0);
    }
    empty();
}
END_TEST

/* A message that comes while a receive waits is all that the receive looks at. */
START_TEST(woken_receive_looks_at_the_new_only)
{
    for (uint32_t i = 0; i < 500; i++) {
        (void)add(i % 3);
    }
    const osr_type *wanted[] = {&types[9]};
    osri_mailbox_rewind(&mailbox);
    ck_assert_ptr_null(osri_mailbox_take_of(&mailbox, wanted, 1));
    ck_assert_ptr_nonnull(mailbox.index); /* so many were passed over */
    take_where(waiting);
    (void)add(1);
    offered = 0;
    ck_assert(osri_mailbox_seek(&mailbox, NULL, 0));
    ck_assert_ptr_null(osri_mailbox_take_where(&mailbox, is_wanted, NULL));
    ck_assert_uint_eq(offered, 1);
    ck_assert(!osri_mailbox_seek(&mailbox, NULL, 0));
    empty();
}
END_TEST

/* A priority message is looked at by a receive that has passed over others. */
START_TEST(woken_receive_looks_at_a_priority_message)
{
    const osr_type *wanted[] = {&types[9]};
    for (int many = 0; many < 2; many++) {
        for (uint32_t i = 0; i < (many ? 500 : 3); i++) {
            (void)add(i % 3);
        }
        add_priority(1);
        osri_mailbox_rewind(&mailbox);
        ck_assert_ptr_null(osri_mailbox_take_of(&mailbox, wanted, 1));
        ck_assert_int_eq(mailbox.index != NULL, many);
        ck_assert(!many || !osri_mailbox_seek(&mailbox, wanted, 1));
        add_priority(9);
        ck_assert(osri_mailbox_seek(&mailbox, wanted, 1));
        expect(osri_mailbox_take_of(&mailbox, wanted, 1), 1); /* behind the first */
        add_priority(2);
        const uint32_t two[] = {2};
        take_of(two, 1); /* the one of priority, not the older one */
        empty();
    }
}
END_TEST

/* What comes and goes behind messages that stay uses no more and more memory. */
START_TEST(index_does_not_grow_with_what_passes)
{
    for (uint32_t i = 0; i < 200; i++) {
        (void)add(0);
    }
    const uint32_t one[] = {1}, two[] = {2};
    take_of(one, 1);
    ck_assert_ptr_nonnull(mailbox.index);
    for (int i = 0; i < 10000; i++) {
        (void)add(1);
        take_of(one, 1);
    }
    ck_assert_uint_le(mailbox.index->order_size, 512);
    (void)add(2); /* now there is always one behind the one that is taken */
    for (int i = 0; i < 10000; i++) {
        (void)add(i % 2 == 0 ? 1 : 2);
        take_of(i % 2 == 0 ? two : one, 1);
    }
    ck_assert_uint_le(mailbox.index->order_size, 1024);
    for (int i = 0; i < 10000; i++) {
        (void)add(3);
        (void)add(3);
        take_where(waiting - 1);
        take_where(waiting - 1);
    }
    ck_assert_uint_le(mailbox.index->order_size, 1024);
    empty();
}
END_TEST

/* A hole in the middle of a type's queue stays known as one when the index grows: its place must
 * not be given to a message of another type while the queue still names it. */
START_TEST(growth_keeps_holes_apart)
{
    const uint32_t other[] = {5}, filler[] = {0}, wanted[] = {1};
    for (uint32_t i = 0; i < 65; i++) {
        (void)add(0);
    }
    take_of(other, 1);
    ck_assert_ptr_nonnull(mailbox.index);
    (void)add(1);
    (void)add(1);
    (void)add(1);
    take_where(66); /* the middle one */
    uint64_t size = mailbox.index->order_size;
    while (mailbox.index->order_size == size) {
        (void)add(0);
    }
    while (oldest_of(filler, 1) < waiting) {
        take_of(filler, 1);
    }
    take_where(1); /* the last one */
    (void)add(2);
    take_of(wanted, 1);
    take_of(wanted, 1); /* there is none */
    empty();
}
END_TEST

/* Nor do the queues of types grow with what is taken in order behind such a hole. */
START_TEST(queues_do_not_grow_with_what_passes)
{
    const uint32_t other[] = {5};
    for (uint32_t i = 0; i < 100; i++) {
        (void)add(1);
    }
    take_of(other, 1);
    take_where(50);
    for (int i = 0; i < 20000; i++) {
        (void)add(1);
        osri_mailbox_rewind(&mailbox);
        expect(osri_mailbox_take(&mailbox), 0);
    }
    for (uint32_t i = 0; i < mailbox.index->queue_slots; i++) {
        ck_assert_uint_le(mailbox.index->queues[i].size, 1024);
    }
    empty();
}
END_TEST

/* Without memory for an index, or for its growth, the mailbox still gives everything in order. */
START_TEST(lives_without_memory_for_an_index)
{
    const uint32_t one[] = {1};
    for (uint32_t i = 0; i < 300; i++) {
        (void)add(0);
    }
    osri_heap_fail_after((uint64_t)_i + 1, true);
    take_of(one, 1);
    osri_heap_fail_after(0, false);
    for (uint32_t i = 0; i < 300; i++) {
        osri_envelope *made;
        ck_assert_int_eq(osri_envelope_new(NULL, NULL, &made), OSR_OK);
        made->type = &types[i % KINDS];
        osri_heap_fail_after(1, true);
        osri_mailbox_append(&mailbox, made);
        osri_heap_fail_after(0, false);
        model[waiting++] = made;
    }
    take_of(one, 1);
    empty();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mailbox");
    TCase *tests = tcase_create("mailbox");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_loop_test(tests, behaves_as_a_plain_list, 0, 8);
    tcase_add_test(tests, woken_receive_looks_at_the_new_only);
    tcase_add_test(tests, woken_receive_looks_at_a_priority_message);
    tcase_add_test(tests, index_does_not_grow_with_what_passes);
    tcase_add_test(tests, growth_keeps_holes_apart);
    tcase_add_test(tests, queues_do_not_grow_with_what_passes);
    tcase_add_loop_test(tests, lives_without_memory_for_an_index, 0, 12);
    tcase_set_timeout(tests, 60);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
