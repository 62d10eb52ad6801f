/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_SERVER_H
#define OSR_SERVER_H

#include "osier/node.h"
#include "osier/process.h"

/* A generic server (Erlang's gen_server): state, and one handler for each type of message it takes.
 * Between messages it holds no stack.
 *
 *     typedef struct counter { int64_t n; } counter;   // or OSR_STATE(counter, …): printable
 *
 *     OSR_ON_INIT(counter, counter_options)                   // self, state, argument
 *     {
 *         state->n = argument->first;
 *         return OSR_OK;
 *     }
 *     OSR_ON_CALL(counter, counter_add, counter_value)        // self, state, request, reply
 *     {
 *         reply->value = state->n += request->by;
 *         return OSR_REPLY;
 *     }
 *     OSR_ON_INFO(counter, counter_reset)                     // self, state, message
 *     {
 *         state->n = 0;
 *         return OSR_NOREPLY;
 *     }
 *     OSR_SERVER(counter, OSR_INIT(counter_options), OSR_CALL(counter_add),
 *                OSR_INFO(counter_reset));
 *
 * An info is any message that is no request: what others send by NAME_send() (Erlang's cast and `!`
 * are the same here) and what the runtime sends: osr_down, osr_exited, osr_timeout, osr_nodeup,
 * osr_nodedown. A type without a handler is logged once and dropped; a request of that kind fails
 * with OSR_EFAILED.
 *
 * Handlers may call, sleep and receive: the server then keeps its stack and takes nothing else
 * until they return. The state is zeroed before init and freed with the process; what hangs on it
 * comes from osr_alloc() or is given back by OSR_ON_TERMINATE. */

OSR_BEGIN_DECLS

/* What a handler returns. OSR_NOREPLY: a request is answered later, by OSR_ANSWER(); an info has
 * nothing to answer. OSR_STOP: the reply is sent, if it was a request, and the server ends: with
 * the reason given to osr_fail(), else normal. */
typedef enum osr_next {
    OSR_REPLY = 0, /* a request: send *reply, which may point into the state or static memory, not
                      into the handler's own frame. An info: as OSR_NOREPLY */
    OSR_NOREPLY = 1,
    OSR_STOP = 2,
} osr_next;

typedef enum osri_handler_kind {
    OSRI_HANDLER_CALL = 1,
    OSRI_HANDLER_INFO,
    OSRI_HANDLER_INIT,
    OSRI_HANDLER_TERMINATE,
    OSRI_HANDLER_IDLE,
    OSRI_HANDLER_CONTINUE,
} osri_handler_kind;

/* One handler behind a common signature: in is what came (request, message, argument, reason), out
 * where the reply goes; returns osr_next, or osr_err for init. */
typedef struct osr_handler {
    osri_handler_kind kind;
    const osr_type *type;  /* of in; NULL = none */
    const osr_type *reply; /* of out; NULL = none */
    int (*run)(osr_self *self, void *state, const void *in, void *out);
} osr_handler;

/* A server, or another behaviour that is started like one (supervisor.h). A constant, made by its
 * macro. */
typedef struct osr_server {
    const struct osri_body_ops *ops; /* first two: what lib/process starts by the exported name */
    const void *configuration;
    size_t size;
    const char *name;
    size_t state_bytes;
    const osr_type *state;              /* without a name: a plain struct, not printable */
    const osr_type *argument;           /* of init; NULL = none */
    const osr_handler *const *handlers; /* NULL ends */
} osr_server;

extern OSR_API const struct osri_body_ops osri_server_ops;

/* ---- handlers -------------------------------------------------------------------------- */

/* A request. Both types must be what OSR_REQUEST declared. Variables: self, state, request, reply
 * (zeroed). Returns osr_next. */
#define OSR_ON_CALL(server, request_type, reply_type)                                              \
    OSRI_REPLIES_MATCH(request_type##_osr_reply, reply_type);                                      \
    static osr_next server##_osr_do_call_##request_type(                                           \
        osr_self *self, server *state, const request_type *request, reply_type *reply);            \
    static int server##_osr_run_call_##request_type(osr_self *self_, void *state_,                 \
                                                    const void *request_, void *reply_)            \
    {                                                                                              \
        request_type##_osr_reply *declared_ = (request_type##_osr_reply *)reply_;                  \
        reply_type *handled_ = declared_;                                                          \
        return (int)server##_osr_do_call_##request_type(self_, (server *)state_,                   \
                                                        (const request_type *)request_, handled_); \
    }                                                                                              \
    static const osr_handler server##_osr_call_##request_type = {                                  \
        OSRI_HANDLER_CALL, &request_type##_osr_type, &reply_type##_osr_type,                       \
        server##_osr_run_call_##request_type};                                                     \
    static osr_next server##_osr_do_call_##request_type(                                           \
        OSRI_UNUSED osr_self *self, OSRI_UNUSED server *state,                                     \
        OSRI_UNUSED const request_type *request, OSRI_UNUSED reply_type *reply)

/* Any other message. Variables: self, state, message. Returns osr_next. */
#define OSR_ON_INFO(server, message_type)                                                          \
    static osr_next server##_osr_do_info_##message_type(osr_self *self, server *state,             \
                                                        const message_type *message);              \
    static int server##_osr_run_info_##message_type(osr_self *self_, void *state_,                 \
                                                    const void *in_, OSRI_UNUSED void *out_)       \
    {                                                                                              \
        return (int)server##_osr_do_info_##message_type(self_, (server *)state_,                   \
                                                        (const message_type *)in_);                \
    }                                                                                              \
    static const osr_handler server##_osr_info_##message_type = {                                  \
        OSRI_HANDLER_INFO, &message_type##_osr_type, NULL, server##_osr_run_info_##message_type};  \
    static osr_next server##_osr_do_info_##message_type(OSRI_UNUSED osr_self *self,                \
                                                        OSRI_UNUSED server *state,                 \
                                                        OSRI_UNUSED const message_type *message)

/* The start. Variables: self, state, argument: NULL when started without one; lent until it
 * returns. Returns osr_err: anything but OSR_OK ends the process, and the starter gets it. */
#define OSR_ON_INIT(server, argument_type)                                                         \
    static osr_err server##_osr_do_init_##argument_type(osr_self *self, server *state,             \
                                                        const argument_type *argument);            \
    static int server##_osr_run_init_##argument_type(osr_self *self_, void *state_,                \
                                                     const void *in_, OSRI_UNUSED void *out_)      \
    {                                                                                              \
        return (int)server##_osr_do_init_##argument_type(self_, (server *)state_,                  \
                                                         (const argument_type *)in_);              \
    }                                                                                              \
    static const osr_handler server##_osr_init_##argument_type = {                                 \
        OSRI_HANDLER_INIT, &argument_type##_osr_type, NULL,                                        \
        server##_osr_run_init_##argument_type};                                                    \
    static osr_err server##_osr_do_init_##argument_type(OSRI_UNUSED osr_self *self,                \
                                                        OSRI_UNUSED server *state,                 \
                                                        OSRI_UNUSED const argument_type *argument)

/* The end: after OSR_STOP, after a crash in a handler, and on the parent's exit signal when the
 * server traps exits; not when killed, and not by an exit signal that is not trapped. Variables:
 * self, state, reason. Returns nothing. */
#define OSR_ON_TERMINATE(server)                                                                   \
    static void server##_osr_do_terminate(osr_self *self, server *state,                           \
                                          const osr_reason *reason);                               \
    static int server##_osr_run_terminate(osr_self *self_, void *state_, const void *in_,          \
                                          OSRI_UNUSED void *out_)                                  \
    {                                                                                              \
        server##_osr_do_terminate(self_, (server *)state_, (const osr_reason *)in_);               \
        return 0;                                                                                  \
    }                                                                                              \
    static const osr_handler server##_osr_terminate_ = {OSRI_HANDLER_TERMINATE, NULL, NULL,        \
                                                        server##_osr_run_terminate};               \
    static void server##_osr_do_terminate(OSRI_UNUSED osr_self *self, OSRI_UNUSED server *state,   \
                                          OSRI_UNUSED const osr_reason *reason)

/* What osr_idle_after() asked for. Variables: self, state. Returns osr_next. */
#define OSR_ON_IDLE(server) OSRI_ON_BARE(server, idle, OSRI_HANDLER_IDLE)

/* What osr_continue() asked for. Variables: self, state. Returns osr_next. */
#define OSR_ON_CONTINUE(server) OSRI_ON_BARE(server, continue, OSRI_HANDLER_CONTINUE)

#define OSRI_ON_BARE(server, word, kind)                                                           \
    static osr_next server##_osr_do_##word(osr_self *self, server *state);                         \
    static int server##_osr_run_##word(osr_self *self_, void *state_, OSRI_UNUSED const void *in_, \
                                       OSRI_UNUSED void *out_)                                     \
    {                                                                                              \
        return (int)server##_osr_do_##word(self_, (server *)state_);                               \
    }                                                                                              \
    static const osr_handler server##_osr_##word##_ = {kind, NULL, NULL, server##_osr_run_##word}; \
    static osr_next server##_osr_do_##word(OSRI_UNUSED osr_self *self, OSRI_UNUSED server *state)

/* ---- the server ------------------------------------------------------------------------ */

/* What stands in OSR_SERVER()'s list, up to 32 of them. A handler that is not listed is a warning,
 * a word whose handler does not exist an error. */
#define OSR_CALL(request_type) (call, request_type)
#define OSR_INFO(message_type) (info, message_type)
#define OSR_INIT(argument_type) (init, argument_type)
#define OSR_TERMINATE (terminate, )
#define OSR_IDLE (idle, )
#define OSR_CONTINUE (continue, )

/* Declares the server: OSR_SERVER(name, handlers…), at file scope, after the handlers. Makes
 *     osr_err NAME_start(self, const ARGUMENT *argument, const osr_spawn_options *options,
 *                        osr_pid *ret_pid)
 * : osr_server_start() with OSR_FOREVER, typed; without OSR_INIT the argument is NULL. */
#define OSR_SERVER(...) OSRI_SERVER(__VA_ARGS__, )
#define OSRI_SERVER(server, ...)                                                                   \
    OSRI_SERVER_STATE(server);                                                                     \
    static const osr_handler *const server##_osr_handlers[] = {                                    \
        OSRI_EACH(OSRI_SERVER_HANDLER, server, __VA_ARGS__) NULL};                                 \
    static const osr_server server##_osr_server = {                                                \
        &osri_server_ops,                                                                          \
        &server##_osr_server,                                                                      \
        sizeof(osr_server),                                                                        \
        #server,                                                                                   \
        sizeof(server),                                                                            \
        OSRI_SERVER_STATE_TYPE(server),                                                            \
        OSRI_FIRST_OF(OSRI_EACH(OSRI_SERVER_ARGUMENT, server, __VA_ARGS__) NULL),                  \
        server##_osr_handlers};                                                                    \
    typedef OSRI_FIRST_OF(OSRI_EACH(OSRI_SERVER_ARGUMENT_NAME, server,                             \
                                    __VA_ARGS__) struct osri_no_argument) server##_osr_argument;   \
    OSRI_UNUSED static inline osr_err server##_start(                                              \
        osr_self *self_, const server##_osr_argument *argument_,                                   \
        const osr_spawn_options *options_, osr_pid *ret_pid_)                                      \
    {                                                                                              \
        return osr_server_start(self_, &server##_osr_server, argument_, options_, OSR_FOREVER,     \
                                ret_pid_);                                                         \
    }                                                                                              \
    OSRI_SERVER_ENTRY(server,                                                                      \
                      OSRI_FIRST_OF(OSRI_EACH(OSRI_SERVER_ARGUMENT, server, __VA_ARGS__) NULL))

#define OSRI_SERVER_ENTRY(server, argument_type)                                                   \
    OSRI_UNUSED static const osr_entry server##_osr_entry = {                                      \
        #server,  argument_type,                                                                   \
        NULL,     __FILE__,                                                                        \
        __LINE__, (const struct osri_exported_body *)(const void *)&server##_osr_server};          \
    OSRI_PART(server##_osr_part, OSR_PART_SERVER, #server, &server##_osr_entry,                    \
              &server##_osr_server, 0, NULL, NULL)

/* Lets supervisors and spawns of other nodes start this server by its name. File scope. */
#define OSR_EXPORT_SERVER(server) OSR_EXPORT(server)

/* ---- starting and stopping ------------------------------------------------------------- */

/* What a server sends to its parent when its init has succeeded. osr_server_start() and supervisors
 * take it; who spawns an exported server by osr_spawn_named() receives it. One whose init fails
 * unlinks itself from its parent and ends with the error: a monitor tells. */
OSR_MESSAGE(osr_started, 0x10);

/* Starts a server here and waits until its init has returned. Suspension point.
 * argument: of the server's argument type, copied; NULL = none.
 * options: as osr_spawn(), but .node must be NULL; NULL = defaults.
 * Errors: what init returned (OSR_EFAILED when it ended with another reason), and then no exit or
 *   down message of it arrives; OSR_ETAKEN the name; OSR_ETIMEDOUT: it has been killed;
 *   OSR_ENOMEM; OSR_ELIMIT; OSR_EINVAL; OSR_EEXIT. */
OSR_API OSR_MUST_CHECK osr_err osr_server_start(osr_self *self, const osr_server *server,
                                                const void *argument,
                                                const osr_spawn_options *options,
                                                uint32_t timeout_ms, osr_pid *ret_pid);

/* The same from outside the node, linked to nobody; .link and .monitor are refused (OSR_EINVAL). On
 * a node that is stepped it steps until the start is done or there is nothing to do.
 * Waits at most timeout_ms: blocks its thread. Errors: as osr_server_start(), without OSR_EEXIT.
 * Threads: any outside the node. Not a suspension point. */
OSR_API OSR_MUST_CHECK osr_err osr_node_start_server(osr_node *node, const osr_server *server,
                                                     const void *argument,
                                                     const osr_spawn_options *options,
                                                     uint32_t timeout_ms, osr_pid *ret_pid);

/* Tells a server, or a supervisor, to end with this reason, and waits until it has.
 * OSR_ON_TERMINATE runs. Suspension point.
 * Errors: OSR_ETIMEDOUT (it may still end); OSR_ENOPROC; OSR_ENOCONNECTION; OSR_EFAILED it ended
 *   with another reason; OSR_EEXIT. */
OSR_API OSR_MUST_CHECK osr_err osr_server_stop(osr_self *self, osr_dest to,
                                               const osr_reason *reason, uint32_t timeout_ms);

/* ---- inside a handler ------------------------------------------------------------------ */

/* Who waits for the answer to the request in work; keep it to answer later by OSR_ANSWER(), from
 * this process or another. Not a suspension point. */
OSR_API osr_caller osr_current_caller(osr_self *self);

/* osr_err OSR_ANSWER(request type, self, caller, &reply): osr_reply_to(), with the reply's type
 * checked. */
#define OSR_ANSWER(request_type, self_, caller_, reply_)                                           \
    osr_reply_to((self_), (caller_), request_type##_osr_type.reply,                                \
                 1 ? (reply_) : (const request_type##_osr_reply *)NULL)

/* Calls OSR_ON_IDLE when no message arrives within ms after the handler returns. Any message
 * cancels. Not a suspension point. */
OSR_API void osr_idle_after(osr_self *self, uint32_t ms);

/* Calls OSR_ON_CONTINUE before the next message is taken: from init, after the starter has its
 * answer. Not a suspension point. */
OSR_API void osr_continue(osr_self *self);

/* ---- preprocessor kit ------------------------------------------------------------------ */

#define OSRI_SERVER_HANDLER(server, item) OSRI_SERVER_HANDLER_(server, OSRI_ITEM item)
#define OSRI_SERVER_HANDLER_(server, ...) OSRI_SERVER_HANDLER__(server, __VA_ARGS__)
#define OSRI_SERVER_HANDLER__(server, word, type) &server##_osr_##word##_##type,
#define OSRI_ITEM(word, type) word, type

/* For an init its argument type and a comma, for any other word nothing. */
#define OSRI_SERVER_ARGUMENT(server, item) OSRI_SERVER_ARGUMENT_(OSRI_ITEM item)
#define OSRI_SERVER_ARGUMENT_(...) OSRI_SERVER_ARGUMENT__(__VA_ARGS__)
#define OSRI_SERVER_ARGUMENT__(word, type) OSRI_SERVER_ARGUMENT_##word(type)
#define OSRI_SERVER_ARGUMENT_init(type) &type##_osr_type,
#define OSRI_SERVER_ARGUMENT_call(type)
#define OSRI_SERVER_ARGUMENT_info(type)
#define OSRI_SERVER_ARGUMENT_terminate(type)
#define OSRI_SERVER_ARGUMENT_idle(type)
#define OSRI_SERVER_ARGUMENT_continue(type)
#define OSRI_SERVER_ARGUMENT_NAME(server, item) OSRI_SERVER_ARGUMENT_NAME_(OSRI_ITEM item)
#define OSRI_SERVER_ARGUMENT_NAME_(...) OSRI_SERVER_ARGUMENT_NAME__(__VA_ARGS__)
#define OSRI_SERVER_ARGUMENT_NAME__(word, type) OSRI_SERVER_ARGUMENT_NAME_##word(type)
#define OSRI_SERVER_ARGUMENT_NAME_init(type) type,
#define OSRI_SERVER_ARGUMENT_NAME_call(type)
#define OSRI_SERVER_ARGUMENT_NAME_info(type)
#define OSRI_SERVER_ARGUMENT_NAME_terminate(type)
#define OSRI_SERVER_ARGUMENT_NAME_idle(type)
#define OSRI_SERVER_ARGUMENT_NAME_continue(type)

#define OSRI_FIRST_OF(...) OSRI_FIRST_OF_(__VA_ARGS__, 0)
#define OSRI_FIRST_OF_(first, ...) first

/* The descriptor of a state: OSR_STATE's where there is one. C: the declaration without initialiser
 * is tentative, so it is OSR_STATE's object, or else a zeroed one. */
#ifdef __cplusplus
#define OSRI_SERVER_STATE(server) struct server
#define OSRI_SERVER_STATE_TYPE(server) osri_state<server>::type
#define OSRI_REPLIES_MATCH(declared, handled) struct handled
#else
#define OSRI_SERVER_STATE(server) OSRI_UNUSED static const osr_type server##_osr_type
#define OSRI_SERVER_STATE_TYPE(server) &server##_osr_type
#define OSRI_REPLIES_MATCH(declared, handled)                                                      \
    _Static_assert(_Generic((declared *)0, handled * : 1, default : 0),                            \
                   "the handler's reply is not the one that OSR_REQUEST declares for the request")
#endif

/* macro(context, item) for each of up to 32 items; the list ends with an empty one. */
#define OSRI_EACH(macro, context, ...)                                                             \
    OSRI_EACH_PICK(__VA_ARGS__, 32, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17,    \
                   16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 0)                    \
    (macro, context, __VA_ARGS__)
#define OSRI_EACH_PICK(a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, \
                       a18, a19, a20, a21, a22, a23, a24, a25, a26, a27, a28, a29, a30, a31, a32,  \
                       a33, count, ...)                                                            \
    OSRI_EACH_JOIN(OSRI_EACH_, count)
#define OSRI_EACH_JOIN(a, b) OSRI_EACH_JOIN_(a, b)
#define OSRI_EACH_JOIN_(a, b) a##b
#define OSRI_EACH_0(m, c, ...)
#define OSRI_EACH_1(m, c, a, ...) m(c, a) OSRI_EACH_0(m, c, __VA_ARGS__)
#define OSRI_EACH_2(m, c, a, ...) m(c, a) OSRI_EACH_1(m, c, __VA_ARGS__)
#define OSRI_EACH_3(m, c, a, ...) m(c, a) OSRI_EACH_2(m, c, __VA_ARGS__)
#define OSRI_EACH_4(m, c, a, ...) m(c, a) OSRI_EACH_3(m, c, __VA_ARGS__)
#define OSRI_EACH_5(m, c, a, ...) m(c, a) OSRI_EACH_4(m, c, __VA_ARGS__)
#define OSRI_EACH_6(m, c, a, ...) m(c, a) OSRI_EACH_5(m, c, __VA_ARGS__)
#define OSRI_EACH_7(m, c, a, ...) m(c, a) OSRI_EACH_6(m, c, __VA_ARGS__)
#define OSRI_EACH_8(m, c, a, ...) m(c, a) OSRI_EACH_7(m, c, __VA_ARGS__)
#define OSRI_EACH_9(m, c, a, ...) m(c, a) OSRI_EACH_8(m, c, __VA_ARGS__)
#define OSRI_EACH_10(m, c, a, ...) m(c, a) OSRI_EACH_9(m, c, __VA_ARGS__)
#define OSRI_EACH_11(m, c, a, ...) m(c, a) OSRI_EACH_10(m, c, __VA_ARGS__)
#define OSRI_EACH_12(m, c, a, ...) m(c, a) OSRI_EACH_11(m, c, __VA_ARGS__)
#define OSRI_EACH_13(m, c, a, ...) m(c, a) OSRI_EACH_12(m, c, __VA_ARGS__)
#define OSRI_EACH_14(m, c, a, ...) m(c, a) OSRI_EACH_13(m, c, __VA_ARGS__)
#define OSRI_EACH_15(m, c, a, ...) m(c, a) OSRI_EACH_14(m, c, __VA_ARGS__)
#define OSRI_EACH_16(m, c, a, ...) m(c, a) OSRI_EACH_15(m, c, __VA_ARGS__)
#define OSRI_EACH_17(m, c, a, ...) m(c, a) OSRI_EACH_16(m, c, __VA_ARGS__)
#define OSRI_EACH_18(m, c, a, ...) m(c, a) OSRI_EACH_17(m, c, __VA_ARGS__)
#define OSRI_EACH_19(m, c, a, ...) m(c, a) OSRI_EACH_18(m, c, __VA_ARGS__)
#define OSRI_EACH_20(m, c, a, ...) m(c, a) OSRI_EACH_19(m, c, __VA_ARGS__)
#define OSRI_EACH_21(m, c, a, ...) m(c, a) OSRI_EACH_20(m, c, __VA_ARGS__)
#define OSRI_EACH_22(m, c, a, ...) m(c, a) OSRI_EACH_21(m, c, __VA_ARGS__)
#define OSRI_EACH_23(m, c, a, ...) m(c, a) OSRI_EACH_22(m, c, __VA_ARGS__)
#define OSRI_EACH_24(m, c, a, ...) m(c, a) OSRI_EACH_23(m, c, __VA_ARGS__)
#define OSRI_EACH_25(m, c, a, ...) m(c, a) OSRI_EACH_24(m, c, __VA_ARGS__)
#define OSRI_EACH_26(m, c, a, ...) m(c, a) OSRI_EACH_25(m, c, __VA_ARGS__)
#define OSRI_EACH_27(m, c, a, ...) m(c, a) OSRI_EACH_26(m, c, __VA_ARGS__)
#define OSRI_EACH_28(m, c, a, ...) m(c, a) OSRI_EACH_27(m, c, __VA_ARGS__)
#define OSRI_EACH_29(m, c, a, ...) m(c, a) OSRI_EACH_28(m, c, __VA_ARGS__)
#define OSRI_EACH_30(m, c, a, ...) m(c, a) OSRI_EACH_29(m, c, __VA_ARGS__)
#define OSRI_EACH_31(m, c, a, ...) m(c, a) OSRI_EACH_30(m, c, __VA_ARGS__)
#define OSRI_EACH_32(m, c, a, ...) m(c, a) OSRI_EACH_31(m, c, __VA_ARGS__)

OSR_END_DECLS
#endif
