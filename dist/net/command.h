/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_DIST_NET_COMMAND_H
#define OSR_DIST_NET_COMMAND_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dist/net/lane.h"
#include "dist/transport.h"
#include "lib/process/signal.h"

/* What any thread asks of a node's distribution, and the queue through which it asks. */

typedef enum osri_command_kind {
    OSRI_COMMAND_SIGNAL = 1, /* route, signal */
    OSRI_COMMAND_WITHDRAW,   /* signal: the DEMONITOR of a request; pid, node */
    OSRI_COMMAND_CONNECT,    /* node; on: somebody asked for just this */
    OSRI_COMMAND_DISCONNECT, /* node */
    OSRI_COMMAND_WANT,       /* node; on, or no longer */
    OSRI_COMMAND_DRAIN,      /* on, or no longer */
    OSRI_COMMAND_TICK,       /* number: ms */
    OSRI_COMMAND_REVOKE,     /* revocations */
    OSRI_COMMAND_FULL,       /* pid, from: whom it is told */
    OSRI_COMMAND_ROOM,       /* pid */
    OSRI_COMMAND_RESOLVED,   /* node, err, endpoint, key, text in name */
    OSRI_COMMAND_LEAVE,
} osri_command_kind;

typedef struct osri_command {
    struct osri_command *next;
    osri_command_kind kind;
    osr_err err;
    bool on;
    uint32_t number;
    osr_pid pid;
    osri_envelope *signal;                /* owned */
    struct osri_revocations *revocations; /* owned */
    osri_lane *lane; /* on which `given` bytes are counted for it; NULL: on none */
    uint64_t given;
    uint64_t credited; /* whose credit on the lane it has used; 0: nobody's */
    uint64_t from;     /* a node */
    uint64_t ends;     /* SIGNAL: sessions that had ended when it was given */
    const char *name;  /* NULL, or within text */
    const char *node;  /* NULL, or within text */
    uint8_t key[OSRI_KEY_BYTES];
    char endpoint[OSRI_ENDPOINT_BYTES];
    size_t bytes; /* of this allocation */
    char text[];
} osri_command;

/* name and node are copied; either may be NULL. NULL when out of memory. */
osri_command *osri_command_new(osri_command_kind kind, const char *name, const char *node);

/* Also frees a signal that is still in it. NULL is accepted. */
void osri_command_free(osri_command *command);

/* Many producers, one consumer, who may sleep. */
typedef struct osri_command_queue {
    alignas(64) _Atomic(osri_command *) head; /* newest first; writers: any thread */
    atomic_bool sleeping;                     /* set by the consumer, cleared by whoever wakes it */
} osri_command_queue;

void osri_command_queue_init(osri_command_queue *queue);

/* Takes *command and nulls it. False: the queue is closed and *command is still the caller's.
 * *ret_wake: the consumer sleeps and it is this caller who has to wake it. Wait-free but for
 * contention. */
bool osri_command_push(osri_command_queue *queue, osri_command **command, bool *ret_wake);

/* True: the consumer sleeps, and it is this caller who has to wake it. */
bool osri_command_wake(osri_command_queue *queue);

/* All that was pushed, oldest first. Consumer. */
osri_command *osri_command_take_all(osri_command_queue *queue);

/* The consumer is about to sleep. False: there is something to do, it must not. */
bool osri_command_sleep_begin(osri_command_queue *queue);
void osri_command_sleep_end(osri_command_queue *queue);

/* Refuses all later pushes; what was pushed before is returned, oldest first. */
osri_command *osri_command_close(osri_command_queue *queue);

#endif
