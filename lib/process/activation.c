/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "lib/process/activation.h"

#include "lib/core/list.h"
#include "lib/process/node.h"

/* See activation.h. */

static void alarm_fired(osri_timer *timer)
{
    osri_alarm *alarm = OSRI_LIST_ENTRY(timer, osri_alarm, timer);
    atomic_store_explicit(&alarm->spent, true, memory_order_relaxed);
    osri_process_wake(alarm->process);
}

void osri_alarm_init(osri_alarm *alarm, osr_self *process)
{
    alarm->timer = (osri_timer){.fire = alarm_fired};
    alarm->process = process;
    alarm->armed_ns = UINT64_MAX;
    atomic_store_explicit(&alarm->spent, false, memory_order_relaxed);
}

void osri_alarm_end(osri_alarm *alarm)
{
    /* also where it seems to have fired: it may still be at it, and the lock that this takes is
     * held meanwhile */
    (void)osri_timer_cancel(&alarm->timer);
    /* relaxed: it was set under that lock */
    atomic_store_explicit(&alarm->spent, false, memory_order_relaxed);
    alarm->armed_ns = UINT64_MAX;
}

void osri_activation_begin(osri_activation *activation, osr_self *process)
{
    activation->resumer = NULL;
    activation->wait = OSRI_WAIT_NONE;
    activation->deadline_ns = UINT64_MAX;
    activation->timed_out = activation->blocking_done = activation->request_open = false;
    activation->wanted_types = NULL;
    activation->wanted_count = 0;
    activation->awaited = 0;
    activation->sending = NULL;
    activation->answer = activation->held = NULL;
    activation->request = (osr_caller){0};
    activation->exit_due_ns = 0;
    activation->exit_told = 0;
    osri_alarm_init(&activation->alarm, process);
}

/* An answer that came too late for a request whose frames were abandoned. */
static void answer_drop(osri_envelope **answer, osr_self *process)
{
    if ((*answer)->kind == OSRI_SIGNAL_REPLY) {
        osri_message_dropped(process->node, osri_process_pid(process), OSR_DROP_LATE, *answer);
    }
    osri_envelope_free(answer);
}

void osri_activation_end(osri_activation *activation, osr_self *process)
{
    if (activation->alarm.timer.wheel != NULL) {
        osri_alarm_end(&activation->alarm);
    }
    osri_envelope_free(&activation->held);
    if (activation->answer != NULL) {
        answer_drop(&activation->answer, process);
    }
}
