/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <stdatomic.h>
#include <string.h>

#include "lib/core/heap.h"
#include "tests/unit/process/process_kit.h"

/* Messages that are built in place and moved, and bodies that many receivers share. */

OSR_STRUCT(spot, (1, i32, x), (2, str, label));
OSR_UNION(extra, (1, bin, data), (2, str, text));
OSR_MESSAGE(drawing, 0x7010, (1, str, name), (2, list(of(spot)), spots), (3, opt(bin), photo),
            (4, of(extra), extra));

#define ROOM 256

static drawing *begin(osr_self *self)
{
    drawing *message = NULL;
    CHECK_OK(self, drawing_new(self, ROOM, &message));
    return message;
}

static osr_bin *some_bin(osr_self *self)
{
    osr_bin *bin = NULL;
    CHECK_OK(self, osr_bin_new("\x01\x02", 2, &bin));
    return bin;
}

/* A drawing with something in each field. */
static drawing *draw(osr_self *self)
{
    drawing *message = begin(self);
    spot *spots = NULL;
    CHECK_OK(self, osr_build_str(message, "house", 5, &message->name));
    CHECK_OK(self, OSR_BUILD_LIST(message, message->spots, 2, spots));
    spots[1].x = 7;
    CHECK_OK(self, osr_build_str(message, "door", 4, &spots[1].label));
    OSR_SET(message->photo, some_bin(self));
    message->extra.which = extra_is_data;
    message->extra.data = some_bin(self);
    return message;
}

static osr_err moves(osr_self *self)
{
    osr_message received;
    drawing *message = draw(self);
    const drawing *before = message;
    uint64_t blocks = osri_heap_live_blocks();
    CHECK_OK(self, drawing_give(self, osr_to(osr_self_pid(self)), &message));
    OSR_CHECK(self, message == NULL);
    OSR_CHECK(self, osri_heap_live_blocks() == blocks);
    CHECK_OK(self, osr_receive(self, 1000, &received));
    const drawing *got = OSR_AS(drawing, &received);
    OSR_CHECK(self, got == before); /* the very bytes that were built */
    OSR_CHECK(self, strcmp(got->name.at, "house") == 0);
    OSR_CHECK(self, got->spots.count == 2 && got->spots.at[1].x == 7);
    OSR_CHECK(self, strcmp(got->spots.at[1].label.at, "door") == 0);
    OSR_CHECK(self, strcmp(got->spots.at[0].label.at, "") == 0);
    OSR_CHECK(self, osr_bin_size(got->photo.value) == 2);
    return OSR_OK;
}

/* A message built in place arrives as the same bytes, and giving it allocates nothing. */
START_TEST(what_is_given_is_moved)
{
    node_fixture_run(moves);
}
END_TEST

static osr_err room_ends(osr_self *self)
{
    drawing *message = NULL;
    spot *spots = NULL;
    osr_str kept = osr_str_of("kept");
    CHECK_OK(self, drawing_new(self, 6, &message));
    CHECK_OK(self, osr_build_str(message, "12345", 5, &message->name));
    OSR_CHECK(self, osr_build_str(message, "", 0, &kept) == OSR_ELIMIT);
    OSR_CHECK(self, kept.size == 4);
    OSR_CHECK(self, OSR_BUILD_LIST(message, message->spots, 1, spots) == OSR_ELIMIT);
    OSR_CHECK(self, OSR_BUILD_LIST(message, message->spots, UINT32_MAX, spots) == OSR_ELIMIT);
    OSR_CHECK(self, message->spots.count == 0);
    OSR_CHECK(self, osr_build_str(message, NULL, 3, &kept) == OSR_EINVAL);
    drawing_drop(self, &message);
    OSR_CHECK(self, message == NULL);
    drawing_drop(self, &message);
    OSR_CHECK(self, drawing_new(self, OSR_MESSAGE_BYTES_MAX, &message) == OSR_EINVAL);
    OSR_CHECK(self, drawing_new(self, SIZE_MAX, &message) == OSR_EINVAL);
    OSR_CHECK(self, drawing_give(self, osr_to(osr_self_pid(self)), &message) == OSR_EINVAL);
    return OSR_OK;
}

/* Room that is used up is an error that leaves the message as it was. */
START_TEST(a_message_does_not_outgrow_its_room)
{
    node_fixture_run(room_ends);
}
END_TEST

static void expect_refused(osr_self *self, drawing *message)
{
    osr_dest me = osr_to(osr_self_pid(self));
    OSR_CHECK(self, drawing_give(self, me, &message) == OSR_EINVAL);
    OSR_CHECK(self, message == NULL);
}

static osr_err leads_out(osr_self *self)
{
    static const spot elsewhere[1] = {{.x = 1}};
    osr_message received;
    drawing *message = draw(self);
    message->name = osr_str_of("a text of the program");
    expect_refused(self, message);
    message = draw(self);
    message->spots.at = elsewhere;
    expect_refused(self, message);
    message = draw(self);
    message->spots.count = 1000;
    expect_refused(self, message);
    message = draw(self);
    message->name.size = 3; /* no NUL behind it */
    expect_refused(self, message);
    message = draw(self);
    osr_bin_unref(&message->extra.data);
    message->extra.which = 9;
    expect_refused(self, message);
    OSR_CHECK(self, osr_receive(self, 0, &received) == OSR_ETIMEDOUT);
    return OSR_OK;
}

/* What leads out of the message is refused when it is given: nothing is sent, nothing is left. */
START_TEST(what_leads_out_of_the_message_is_refused)
{
    node_fixture_run(leads_out);
}
END_TEST

OSR_ENTRY(leaves_unfinished, note)
{
    drawing *first = draw(self);
    drawing *second = draw(self);
    drawing *third = draw(self);
    drawing_drop(self, &second);
    first->name = osr_str_of("leads out");
    OSR_CHECK(self, first != NULL && third != NULL);
    osr_reason reason = osr_reason_crash("in the middle");
    osr_exit(self, &reason);
}

static osr_err unfinished(osr_self *self)
{
    osr_pid pid;
    note argument = {0};
    CHECK_OK(self, leaves_unfinished_spawn(self, &argument, OSR_SPAWN(.monitor = true), &pid));
    OSR_CHECK(self, next_down(self) == OSR_REASON_CRASH);
    return OSR_OK;
}

/* Messages that were never given go with their process; the fixture finds what is left. */
START_TEST(unfinished_messages_end_with_the_process)
{
    node_fixture_run(unfinished);
}
END_TEST

#define RECEIVERS 50

static const void *_Atomic seen[RECEIVERS];

OSR_ENTRY(looks, note)
{
    osr_message received;
    CHECK_OK(self, osr_receive(self, 5000, &received));
    const drawing *got = OSR_AS(drawing, &received);
    OSR_CHECK(self, got != NULL && strcmp(got->name.at, "for all") == 0);
    OSR_CHECK(self, osr_pid_equal(received.from, osr_self_parent(self)));
    atomic_store(&seen[argument->n], got);
    note done = {.n = argument->n};
    CHECK_OK(self, note_send(self, osr_to(argument->from), &done));
    const void *kept = NULL;
    CHECK_OK(self, osr_keep(self, &received, &kept)); /* others look as well: nothing moves */
    OSR_CHECK(self, kept == got);
    return osr_receive(self, 5000, &received);
}

static osr_err shares(osr_self *self)
{
    osr_dest dests[RECEIVERS];
    osr_message received;
    drawing message = {.name = osr_str_of("for all")};
    OSR_SET(message.photo, some_bin(self));
    for (int i = 0; i < RECEIVERS; i++) {
        osr_pid pid;
        note argument = {.n = i, .from = osr_self_pid(self)};
        CHECK_OK(self, looks_spawn(self, &argument, NULL, &pid));
        dests[i] = osr_to(pid);
    }
    CHECK_OK(self, drawing_send_all(self, dests, RECEIVERS, &message));
    for (int i = 0; i < RECEIVERS; i++) {
        CHECK_OK(self, osr_receive(self, 5000, &received));
        OSR_CHECK(self, OSR_AS(note, &received) != NULL);
    }
    for (int i = 1; i < RECEIVERS; i++) {
        OSR_CHECK(self, atomic_load(&seen[i]) == atomic_load(&seen[0]));
    }
    note end = {0};
    CHECK_OK(self, note_send_all(self, dests, RECEIVERS, &end));
    osr_bin_unref(&message.photo.value);
    return OSR_OK;
}

/* One copy is made for fifty receivers: all of them see the same bytes. */
START_TEST(receivers_share_one_body)
{
    node_fixture_run(shares);
}
END_TEST

static osr_err counts(osr_self *self)
{
    osr_dest me[20];
    osr_message received;
    for (int i = 0; i < 20; i++) {
        me[i] = osr_to(osr_self_pid(self));
    }
    drawing message = {.name = osr_str_of("for all")};
    uint64_t blocks = osri_heap_live_blocks();
    CHECK_OK(self, drawing_send_all(self, me, 20, &message));
    OSR_CHECK(self, osri_heap_live_blocks() == blocks + 21); /* the envelopes and the body */
    for (int i = 0; i < 20; i++) {
        CHECK_OK(self, osr_receive(self, 1000, &received));
        OSR_CHECK(self, strcmp(OSR_AS(drawing, &received)->name.at, "for all") == 0);
    }
    OSR_CHECK(self, osr_receive(self, 0, &received) == OSR_ETIMEDOUT);
    OSR_CHECK(self, osri_heap_live_blocks() == blocks);
    me[3] = osr_name("nobody", NULL);
    OSR_CHECK(self, drawing_send_all(self, me, 5, &message) == OSR_ENOPROC);
    for (int i = 0; i < 4; i++) {
        CHECK_OK(self, osr_receive(self, 1000, &received));
    }
    return OSR_OK;
}

/* Twenty receivers cost twenty envelopes and one body, which goes with the last of them; one that
 * is not there does not keep the others from theirs. */
START_TEST(a_shared_body_is_allocated_once)
{
    node_fixture_run(counts);
}
END_TEST

static osr_err without_memory(osr_self *self)
{
    osr_dest me[3];
    osr_message received;
    drawing message = {.name = osr_str_of("for all")};
    drawing *built = NULL;
    for (int i = 0; i < 3; i++) {
        me[i] = osr_to(osr_self_pid(self));
    }
    built = begin(self);
    drawing_drop(self, &built); /* what a process needs once is there now */
    uint64_t blocks = osri_heap_live_blocks();
    osri_heap_fail_after(1, false);
    osr_err err = drawing_new(self, ROOM, &built);
    osri_heap_fail_after(0, false);
    OSR_CHECK(self, err == OSR_ENOMEM && built == NULL);
    for (uint64_t nth = 1; nth <= 4; nth++) { /* the body, then each envelope */
        unsigned arrived = 0;
        osri_heap_fail_after(nth, false);
        err = drawing_send_all(self, me, 3, &message);
        osri_heap_fail_after(0, false);
        while (osr_receive(self, 0, &received) == OSR_OK) {
            arrived++;
        }
        OSR_CHECK(self, err == OSR_ENOMEM && arrived == (nth == 1 ? 0 : 2));
        OSR_CHECK(self, osri_heap_live_blocks() == blocks);
    }
    return OSR_OK;
}

/* Whichever allocation fails: nothing is left, and the others get theirs. */
START_TEST(no_memory_is_told_and_leaves_nothing)
{
    node_fixture_run(without_memory);
}
END_TEST

OSR_REQUEST(ask_drawing, 0x7011, drawing);

/* Answers each request with a drawing that it builds; at last it ends without. */
OSR_ENTRY(painter, note)
{
    osr_message message;
    for (int64_t i = 0; i < argument->n; i++) {
        CHECK_OK(self, osr_receive(self, OSR_FOREVER, &message));
        drawing *made = draw(self);
        if (i == 1) { /* cannot be sent: the request stays open */
            made->name.at = "elsewhere";
            OSR_CHECK(self, drawing_give(self, osr_to_caller(osr_caller_of(&message)), &made) ==
                                OSR_EINVAL);
            made = draw(self);
        }
        CHECK_OK(self, drawing_give(self, osr_to_caller(osr_caller_of(&message)), &made));
        OSR_CHECK(self, made == NULL);
    }
    return osr_receive(self, OSR_FOREVER, &message);
}

static osr_err gives_answers(osr_self *self)
{
    osr_pid pid;
    const drawing *got = NULL;
    CHECK_OK(self, painter_spawn(self, &(note){.n = 3}, NULL, &pid));
    for (int i = 0; i < 3; i++) {
        CHECK_OK(self, ask_drawing_request(self, osr_to(pid), &(ask_drawing){0}, 10000, &got));
        OSR_CHECK(self, got->spots.count == 2 && strcmp(got->spots.at[1].label.at, "door") == 0);
        osr_free(self, (void *)(uintptr_t)got);
    }
    OSR_CHECK(self, ask_drawing_request(self, osr_to(pid), &(ask_drawing){0}, 10000, &got) ==
                        OSR_EFAILED); /* only what is not answered fails */
    expect_silence(self);
    return OSR_OK;
}

/* A message that was built is an answer, too, and the request is answered by it, once. */
START_TEST(what_was_built_can_be_an_answer)
{
    node_fixture_run(gives_answers);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, what_is_given_is_moved);
    tcase_add_test(tcase, what_was_built_can_be_an_answer);
    tcase_add_test(tcase, a_message_does_not_outgrow_its_room);
    tcase_add_test(tcase, what_leads_out_of_the_message_is_refused);
    tcase_add_test(tcase, unfinished_messages_end_with_the_process);
    tcase_add_test(tcase, receivers_share_one_body);
}

int main(void)
{
    Suite *suite = suite_create("build");
    ADD_BOTH(suite, add_tests);
    TCase *counted = tcase_create("counted"); /* nobody else allocates meanwhile */
    tcase_add_checked_fixture(counted, node_fixture_stepped, node_fixture_end);
    tcase_add_test(counted, a_shared_body_is_allocated_once);
    tcase_add_test(counted, no_memory_is_told_and_leaves_nothing);
    suite_add_tcase(suite, counted);
    return run_suite(suite);
}
