/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <string.h>

#include "lib/core/heap.h"
#include "lib/message/codec.h"
#include "lib/process/leader.h"
#include "lib/process/spawn.h"
#include "osier/mailbox.h"

/* Starting processes by request: asking a node (this one too) for it, and doing what one was asked
 * for. */

#define LABEL_PREFIX "label:"
#define SPAWN_TIMEOUT_MS                                                                           \
    10000 /* for an answer from another node; its connection's setup has 7 s  \
                                */

static osr_err encode_argument(const osr_type *type, const void *argument, osr_bin **ret_bin)
{
    *ret_bin = NULL;
    if (type == NULL || argument == NULL) {
        return OSR_OK;
    }
    osri_buffer buffer = {0};
    osr_err err = osri_encode(type, argument, &buffer);
    if (err == OSR_OK) {
        err = osr_bin_new(buffer.at, buffer.size, ret_bin);
    }
    osri_buffer_fini(&buffer);
    return err;
}

static osr_err remember_spawn(osr_self *self, const osr_spawn_options *options, bool waits,
                              uint64_t number, osri_spawn_entry **ret_entry)
{
    osri_relations *relations = osri_process_relations(self);
    osri_spawn_entry *entry = osri_heap_zalloc(sizeof(*entry));
    if (relations == NULL || entry == NULL) {
        osri_heap_free(entry, sizeof(*entry));
        return OSR_ENOMEM;
    }
    entry->waits = waits;
    entry->link = options->link;
    if (options->monitor) {
        entry->monitor = osri_reference_next(self->node);
        if (options->ret_monitor != NULL) {
            *options->ret_monitor = (osr_ref){self->node->id, entry->monitor};
        }
    }
    if (osri_map_put_u64(&relations->spawns, number, entry, NULL) != OSR_OK) {
        osri_heap_free(entry, sizeof(*entry));
        return OSR_ENOMEM;
    }
    *ret_entry = entry;
    return OSR_OK;
}

static osri_spawn_request request_of(const char *entry, const osr_type *type, osr_bin *argument,
                                     const osr_spawn_options *options, uint64_t monitor)
{
    osri_spawn_request request = {.entry = osr_str_of(entry),
                                  .argument_type = type == NULL ? 0 : type->id,
                                  .argument = argument,
                                  .link = options->link,
                                  .monitor = options->monitor,
                                  .monitor_ref = monitor,
                                  .stack_bytes = options->stack_bytes,
                                  .exit_ms = options->exit_ms,
                                  .memory_max = options->memory_max,
                                  .mailbox_max = options->mailbox_max,
                                  .priority = (uint32_t)options->priority,
                                  .pinned = options->pinned};
    if (options->mailbox != NULL) {
        osri_spawn_mailbox mailbox = {.messages_max = options->mailbox->messages_max,
                                      .bytes_max = options->mailbox->bytes_max,
                                      .policy = (uint32_t)options->mailbox->policy,
                                      .otherwise = (uint32_t)options->mailbox->otherwise,
                                      .overflow = options->mailbox->overflow,
                                      .wait_ms = options->mailbox->wait_ms,
                                      .mark_high = options->mailbox->mark_high,
                                      .mark_low = options->mailbox->mark_low};
        OSR_SET(request.mailbox, mailbox);
    }
    request.name = osr_str_of(options->name == NULL ? "" : options->name);
    request.label = osr_str_of(options->label == NULL ? "" : options->label);
    return request;
}

static osr_pid leader_for(osr_self *self, bool is_remote)
{
    return is_remote ? osri_leader_abroad(self) : osri_leader_here(self);
}

osr_err osri_spawn_request_async(osr_self *self, const char *entry, const osr_type *argument_type,
                                 const void *argument, const osr_spawn_options *options,
                                 osr_ref *ret_request)
{
    if (self->exiting) {
        return OSR_EEXIT;
    }
    options = options == NULL ? &osri_spawn_no_options : options;
    uint64_t number = osri_reference_next(self->node);
    osr_bin *encoded;
    osr_err err = encode_argument(argument_type, argument, &encoded);
    osri_spawn_entry *waiting = NULL;
    if (err == OSR_OK) {
        err = remember_spawn(self, options, false, number, &waiting);
    }
    osri_envelope *signal = NULL;
    if (err == OSR_OK) {
        osri_spawn_request body =
            request_of(entry, argument_type, encoded, options, waiting->monitor);
        body.origin.supervised = true;
        body.origin.leader = leader_for(self, osri_spawn_is_remote(self, options));
        err = osri_signal_new(OSRI_SIGNAL_SPAWN, osri_process_pid(self), number,
                              &osri_spawn_request_osr_type, &body, &signal);
        if (err != OSR_OK) {
            osri_heap_free(osri_map_remove_u64(&self->relations->spawns, number),
                           sizeof(osri_spawn_entry));
        }
    }
    osr_bin_unref(&encoded);
    if (err != OSR_OK) {
        return err;
    }
    *ret_request = (osr_ref){self->node->id, number};
    osri_route route = {.node =
                            osri_spawn_is_remote(self, options) ? options->node : self->node->name};
    (void)osri_signal_send(self->node, &route, &signal);
    return OSR_OK;
}

/* Where the options want it: by name, by label, or here. */
static osr_err choose_node(osr_self *self, const osr_spawn_options *options,
                           char ret_node[OSR_NODE_NAME_BYTES])
{
    const char *node = osri_spawn_is_remote(self, options) ? options->node : self->node->name;
    size_t prefix = sizeof(LABEL_PREFIX) - 1;
    if (strncmp(node, LABEL_PREFIX, prefix) == 0) {
        return osr_choose_node(self, node + prefix, ret_node);
    }
    if (strlen(node) >= OSR_NODE_NAME_BYTES) {
        return OSR_ENOCONNECTION; /* no node has such a name */
    }
    memcpy(ret_node, node, strlen(node) + 1);
    return OSR_OK;
}

osr_err osr_spawn_named(osr_self *self, const char *entry, const osr_type *argument_type,
                        const void *argument, const osr_spawn_options *options, osr_pid *ret_pid)
{
    if (self->exiting) {
        return OSR_EEXIT;
    }
    char node[OSR_NODE_NAME_BYTES];
    options = options == NULL ? &osri_spawn_no_options : options;
    uint64_t number = osri_reference_next(self->node);
    osr_bin *encoded;
    osr_err err = choose_node(self, options, node);
    if (err == OSR_OK) {
        err = encode_argument(argument_type, argument, &encoded);
    }
    if (err != OSR_OK) {
        return err;
    }
    osri_spawn_entry *waiting;
    err = remember_spawn(self, options, true, number, &waiting);
    if (err != OSR_OK) {
        osr_bin_unref(&encoded);
        return err;
    }
    osri_spawn_request body = request_of(entry, argument_type, encoded, options, waiting->monitor);
    body.origin.leader = leader_for(self, strcmp(node, self->node->name) != 0);
    osri_route route = {.node = node};
    osri_envelope *answer = NULL;
    err = osri_request_kind(self, OSRI_SIGNAL_SPAWN, &route, &osri_spawn_request_osr_type, &body,
                            number, osri_deadline(self, SPAWN_TIMEOUT_MS), &answer);
    osr_bin_unref(&encoded);
    osri_heap_free(self->relations == NULL ? NULL
                                           : osri_map_remove_u64(&self->relations->spawns, number),
                   sizeof(osri_spawn_entry));
    if (err != OSR_OK) {
        return err;
    }
    if (answer->kind != OSRI_SIGNAL_SPAWN_REPLY) { /* anybody may answer anything */
        osri_envelope_free(&answer);
        return OSR_EPROTO;
    }
    const osri_spawn_result *result = osri_envelope_body(answer);
    err = (osr_err)result->error;
    if (err == OSR_OK && ret_pid != NULL) {
        *ret_pid = result->pid;
    }
    osri_envelope_free(&answer);
    return err;
}

/* The new process is linked and monitored by us from its first moment; our side of that is noted
 * now, before any signal of its own, which can only come after. */
static void relate_remote(osr_self *process, const osri_spawn_entry *entry, osr_pid pid)
{
    osr_err err = OSR_OK;
    if (entry->link) {
        err = osri_link_add(process, pid);
    }
    if (err == OSR_OK && entry->monitor != 0) {
        err = osri_monitor_add(process, pid, NULL, NULL, 0, entry->monitor);
    }
    if (err != OSR_OK) {
        osr_reason reason = osr_reason_of(OSR_REASON_KILL);
        (void)osr_send_exit(process, pid, &reason);
    }
}

void osri_spawn_answered(osr_self *process, osri_envelope *signal)
{
    osri_spawn_entry *entry = process->relations == NULL
                                  ? NULL
                                  : osri_map_remove_u64(&process->relations->spawns, signal->ref);
    const osri_spawn_result *result = osri_envelope_body(signal);
    if (entry == NULL || process->exiting) { /* nobody waits: it must not stay */
        osri_heap_free(entry, sizeof(*entry));
        osri_signal_refuse(process->node, osri_process_pid(process), OSR_REASON_NOPROC, &signal);
        return;
    }
    if (result->error == OSR_OK) {
        relate_remote(process, entry, result->pid);
    }
    if (entry->waits && osri_process_awaits(process, signal->ref)) {
        process->stack->activation.answer = signal;
    } else {
        osr_spawn_reply message = {.request = {process->node->id, signal->ref},
                                   .error = result->error,
                                   .pid = result->pid};
        osri_process_tell(process, &osr_spawn_reply_osr_type, &message);
        osri_envelope_free(&signal);
    }
    osri_heap_free(entry, sizeof(*entry));
}

static void answer_spawn(osr_node *node, osr_pid to, uint64_t number, osr_err err, osr_pid pid)
{
    osri_spawn_result result = {.error = (int32_t)err, .pid = pid};
    osri_envelope *signal;
    if (osri_signal_new_sure(node, OSRI_SIGNAL_SPAWN_REPLY, pid, number,
                             &osri_spawn_result_osr_type, &result, &signal) == OSR_OK) {
        osri_route route = {.pid = to};
        (void)osri_signal_send(node, &route, &signal);
    }
}

static osr_err decode_argument(const osr_entry *entry, const osri_spawn_request *request,
                               osri_envelope **ret_argument)
{
    *ret_argument = NULL;
    if (request->argument == NULL) { /* a raw body may count on its argument */
        return entry->run != NULL && entry->argument != NULL ? OSR_ETYPE : OSR_OK;
    }
    if (entry->argument == NULL || entry->argument->id != request->argument_type) {
        return OSR_ETYPE;
    }
    return osri_decode(entry->argument, osr_bin_data(request->argument),
                       osr_bin_size(request->argument), ret_argument);
}

static osr_err relate_to(osr_self *child, osr_pid parent, const osri_spawn_request *request)
{
    osr_err err = request->link ? osri_link_add(child, parent) : OSR_OK;
    if (err == OSR_OK && request->monitor) {
        err = osri_watcher_add(child, parent, request->monitor_ref);
    }
    return err;
}

static osr_mailbox_options mailbox_of(const osri_spawn_mailbox *asked)
{
    return (osr_mailbox_options){.size = sizeof(osr_mailbox_options),
                                 .messages_max = asked->messages_max,
                                 .bytes_max = asked->bytes_max,
                                 .policy = (osr_mailbox_policy)asked->policy,
                                 .otherwise = (osr_mailbox_policy)asked->otherwise,
                                 .overflow = asked->overflow,
                                 .wait_ms = asked->wait_ms,
                                 .mark_high = asked->mark_high,
                                 .mark_low = asked->mark_low};
}

static osr_err start_requested(osr_node *node, const osri_envelope *signal, osr_pid *ret_pid)
{
    const osri_spawn_request *request = osri_envelope_body(signal);
    const osr_entry *entry = osri_map_get(&node->entries, request->entry.at, request->entry.size);
    if (entry == NULL) {
        return OSR_ENOTFOUND;
    }
    osr_spawn_options options = {.size = sizeof(options),
                                 .name = request->name.size == 0 ? NULL : request->name.at,
                                 .label = request->label.at,
                                 .stack_bytes = request->stack_bytes,
                                 .exit_ms = request->exit_ms,
                                 .memory_max = request->memory_max,
                                 .mailbox_max = request->mailbox_max,
                                 .priority = request->priority <= OSR_PRIORITY_HIGH
                                                 ? (osr_priority)request->priority
                                                 : OSR_PRIORITY_NORMAL,
                                 .pinned = request->pinned};
    osr_mailbox_options mailbox = mailbox_of(&request->mailbox.value);
    options.mailbox = request->mailbox.is_set ? &mailbox : NULL;
    osri_plan what = {.entry = entry,
                      .options = &options,
                      .parent = signal->from,
                      .leader = request->origin.leader};
    osr_err err = decode_argument(entry, request, &what.argument);
    osr_self *process;
    if (err == OSR_OK) {
        err = osri_spawn_prepare(node, &what, &process);
    }
    if (err != OSR_OK) {
        return err;
    }
    err = relate_to(process, signal->from, request);
    if (err != OSR_OK) {
        osri_spawn_undo(process);
        return err;
    }
    *ret_pid = osri_process_pid(process);
    answer_spawn(node, signal->from, signal->ref, OSR_OK,
                 *ret_pid); /* before any signal of its own */
    osri_spawn_run(process);
    return OSR_OK;
}

void osri_node_spawn_requested(osr_node *node, osri_envelope **signal_)
{
    osri_envelope *signal = *signal_;
    *signal_ = NULL;
    osr_pid pid = OSR_PID_NONE;
    osr_err err = start_requested(node, signal, &pid);
    if (err != OSR_OK) {
        answer_spawn(node, signal->from, signal->ref, err, OSR_PID_NONE);
    }
    osri_envelope_free(&signal);
}
