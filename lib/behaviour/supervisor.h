/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_BEHAVIOUR_SUPERVISOR_H
#define OSR_BEHAVIOUR_SUPERVISOR_H

#include "lib/behaviour/behaviour.h"
#include "osier/nodes.h"
#include "osier/supervisor.h"

/* The parts of a supervisor. It never waits inside a callback: each step sends its signals and
 * returns, and what comes back (osr_started, osr_spawn_reply, osr_down, timers, nodeups) takes the
 * next one. */

#define OSRI_CHILD_TEXT_MAX 128    /* bytes of an id, name, label or place */
#define OSRI_CHILD_COUNT_MAX 65536 /* children of one supervisor */

/* What only the supervisors of this and other nodes say to each other. */
OSR_MESSAGE(osri_child_result, 0x15, (1, i32, error), (2, pid, pid));
OSR_REQUEST(osri_start_child, 0x16, osri_child_result, (1, str, id), (2, str, entry),
            (3, u32, argument_type), (4, bin, argument), (5, str, name), (6, str, label),
            (7, str, place), (8, u64, on_noconnection), (9, u32, restart), (10, u32, shutdown_ms),
            (11, bool, supervisor), (12, u64, server), (13, u32, isolation));
typedef enum osri_child_change {
    OSRI_CHILD_TERMINATE = 1,
    OSRI_CHILD_RESTART = 2,
    OSRI_CHILD_DELETE = 3,
} osri_child_change;
OSR_REQUEST(osri_change_child, 0x17, osri_child_result, (1, u32, change), (2, str, id));

/* To itself: the next attempt at a child whose restart failed, after what waits in the mailbox. */
OSR_MESSAGE(osri_retry_child, 0x1a, (1, u64, number));

typedef struct osri_child {
    uint64_t number; /* in order of addition */
    char id[OSRI_CHILD_TEXT_MAX];
    char name[OSRI_CHILD_TEXT_MAX]; /* "" = none */
    char label[OSRI_CHILD_TEXT_MAX];
    char place[OSRI_CHILD_TEXT_MAX + 8]; /* "" = here */
    char entry[OSRI_CHILD_TEXT_MAX];
    const osr_server *server; /* NULL = by entry */
    const osr_type *argument_type;
    const void *argument;
    osri_envelope *owned_argument; /* holds argument; NULL: that is lent for ever */
    uint64_t on_noconnection;
    osr_restart restart;
    uint32_t shutdown_ms;
    bool supervisor;

    osr_child_state state;
    osr_pid pid;                        /* none while not known */
    osr_ref monitor;                    /* of pid, from the spawn on */
    osr_ref request;                    /* of a remote spawn not answered yet */
    bool spawning;                      /* request is valid */
    bool stop_wanted;                   /* STOPPING began while spawning */
    bool timed;                         /* timer is valid */
    osr_ref timer;                      /* kill when it fires */
    char node[OSRI_CHILD_TEXT_MAX + 8]; /* where it is, or is being started; "" = here */
    char home[OSRI_CHILD_TEXT_MAX + 8]; /* where it ran last; "" = nowhere yet */
    bool wants_place;                   /* its place, a fixed one, is kept connected for it */
    bool lost;                          /* home was lost with it, and it has not run since */
    bool held;                          /* ended by terminate_child: stays so until restart_child */
    bool fresh; /* added by start_child, not yet started once: forgotten when that fails */
    osr_caller starter, stopper; /* who waits for that; ref 0 = nobody */
} osri_child;

/* A member of the cluster that has been seen. */
typedef struct osri_place {
    char name[OSRI_CHILD_TEXT_MAX + 8];
    uint64_t node;
    bool up; /* it is there, and we have not failed to reach it since */
    bool draining;
    uint64_t order;    /* in which it came */
    char labels[1040]; /* each followed by a newline */
} osri_place;

typedef enum osri_supervisor_phase {
    OSRI_SUPERVISOR_STARTING, /* children from `floor` on, one after the other */
    OSRI_SUPERVISOR_UP,
    OSRI_SUPERVISOR_STOPPING, /* children down to `floor`, one after the other, last first */
} osri_supervisor_phase;

typedef struct osri_supervisor {
    const osr_supervisor *spec;
    osri_child **children; /* in order of start */
    size_t child_count, child_room;
    uint64_t children_numbered;

    osri_place *places;
    size_t place_count, place_room;
    uint64_t nodes_seen;
    osr_node *node; /* whose distribution keeps places connected; NULL: none is */
    bool spreading; /* spread is valid */
    bool spread_now;
    osr_ref spread; /* timer: children that wait for a label start */
    bool subscribed;
    bool frees_arguments; /* when the process ends */
    bool polling;         /* poll is valid */
    osr_ref poll;         /* timer: waiting children look again */

    uint32_t intensity;
    uint64_t period_ns;
    uint64_t *restarts; /* times of the last ones, a ring of intensity + 1 */
    uint64_t restart_count;

    osri_supervisor_phase phase;
    size_t floor;
    osr_caller asks_ready; /* who started us from outside; ref 0 = nobody */
    bool ready;            /* the parent knows that we have started */
    bool ending; /* STOPPING ends the supervisor; else its children from floor on start again */
    uint32_t end_code;
    int32_t end_error;
    char end_text[192];
} osri_supervisor;

/* ---- supervisor.c: what follows from what ----------------------------------------------- */

/* Goes on with the phase: starts or stops what is next, as far as it can without waiting. */
void osri_supervisor_advance(osr_self *self, osri_supervisor *supervisor);

/* The child runs, or waits for a node: what waited for it goes on. */
void osri_supervisor_settled(osr_self *self, osri_supervisor *supervisor, osri_child *child);

/* A start failed, not for want of a connection. */
void osri_supervisor_start_failed(osr_self *self, osri_supervisor *supervisor, osri_child *child,
                                  osr_err err, osr_log_level level, const char *why);

/* ---- child.c: one child ------------------------------------------------------------------ */

/* Adds `count` children, or one.
 * Errors: OSR_EINVAL, OSR_ETAKEN the id, OSR_ENOTSUP (each logged),
 * OSR_ENOMEM. */
OSR_MUST_CHECK osr_err osri_child_add_all(osr_self *self, osri_supervisor *supervisor,
                                          const osr_child *spec);
OSR_MUST_CHECK osr_err osri_child_add(osr_self *self, osri_supervisor *supervisor,
                                      const osr_child *spec, uint32_t index,
                                      osri_child **ret_child);
void osri_child_remove(osr_self *self, osri_supervisor *supervisor, osri_child *child);

osri_child *osri_child_by_id(const osri_supervisor *supervisor, const char *id);
size_t osri_child_index(const osri_supervisor *supervisor, const osri_child *child);

/* Starts it where it belongs, or lets it wait. */
void osri_child_start(osr_self *self, osri_supervisor *supervisor, osri_child *child);

/* Begins to end it: exit signal and timer. */
void osri_child_stop(osr_self *self, osri_child *child);

/* Tells who waits for the start or the end of the child. */
void osri_child_answer(osr_self *self, osr_caller *caller, osr_err err, osr_pid pid);

/* It is gone: no process, no timer. */
void osri_child_gone(osr_self *self, osri_child *child);

/* ---- placement.c: where ------------------------------------------------------------------ */

/* The node for a child: "" here; NULL none at the moment. */
const char *osri_place_choose(osr_self *self, const osri_supervisor *supervisor,
                              const osri_child *child);

osr_err osri_place_subscribe(osr_self *self, osri_supervisor *supervisor);

/* What the table of members says of a node now. */
void osri_place_changed(osr_self *self, osri_supervisor *supervisor, const osr_member *member);

/* The timer `spread` has fired: children that waited for a label start, each on the best node. */
void osri_place_spread(osr_self *self, osri_supervisor *supervisor);

/* The child's place, if it is a fixed one on another node, is kept connected from now on, until it
 * is taken back or the supervisor has ended. Errors: OSR_ENOMEM. */
OSR_MUST_CHECK osr_err osri_place_want(osr_self *self, osri_supervisor *supervisor,
                                       osri_child *child);
void osri_place_unwant(osri_supervisor *supervisor, osri_child *child);

/* A node that did not answer is not chosen again until it comes up, or is seen to be connected. */
void osri_place_failed(osr_self *self, osri_supervisor *supervisor, const char *name);

/* A child waits: looks again after a while. */
void osri_place_wait(osr_self *self, osri_supervisor *supervisor);

/* Looks whether nodes thought to be down are connected, and has the former nodes dialled to which
 * children with a label want to go back. */
void osri_place_poll(osr_self *self, osri_supervisor *supervisor);

/* What the child waits for, as a person reads it: "store@host", "a node labelled worker". */
void osri_place_wanted(const osri_child *child, char *ret_text, size_t bytes);

/* ---- supervisor_calls.c: looking and changing ---------------------------------------------- */

/* Whether it was a request, which has then been taken care of. */
bool osri_supervisor_request(osr_self *self, osri_supervisor *supervisor,
                             const osr_message *message);

#endif
