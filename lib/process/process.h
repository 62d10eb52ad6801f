/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_PROCESS_PROCESS_H
#define OSR_PROCESS_PROCESS_H

#include <stdalign.h>
#include <stdatomic.h>

#include "lib/core/map.h"
#include "lib/process/activation.h"
#include "lib/process/body.h"
#include "lib/process/link_table.h"
#include "lib/process/mailbox.h"
#include "lib/process/signal.h"
#include "lib/process/timer_table.h"
#include "lib/process/timer_wheel.h"
#include "lib/process/trail.h"
#include "lib/scheduler/stack.h"
#include "osier/info.h"

/* The process: what `osr_self` points to, and a slot of the process table.
 *
 * Slots are type-stable: once mapped they stay mapped while the node lives, and inbox keeps its
 * meaning, so that any thread may push to any slot at any time and is refused where nobody lives
 * (DESIGN.md D7).
 *
 * Ownership: at each moment at most one scheduler, run queue or pusher owns the fields marked
 * "owner". It passes with the run queue's lock, and through inbox:
 *   NULL or a list      the process has an owner; others only push
 *   OSRI_INBOX_IDLE     nobody owns it; whoever replaces this mark owns it and must queue it
 *   OSRI_INBOX_CLOSED   nobody lives here; pushes are refused */

#define OSRI_INBOX_IDLE ((osri_envelope *)(uintptr_t)1)
#define OSRI_INBOX_CLOSED ((osri_envelope *)(uintptr_t)2)

/* A monitor that this process holds. */
typedef struct osri_monitor_entry {
    osr_pid pid;       /* none when by name */
    uint64_t tag;      /* for its down message */
    char *name, *node; /* as it was addressed; NULL when by pid */
} osri_monitor_entry;

/* A request of ours that was begun and whose answer is still to be asked for. */
typedef struct osri_request_entry {
    osr_pid pid;
    char *name, *node;     /* as it was addressed across nodes; NULL when by pid */
    osri_envelope *answer; /* NULL: it has not come */
} osri_request_entry;

/* A spawn on another node (or by exported name) that has not been answered. */
typedef struct osri_spawn_entry {
    bool waits; /* osr_spawn() waits for it; else an osr_spawn_reply is due */
    bool link;
    uint64_t monitor; /* 0 = none */
} osri_spawn_entry;

typedef struct osri_defer {
    struct osri_defer *next; /* the one deferred before */
    void (*clean)(void *argument);
    void *argument;
} osri_defer;

/* Memory that osr_alloc() gave out. */
typedef struct osri_block {
    struct osri_block *next, *previous;
    size_t bytes;
} osri_block;

/* What most processes never have, made on first use. */
typedef struct osri_relations {
    osri_map monitors; /* number -> osri_monitor_entry: those we hold */
    osri_map watchers; /* {watcher's pid, number} -> non-NULL: those who monitor us */
    osri_map requests; /* {caller's pid, number} -> non-NULL: taken, and to be answered later */
    osri_map aliases;  /* number -> osr_alias_mode, never 0 */
    osri_map begun;    /* number -> osri_request_entry: requests of ours, not yet awaited */
    osri_map spawns;   /* number -> osri_spawn_entry */
    osri_defer *defers;
    osri_block *blocks; /* of osr_alloc() */
    osri_map kept;      /* body -> osri_envelope that osr_keep() took over; those of one shared body
                      hang together, through next */
    osri_user_timer *timers; /* live or fired and not seen yet */
    struct osri_fd_watch *fd_watches;
    struct osri_suspensions *suspensions; /* of it, and its of others; NULL: none yet */
    osri_envelope *building;              /* messages not yet given away, newest first: build.c */
    osri_envelope *asking;                /* INFOs that came after it was told to exit: info.c */
    size_t ended;                         /* cursor in the map that is being ended */
    struct osri_worker *home; /* of a pinned process that has run: the thread it stays on */
    osr_pid leader;           /* its group leader; none: that of the node */
} osri_relations;

/* A push that needs no allocation: wakes the process so that it looks at its deadline and flags.
 * Begins as an envelope does. */
typedef struct osri_wake {
    osri_envelope *next;
    uint8_t kind;       /* OSRI_SIGNAL_WAKE; written by who changed `queued` from false to true */
    atomic_bool queued; /* it hangs in the inbox */
} osri_wake;

/* When a behaviour is to be told that nothing has come; made on first use. */
typedef struct osri_idle {
    osri_alarm alarm;
    uint64_t due_ns;   /* UINT64_MAX = never */
    uint32_t after_ms; /* asked for by the running callback; 0 = not */
} osri_idle;

/* 5 cache lines (asserted in table.c): an idle server is little more. What is needed only while it
 * holds a stack lies there: activation.h. */
struct osr_self {
    /* The first cache line is the senders': what they write, and what of the rest they read and is
     * seldom written; so they need no other, and take none from the owner's hands. */

    /* writers: any thread */
    alignas(64) _Atomic(osri_envelope *) inbox; /* newest first; see above */
    osri_trail trail;                           /* of what was pushed behind others */

    /* set at spawn, constant while the process lives */
    osr_node *node;
    uint32_t slot;
    _Atomic(uint32_t) generation;      /* writer: owner; readers: any thread */
    _Atomic(uint32_t) open_generation; /* likewise; what a sender compares a pid with: generation,
                                          or another number where it has to see first whether there
                                          is room: bound.h */
    uint8_t priority;                  /* osr_priority */
    bool pinned;
    bool reports_end; /* osr_node_wait() may ask for it */

    /* owner */
    alignas(64) osri_stack *stack; /* lent; NULL between callbacks */
    osr_self *queue_next;          /* guarded by the run queue's lock while in one */
    osri_mailbox mailbox;

    /* writer: owner; readers: any thread (relaxed: each value alone means something) */
    _Atomic(uint64_t) queued;  /* messages in the mailbox */
    _Atomic(uint64_t) handled; /* messages taken */
    _Atomic(const osr_type *) handling;
    _Atomic(uint64_t) since_ns; /* of state; on the node's coarse clock */
    _Atomic(uint8_t) state;     /* osr_run_state */
    atomic_bool traps;

    /* owner */
    bool started;                   /* the body's start() has returned, or the raw body runs */
    bool exiting;                   /* told to exit: suspension points return OSR_EEXIT */
    bool ending;                    /* returned, or nothing to return from: end it */
    bool untrapped;                 /* ends by an exit signal: stop() is not called */
    bool subscribed;                /* to nodeups */
    bool replies_came;              /* to requests begun earlier, since it last looked */
    bool clean;                     /* stop() has run, if it was to, and defers run */
    bool suspended;                 /* by others: suspension.c */
    bool abandons;                  /* leaves its frames where they are: osr_exit() */
    uint8_t trims;                  /* see osri_relations_trim() */
    atomic_bool named;              /* name is not NULL; written under the registry's lock */
    atomic_bool served;             /* services are to hear of its end */
    _Atomic(uint8_t) mailbox_flags; /* OSRI_MAILBOX_…; mostly 0. Writers: any thread */
    uint64_t messages_numbered;
    osri_envelope *current;        /* lent to user code: the message in work */
    const osri_body_ops *ops;      /* set at spawn: a behaviour's; NULL: a raw process */
    union {                        /* set at spawn */
        const osr_entry *entry;    /* a raw process's */
        const void *configuration; /* a behaviour's */
    };
    void *state_block;
    osri_links *links; /* NULL: none */
    osri_relations *relations;
    osri_idle *idle;
    osri_envelope *argument;
    uint64_t owned_bytes;  /* of what it has by osr_alloc() and osr_keep(), and its state */
    osri_envelope *reason; /* body osr_reason; NULL = normal */
    char *name;            /* guarded by the node's registry lock */

    /* set at spawn, constant while the process lives */
    _Atomic(uint64_t) number; /* the how-manieth process of the node, from the moment it may run; 0
                                 where nobody lives: who holds the table's lock and sees it set may
                                 read this group, and that above */
    char *label;              /* NULL: none */
    uint32_t stack_bytes;
    uint32_t exit_ms; /* see osri_process_leave() */
    osr_pid parent;

    osri_wake wake; /* writers: any thread */

    _Atomic(struct osri_limits *) limits; /* of the slot, in all its lives: bound.h; NULL: none */
};

/* The thread that it stays on; NULL: it is not pinned, or has not run yet. Owner. */
static inline struct osri_worker *osri_process_home(const osr_self *process)
{
    return process->pinned ? process->relations->home : NULL;
}

/* Whether clean-ups are to be run. Owner. */
static inline bool osri_process_has_defers(const osr_self *process)
{
    return process->relations != NULL && process->relations->defers != NULL;
}

/* What is to be done when a message comes to the mailbox of a process, or leaves it. */
#define OSRI_MAILBOX_IDLE 0x1u  /* it has an idle time */
#define OSRI_MAILBOX_BOUND 0x2u /* messages are counted: bound.h */
#define OSRI_MAILBOX_LONG 0x4u  /* it has reached its high mark, and not come down to the low one */
#define OSRI_MAILBOX_MARKS                                                                         \
    0x8u /* somebody wants to know of marks; of the slot, whoever lives there */

static inline uint8_t osri_mailbox_flags_of(const osr_self *process)
{
    /* relaxed: each bit alone means something */
    return atomic_load_explicit(&process->mailbox_flags, memory_order_relaxed);
}

/* What tools see; with the time. Owner. */
void osri_process_set_state(osr_self *process, osr_run_state state);

/* A free slot, oldest first, inbox closed, generation set. Threads: any.
 * Errors: OSR_ELIMIT the table is full; OSR_ENOMEM; OSR_ESTOPPED it is closed. */
OSR_MUST_CHECK osr_err osri_table_take(osr_node *node, osr_self **ret_process);

/* Gives the slot of an ended process back under its next generation. Threads: any. */
void osri_table_give(osr_self *process);

/* Visits the processes, in order of spawn; one may have ended and another have taken its slot when
 * it is visited, which `number` tells. False: out of memory, nobody was visited. Threads: any. */
bool osri_table_visit(osr_node *node,
                      void (*visit)(void *context, osr_self *process, uint64_t number),
                      void *context);

/* From now on no slot is given out. Threads: any. */
void osri_table_close(osr_node *node);

osr_err osri_table_init(osr_node *node, uint32_t processes_max);
void osri_table_fini(osr_node *node);

/* Pushes. On success takes it; refused: returns false and leaves it. Queues an idle process.
 * Threads: any. */
bool osri_process_push(osr_self *process, osri_envelope *signal);

/* The same for an INFO, which learns since when the process was parked, if it was: enqueued_ns. */
bool osri_process_push_info(osr_self *process, osri_envelope *signal);

/* Pushes messages with one exchange, from the newest through next to the oldest, which are for the
 * same generation. Takes them: refused, they are returned to who sent them. Threads: any. */
void osri_process_push_chain(osr_self *process, osri_envelope *newest, osri_envelope *oldest);

/* The same as osri_process_push() for a message of a running process, whose worker queues it; what
 * it sends on to the same one may be chained to it. */
bool osri_process_push_by(const osr_self *self, osr_self *process, osri_envelope *signal);

/* Pushes what the running process has sent and its worker still holds: nothing that is pushed next
 * overtakes it. Threads: any. */
void osri_process_flush(const osr_node *node);

/* The same for a running process, which begins another chain only by another send. */
void osri_process_unchain(const osr_self *self);

/* Pushes a message that is not to be looked at here and now, also where the process is idle, and
 * only that. Nothing but a run queue's lock is taken. */
bool osri_process_push_queued(osr_self *process, osri_envelope *message);

/* Makes the owner look again. Threads: any. The caller sees to it that the process cannot end
 * before this returns: an alarm fires under its wheel's lock, which osri_alarm_end() takes once
 * more. */
void osri_process_wake(osr_self *process);

/* Moves what has been pushed into the mailbox, and acts on signals that are not messages. Owner. */
void osri_process_drain(osr_self *process);

/* Whether it has something to do now. Owner. */
bool osri_process_is_ready(osr_self *process);

/* Whether what it waits for has come, and nothing else is to be done for it. Owner. */
bool osri_process_has_come(osr_self *process);

/* Starts the timer of its wait, if that has a deadline. Owner. */
void osri_process_arm_deadline(osr_self *process);

/* Gives up ownership. False: something has been pushed, it is still ours. Owner. */
bool osri_process_park(osr_self *process);

/* Waits as `wait` says, at most until deadline_ns. On its own stack.
 * Errors: OSR_ETIMEDOUT; OSR_EEXIT. */
osr_err osri_process_suspend(osr_self *self, osri_wait wait, uint64_t deadline_ns);

/* The same but for osri_process_leave(), which it leaves to the caller: OSR_EEXIT. */
osr_err osri_process_wait(osr_self *self, osri_wait wait, uint64_t deadline_ns);

/* It has been told to exit by this signal, whose body is an osr_reason: takes it. Only the first
 * counts. Owner. */
void osri_process_exit_by(osr_self *process, osri_envelope *signal);

/* Tells a process that is to exit so once more: OSR_EEXIT. One that comes here exit_ms after it was
 * first told, or for the OSRI_EXIT_TOLD_MAX-th time (the clock of a stepped node may stand still),
 * does not leave: it is abandoned, and this does not return. On its own stack. */
#define OSRI_EXIT_TOLD_MAX 1000000u
osr_err osri_process_leave(osr_self *self);

/* Whether this life of the slot goes on. Threads: any. */
bool osri_process_lives(const osr_self *process, uint32_t generation);

/* The absolute deadline of a timeout in ms. */
uint64_t osri_deadline(const osr_self *self, uint32_t timeout_ms);

/* Runs what is to be run before it ends (stop(), defers). On its own stack, once. */
void osri_process_clean(osr_self *self);

/* Does with signals for a process that is gone, from the newest through next, what is to be done
 * with each, oldest first. Threads: any. */
void osri_process_refuse(osr_self *process, osri_envelope *newest);

/* From here on pushes are refused; what was pushed before gets the answer of a process that is
 * gone. Owner. */
void osri_process_close(osr_self *process);

/* Ends it: everything owned is released, then links and monitors hear of it, then the slot is free.
 * One that has many of them ends in several turns: false, it is to be called again. On the
 * scheduler's stack. Owner. */
bool osri_process_end(osr_self *process);

/* Whether that has begun. Owner. */
static inline bool osri_process_is_ending(const osr_self *process)
{
    return atomic_load_explicit(&process->state, memory_order_relaxed) == OSR_PROCESS_EXITING;
}

/* Sets the reason, unless there is one already. An allocation that fails leaves a bare code. Owner,
 * as all of these. */
void osri_process_set_reason(osr_self *process, const osr_reason *reason);
const osr_reason *osri_process_reason(const osr_self *process);

/* It has a reason, and is killed on top of that. */
void osri_process_set_killed(osr_self *process);
void osri_process_drop_reason(osr_self *process);

/* What an exit signal says: normal where it has no body. Lent as long as the signal lives. */
const osr_reason *osri_reason_of_signal(const osri_envelope *signal);

/* The relations, made on first use; NULL when out of memory. Owner. */
osri_relations *osri_process_relations(osr_self *process);
void osri_relations_free(osr_self *process);

/* Frees them if there are none, the first OSRI_TRIMS_MAX times: what a process needs at its start
 * only is not kept while it idles, what it needs again and again is. Owner. */
#define OSRI_TRIMS_MAX 4
void osri_relations_trim(osr_self *process);

/* Puts a message that the runtime itself made into the mailbox. When there is no memory for it the
 * process is told to exit with reason error, OSR_ENOMEM: no down or exit message is lost in
 * silence. Owner. */
void osri_process_tell(osr_self *process, const osr_type *type, const void *body);

/* Whether what runs on its stack waits for the answer to this request. Owner. */
static inline bool osri_process_awaits(const osr_self *process, uint64_t number)
{
    return number != 0 && process->stack != NULL && process->stack->activation.awaited == number;
}

/* The main function of every lent stack. argument: the process. */
void osri_process_main(void *argument);

/* Links and monitors. Owner. */
osr_err osri_link_add(osr_self *process, osr_pid pid);
void osri_link_signal(osr_self *process, osri_envelope *signal);

/* Tells those it is linked to, watched by, or asked by, that it has ended: at most *steps of them,
 * which are taken off. True: it was all. At its end. */
bool osri_link_end_some(osr_self *process, uint32_t *steps);
bool osri_monitor_end_some(osr_self *process, uint32_t *steps);

osr_err osri_watcher_add(osr_self *process, osr_pid watcher, uint64_t number);
void osri_monitor_signal(osr_self *process, osri_envelope *signal);
osr_err osri_monitor_add(osr_self *process, osr_pid pid, const char *name, const char *node,
                         uint64_t tag, uint64_t number);

/* Requests of others that this process has taken and not answered. Owner. */
osr_err osri_request_keep(osr_self *process, osr_pid caller, uint64_t number);
void osri_request_drop(osr_self *process, osr_pid caller, uint64_t number);

/* Takes the answer to a request that was begun earlier; false: there is none. Owner. */
bool osri_request_answered(osr_self *process, osri_envelope *answer);

/* Gives up all requests that were begun: late answers find nobody. Owner. */
void osri_requests_end_all(osr_self *process);

/* Tells a caller that its request will not be answered. */
void osri_request_refuse(osr_self *process, osr_pid caller, uint64_t number,
                         const osr_reason *reason);

/* Sends a request of any kind and waits for its answer: a REPLY, DOWN or SPAWN_REPLY, yours. On its
 * own stack. Errors: OSR_ETIMEDOUT, OSR_EEXIT: the other side has been told to forget it;
 * OSR_ENOMEM. */
osr_err osri_request_kind(osr_self *self, osri_signal_kind kind, const osri_route *route,
                          const osr_type *type, const void *body, uint64_t number,
                          uint64_t deadline_ns, osri_envelope **ret_answer);

/* A SUSPEND or RESUME. Owner. */
void osri_suspension_signal(osr_self *process, osri_envelope *signal);

/* Of one with `suspended` set: true, it is held from now on; or it is to exit and let go. Owner. */
bool osri_suspension_keeps(osr_self *process);

/* What one with a stack waits for, also while it is held. Owner. */
osri_wait osri_suspension_wait(const osr_self *process);
void osri_suspensions_end_all(osr_self *process);

/* Whom it suspends, osr_pid to how often (as a pointer's value); NULL: nobody. */
const osri_map *osri_suspensions_of(const osr_self *process);

/* Spawns. Owner. */
void osri_spawn_answered(osr_self *process, osri_envelope *signal);
void osri_info_answer(osr_self *process, osri_envelope *signal);

/* Answers those who asked it after it was told to exit: it is gone. At its end. */
void osri_info_end_all(osr_self *process);
void osri_timer_fired(osr_self *process, osri_envelope *signal);
void osri_timers_end_all(osr_self *process);

/* The signal of a timer whose process has ended. Threads: any. */
void osri_timer_refused(osri_envelope *signal);
void osri_memory_end_all(osr_self *process);

/* Makes a message that was made for it the process's own, as osr_keep() does with one received;
 * takes the envelope. A process that then has more than its limit ends here. Errors: OSR_ENOMEM. */
OSR_MUST_CHECK osr_err osri_memory_keep(osr_self *self, osri_envelope **envelope,
                                        const void **ret_body);

/* Sends a message that is complete but for its address and sender. Takes it. Suspension point: may
 * wait in line for its node, or for room. Errors: as osri_send(); OSR_EEXIT, which osri_send_done()
 * has to hear. */
osr_err osri_send_envelope(osr_self *self, osr_dest to, osri_envelope *message);

/* The same without waiting; on an error the message is left. Not a suspension point. Errors: as
 * osri_try_send(). */
osr_err osri_try_envelope(osr_self *self, osr_dest to, osri_envelope **message);

/* Ends a send: counts what was sent against the turn of the process, for who only sends has turns
 * like everybody; or tells a process that is to exit so (osri_process_leave). Suspension point, the
 * last thing in the caller's frame. Returns err. */
osr_err osri_send_done(osr_self *self, osr_err err, size_t messages);

/* Frees the messages that the process has begun to build and not given away. */
void osri_building_end_all(osr_self *process);

/* See bound.h. */
void osri_bound_gone(osr_self *process, osri_envelope *message);

/* The count of its mailbox goes down by one. Owner, the one writer: no need for an exchange. */
static inline void osri_process_message_gone(osr_self *process, osri_envelope *message)
{
    uint64_t queued = atomic_load_explicit(&process->queued, memory_order_relaxed);
    atomic_store_explicit(&process->queued, queued - 1, memory_order_relaxed);
    if (osri_mailbox_flags_of(process) != 0) {
        osri_bound_gone(process, message);
    }
}

/* A message into the mailbox, before all others or last; what is to be done for it, but for its
 * bound. Owner. */
void osri_process_put_in(osr_self *process, osri_envelope *message, bool is_first);

/* What it handles now, for tools and for the fault handler; NULL = nothing. Owner. */
static inline void osri_process_handling(osr_self *process, const osr_type *type)
{
    atomic_store_explicit(&process->handling, type, memory_order_relaxed);
}

/* A request goes from the mailbox nowhere: it is too late for it. Takes it. Owner. */
void osri_process_drop_late(osr_self *process, osri_envelope *request);

/* A message goes from the mailbox into user code's hands. Owner. */
void osri_process_message_taken(osr_self *process, osri_envelope *message);

/* "This function is called by the process that runs." */
#define OSRI_ASSERT_SELF(self)                                                                     \
    OSR_ASSERT_DEBUG((self) != NULL && (self)->stack != NULL &&                                    \
                     (self)->stack->activation.resumer != NULL)

#endif
