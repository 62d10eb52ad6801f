/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_PROCESS_H
#define OSR_PROCESS_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "osier/architecture.h"
#include "osier/message.h"
#include "osier/reason.h"

/* What a process does. Each function here takes the handle of the process that is running, `self`,
 * and is called by that process only (debug builds assert it); so "Threads" is not said again.
 *
 * A *suspension point* may let other processes run and may resume on another thread: hold no mutex
 * across it and read errno before it. From the moment a process has been told to exit, each
 * suspension point returns OSR_EEXIT at once; leave by your own clean-up path (DESIGN.md D5). */

OSR_BEGIN_DECLS

#define OSR_FOREVER UINT32_MAX /* a timeout in ms that never comes */

/* ---- addresses ------------------------------------------------------------------------- */

/* A destination: a pid. */
static inline osr_dest osr_to(osr_pid pid)
{
    osr_dest dest = {pid, NULL, NULL, 0};
    return dest;
}

/* A destination: the process registered as `name` on the node called `node` ("store@host");
 * node NULL means this one. The texts are borrowed until the call that uses the value returns. */
static inline osr_dest osr_name(const char *name, const char *node)
{
    osr_dest dest = {OSR_PID_NONE, name, node, 0};
    return dest;
}

/* This process, and the one that started it (none when started from outside the node). Not a
 * suspension point. */
OSR_API osr_pid osr_self_pid(const osr_self *self);
OSR_API osr_pid osr_self_parent(const osr_self *self);

/* The node's name, e.g. "store@host"; lives as long as the node. Not a suspension point. */
OSR_API const char *osr_self_node_name(const osr_self *self);

/* The name of the node a pid belongs to: this node, or one that is or was connected; NULL when not
 * known. Lives as long as the node. Not a suspension point. */
OSR_API const char *osr_node_name_of(const osr_self *self, osr_pid pid);

/* ---- entries and spawn ----------------------------------------------------------------- */

/* The body of a raw process. `argument` is lent until it returns. Returning OSR_OK ends the process
 * with reason normal, anything else with reason error. */
typedef osr_err osr_entry_run(osr_self *self, const void *argument);

typedef struct osr_entry {
    const char *name;
    const osr_type *argument;
    osr_entry_run *run;
    const char *file;
    uint32_t line;
    const struct osri_exported_body *body; /* a behaviour instead of run(); NULL here */
} osr_entry;

typedef enum osr_priority {
    OSR_PRIORITY_NORMAL = 0,
    OSR_PRIORITY_LOW,
    OSR_PRIORITY_HIGH
} osr_priority;

typedef struct osr_spawn_options {
    size_t size;          /* set by OSR_SPAWN() */
    const char *name;     /* register the process under this name before it runs */
    const char *label;    /* shown by tools, need not be unique; copied, cut to 31 bytes */
    const char *node;     /* spawn on this node: the entry must be exported there; NULL = here;
                             "label:worker": see osr_choose_node() */
    uint32_t stack_bytes; /* 0 = 64 KiB. An overflow ends the program (osr_catch_faults() names the
                             process); so that a frame of more than 16 KiB is seen, too, compile
                             with -fstack-clash-protection, as osier's packages ask for */
    uint32_t exit_ms;     /* time to return after the first OSR_EEXIT; 0 = 1,000 */
    uint32_t memory_max;  /* KiB of osr_alloc(), osr_keep() and what others have sent and it has not
                             received, together; over it the process crashes; 0 = no limit */
    uint32_t mailbox_max; /* messages that may wait, else new ones are dropped: the shortest form of
                             .mailbox, which see; 0 = no limit */
    bool link;            /* atomically linked to the spawner */
    bool monitor;         /* atomically monitored by the spawner: see ret_monitor */
    bool pinned;          /* stays on one thread */
    osr_priority priority;
    osr_ref *ret_monitor; /* receives the monitor's reference when .monitor is set */
    const struct osr_mailbox_options *mailbox; /* osier/mailbox.h; NULL: as mailbox_max says */
} osr_spawn_options;

/* Options for a spawn: OSR_SPAWN(.link = true, .name = "store"). */
#define OSR_SPAWN(...) (&(const osr_spawn_options){.size = sizeof(osr_spawn_options), __VA_ARGS__})

/* Declares the body of a raw process whose argument is a message type:
 *
 *     OSR_ENTRY(greeter, greeter_options)      // self, argument
 *     { ...; return OSR_OK; }
 *
 * and greeter_spawn(self, &argument, options or NULL, &pid), typed. The argument is copied. */
#define OSR_ENTRY(entry, argument_type)                                                            \
    static osr_err entry##_osr_body(osr_self *self_, const argument_type *argument_);              \
    static osr_err entry##_osr_run(osr_self *self_, const void *argument_)                         \
    {                                                                                              \
        return entry##_osr_body(self_, (const argument_type *)argument_);                          \
    }                                                                                              \
    static const osr_entry entry##_osr_entry = {                                                   \
        #entry, &argument_type##_osr_type, entry##_osr_run, __FILE__, __LINE__, NULL};             \
    OSRI_PART(entry##_osr_part, OSR_PART_ENTRY, #entry, &entry##_osr_entry, NULL, 0, NULL, NULL);  \
    OSRI_UNUSED static inline osr_err entry##_spawn(                                               \
        osr_self *self_, const argument_type *argument_, const osr_spawn_options *options_,        \
        osr_pid *ret_pid_)                                                                         \
    {                                                                                              \
        return osr_spawn(self_, &entry##_osr_entry, argument_, options_, ret_pid_);                \
    }                                                                                              \
    static osr_err entry##_osr_body(OSRI_UNUSED osr_self *self,                                    \
                                    OSRI_UNUSED const argument_type *argument)

/* Lets other nodes that may (role spawn) start this entry by its name. File scope. */
#define OSR_EXPORT(entry)                                                                          \
    __attribute__((used, retain,                                                                   \
                   section("osr_entries"))) static const osr_entry *const entry##_osr_exported =   \
        &entry##_osr_entry

/* Starts a process. With options->node it asks that node and waits (suspension point) for the
 * answer at most the node's connection deadline; else it does not suspend.
 * argument: of entry->argument's type, copied; NULL where that is NULL.
 * Errors: OSR_ENOMEM; OSR_ELIMIT process table full; OSR_ETAKEN the name; OSR_EEXIT;
 *   OSR_EINVAL a name that may not be one (osr_register()), a stack over 8 MiB, no argument where
 *   the entry has one, or .mailbox is not as it must be; OSR_ESTOPPED;
 *   remote: OSR_ENOCONNECTION, OSR_ENOTFOUND not exported there, or no node has the label;
 *   OSR_EPERM no role. */
OSR_API OSR_MUST_CHECK osr_err osr_spawn(osr_self *self, const osr_entry *entry,
                                         const void *argument, const osr_spawn_options *options,
                                         osr_pid *ret_pid);

/* The same for an entry known by name only, on options->node. argument_type NULL: no argument.
 * Suspension point. Errors: as osr_spawn(); OSR_EINVAL without a .node. */
OSR_API OSR_MUST_CHECK osr_err osr_spawn_named(osr_self *self, const char *entry,
                                               const osr_type *argument_type, const void *argument,
                                               const osr_spawn_options *options, osr_pid *ret_pid);

/* ---- sending and receiving ------------------------------------------------------------- */

/* Sends are NAME_send(self, dest, &message), made by OSR_MESSAGE: the message is copied; to a
 * process that does not exist (any more) it is silently dropped, as in Erlang. They return
 * OSR_ENOPROC only for an unregistered bare name of this node, OSR_ENOMEM, OSR_EINVAL over 16 MiB,
 * and where the receiver has bounded its mailbox (osier/mailbox.h) OSR_EFULL or OSR_ETIMEDOUT.
 * Suspension point: who only sends has turns like everybody, and may have to wait for room. */

/* A received message. Everything in it is lent until the next receive of this process, or until the
 * handler returns. */
typedef struct osr_message {
    const osr_type *type;
    const void *body;
    osr_pid from;
    uint64_t ref; /* a request's number, 0 for others: see osr_caller_of() */
} osr_message;

/* The body as TYPE, or NULL when the message is of another type:
 *     const tick *t = OSR_AS(tick, &message);
 * Threads: any. Not a suspension point. */
#define OSR_AS(type_, message) ((const type_ *)osri_message_as((message), type_##_osr_type.id))
OSR_API const void *osri_message_as(const osr_message *message, uint32_t type_id);

/* The oldest message of any type. Suspension point.
 * Errors: OSR_ETIMEDOUT; OSR_EEXIT. */
OSR_API OSR_MUST_CHECK osr_err osr_receive(osr_self *self, uint32_t timeout_ms,
                                           osr_message *ret_message);

/* The oldest message of one of the types; others stay, in order. Suspension point. Errors as
 * above. */
OSR_API OSR_MUST_CHECK osr_err osr_receive_of(osr_self *self, const osr_type *const *types,
                                              size_t count, uint32_t timeout_ms,
                                              osr_message *ret_message);

/* The oldest message that match() accepts; each waiting message is offered once a call. match()
 * must not suspend. Suspension point. Errors as above. */
typedef bool osr_match(void *context, const osr_message *message);
OSR_API OSR_MUST_CHECK osr_err osr_receive_where(osr_self *self, osr_match *match, void *context,
                                                 uint32_t timeout_ms, osr_message *ret_message);

/* Who waits for the answer to a request. A value: may be kept, sent, and answered by any
 * process. */
typedef struct osr_caller {
    osr_pid pid;
    uint64_t ref;
} osr_caller;

static inline osr_caller osr_caller_of(const osr_message *message)
{
    osr_caller caller = {message->from, message->ref};
    return caller;
}

/* Answers a request with a copy; a caller that no longer waits never sees it. Not a suspension
 * point. Errors: OSR_ENOMEM, OSR_EINVAL over 16 MiB: the request is still unanswered; OSR_EFULL to
 *   an alias, as NAME_send(). None for a caller that is gone, nor once this process has been told
 *   to exit: then its end is the answer. */
OSR_API osr_err osr_reply_to(osr_self *self, osr_caller caller, const osr_type *type,
                             const void *reply);

/* An alias: an address of a process that it can turn off, so that what comes late never comes. Its
 * value says {process, number}; it may be kept, sent, and used by any process of any node until it
 * is off. A message to an alias arrives like any other; to one that is off it is dropped and
 * counted, as is what was under way when it was turned off; what waits in the mailbox stays. */
typedef enum osr_alias_mode {
    OSR_ALIAS_EXPLICIT = 1,  /* on until osr_unalias() */
    OSR_ALIAS_REPLY = 2,     /* the first message turns it off; with a monitor, ends that too */
    OSR_ALIAS_DEMONITOR = 3, /* of a monitor only: goes with it */
} osr_alias_mode;

/* Makes an alias of this process; it goes with the process at the latest. Not a suspension point.
 * Errors: OSR_ENOMEM; OSR_ELIMIT it has relations_max aliases; OSR_EINVAL mode. */
OSR_API OSR_MUST_CHECK osr_err osr_alias(osr_self *self, osr_alias_mode mode,
                                         osr_caller *ret_alias);

/* A monitor and an alias in one: whom we ask may answer to the alias, and the down message, with
 * `tag`, has osr_monitor_of(alias). In modes REPLY and DEMONITOR the alias goes when the monitor
 * does, by osr_demonitor() or its down message. Not a suspension point. Errors as osr_alias() and
 * osr_monitor(). */
OSR_API OSR_MUST_CHECK osr_err osr_monitor_alias(osr_self *self, osr_dest to, uint64_t tag,
                                                 osr_alias_mode mode, osr_caller *ret_alias);

/* Gives a monitor of this process an alias: one that a spawn made, for instance. Errors as
 * osr_alias(); OSR_ENOTFOUND the monitor has fired or is none. Not a suspension point. */
OSR_API OSR_MUST_CHECK osr_err osr_alias_monitor(osr_self *self, osr_ref monitor,
                                                 osr_alias_mode mode, osr_caller *ret_alias);

/* The monitor that an alias was made with. Threads: any. Not a suspension point. */
OSR_API osr_ref osr_monitor_of(osr_caller alias);

/* Turns an alias of this process off; returns whether it was on. A monitor made with it stays. Not
 * a suspension point. */
OSR_API bool osr_unalias(osr_self *self, osr_caller alias);

/* A destination for NAME_send(), NAME_send_all() and NAME_give(): an alias. All else that takes a
 * destination finds nobody there (OSR_ENOPROC). */
static inline osr_dest osr_to_alias(osr_caller alias)
{
    osr_dest dest = {alias.pid, "", NULL, alias.ref};
    return dest;
}

/* An alias through which others may overtake: a message that is sent to osr_to_alias_priority() of
 * it is received after the messages of priority that wait already, and before all others; what is
 * sent to osr_to_alias() of it keeps its order. So it takes both, the receiver's consent and the
 * sender's wish; of another alias the wish is ignored. The receiver does not see the difference.
 * For a few urgent messages: each that comes costs a step for each of priority that still waits,
 * and a receive by predicate may be offered again what it has passed over. Not a
 * suspension point. Errors: as osr_alias(). */
OSR_API OSR_MUST_CHECK osr_err osr_alias_priority(osr_self *self, osr_alias_mode mode,
                                                  osr_caller *ret_alias);

/* A destination like osr_to_alias(), for what is to overtake. Threads: any. Not a suspension
 * point. */
OSR_API osr_dest osr_to_alias_priority(osr_caller alias);

/* The same for who waits for the answer to a request: what is sent or given there is the answer, as
 * by osr_reply_to(); so one that was built in place is moved. A handler of a server returns
 * OSR_NOREPLY afterwards. */
static inline osr_dest osr_to_caller(osr_caller caller)
{
    return osr_to_alias(caller);
}

/* Waits for the answer to a request that NAME_begin() sent, whatever waits in the mailbox. The
 * reply is lent until the next answer is taken. ret_reason, which may be NULL, is written on
 * OSR_EFAILED, OSR_ENOPROC and OSR_ENOCONNECTION. Suspension point.
 * Errors: OSR_ETIMEDOUT, and the request goes on: wait again, or osr_abandon() it. With any other
 *   error it is over: OSR_ENOPROC the process does not exist; OSR_ENOCONNECTION; OSR_EFAILED it
 *   ended, or returned without an answer. OSR_ENOTFOUND not a request of this process that is
 *   still to be answered; OSR_EEXIT. */
OSR_API OSR_MUST_CHECK osr_err osr_await(osr_self *self, osr_ref request, uint32_t timeout_ms,
                                         osr_message *ret_reply, osr_reason *ret_reason);

/* The same for the first of several that is answered; *ret_index says which, also with
 * OSR_ENOPROC, OSR_ENOCONNECTION and OSR_EFAILED. Suspension point. Errors also: OSR_EINVAL count
 * is 0. */
OSR_API OSR_MUST_CHECK osr_err osr_await_any(osr_self *self, const osr_ref *requests, size_t count,
                                             uint32_t timeout_ms, size_t *ret_index,
                                             osr_message *ret_reply, osr_reason *ret_reason);

/* Gives a request up: its answer, late or here, is dropped. Returns whether it was still to be
 * awaited. Not a suspension point. */
OSR_API bool osr_abandon(osr_self *self, osr_ref request);

/* ---- links, monitors, exits ------------------------------------------------------------ */

/* Messages the runtime sends. */
/* to a trapping process */
OSR_MESSAGE(osr_exited, 0x02, (1, pid, from), (2, of(osr_reason), reason));
OSR_MESSAGE(osr_down, 0x03, (1, ref, monitor), (2, pid, pid), (3, str, name), (4, str, node),
            (5, of(osr_reason), reason), (6, u64, tag));
OSR_MESSAGE(osr_timeout, 0x04, (1, ref, timer));
OSR_MESSAGE(osr_nodeup, 0x05, (1, str, name), (2, u64, node), (3, u64, creation), (4, u64, os_pid),
            (5, list(str), labels), (6, bool, hidden), (7, u64, connection));
/* monitor: of osr_monitor_node(); none where it comes from osr_monitor_nodes() */
OSR_MESSAGE(osr_nodedown, 0x06, (1, str, name), (2, u64, node), (3, str, reason), (4, bool, hidden),
            (5, ref, monitor), (6, u64, connection));
OSR_MESSAGE(osr_spawn_reply, 0x07, (1, ref, request), (2, i32, error), (3, pid, pid));

/* Links this process and pid. Once is enough; linking oneself does nothing. A dead process of this
 * node: OSR_ENOPROC, or for one that traps exits an osr_exited message; of another node always the
 * latter (or the exit). Where the other side cannot take one more link (it has relations_max, or no
 * memory), the same happens with that error as the reason. Not a suspension point.
 * Errors also: OSR_ENOMEM; OSR_ELIMIT it has relations_max links; OSR_EINVAL a pid that is none. */
OSR_API OSR_MUST_CHECK osr_err osr_link(osr_self *self, osr_pid pid);

/* Removes the link: no exit of it arrives after this returns. Not a suspension point.
 * Errors: none, always OSR_OK; also where there was no link. */
OSR_API osr_err osr_unlink(osr_self *self, osr_pid pid);

/* Asks for one osr_down message when the process ends, does not exist, or its node is lost.
 * Monitors stack; monitoring oneself never fires. Not a suspension point.
 * Errors: OSR_ENOMEM; OSR_ELIMIT it has relations_max monitors; OSR_EINVAL a pid that is none. */
OSR_API OSR_MUST_CHECK osr_err osr_monitor(osr_self *self, osr_dest to, osr_ref *ret_monitor);

/* The same, and the down message carries `tag`: what the watcher wants to be reminded of, so that
 * it need not look the reference up. Without it the tag is 0. Not a suspension point. Errors: as
 * osr_monitor(). */
OSR_API OSR_MUST_CHECK osr_err osr_monitor_tagged(osr_self *self, osr_dest to, uint64_t tag,
                                                  osr_ref *ret_monitor);

/* Ends a monitor; returns whether it was still there. A down message that is already in the mailbox
 * stays, unless flush. Not a suspension point. */
OSR_API bool osr_demonitor(osr_self *self, osr_ref monitor, bool flush);

/* From now on exit signals, other than kill, arrive as osr_exited messages. Returns the old
 * setting. Not a suspension point. */
OSR_API bool osr_trap_exit(osr_self *self, bool on);

/* Sends an exit signal (Erlang's exit/2): ignored by others when normal; OSR_REASON_KILL cannot be
 * trapped. The reason is copied. Not a suspension point.
 * Errors: OSR_ENOMEM, OSR_EINVAL a reason over 16 MiB: nothing was sent. None where there is no
 *   such process. */
OSR_API osr_err osr_send_exit(osr_self *self, osr_pid pid, const osr_reason *reason);

/* Sets the reason with which this process ends when it returns (an error it returns otherwise).
 * The reason is copied. Returns OSR_EEXIT, so that a body can write: return osr_fail(self,
 * &reason); Not a suspension point. Errors: OSR_EEXIT, always. */
OSR_API osr_err osr_fail(osr_self *self, const osr_reason *reason);

/* Ends the process here and now: its C frames are abandoned, nothing of them is cleaned up; what it
 * owns through self is released. The reason is copied. Does not return, so it is not a suspension
 * point. */
OSR_API void osr_exit(osr_self *self, const osr_reason *reason) __attribute__((noreturn));

/* Ends the process with a crash that names the condition, unless it holds. Not a suspension
 * point. */
#define OSR_CHECK(self, condition)                                                                 \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            osri_check_failed((self), #condition, __FILE__, __LINE__);                             \
        }                                                                                          \
    } while (0)
OSR_API void osri_check_failed(osr_self *self, const char *condition, const char *file, int line)
    __attribute__((noreturn));

/* True until the process has received an exit signal, as seen after our own earlier signals to it;
 * the answer that it has comes once it has ended and what it owned and its name are gone. For a pid
 * of another node: whether that node is connected. Suspension point.
 * False also when this process has been told to exit. */
OSR_API bool osr_is_alive(osr_self *self, osr_pid pid);

/* ---- names ----------------------------------------------------------------------------- */

/* Registers a process of this node. The name is copied. Not a suspension point.
 * Errors: OSR_ETAKEN the name is taken or the process has one; OSR_ELIMIT the node has names_max
 *   names; OSR_ENOPROC not alive or not of this node; OSR_EINVAL empty, over 255 bytes, or
 *   reserved: "undefined", and what begins with "<" as a printed pid; OSR_ENOMEM. */
OSR_API OSR_MUST_CHECK osr_err osr_register(osr_self *self, const char *name, osr_pid pid);

/* Takes the name back, whoever has it. Not a suspension point. Errors: OSR_ENOTFOUND. */
OSR_API OSR_MUST_CHECK osr_err osr_unregister(osr_self *self, const char *name);

/* The pid registered here under name, or OSR_PID_NONE. Not a suspension point. */
OSR_API osr_pid osr_whereis(const osr_self *self, const char *name);

/* ---- time ------------------------------------------------------------------------------ */

/* Monotonic time of the node in ns: the only clock a process should read. Not a suspension
 * point. */
OSR_API uint64_t osr_now(const osr_self *self);

/* Real time in ms since 1970, of the node's environment. Not a suspension point. */
OSR_API uint64_t osr_wall_ms(const osr_self *self);

/* Random bytes of the node's environment. Not a suspension point. */
OSR_API void osr_random(osr_self *self, void *ret_bytes, size_t bytes);

/* Suspension point. Errors: OSR_EEXIT. */
OSR_API osr_err osr_sleep(osr_self *self, uint32_t ms);

/* Lets others run. Suspension point. Errors: OSR_EEXIT. */
OSR_API osr_err osr_yield(osr_self *self);

/* Sends this process an osr_timeout with the timer's reference after ms, never early.
 * The timer goes with the process. Errors: OSR_ENOMEM; OSR_ELIMIT the node has timers_max. Not a
 * suspension point. */
OSR_API OSR_MUST_CHECK osr_err osr_timer_start(osr_self *self, uint64_t ms, osr_ref *ret_timer);

/* The same at a time of the node's clock, see osr_now(); one that has passed fires at once. Not a
 * suspension point. Errors: as osr_timer_start(). */
OSR_API OSR_MUST_CHECK osr_err osr_timer_start_at(osr_self *self, uint64_t at_ns,
                                                  osr_ref *ret_timer);

/* Cancels; true and the remaining ms, rounded up (ret may be NULL), when it had not fired: nothing
 * of it comes then. A timer of another process of this node is cancelled by its reference as well.
 * Not a suspension point. */
OSR_API bool osr_timer_cancel(osr_self *self, osr_ref timer, uint64_t *ret_remaining_ms);

/* The remaining ms of a timer of this node, rounded up; false when it has fired or is none. Not a
 * suspension point. */
OSR_API bool osr_timer_read(osr_self *self, osr_ref timer, uint64_t *ret_remaining_ms);

/* ---- memory and clean-up --------------------------------------------------------------- */

/* Memory that is freed when the process ends, however it ends. NULL when there is none. A process
 * that would have more than its memory_max ends here, as osr_exit() does, with a crash that says
 * so: what cannot be had is one thing, what one was told not to take another. osr_free() takes what
 * is the process's, from here or from osr_keep() and the like, or NULL. Neither is a suspension
 * point. */
OSR_API void *osr_alloc(osr_self *self, size_t bytes);
OSR_API void osr_free(osr_self *self, void *block);

/* Runs clean(argument) when the process ends, last deferred first, however it ends; on the
 * process's stack, where it must not suspend. Not a suspension point itself. Errors: OSR_ENOMEM
 * (clean has not been run). */
OSR_API OSR_MUST_CHECK osr_err osr_defer(osr_self *self, void (*clean)(void *argument),
                                         void *argument);

/* Takes the message last received out of the runtime's hands: its body stays valid until it is
 * given back by osr_free(self, body) or the process ends, and counts against its memory_max as
 * osr_alloc() does. Not a suspension point. Errors: OSR_EINVAL not the last one received, or
 * without a body; OSR_ENOMEM. */
OSR_API OSR_MUST_CHECK osr_err osr_keep(osr_self *self, const osr_message *message,
                                        const void **ret_body);

/* Runs code that blocks (files, DNS, locks) on a helper thread, while other processes go on.
 * Returns when it is done; it is not interrupted by exit signals. run() must not use self.
 * A node has .blocking_max such threads, made when they are first needed: so many calls run at
 * once, the others wait in line, first come first. Code that waits for what another such call does
 * may therefore wait for ever: 16 that wait for a 17th do. What is to be waited for by several is
 * waited for in receive, or the node given more threads. On a node that is stepped run() is called
 * in the step.
 * Suspension point. Errors: OSR_ENOMEM, OSR_ELIMIT the system allows not even one such thread;
 *   OSR_EEXIT when told to exit (run() has then completed, or never started). */
OSR_API OSR_MUST_CHECK osr_err osr_blocking(osr_self *self, void (*run)(void *argument),
                                            void *argument);

/* ---- nodes ----------------------------------------------------------------------------- */

/* osier/nodes.h has more: which nodes there are, members, monitors of single nodes. */

/* Subscribes to osr_nodeup and osr_nodedown messages of visible nodes (and hidden ones), beginning
 * with a nodeup for each that is connected. A nodeup comes before the first message of its
 * connection, a nodedown after the last and before the next nodeup of that node; both carry the
 * connection's number, the same on both sides. The reason of a nodedown:
 * connection_closed (also when the other side disconnects), net_tick_timeout, disconnect (asked for
 * here), goodbye (it stopped), restarted (its next start is there), revoked, protocol_error,
 * no_memory. Not a suspension point. Errors: OSR_ENOMEM. */
OSR_API OSR_MUST_CHECK osr_err osr_monitor_nodes(osr_self *self, bool on, bool hidden);

/* Starts to connect to the node called name, also where nodes do not connect by themselves; nodeup
 * or nothing follows. Errors: OSR_ENOTSUP the node was started without distribution; OSR_EINVAL not
 * a node name. Not a suspension point. */
OSR_API osr_err osr_connect(osr_self *self, const char *node);

/* Closes the connection: nodedown with reason disconnect, after the exits and downs of what was
 * linked and monitored there. Not a suspension point. Errors: OSR_ENOTFOUND not connected;
 * OSR_ENOTSUP the node was started without distribution. */
OSR_API osr_err osr_disconnect(osr_self *self, const char *node);

/* ---- log ------------------------------------------------------------------------------- */

/* One line of the process's, with its pid and label. Level as in osier/log.h. Not a suspension
 * point. */
OSR_API void osr_log_self(osr_self *self, int level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

OSR_END_DECLS
#endif
