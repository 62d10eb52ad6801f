/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_TRACE_H
#define OSR_TRACE_H

/* What happened on a node: events in rings, one ring a thread. Events of control (processes that
 * start and end, links, names, drops, stuck handlers) are always recorded; those of messages while
 * a trace runs, which needs a limit. The newest events of each ring are the flight record, which
 * is written after a fault, or when somebody asks. */

#include "osier/node.h"

OSR_BEGIN_DECLS

#define OSR_EVENT_MAP(X)                                                                           \
    X(SPAWN, 1, "spawn")                                                                           \
    X(EXIT, 2, "exit")                                                                             \
    X(LINK, 3, "link")                                                                             \
    X(UNLINK, 4, "unlink")                                                                         \
    X(MONITOR, 5, "monitor")                                                                       \
    X(DEMONITOR, 6, "demonitor")                                                                   \
    X(REGISTER, 7, "register")                                                                     \
    X(UNREGISTER, 8, "unregister")                                                                 \
    X(DROP, 9, "drop")                                                                             \
    X(LONG_SCHEDULE, 10, "long_schedule")                                                          \
    X(ABANDONED, 11, "abandoned")                                                                  \
    X(NODE_UP, 12, "node_up")                                                                      \
    X(NODE_DOWN, 13, "node_down")                                                                  \
    X(RESTART, 14, "restart")                                                                      \
    X(STATE, 15, "state")                                                                          \
    X(SEND, 16, "send")                                                                            \
    X(RECEIVE, 17, "receive")                                                                      \
    X(ENQUEUE, 18, "enqueue")                                                                      \
    X(CALL, 19, "call")                                                                            \
    X(TIMER, 20, "timer")                                                                          \
    X(BLOCK, 21, "block")                                                                          \
    X(FAULT, 22, "fault")                                                                          \
    X(LOG, 23, "log")

/* NODE_UP, NODE_DOWN: another node. RESTART: by a supervisor, of a child. STATE: a process is
 * suspended or resumed. ENQUEUE: a message is put into its receiver's inbox; one that is sent here
 * gives a SEND as well, one from another node only this. CALL: a request is sent. TIMER: one fires.
 * BLOCK: a process runs osr_blocking(), or waits to send to another node or a bounded mailbox.
 * FAULT: the one that ends the node. LOG: a line of a process. */

typedef enum osr_event_kind {
#define X(name, value, text) OSR_EVENT_##name = value,
    OSR_EVENT_MAP(X)
#undef X
} osr_event_kind;

/* Why a message was dropped, as osr_node_counters has it: dropped_noproc, …. Append, never reuse.
 * */
#define OSR_DROP_MAP(X)                                                                            \
    X(NOPROC, 0, "noproc")                                                                         \
    X(NOCONNECTION, 1, "noconnection")                                                             \
    X(ENDED, 2, "ended")                                                                           \
    X(LATE, 3, "late")                                                                             \
    X(FLUSHED, 4, "flushed")                                                                       \
    X(EXPIRED, 5, "expired")                                                                       \
    X(NEW, 6, "new")                                                                               \
    X(REJECTED, 7, "rejected")                                                                     \
    X(OLD, 8, "old")                                                                               \
    X(OVERFLOW, 9, "overflow")                                                                     \
    X(WAITED, 10, "waited")

typedef enum osr_drop {
#define X(name, value, text) OSR_DROP_##name = value,
    OSR_DROP_MAP(X)
#undef X
} osr_drop;

/* "noproc", "noconnection", …; static; "unknown" for any other number. Threads: any. Not a
 * suspension point. */
OSR_API const char *osr_drop_name(uint8_t why);

/* A set of kinds. */
#define OSR_EVENT_BIT(kind) (UINT32_C(1) << (kind))
#define OSR_EVENTS_MESSAGES (OSR_EVENT_BIT(OSR_EVENT_SEND) | OSR_EVENT_BIT(OSR_EVENT_RECEIVE))

/* Those that are recorded only while a trace runs. */
#define OSR_EVENTS_ON_DEMAND                                                                       \
    (OSR_EVENTS_MESSAGES | OSR_EVENT_BIT(OSR_EVENT_ENQUEUE) | OSR_EVENT_BIT(OSR_EVENT_CALL) |      \
     OSR_EVENT_BIT(OSR_EVENT_TIMER) | OSR_EVENT_BIT(OSR_EVENT_BLOCK))

/* One event: 64 bytes. */
typedef struct osr_event {
    uint64_t time_ns;          /* on the node's clock; exact while a trace runs, else as the node
                                  has read the clock last: some milliseconds behind */
    uint8_t kind;              /* osr_event_kind */
    uint8_t code;              /* EXIT: osr_reason_code; DROP: osr_drop; STATE: osr_run_state; LOG:
                                  osr_log_level */
    uint16_t ring;             /* which ring it stands in: a thread's */
    uint32_t size;             /* of a message: bytes of its body */
    uint32_t slot, generation; /* the process it is about, of this node; 0, 0: none */
    union {
        osr_pid pid;   /* parent, sender, receiver, or the other side of the link or monitor */
        char name[16]; /* of kinds with osr_event_has_name(): cut, zeros behind it */
    } with;
    const char *what; /* type of the message, or the process's body; or NULL. Lives as long as the
                         node */
    uint64_t number;  /* of a message: with the sender's pid its id; MONITOR, CALL, TIMER: the
                         reference's number; NODE_UP, NODE_DOWN: the node's id */
    uint64_t trace; /* trace id of the message; 0: none. While a trace runs each message has the id
                         of the one in whose handling it was sent, else a new one; also those that
                         came from other nodes keep theirs */
} osr_event;

/* Whether .with is a name: of REGISTER the name; of NODE_UP, NODE_DOWN the node's; of RESTART the
 * child's id; of FAULT, LOG the beginning of the line. Threads: any. Not a suspension
 * point. */
OSR_API bool osr_event_has_name(uint8_t kind);

/* "spawn", "exit", …; static; "unknown" for any other number. Threads: any. Not a
 * suspension point. */
OSR_API const char *osr_event_name(uint8_t kind);

typedef struct osr_trace osr_trace;

typedef struct osr_trace_options {
    size_t size;       /* set by OSR_TRACE() */
    uint32_t kinds;    /* which ones, OSR_EVENT_BIT(…) | …; 0 = all */
    uint32_t limit_ms; /* kinds on demand are recorded for this long; 0 = no such limit */
    uint64_t limit;    /* this many events on demand are recorded; 0 = no such limit */
    osr_pid pid;       /* only events of this process of the node, also as the other side;
                            none = of all */
} osr_trace_options;

#define OSR_TRACE(...) (&(const osr_trace_options){.size = sizeof(osr_trace_options), __VA_ARGS__})

/* Starts to trace: from here on events on demand are recorded too, until a limit is reached.
 * Ownership: end with osr_trace_stop(), before the node is freed.
 * Threads: any. Not a suspension point.
 * Errors: OSR_EINVAL without a limit; OSR_EBUSY another trace of the node runs; OSR_ENOMEM. */
OSR_API OSR_MUST_CHECK osr_err osr_trace_start(osr_node *node, const osr_trace_options *options,
                                               osr_trace **ret_trace);

/* Takes the next events, at most max, in the order of their times, and returns how many; 0: there
 * is nothing yet. An event that a thread records during the call may come in the next one, behind
 * a later one. A trace that is read too slowly loses the oldest events of a ring.
 * Threads: one at a time, any. Not a suspension point. */
OSR_API size_t osr_trace_read(osr_trace *trace, osr_event *ret_events, size_t max);

/* How many events of any kind were overwritten before they were read. Threads: as
 * osr_trace_read(). Not a suspension point. */
OSR_API uint64_t osr_trace_lost(const osr_trace *trace);

/* Whether messages are still recorded: no limit has been reached. Threads: any. Not a
 * suspension point. */
OSR_API bool osr_trace_is_on(const osr_trace *trace);

/* Ends the trace and sets the pointer to NULL. NULL is fine. Threads: any. Not a suspension
 * point. */
OSR_API void osr_trace_stop(osr_trace **trace);

/* From now on a fault of the program (a stack overflow, a bad pointer, a failed assertion) writes
 * one line that says which process it was in, and that node's flight record, before it ends the
 * program with the signal that it would have ended with. Changes what SIGSEGV, SIGBUS, SIGFPE,
 * SIGILL and SIGABRT do in the whole OS process, so a library does not call it: osr_main() does,
 * and main() of a program that has no osr_main() may. What was installed before is called
 * afterwards. Once; later calls do nothing. Threads: any. Not a suspension point. */
OSR_API void osr_catch_faults(void);

/* Writes the flight record to a file, which is replaced: who asked and why, then the newest events
 * of all rings, one a line, oldest first, then the processes. path NULL: the node's .flight, or
 * standard error without one.
 * Threads: any. Not a suspension point; blocks while the file is written.
 * Errors: OSR_EIO the file cannot be written. */
OSR_API OSR_MUST_CHECK osr_err osr_flight_dump(osr_node *node, const char *path,
                                               const char *reason);

OSR_END_DECLS
#endif
