/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <fcntl.h>
#include <unistd.h>

#include "osier/watch.h"
#include "tests/unit/process/process_kit.h"

/* Watched file descriptors, with pipes. */

typedef struct pipe_ends {
    int read, write;
} pipe_ends;

static pipe_ends pipe_new(osr_self *self)
{
    int fds[2];
    OSR_CHECK(self, pipe2(fds, O_CLOEXEC | O_NONBLOCK) == 0);
    return (pipe_ends){fds[0], fds[1]};
}

static void pipe_close(pipe_ends ends)
{
    (void)close(ends.read);
    (void)close(ends.write);
}

static void put(osr_self *self, pipe_ends ends)
{
    OSR_CHECK(self, write(ends.write, "x", 1) == 1);
}

static void take(osr_self *self, pipe_ends ends)
{
    char byte;
    OSR_CHECK(self, read(ends.read, &byte, 1) == 1);
}

static uint32_t next_ready(osr_self *self, osr_ref watch, int fd)
{
    osr_message message;
    CHECK_OK(self, osr_receive(self, 20000, &message));
    const osr_fd_ready *ready = OSR_AS(osr_fd_ready, &message);
    OSR_CHECK(self, ready != NULL && ready->watch.number == watch.number && ready->fd == fd);
    return ready->events;
}

static osr_err tells_once(osr_self *self)
{
    osr_ref watch;
    pipe_ends ends = pipe_new(self);
    CHECK_OK(self, osr_watch_fd(self, ends.read, OSR_FD_READ, &watch));
    expect_silence(self);
    CHECK_OK(self, osr_watch_again(self, watch)); /* it has not told yet */
    put(self, ends);
    OSR_CHECK(self, next_ready(self, watch, ends.read) == OSR_FD_READ);
    take(self, ends);
    put(self, ends);
    expect_silence(self);
    CHECK_OK(self, osr_watch_again(self, watch));
    OSR_CHECK(self, next_ready(self, watch, ends.read) == OSR_FD_READ);
    expect_silence(self);
    OSR_CHECK(self, !osr_unwatch_fd(self, watch));
    OSR_CHECK(self, osr_watch_again(self, watch) == OSR_ENOTFOUND);
    pipe_close(ends);
    return OSR_OK;
}

/* Readiness comes as one message, and as one more each time it is asked for. */
START_TEST(readiness_is_told_once)
{
    node_fixture_run(tells_once);
}
END_TEST

static osr_err tells_all(osr_self *self)
{
    osr_ref watch;
    pipe_ends ends = pipe_new(self);
    CHECK_OK(self, osr_watch_fd(self, ends.write, OSR_FD_WRITE | OSR_FD_READ, &watch));
    OSR_CHECK(self, next_ready(self, watch, ends.write) == OSR_FD_WRITE);
    (void)close(ends.read);
    CHECK_OK(self, osr_watch_again(self, watch));
    OSR_CHECK(self, (next_ready(self, watch, ends.write) & OSR_FD_ERROR) != 0);
    (void)osr_unwatch_fd(self, watch);
    (void)close(ends.write);
    return OSR_OK;
}

/* Room to write is told at once, and so is that nobody reads any more. */
START_TEST(room_and_hang_up_are_told)
{
    node_fixture_run(tells_all);
}
END_TEST

static osr_err refuses(osr_self *self)
{
    osr_ref watch, other;
    pipe_ends ends = pipe_new(self);
    int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    OSR_CHECK(self, osr_watch_fd(self, file, OSR_FD_READ, &watch) == OSR_EPERM);
    (void)close(file);
    OSR_CHECK(self, osr_watch_fd(self, file, OSR_FD_READ, &watch) == OSR_EINVAL);
    OSR_CHECK(self, osr_watch_fd(self, -1, OSR_FD_READ, &watch) == OSR_EINVAL);
    OSR_CHECK(self, osr_watch_fd(self, ends.read, 0, &watch) == OSR_EINVAL);
    CHECK_OK(self, osr_watch_fd(self, ends.read, OSR_FD_READ, &watch));
    OSR_CHECK(self, osr_watch_fd(self, ends.read, OSR_FD_READ, &other) == OSR_ETAKEN);
    OSR_CHECK(self, osr_unwatch_fd(self, watch));
    OSR_CHECK(self, !osr_unwatch_fd(self, watch));
    put(self, ends);
    expect_silence(self);
    pipe_close(ends);
    return OSR_OK;
}

/* What cannot be watched is refused, each for its reason; an ended watch tells nothing. */
START_TEST(what_cannot_be_watched_is_refused)
{
    node_fixture_run(refuses);
}
END_TEST

OSR_MESSAGE(of_fd, 0x7041, (1, i32, fd));

OSR_ENTRY(watches_and_ends, of_fd)
{
    osr_ref watch;
    CHECK_OK(self, osr_watch_fd(self, argument->fd, OSR_FD_READ, &watch));
    return OSR_OK;
}

static osr_err outlives_a_watcher(osr_self *self)
{
    osr_pid pid;
    osr_ref watch;
    pipe_ends ends = pipe_new(self);
    for (int i = 0; i < 50; i++) {
        CHECK_OK(self, watches_and_ends_spawn(self, &(of_fd){.fd = ends.read},
                                              OSR_SPAWN(.monitor = true), &pid));
        if (i % 2 == 0) {
            put(self, ends); /* while it ends */
        }
        OSR_CHECK(self, next_down(self) == OSR_REASON_NORMAL);
    }
    CHECK_OK(self, osr_watch_fd(self, ends.read, OSR_FD_READ, &watch));
    OSR_CHECK(self, next_ready(self, watch, ends.read) == OSR_FD_READ);
    pipe_close(ends);
    return OSR_OK; /* with its watch, whose fd is closed */
}

/* A watch goes with its process, before its end is heard of. */
START_TEST(a_watch_ends_with_its_process)
{
    node_fixture_run(outlives_a_watcher);
}
END_TEST

static osr_err closes_first(osr_self *self)
{
    osr_ref old, watch;
    pipe_ends ends = pipe_new(self);
    int fd = ends.read;
    CHECK_OK(self, osr_watch_fd(self, fd, OSR_FD_READ, &old));
    pipe_close(ends);
    ends = pipe_new(self);
    OSR_CHECK(self, ends.read == fd);
    CHECK_OK(self, osr_watch_fd(self, fd, OSR_FD_READ, &watch));
    OSR_CHECK(self, osr_unwatch_fd(self, old)); /* not the new one's */
    put(self, ends);
    OSR_CHECK(self, next_ready(self, watch, fd) == OSR_FD_READ);
    pipe_close(ends);
    OSR_CHECK(self, osr_watch_again(self, watch) == OSR_EINVAL);
    return OSR_OK;
}

/* An fd that was closed while it was watched, and is another file's now, can be watched; the old
 * watch does it no harm. */
START_TEST(a_closed_fd_can_be_used_again)
{
    node_fixture_run(closes_first);
}
END_TEST

static osr_err cannot_watch(osr_self *self)
{
    osr_ref watch;
    pipe_ends ends = pipe_new(self);
    OSR_CHECK(self, osr_watch_fd(self, ends.read, OSR_FD_READ, &watch) == OSR_ENOTSUP);
    pipe_close(ends);
    return OSR_OK;
}

/* A node without threads always refuses. */
START_TEST(a_stepped_node_refuses)
{
    node_fixture_run(cannot_watch);
}
END_TEST

OSR_MESSAGE(filler, 0x0641);

static bool never(void *context, const osr_message *message)
{
    (void)context;
    (void)message;
    return false;
}

static osr_err full_and_told(osr_self *self, const void *argument)
{
    (void)argument;
    osr_ref watch;
    osr_message message;
    filler one = {.osri_empty = 0};
    pipe_ends ends = pipe_new(self);
    (void)filler_send(self, osr_to(osr_self_pid(self)), &one);
    OSR_CHECK(self, osr_receive_where(self, never, NULL, 0, &message) == OSR_ETIMEDOUT);
    CHECK_OK(self, osr_watch_fd(self, ends.read, OSR_FD_READ, &watch));
    put(self, ends);
    const osr_type *const types[] = {&osr_fd_ready_osr_type};
    CHECK_OK(self, osr_receive_of(self, types, 1, 20000, &message));
    pipe_close(ends);
    return OSR_OK;
}

/* A mailbox that is full for others has room for what was asked of the runtime: a watch tells once,
 * so a message that was dropped would be the last. */
START_TEST(a_full_mailbox_is_told)
{
    osr_pid pid;
    osr_ended ended;
    static const osr_entry entry = {.name = "full", .run = full_and_told};
    ck_assert_int_eq(
        osr_node_spawn(node_fixture_node(), &entry, NULL, OSR_SPAWN(.mailbox_max = 1), &pid),
        OSR_OK);
    ck_assert_int_eq(osr_node_wait(node_fixture_node(), pid, 30000, &ended), OSR_OK);
    ck_assert_msg(ended.code == OSR_REASON_NORMAL, "%s", ended.text);
}
END_TEST

static osr_err reaches_the_limit(osr_self *self, const void *argument)
{
    osr_ref watches[2], more;
    pipe_ends ends[2] = {pipe_new(self), pipe_new(self)};
    (void)argument;
    CHECK_OK(self, osr_watch_fd(self, ends[0].read, OSR_FD_READ, &watches[0]));
    CHECK_OK(self, osr_watch_fd(self, ends[0].write, OSR_FD_READ, &watches[1]));
    OSR_CHECK(self, osr_watch_fd(self, ends[1].read, OSR_FD_READ, &more) == OSR_ELIMIT);
    OSR_CHECK(self, osr_unwatch_fd(self, watches[0]));
    CHECK_OK(self, osr_watch_fd(self, ends[1].read, OSR_FD_READ, &more));
    pipe_close(ends[0]);
    pipe_close(ends[1]);
    return OSR_OK;
}

/* The node's limit gives an error, and room again when a watch is ended. */
START_TEST(watches_are_limited)
{
    static const osr_entry entry = {.name = "limit", .run = reaches_the_limit};
    osr_node *node = node_fixture_own(OSR_NODE(.watches_max = 2));
    osr_pid pid;
    osr_ended ended;
    ck_assert_int_eq(osr_node_start(node), OSR_OK);
    ck_assert_int_eq(osr_node_spawn(node, &entry, NULL, NULL, &pid), OSR_OK);
    ck_assert_int_eq(osr_node_wait(node, pid, 20000, &ended), OSR_OK);
    ck_assert_msg(ended.code == OSR_REASON_NORMAL, "%s", ended.text);
    node_fixture_own_end(&node, 1000);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("watch_fd");
    TCase *threaded = tcase_create("threaded");
    tcase_add_checked_fixture(threaded, node_fixture_threaded, node_fixture_end);
    tcase_add_test(threaded, readiness_is_told_once);
    tcase_add_test(threaded, room_and_hang_up_are_told);
    tcase_add_test(threaded, what_cannot_be_watched_is_refused);
    tcase_add_test(threaded, a_watch_ends_with_its_process);
    tcase_add_test(threaded, a_closed_fd_can_be_used_again);
    tcase_add_test(threaded, a_full_mailbox_is_told);
    suite_add_tcase(suite, threaded);
    TCase *others = tcase_create("others");
    tcase_add_test(others, watches_are_limited);
    suite_add_tcase(suite, others);
    TCase *stepped = tcase_create("stepped");
    tcase_add_checked_fixture(stepped, node_fixture_stepped, node_fixture_end);
    tcase_add_test(stepped, a_stepped_node_refuses);
    suite_add_tcase(suite, stepped);
    return run_suite(suite);
}
