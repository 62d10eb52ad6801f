/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_INFO_H
#define OSR_INFO_H

/* What can be learned of processes, in two ways.
 *
 * osr_info() asks the process itself, by a signal: the answer comes after all that the caller has
 * sent to it before has had its effect, and is one moment's. A process that does not come to an end
 * of its handler, or to a suspension point in it, does not answer.
 *
 * A snapshot is taken from outside without the process's help, so there is one of a process that is
 * stuck, too. It knows less, and says nothing about the order of signals. */

#include "osier/node.h"
#include "osier/process.h"

OSR_BEGIN_DECLS

/* What a process does. The numbers travel: append, never reuse. */
typedef enum osr_run_state {
    OSR_PROCESS_IDLE = 0,    /* a behaviour between messages: holds no stack */
    OSR_PROCESS_WAITING = 1, /* inside a call, receive or sleep: holds a stack */
    OSR_PROCESS_READY = 2,   /* in a run queue */
    OSR_PROCESS_RUNNING = 3,
    OSR_PROCESS_EXITING = 4,
    OSR_PROCESS_SUSPENDED = 5, /* by osr_suspend(); only osr_info() says it */
} osr_run_state;

/* What a process in the middle of its code waits for. The numbers travel likewise. */
typedef enum osr_blocked_on {
    OSR_BLOCKED_NOT = 0,      /* runs, could run, or is a behaviour between messages */
    OSR_BLOCKED_MESSAGE = 1,  /* osr_receive(), osr_receive_where() */
    OSR_BLOCKED_TYPES = 2,    /* osr_receive_of() */
    OSR_BLOCKED_CALL = 3,     /* an answer: osr_process_info.waits_for says whose */
    OSR_BLOCKED_REQUESTS = 4, /* osr_await(), osr_await_any() */
    OSR_BLOCKED_TIME = 5,     /* osr_sleep() */
    OSR_BLOCKED_CODE = 6,     /* osr_blocking() */
    OSR_BLOCKED_LINK = 7,     /* a send or call: for another node or bounded mailbox */
    OSR_BLOCKED_MAILBOX = 8,  /* likewise, until the mailbox of waits_for has room */
} osr_blocked_on;

/* "idle", "waiting", …, and "message", "types", "call", "requests", "time", "blocking code",
 * "link", "mailbox"; static; "unknown" for any other number. Threads: any. Not a suspension
 * point. */
OSR_API const char *osr_run_state_name(uint32_t state);
OSR_API const char *osr_blocked_on_name(uint32_t blocked_on);

/* A message that waits in a mailbox. */
OSR_STRUCT(osr_waiting_message, (1, str, type), (2, pid, from),
           (3, str, text) /* as osr_print() writes it, cut to 255 bytes */
);

/* What it has done and has. */
OSR_STRUCT(osr_process_work, (1, u64, handled), /* messages taken since it started */
           (2, u64, reductions),                /* messages taken and sent */
           (3, u64, queued),                    /* messages that wait in its mailbox */
           (4, u64, queued_bytes), /* of them; where more than 10,000 wait, reckoned from these */
           (5, u64, memory_bytes), /* all: itself, state, stack, osr_alloc(), osr_keep(), mailbox */
           (6, u64, stack_bytes),  /* of the stack that it holds; 0: none */
           /* messages that its bound had no room for, by what became of them: as
              osr_node_counters */
           (7, u64, dropped_new), (8, u64, dropped_rejected), (9, u64, dropped_old),
           (10, u64, dropped_overflow), (11, u64, dropped_waited),
           (12, list(of(osr_waiting_message)), oldest) /* of its mailbox, the 16 to come next */
);

OSR_STRUCT(osr_process_name, (1, str, name), (2, str, node));
OSR_STRUCT(osr_suspending, (1, pid, pid), (2, u32, times));

/* Whom it knows: at most 64 of each, and how many there are. */
OSR_STRUCT(osr_process_relations, (1, list(pid), links),
           (2, list(pid), monitors), /* whom it monitors */
           (3, list(pid), watchers), /* who monitors it */
           (4, u32, link_count), (5, u32, monitor_count), (6, u32, watcher_count),
           (7, pid, group_leader),                 /* none: that of its node */
           (8, list(of(osr_process_name)), names), /* whom it monitors by name on another node */
           (9, u32, name_count), (10, list(of(osr_suspending)), suspending), /* osr_suspend() */
           (11, u32, suspending_count));

/* What a process says of itself. Texts are "" where there is none. There is no backtrace: to unwind
 * the frames of a process that waits, from outside its stack, takes tables that a program need not
 * have, and guessed frames would be worse than none. Where it is say `handling`, `blocked_on`,
 * `waits_for` and `waits_text`; one that crashes tells its frames itself (osier/reason.h). */
OSR_MESSAGE(osr_process_info, 0x09, (1, pid, pid), (2, pid, parent), (3, str, name),
            (4, str, label), (5, str, body), /* behaviour or entry */
            (6, str, handling),              /* type of the message in work */
            (7, u32, state),                 /* osr_run_state, before it was asked */
            (8, u32, blocked_on),            /* osr_blocked_on */
            (9, u64, for_ns),      /* in this state so long, some ms behind: clocks do not travel */
            (10, pid, waits_for),  /* whose answer; none: not known, or none */
            (11, str, waits_text), /* the name that was called, or the first type wanted */
            (12, bool, traps), (13, u32, priority), (14, of(osr_process_work), work),
            (15, of(osr_process_relations), relations),
            (16, str, value) /* its state, where it is printable and no handler is at work */
);

/* Asks a process of any node, also this one itself, what it is and does; one of another node only
 * where that lets this one look, as by a shell (role shell-read). *ret_info is lent until the next
 * answer to a request of this process is taken. Suspension point.
 * Errors: OSR_ENOPROC; OSR_ENOCONNECTION; OSR_EPERM that node does not let this one look;
 *   OSR_ETIMEDOUT it has not answered: its handler does not come to an end (see
 *   osr_snapshot_of()); OSR_EPROTO it gave another answer; OSR_ENOMEM; OSR_EEXIT. */
OSR_API OSR_MUST_CHECK osr_err osr_info(osr_self *self, osr_pid pid, uint32_t timeout_ms,
                                        const osr_process_info **ret_info);

/* Suspends a process of this node, for debugging: it runs nothing from then on, but signals are
 * acted on, so that it can be asked and ended, and its mailbox fills. Returns once it is held: one
 * that runs, at its next suspension point or the end of its handler. Suspensions count, each is
 * undone by one osr_resume() of the same process; the end of the one that suspends undoes all of
 * its. Not for a program's logic: who suspends a process that it then calls waits for nothing.
 * Suspension point.
 * Errors: OSR_ETIMEDOUT it does not come to a suspension point, and is not suspended; OSR_ENOPROC;
 *   OSR_ESELF; OSR_ENOTSUP a process of another node; OSR_ENOMEM; OSR_EEXIT. */
OSR_API OSR_MUST_CHECK osr_err osr_suspend(osr_self *self, osr_pid pid, uint32_t timeout_ms);

/* Undoes one osr_suspend() of this process; the other goes on when nobody suspends it any more. Not
 * a suspension point. Errors: OSR_ENOTFOUND this process does not suspend it. */
OSR_API osr_err osr_resume(osr_self *self, osr_pid pid);

#define OSR_LABEL_BYTES 32 /* with its end; what is longer is cut off */

/* What is seen of a process from outside. Each field is true at some moment during the call. */
typedef struct osr_snapshot {
    osr_pid pid;
    osr_pid parent;
    char name[64]; /* "" = not registered; cut */
    char label[OSR_LABEL_BYTES];
    char body[32];     /* behaviour or entry: "gen_server", "greeter" */
    char handling[64]; /* type of the message being handled, "" = none */
    osr_run_state state;
    uint64_t since_ns; /* in this state since, on the node's clock, some ms behind; 0 = unknown */
    uint64_t queued;   /* messages in the mailbox */
    uint64_t handled;  /* messages taken since it started */
    bool trap_exit;
} osr_snapshot;

/* Calls visit() for every process of the node in the order in which they were started. The
 * snapshot is lent for the call. Threads: any. visit() must not suspend; not a suspension point.
 * Errors: OSR_ENOMEM, and nobody was visited. */
typedef void osr_visit(void *context, const osr_snapshot *snapshot);
OSR_API OSR_MUST_CHECK osr_err osr_processes(osr_node *node, osr_visit *visit, void *context);

/* One process of the node. Threads: any. Not a suspension point. Errors: OSR_ENOPROC. */
OSR_API OSR_MUST_CHECK osr_err osr_snapshot_of(osr_node *node, osr_pid pid,
                                               osr_snapshot *ret_snapshot);

OSR_END_DECLS
#endif
