/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_PROCESS_ACTIVATION_H
#define OSR_PROCESS_ACTIVATION_H

#include <stdatomic.h>

#include "lib/message/envelope.h"
#include "lib/process/timer_wheel.h"
#include "lib/scheduler/fiber.h"
#include "osier/process.h"

/* What a process has only while it holds a stack, and which therefore lies with the stack: so an
 * idle server does not pay for it (DESIGN.md D2). Owner: the process's owner. */

/* What a suspended process waits for. */
typedef enum osri_wait {
    OSRI_WAIT_NONE = 0,  /* not suspended: runs */
    OSRI_WAIT_MESSAGE,   /* a message that has not been looked at */
    OSRI_WAIT_TYPES,     /* one of wanted_types */
    OSRI_WAIT_REPLY,     /* the answer to request `awaited` */
    OSRI_WAIT_REPLIES,   /* one to a request begun earlier */
    OSRI_WAIT_TIME,      /* the deadline only */
    OSRI_WAIT_BLOCKING,  /* a helper thread: not ended by exit signals */
    OSRI_WAIT_LINE,      /* until less waits for another node: `sending` */
    OSRI_WAIT_TURN,      /* its next turn */
    OSRI_WAIT_SUSPENDED, /* until nobody suspends it: suspension.c */
} osri_wait;

/* A timer that wakes a process. Left running when a wait ends early: the next one may have use for
 * it. */
typedef struct osri_alarm {
    osri_timer timer;
    osr_self *process;
    uint64_t armed_ns; /* when it is due, as far as the owner knows; UINT64_MAX = not live */
    atomic_bool spent; /* it has fired; writer: any thread, under the wheel's lock */
} osri_alarm;

void osri_alarm_init(osri_alarm *alarm, osr_self *process);

/* Afterwards nothing refers to the alarm, and it can be used again. */
void osri_alarm_end(osri_alarm *alarm);

typedef struct osri_activation {
    osri_fiber *resumer; /* the scheduler's fiber, while running */
    osri_wait wait;
    int32_t budget;       /* messages it may still take in this turn */
    uint64_t deadline_ns; /* of the wait; UINT64_MAX = none */
    bool timed_out;       /* it has passed */
    bool blocking_done;   /* the helper thread has finished */
    bool request_open;    /* `request` is not yet answered */
    const osr_type *const *wanted_types;
    size_t wanted_count;
    uint64_t awaited;               /* the request waited for; 0 = none */
    const struct osri_route *asked; /* whom; set while `awaited` is */
    osri_envelope *answer;          /* to it */
    struct osri_sender *sending;    /* while OSRI_WAIT_LINE */
    osri_envelope *held;            /* lent to user code: the last answer to a request of ours */
    osr_caller request;             /* of the message in work */
    uint64_t exit_due_ns; /* from then on it is abandoned instead of told again; 0 = not yet told */
    uint32_t exit_told;   /* times it was told */
    osri_alarm alarm;     /* of every wait */
} osri_activation;

/* At the moment a process gets a stack. */
void osri_activation_begin(osri_activation *activation, osr_self *process);

/* Before the stack goes back: what its frames had borrowed is freed. */
void osri_activation_end(osri_activation *activation, osr_self *process);

#endif
