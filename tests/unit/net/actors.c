/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "tests/unit/net/actors.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "lib/process/body.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char trace[256 * 1024]; /* guarded_by: lock */
static size_t trace_bytes;     /* guarded_by: lock */

void actor_trace_add(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    pthread_mutex_lock(&lock);
    int bytes = vsnprintf(trace + trace_bytes, sizeof(trace) - trace_bytes - 1, format, arguments);
    if (bytes > 0 && trace_bytes + (size_t)bytes + 2 < sizeof(trace)) {
        trace_bytes += (size_t)bytes;
        trace[trace_bytes++] = '\n';
        trace[trace_bytes] = '\0';
    }
    pthread_mutex_unlock(&lock);
    va_end(arguments);
}

const char *actor_trace(void)
{
    return trace;
}

void actor_trace_clear(void)
{
    pthread_mutex_lock(&lock);
    trace_bytes = 0;
    trace[0] = '\0';
    pthread_mutex_unlock(&lock);
}

unsigned actor_trace_count(const char *line)
{
    size_t bytes = strlen(line);
    unsigned count = 0;

    pthread_mutex_lock(&lock);
    for (const char *at = trace; *at != '\0'; at += strcspn(at, "\n") + 1) {
        count += strncmp(at, line, bytes) == 0 && at[bytes] == '\n' ? 1 : 0;
    }
    pthread_mutex_unlock(&lock);
    return count;
}

typedef struct actor {
    char name[32];
    osr_ref monitor;
} actor;

static osr_dest dest_of(osr_pid pid, osr_str name, osr_str node)
{
    return osr_pid_is_none(pid) ? osr_name(name.at, node.at) : osr_to(pid);
}

static void do_send(osr_self *self, const actor_send *what)
{
    for (uint32_t i = 0; i < what->count; i++) {
        actor_note note = {.number = what->first + i};
        (void)actor_note_send(self, dest_of(what->to, what->name, what->node), &note);
    }
}

static void do_spawn(osr_self *self, const actor *me, const actor_start *what)
{
    actor_options argument = {.name = what->name};
    osr_spawn_options options = {.size = sizeof(options), .node = what->node.at, .link = true};
    osr_pid pid;
    osr_err err;

    if (what->supervised) {
        osr_ref request;
        (void)!osri_spawn_request_async(self, what->entry.at, &actor_options_osr_type, &argument,
                                        &options, &request);
        return; /* the answer is a message */
    }
    err = osr_spawn_named(self, what->entry.at, &actor_options_osr_type, &argument, &options, &pid);
    actor_trace_add("%s spawned %s", me->name, osr_err_name(err));
}

static void do_call(osr_self *self, const actor *me, const actor_call *what)
{
    actor_ask ask = {.number = 7};
    osr_message reply = {0};
    osr_err err = osri_request(self, osr_name(what->name.at, what->node.at), &actor_ask_osr_type,
                               &ask, what->timeout_ms, &reply, NULL);
    const actor_answer *answer = err == OSR_OK ? OSR_AS(actor_answer, &reply) : NULL;

    actor_trace_add("%s called %s %u", me->name, osr_err_name(err),
                    answer == NULL ? 0 : answer->number);
}

static void do_send_big(osr_self *self, const actor_send_big *what)
{
    uint8_t *data;
    actor_big big = {.number = what->number};

    if (osr_bin_alloc(what->bytes, &big.data, &data) == OSR_OK) {
        memset(data, 0x5a, what->bytes);
        (void)actor_big_send(self, osr_to(what->to), &big);
        osr_bin_unref(&big.data);
    }
}

static osr_err do_pour(osr_self *self, const actor *me, const actor_pour *what)
{
    actor_big big = {.number = what->first};
    uint8_t *data;
    osr_err err = osr_bin_alloc(what->bytes, &big.data, &data);

    if (err != OSR_OK) {
        return err;
    }
    memset(data, 0x5a, what->bytes);
    for (uint32_t i = 0; i < what->count && err == OSR_OK; i++) {
        big.number = what->first + i;
        err = actor_big_send(self, osr_to(what->to), &big);
        actor_trace_add("%s sent %u%s%s", me->name, big.number, err == OSR_OK ? "" : " ",
                        err == OSR_OK ? "" : osr_err_name(err));
    }
    osr_bin_unref(&big.data);
    return err;
}

static void do_try(osr_self *self, const actor *me, const actor_try *what)
{
    actor_note note = {.number = what->number};
    osr_err err = actor_note_try_send(self, osr_to(what->to), &note);

    actor_trace_add("%s tried %u %s", me->name, what->number, osr_err_name(err));
}

static osr_err do_exit_big(osr_self *self, const actor_exit_big *what)
{
    char *text = osr_alloc(self, what->bytes + 1);
    osr_reason reason;

    if (text == NULL) {
        return OSR_ENOMEM;
    }
    memset(text, 'x', what->bytes);
    text[what->bytes] = '\0';
    reason = osr_reason_custom(text);
    return osr_pid_is_none(what->to) ? osr_fail(self, &reason)
                                     : osr_send_exit(self, what->to, &reason);
}

static void print_reason(const osr_reason *reason, char *ret_text, size_t bytes)
{
    if (reason->text.size >= bytes) {
        (void)snprintf(ret_text, bytes, "%u bytes", reason->text.size);
    } else {
        osr_reason_print(reason, ret_text, bytes);
    }
}

static void heard(const actor *me, const osr_message *message)
{
    const actor_note *note = OSR_AS(actor_note, message);
    const actor_big *big = OSR_AS(actor_big, message);
    const osr_exited *exited = OSR_AS(osr_exited, message);
    const osr_down *down = OSR_AS(osr_down, message);
    const osr_nodeup *up = OSR_AS(osr_nodeup, message);
    const osr_nodedown *gone = OSR_AS(osr_nodedown, message);
    const osr_spawn_reply *reply = OSR_AS(osr_spawn_reply, message);
    char text[256];

    if (note != NULL) {
        actor_trace_add("%s note %u", me->name, note->number);
    } else if (big != NULL) {
        actor_trace_add("%s big %u of %zu", me->name, big->number, osr_bin_size(big->data));
    } else if (exited != NULL) {
        print_reason(&exited->reason, text, sizeof(text));
        actor_trace_add("%s exited %s", me->name, text);
    } else if (down != NULL) {
        print_reason(&down->reason, text, sizeof(text));
        actor_trace_add("%s down %s", me->name, text);
    } else if (reply != NULL) {
        actor_trace_add("%s spawn reply %s", me->name, osr_err_name((osr_err)reply->error));
    } else if (up != NULL) {
        actor_trace_add("%s nodeup %s", me->name, up->name.at);
    } else if (gone != NULL) {
        actor_trace_add("%s nodedown %s %s", me->name, gone->name.at, gone->reason.at);
    } else {
        actor_trace_add("%s heard %s", me->name, message->type->name);
    }
}

static osr_err do_lend(osr_self *self, const actor_lend *order)
{
    osr_caller alias;
    osr_err err =
        osr_monitor_alias(self, osr_to(order->to), 0, (osr_alias_mode)order->mode, &alias);
    if (err == OSR_OK) {
        actor_use use = {.pid = alias.pid, .ref = alias.ref};
        (void)actor_use_send(self, osr_to(order->to), &use);
    }
    return err;
}

static void do_use(osr_self *self, const actor_use *order)
{
    osr_caller alias = {order->pid, order->ref};
    for (uint32_t number = 1; number <= 2; number++) {
        actor_note note = {.number = number};
        (void)actor_note_send(self, osr_to_alias(alias), &note);
    }
}

static osr_err obey(osr_self *self, actor *me, const osr_message *message)
{
    const actor_exit *end = OSR_AS(actor_exit, message);
    const actor_ask *ask = OSR_AS(actor_ask, message);
    const actor_monitor *monitor = OSR_AS(actor_monitor, message);
    const actor_introduce *introduce = OSR_AS(actor_introduce, message);
    const actor_send_exit *kill = OSR_AS(actor_send_exit, message);

    if (OSR_AS(actor_send, message) != NULL) {
        do_send(self, OSR_AS(actor_send, message));
    } else if (OSR_AS(actor_send_big, message) != NULL) {
        do_send_big(self, OSR_AS(actor_send_big, message));
    } else if (OSR_AS(actor_exit_big, message) != NULL) {
        return do_exit_big(self, OSR_AS(actor_exit_big, message));
    } else if (OSR_AS(actor_try, message) != NULL) {
        do_try(self, me, OSR_AS(actor_try, message));
    } else if (OSR_AS(actor_pour, message) != NULL) {
        return do_pour(self, me, OSR_AS(actor_pour, message));
    } else if (OSR_AS(actor_link, message) != NULL) {
        return osr_link(self, OSR_AS(actor_link, message)->to);
    } else if (OSR_AS(actor_unlink, message) != NULL) {
        (void)osr_unlink(self, OSR_AS(actor_unlink, message)->to);
    } else if (monitor != NULL) {
        return osr_monitor(self, dest_of(monitor->to, monitor->name, monitor->node), &me->monitor);
    } else if (OSR_AS(actor_demonitor, message) != NULL) {
        (void)osr_demonitor(self, me->monitor, true);
    } else if (OSR_AS(actor_watch_nodes, message) != NULL) {
        return osr_monitor_nodes(self, true, false);
    } else if (OSR_AS(actor_start, message) != NULL) {
        do_spawn(self, me, OSR_AS(actor_start, message));
    } else if (OSR_AS(actor_call, message) != NULL) {
        do_call(self, me, OSR_AS(actor_call, message));
    } else if (OSR_AS(actor_meet, message) != NULL) {
        actor_note note = {.number = 99};
        (void)actor_note_send(self, osr_to(OSR_AS(actor_meet, message)->who), &note);
    } else if (OSR_AS(actor_use, message) != NULL) {
        do_use(self, OSR_AS(actor_use, message));
    } else if (OSR_AS(actor_lend, message) != NULL) {
        return do_lend(self, OSR_AS(actor_lend, message));
    } else if (introduce != NULL) {
        actor_meet meet = {.who = introduce->who};
        (void)actor_meet_send(self, osr_to(introduce->to), &meet);
    } else if (kill != NULL) {
        osr_reason reason = osr_reason_custom(kill->reason.at);
        (void)osr_send_exit(self, kill->to, &reason);
    } else if (ask != NULL) {
        actor_answer answer = {.number = ask->number * 2};
        (void)osr_reply_to(self, osr_caller_of(message), &actor_answer_osr_type, &answer);
    } else if (end != NULL) {
        osr_reason reason = osr_reason_custom(end->reason.at);
        return osr_fail(self, &reason);
    } else {
        heard(me, message);
    }
    return OSR_OK;
}

OSR_ENTRY(actor, actor_options)
{
    actor me = {0};
    osr_err err = OSR_OK;

    (void)snprintf(me.name, sizeof(me.name), "%s", argument->name.at);
    (void)osr_trap_exit(self, true);
    while (err == OSR_OK) {
        osr_message message;
        err = osr_receive(self, OSR_FOREVER, &message);
        if (err == OSR_OK) {
            err = obey(self, &me, &message);
        }
    }
    return err;
}
OSR_EXPORT(actor);

const osr_entry *actor_entry(void)
{
    return &actor_osr_entry;
}
