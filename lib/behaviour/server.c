/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "osier/server.h"

#include <stdalign.h>
#include <stdio.h>
#include <string.h>

#include "lib/behaviour/behaviour.h"
#include "osier/log.h"

/* The generic server: finds the handler of a message, and does what it returns.
 *
 * Invariants
 *   S1  the user's state lives from before init until after terminate.
 *   S2  terminate runs at most once, and only when init has succeeded.
 *   S3  a request is answered, deferred, or left to the runtime, which then answers for us. */

#define REPLY_BYTES_HERE 1024 /* larger replies are built on the heap */
#define UNKNOWN_TYPES_MAX 8   /* named in the log, each once */

typedef struct unknown_types {
    uint32_t count;
    uint32_t ids[UNKNOWN_TYPES_MAX];
} unknown_types;

typedef struct server_state {
    const osr_server *server; /* NULL until it starts */
    unknown_types *unknown;   /* that have been named; owned by the process; NULL: none yet */
    bool initialised;
    bool continues;                   /* osr_continue() has been called */
    alignas(max_align_t) char user[]; /* the user's state */
} server_state;

static const osr_handler *find_handler(const osr_server *server, osri_handler_kind kind,
                                       const osr_type *type)
{
    for (const osr_handler *const *at = server->handlers; *at != NULL; ++at) {
        if ((*at)->kind == kind && (type == NULL || (*at)->type->id == type->id)) {
            return *at;
        }
    }
    return NULL;
}

/* What a handler without a reply returned. Ends the process when it says so. */
static void follow(osr_self *self, int next)
{
    if (next == OSR_STOP) {
        osr_reason normal = osr_reason_of(OSR_REASON_NORMAL);
        osri_process_stop(self, &normal); /* a reason given to osr_fail() stands before it */
    }
}

static bool run_bare(osr_self *self, server_state *state, osri_handler_kind kind)
{
    const osr_handler *handler = find_handler(state->server, kind, NULL);
    if (handler == NULL) {
        return false;
    }
    int next = handler->run(self, state->user, NULL, NULL);
    follow(self, next);
    return next != OSR_STOP;
}

static void run_continues(osr_self *self, server_state *state)
{
    while (state->continues) {
        state->continues = false;
        if (!run_bare(self, state, OSRI_HANDLER_CONTINUE)) {
            return;
        }
    }
}

static osr_err init(osr_self *self, server_state *state, const void *argument)
{
    state->server = osri_process_configuration(self);
    osri_memory_claim(self, state->server->state_bytes);
    const osr_handler *handler = find_handler(state->server, OSRI_HANDLER_INIT, NULL);
    return handler == NULL ? OSR_OK : (osr_err)handler->run(self, state->user, argument, NULL);
}

static osr_err server_start(osr_self *self, void *memory, const void *argument)
{
    server_state *state = memory;
    osr_err err = init(self, state, argument);
    if (err != OSR_OK) {
        osri_behaviour_refused(self);
        return err;
    }
    state->initialised = true;
    err = osri_behaviour_started(self);
    if (err != OSR_OK) {
        osri_behaviour_refused(self);
        return err;
    }
    run_continues(self, state);
    return OSR_OK;
}

/* Made on first use; NULL: out of memory. */
static unknown_types *unknown_of(osr_self *self, server_state *state)
{
    if (state->unknown == NULL) {
        state->unknown = osr_alloc(self, sizeof(*state->unknown));
        if (state->unknown != NULL) {
            state->unknown->count = 0;
        }
    }
    return state->unknown;
}

/* Names each type once, and at most a few of them. */
static void log_unknown(osr_self *self, server_state *state, const osr_message *message)
{
    unknown_types *unknown = unknown_of(self, state);
    for (uint32_t i = 0; unknown != NULL && i < unknown->count; ++i) {
        if (unknown->ids[i] == message->type->id) {
            return;
        }
    }
    if (unknown == NULL || unknown->count == UNKNOWN_TYPES_MAX) {
        return;
    }
    unknown->ids[unknown->count++] = message->type->id;
    osr_log_self(self, OSR_LOG_WARNING, "server %s has no handler for the %s %s (0x%x): dropped",
                 state->server->name, message->ref != 0 ? "request" : "message",
                 message->type->name, (unsigned)message->type->id);
}

static void answer(osr_self *self, server_state *state, const osr_handler *handler,
                   const void *reply)
{
    osr_err err = osr_reply_to(self, osri_process_caller(self), handler->reply, reply);
    if (err != OSR_OK && err != OSR_EEXIT) {
        osr_log_self(self, OSR_LOG_ERROR, "server %s cannot send the reply %s: %s",
                     state->server->name, handler->reply->name, osr_err_text(err));
    }
}

static void run_call(osr_self *self, server_state *state, const osr_handler *handler,
                     const void *request, void *reply)
{
    int next = handler->run(self, state->user, request, reply);
    if (next == OSR_NOREPLY) {
        (void)osri_request_defer(self);
        return;
    }
    answer(self, state, handler, reply);
    follow(self, next);
}

static osr_err handle_call(osr_self *self, server_state *state, const osr_handler *handler,
                           const void *request)
{
    alignas(max_align_t) unsigned char here[REPLY_BYTES_HERE];
    size_t bytes = handler->reply->size;
    void *reply = bytes <= sizeof(here) ? here : osr_alloc(self, bytes);
    if (reply == NULL) {
        return OSR_ENOMEM;
    }
    memset(reply, 0, bytes);
    run_call(self, state, handler, request, reply);
    if (reply != here) {
        osr_free(self, reply);
    }
    return OSR_OK;
}

static osr_err server_message(osr_self *self, void *memory, const osr_message *message)
{
    server_state *state = memory;
    const osr_reason *told = osri_behaviour_told_to_stop(self, message);
    if (told != NULL) {
        osri_process_stop(self, told);
        return OSR_OK;
    }
    if (OSR_AS(osri_ready, message) != NULL) {
        osri_ready_now ready = {0};
        return osr_reply_to(self, osr_caller_of(message), &osri_ready_now_osr_type, &ready);
    }
    osri_handler_kind kind = message->ref != 0 ? OSRI_HANDLER_CALL : OSRI_HANDLER_INFO;
    const osr_handler *handler = find_handler(state->server, kind, message->type);
    osr_err err = OSR_OK;
    if (handler == NULL) {
        log_unknown(self, state, message);
    } else if (kind == OSRI_HANDLER_CALL) {
        err = handle_call(self, state, handler, message->body);
    } else {
        follow(self, handler->run(self, state->user, message->body, NULL));
    }
    if (err == OSR_OK) {
        run_continues(self, state);
    }
    return err;
}

static osr_err server_idle(osr_self *self, void *memory)
{
    server_state *state = memory;
    if (run_bare(self, state, OSRI_HANDLER_IDLE)) {
        run_continues(self, state);
    }
    return OSR_OK;
}

static void server_stop(osr_self *self, void *memory, const osr_reason *reason)
{
    server_state *state = memory;
    if (!state->initialised) {
        return;
    }
    state->initialised = false;
    const osr_reason normal = osr_reason_of(OSR_REASON_NORMAL);
    const osr_handler *handler = find_handler(state->server, OSRI_HANDLER_TERMINATE, NULL);
    if (handler != NULL) {
        (void)handler->run(self, state->user, reason == NULL ? &normal : reason, NULL);
    }
}

static void server_print(const void *memory, char *ret_text, size_t bytes)
{
    const server_state *state = memory;
    const osr_type *type = state->server == NULL ? NULL : state->server->state;
    if (bytes == 0) {
        return;
    }
    ret_text[0] = '\0';
    if (type != NULL && type->name != NULL) {
        (void)osr_print(type, state->user, ret_text, bytes);
    }
}

static size_t server_user_bytes(const void *configuration)
{
    const osr_server *server = configuration;
    return server->state_bytes;
}

const osri_body_ops osri_server_ops = {
    .name = "gen_server",
    .state_bytes = sizeof(server_state),
    .more_bytes = server_user_bytes,
    .start = server_start,
    .message = server_message,
    .stop = server_stop,
    .idle = server_idle,
    .print = server_print,
};

_Static_assert(offsetof(osr_server, ops) == offsetof(osri_exported_body, ops) &&
                   offsetof(osr_server, configuration) ==
                       offsetof(osri_exported_body, configuration),
               "an osr_server begins as an osri_exported_body: osr_entry.body points to one");

osr_caller osr_current_caller(osr_self *self)
{
    return osri_process_caller(self);
}

void osr_idle_after(osr_self *self, uint32_t ms)
{
    osri_process_idle_ms(self, ms);
}

void osr_continue(osr_self *self)
{
    server_state *state = osri_process_state(self);
    state->continues = true;
}
