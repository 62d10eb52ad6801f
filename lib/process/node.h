/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_PROCESS_NODE_H
#define OSR_PROCESS_NODE_H

#include <stdalign.h>
#include <stdatomic.h>

#include "lib/core/list.h"
#include "lib/core/log.h"
#include "lib/core/map.h"
#include "lib/core/mutex.h"
#include "lib/message/types.h"
#include "lib/process/parts.h"
#include "lib/process/process.h"
#include "lib/process/service.h"
#include "lib/scheduler/run_queue.h"
#include "lib/scheduler/stack.h"
#include "lib/trace/counters.h"
#include "lib/trace/event.h"

/* The node: everything that its processes share. */

#define OSRI_PAGE_SLOTS 256
#define OSRI_SCHEDULERS_MAX 256
#define OSRI_PROCESSES_DEFAULT (1024 * 1024)
#define OSRI_ENDED_MAX 1024 /* ends of processes started from outside that nobody asked for yet */

/* Slots in the hands of one worker, so that spawns and ends take no lock; or, under the table's
 * mutex, of the threads that are none. */
typedef struct osri_slot_cache {
    osr_self *ready;       /* to be taken, through queue_next */
    osr_self *given_first; /* to be given back, oldest first, through queue_next */
    osr_self *given_last;
    uint32_t given_count;
    _Atomic(uint64_t) taken, given; /* how often; written by the holder */
} osri_slot_cache;

typedef struct osri_table {
    osri_mutex mutex;           /* OSRI_RANK_TABLE */
    _Atomic(osr_self *) *pages; /* release on store: pairs with acquire in osri_table_at */
    uint32_t page_count;
    uint32_t slots_max;
    uint32_t slots_used;       /* guarded_by: mutex */
    osr_self *free_first;      /* guarded_by: mutex; oldest first, through queue_next */
    osr_self *free_last;       /* guarded_by: mutex */
    osri_slot_cache outside;   /* guarded_by: mutex */
    bool marks;                /* guarded_by: mutex; of slots that are new */
    atomic_bool closed;        /* no slot is given out any more */
    atomic_bool looking;       /* written under mutex: somebody reads what is constant in lives */
    _Atomic(uint64_t) spawned; /* births so far */
} osri_table;

typedef struct osri_scheduler osri_scheduler;
typedef struct osri_worker osri_worker;
typedef struct osri_threads osri_threads;
typedef struct osri_blocking_pool osri_blocking_pool;
typedef struct osri_fd_watch osri_fd_watch;
typedef struct osri_fd_watches osri_fd_watches;

struct osr_node {
    char *name;
    uint64_t id;
    _Atomic(uint32_t) tracing; /* kinds of events of messages that are recorded now; mostly 0 */
    uint64_t creation;
    const osr_env *env;
    osri_log log;
    osr_output *output; /* of its group leader; NULL: standard output */
    void *output_context;
    uint64_t started_ns;

    osri_table table;
    osri_timer_table timers;
    _Atomic(uint64_t) sending_later; /* expired sends under way: their processes may have ended */
    osri_types types;
    osri_map entries; /* name -> const osr_entry *; constant once made */
    osri_parts parts;

    osri_mutex registry_mutex; /* OSRI_RANK_REGISTRY */
    uint32_t names_max;
    uint32_t relations_max; /* links, and monitors, of one process */
    osri_map names;         /* name -> osr_self *; guarded_by: registry_mutex */
    osri_map subscribers;   /* osr_pid -> bits, see peers.c; guarded_by: registry_mutex */
    osri_map peers_up;      /* node id -> osri_peer *; guarded_by: registry_mutex */
    osri_map members;       /* name -> osri_member_kept *; guarded_by: registry_mutex */
    osri_map node_watchers; /* osr_pid -> its first osri_node_watch *; guarded_by: registry_mutex */
    osri_list node_watches; /* in the order of their making; guarded_by: registry_mutex */
    osri_list waiters;      /* osr_node_wait(); guarded_by: registry_mutex */
    osri_map ended;         /* osr_pid -> osr_ended *; guarded_by: registry_mutex */

    osri_mutex room_mutex;     /* OSRI_RANK_PROCESS */
    osri_map waiting_for_room; /* osr_pid -> osri_sender *; guarded_by: room_mutex */
    uint32_t mark_watchers;    /* processes that ask for marks; guarded_by: registry_mutex */

    _Atomic(osri_service *) services[OSRI_SERVICES]; /* NULL: not yet made */
    const osri_remote_ops *remote;
    void *remote_context;
    atomic_bool attendable; /* this and the next two: lib/scheduler/attend.c */
    _Atomic(uint32_t) attending;
    _Atomic(osri_worker *) attendant;

    _Atomic(uint64_t) coarse_ns;  /* see osri_node_coarse() */
    _Atomic(uint64_t) roots;      /* processes without a parent */
    _Atomic(uint64_t) references; /* numbers handed out, in blocks */
    osri_counters outside;        /* of threads that are not workers */
    osri_stack_pool stacks;

    osri_scheduler *schedulers;
    uint32_t scheduler_count;
    osri_run_queue injected; /* made ready by threads that are not workers */
    osri_threads *threads;   /* NULL: stepped */
    bool stopped;            /* osr_node_stop() was called; owner: who starts and stops it */
    osri_worker *stepper;    /* the worker of osr_node_step() */
    osri_blocking_pool *blocking;
    osri_recorder recorder;
    osri_fd_watches *fd_watches;
};

static inline osr_pid osri_process_pid(const osr_self *process)
{
    osr_pid pid;
    pid.node = process->node->id;
    pid.slot = process->slot;
    pid.generation = atomic_load_explicit(&process->generation, memory_order_relaxed);
    return pid;
}

/* What it runs: its behaviour's or entry's name. */
static inline const char *osri_process_body_name(const osr_self *process)
{
    return process->ops != NULL ? process->ops->name : process->entry->name;
}

/* How large its state block is; 0 for a raw process. */
static inline size_t osri_process_state_bytes(const osr_self *process)
{
    const osri_body_ops *ops = process->ops;
    if (ops == NULL) {
        return 0;
    }
    return ops->state_bytes +
           (ops->more_bytes == NULL ? 0 : ops->more_bytes(process->configuration));
}

/* Its label, or "". */
static inline const char *osri_process_label(const osr_self *process)
{
    return process->label != NULL ? process->label : "";
}

/* The process in a slot, whoever lives there; NULL when the slot was never used. Threads: any. */
static inline osr_self *osri_table_at(const osr_node *node, uint32_t slot)
{
    uint32_t page = slot / OSRI_PAGE_SLOTS;
    if (page >= node->table.page_count) {
        return NULL;
    }
    /* acquire: pairs with release in page_add_locked */
    osr_self *slots = atomic_load_explicit(&node->table.pages[page], memory_order_acquire);
    return slots == NULL ? NULL : &slots[slot % OSRI_PAGE_SLOTS];
}

/* A number that no other reference of this node has. Threads: any. */
uint64_t osri_reference_next(osr_node *node);

/* How many processes there are; none is missed that was taken before the table was closed. Threads:
 * any. */
uint64_t osri_table_alive(osr_node *node);

/* The worker ends: what it has goes back. */
void osri_slot_cache_fini(osr_node *node, osri_slot_cache *cache);

/* What the workers' caches have taken, or given. Threads: any. */
uint64_t osri_workers_sum_slots(osr_node *node, bool given);

/* Puts a process that is ours into a run queue. Threads: any. */
void osri_process_ready(osr_self *process);

/* The same from a process that runs, on whose worker's thread we are. */
void osri_process_ready_by(const osr_self *self, osr_self *process);

/* The same for one that was just made. */
void osri_process_ready_new(osr_self *process);

/* The same, behind what waits already. */
void osri_process_ready_later(osr_self *process);

/* Suspends the running process: switches to the scheduler, or to a process that has what it waits
 * for. Returns when it is resumed. On its own stack. */
void osri_process_step_aside(osr_self *self);

/* To be called first when a process goes on or begins on its stack: parks the one that passed the
 * thread on to it, if one did. */
void osri_process_arrive(osr_self *self);

/* Starts a timer on a wheel that somebody watches. Threads: any. */
void osri_node_timer(osr_node *node, osri_timer *timer, uint64_t due_ns);

/* Runs run(argument) on a helper thread, then wakes the process. Errors: OSR_ENOMEM. */
osr_err osri_blocking_run(osr_self *process, void (*run)(void *argument), void *argument);

/* Ends the watches of a process that ends. Owner. */
void osri_fd_watches_end_all(osr_self *process);

/* Tells who waits in osr_node_wait(), and keeps it for who will ask. */
void osri_node_ended(osr_node *node, osr_pid pid, const osr_reason *reason);

/* Takes a process out of all that it has subscribed to about nodes. */
void osri_node_unsubscribe(osr_node *node, osr_pid pid);

/* What peers.c, members.c and node_watch.c share. */
#define OSRI_SUBSCRIBED_VISIBLE 1u
#define OSRI_SUBSCRIBED_HIDDEN 2u
#define OSRI_SUBSCRIBED_MEMBERS 4u
#define OSRI_SUBSCRIBED_MAILBOXES 8u
#define OSRI_LABELS_SPLIT_MAX 32

/* Changes what the running process has subscribed to. Errors: OSR_ENOMEM. */
osr_err osri_subscribe_locked(osr_self *self, unsigned remove, unsigned add);

/* Labels that each end with a newline; returns how many. */
uint32_t osri_labels_split(const char *text, osr_str ret_labels[OSRI_LABELS_SPLIT_MAX]);

/* Delivers a message of the runtime's own; NULL: logs that one is lost. */
void osri_subscriber_tell(osr_node *node, osr_pid pid, osri_envelope *signal);

void osri_node_watches_fire_locked(osr_node *node, const char *name, uint64_t id,
                                   const char *reason);
void osri_node_watches_end_locked(osr_node *node, osr_pid pid);

/* The node is freed: what is kept of members and watches. */
void osri_members_end_all(osr_node *node);
void osri_node_watches_end_all(osr_node *node);

osr_err osri_name_register(osr_node *node, const char *name, osr_self *process);
void osri_name_release(osr_node *node, osr_self *process);

/* Its name, or "". Owner. */
#define OSRI_NAME_BYTES_MAX 255
void osri_name_copy(osr_self *process, char ret_name[OSRI_NAME_BYTES_MAX + 1]);

/* Puts a pinned process into the queue of its thread, and wakes that. Threads: any. */
void osri_pinned_ready(osr_self *process);

#define OSRI_COARSE_LAG_NS UINT64_C(5000000) /* more than the watch thread lets it lag */

/* The time as somebody has read it last: some milliseconds behind while the node works. Costs a
 * load. */
static inline uint64_t osri_node_coarse(const osr_node *node)
{
    /* relaxed: alone it means something */
    return atomic_load_explicit(&node->coarse_ns, memory_order_relaxed);
}

/* Reads the clock, for the coarse one too. */
static inline uint64_t osri_node_tick(osr_node *node)
{
    uint64_t now = node->env->now_ns(node->env->context);
    atomic_store_explicit(&node->coarse_ns, now, memory_order_relaxed);
    return now;
}

static inline uint64_t osri_node_now(const osr_node *node)
{
    return node->env->now_ns(node->env->context);
}

/* Whether a message need not be looked at any more: its sender, who waited for an answer, has given
 * up. Reads the clock only where the coarse one does not know. Deadlines 0 and UINT64_MAX are
 * none. */
static inline bool osri_message_is_late(const osr_node *node, const osri_envelope *message)
{
    return message->deadline_ns - 1 < osri_node_coarse(node) + OSRI_COARSE_LAG_NS &&
           osri_node_now(node) >= message->deadline_ns;
}

#endif
