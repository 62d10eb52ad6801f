/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <string.h>
#include <unistd.h>

#include "lib/core/heap.h"
#include "osier/osier.h"
#include "osier/port.h"
#include "osier/trace.h"
#include "osier/watch.h"
#include "tests/unit/process/process_kit.h"

/* Memory that cannot be had where threads and the system meet a node: ports, watched file
 * descriptors, events, starts from outside, blocking code. As in starved_kit.h, a scenario runs
 * with the n-th allocation failing, for n = 1, 2, ... until it is not reached any more; here on a
 * node with threads, so that n is not always the same place. Nothing crashes, leaks or is lost from
 * the count. */

#define SOON 10000
#define TRIES_MAX 600

OSR_MESSAGE(cup, 0x7310, (1, i64, n), (2, str, text));
OSR_MESSAGE(drop, 0x7311, (1, i64, n));
OSR_REQUEST(pour, 0x7312, drop, (1, i64, n));

/* Answers requests, sends cups back, until its node stops or it is told to end. */
OSR_ENTRY(waiter, note)
{
    osr_message message;
    osr_err err;
    while ((err = osr_receive(self, OSR_FOREVER, &message)) == OSR_OK) {
        const cup *given = OSR_AS(cup, &message);
        if (message.ref != 0) {
            osr_caller caller = osr_caller_of(&message);
            while (osr_reply_to(self, caller, &drop_osr_type, &(drop){1}) == OSR_ENOMEM) {
            }
        } else if (given != NULL) {
            (void)cup_send(self, osr_to(message.from), given);
        }
    }
    return err;
}

static void use_port(osr_node *node, osr_port *port)
{
    osr_pid pid;
    osr_message message;
    drop reply;
    cup given = {.n = 1, .text = osr_str_of("a text")};
    if (osr_node_spawn(node, &waiter_osr_entry, &(note){0}, NULL, &pid) != OSR_OK) {
        return;
    }
    osr_err err = OSR_PORT_CALL(port, osr_to(pid), pour, &(pour){1}, &reply, SOON);
    ck_assert_int_ne(err, OSR_ETIMEDOUT); /* it is answered, or ended by the lack of memory */
    if (OSR_PORT_SEND(port, osr_to(pid), cup, &given) == OSR_OK) {
        (void)!osr_port_receive(port, 5, &message);
    }
    (void)OSR_PORT_SEND(port, osr_to(osr_port_pid(port)), cup, &given);
    (void)!osr_port_receive(port, 5, &message);
    (void)OSR_PORT_SEND(port, osr_name("nobody", NULL), cup, &given);
}

static void has_ports(osr_node *node)
{
    osr_port *port = NULL;
    osr_port *other = NULL;
    if (osr_port_open(node, OSR_PORT(.name = "port", .label = "a label"), &port) == OSR_OK) {
        (void)!osr_port_open(node, OSR_PORT(.name = "other", .queue_max = 1), &other);
        use_port(node, port);
    }
    osr_port_close(&other);
    osr_port_close(&port);
}

/* Watches both ends of a pipe, is told, watches again, ends. */
OSR_ENTRY(watcher, note)
{
    static const osr_type *const ready[] = {&osr_fd_ready_osr_type};
    int ends[2];
    osr_ref watches[2];
    osr_message message;
    OSR_CHECK(self, pipe(ends) == 0);
    for (int i = 0; i < 2; i++) {
        uint32_t events = i == 0 ? OSR_FD_READ : OSR_FD_WRITE;
        if (osr_watch_fd(self, ends[i], events, &watches[i]) != OSR_OK) {
            watches[i] = OSR_REF_NONE;
        }
    }
    OSR_CHECK(self, write(ends[1], "x", 1) == 1);
    (void)!osr_receive_of(self, ready, 1, 5, &message);
    (void)!osr_watch_again(self, watches[0]);
    (void)!osr_receive_of(self, ready, 1, 5, &message);
    (void)osr_unwatch_fd(self, watches[1]);
    (void)osr_unwatch_fd(self, watches[0]);
    (void)close(ends[0]);
    (void)close(ends[1]);
    return OSR_OK;
}

static void run_to_its_end(osr_node *node, const osr_entry *entry)
{
    osr_pid pid;
    osr_ended ended;
    if (osr_node_spawn(node, entry, &(note){0}, NULL, &pid) == OSR_OK) {
        (void)!osr_node_wait(node, pid, SOON, &ended);
    }
}

static void watches_fds(osr_node *node)
{
    run_to_its_end(node, &watcher_osr_entry);
}

/* Starts, ends, links and names others: events of control; and of messages while a trace runs. */
OSR_ENTRY(eventful, note)
{
    osr_pid pid;
    osr_message message;
    if (waiter_spawn(self, argument, OSR_SPAWN(.link = true, .name = "waiter"), &pid) == OSR_OK) {
        (void)cup_send(self, osr_to(pid), &(cup){.n = 1, .text = osr_str_of("")});
        (void)!osr_receive(self, 5, &message);
        (void)osr_unlink(self, pid);
        send_exit(self, pid, OSR_REASON_SHUTDOWN);
    }
    return OSR_OK;
}

static void records_events(osr_node *node)
{
    osr_trace *trace = NULL;
    osr_event events[64];
    (void)!osr_trace_start(node, OSR_TRACE(.limit = 1000), &trace);
    run_to_its_end(node, &eventful_osr_entry);
    while (trace != NULL && osr_trace_read(trace, events, 64) != 0) {
    }
    osr_trace_stop(&trace);
    (void)!osr_flight_dump(node, "/dev/null", "starved");
}

OSR_STATE(shop, (1, i64, n));

OSR_ON_INIT(shop, note)
{
    state->n = argument->n;
    return OSR_OK;
}

OSR_SERVER(shop, OSR_INIT(note));

static void starts_servers(osr_node *node)
{
    osr_pid pid;
    osr_ended ended;
    osr_reason shutdown = osr_reason_of(OSR_REASON_SHUTDOWN);
    if (osr_node_start_server(node, &shop_osr_server, &(note){.n = 1}, OSR_SPAWN(.name = "shop"),
                              SOON, &pid) == OSR_OK) {
        (void)osr_node_send(node, osr_to(pid), &drop_osr_type, &(drop){1});
        (void)!osr_node_exit(node, pid, &shutdown);
        (void)!osr_node_wait(node, pid, SOON, &ended);
    }
}

static void take_up(void *argument)
{
    *(int *)argument += 1;
}

OSR_ENTRY(blocker, note)
{
    int times = 0;
    (void)argument;
    osr_err err = osr_blocking(self, take_up, &times);
    OSR_CHECK(self, (err == OSR_OK) == (times == 1));
    return err;
}

static void blocks(osr_node *node)
{
    run_to_its_end(node, &blocker_osr_entry);
}

static const struct {
    const char *name;
    void (*run)(osr_node *node);
} scenarios[] = {{"ports", has_ports},
                 {"fds", watches_fds},
                 {"events", records_events},
                 {"servers", starts_servers},
                 {"blocking", blocks}};

#define SCENARIOS ((int)(sizeof(scenarios) / sizeof(scenarios[0])))

static void check_counters(osr_node *node, const char *name, uint64_t nth)
{
    osr_node_counters counters;
    osr_node_count(node, &counters);
    ck_assert_msg(
        counters.processes == 0 &&
            counters.messages_sent == counters.messages_received + counters.messages_dropped,
        "%s, allocation %llu: %llu processes, sent %llu, received %llu, dropped %llu", name,
        (unsigned long long)nth, (unsigned long long)counters.processes,
        (unsigned long long)counters.messages_sent, (unsigned long long)counters.messages_received,
        (unsigned long long)counters.messages_dropped);
}

/* The life of a node whose nth allocation fails once it runs; whether it was reached. */
static bool play(int scenario, uint64_t nth)
{
    osr_node *node = NULL;
    const char *name = scenarios[scenario].name;
    uint64_t blocks_before = osri_heap_live_blocks();
    ck_assert_int_eq(osr_node_new(OSR_NODE(.name = "poor@host", .schedulers = 2, .creation = 1,
                                           .log_level = OSR_LOG_ERROR),
                                  &node),
                     OSR_OK);
    ck_assert_int_eq(osr_node_start(node), OSR_OK);
    osri_heap_fail_after(nth, false);
    scenarios[scenario].run(node);
    osr_node_stop(node, SOON);
    bool reached = osri_heap_has_failed();
    osri_heap_fail_after(0, false);
    check_counters(node, name, nth);
    osr_node_free(&node);
    ck_assert_msg(osri_heap_live_blocks() == blocks_before,
                  "%s, allocation %llu: %lld blocks are left", name, (unsigned long long)nth,
                  (long long)(osri_heap_live_blocks() - blocks_before));
    return reached;
}

/* One allocation fails, each in its turn. */
START_TEST(one_allocation_fails)
{
    uint64_t nth = 1;
    while (play(_i, nth)) {
        nth += 1;
        ck_assert_uint_lt(nth, TRIES_MAX);
    }
    ck_assert_uint_gt(nth, 5); /* a scenario that allocates nothing shows nothing */
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("starved_outside");
    TCase *tests = tcase_create("starved_outside");
    tcase_set_timeout(tests, 240);
    tcase_add_loop_test(tests, one_allocation_fails, 0, SCENARIOS);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
