/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <string.h>

#include "lib/core/assert.h"
#include "lib/core/heap.h"
#include "lib/process/node.h"

/* Suspended processes: they run nothing, but their signals are acted on.
 *
 * Invariants
 *   S1  `suspended` is set exactly while somebody's count in `by` is not 0 and it is not exiting.
 *   S2  a held process does not run: one with a stack waits for OSRI_WAIT_SUSPENDED, which nothing
 *       but letting it go ends; what it waited for is kept in `wait`.
 *   S3  a SUSPEND is answered when the process is held: one that reaches it on its own stack hangs
 *       in `asked` until it has left that, at its next suspension point.
 *   S4  what a process suspends stands in its `of` from before its signal is sent until it has
 *       resumed it; its end resumes the rest. */

typedef struct osri_suspensions {
    osri_map by;          /* who suspends it -> how often, never 0 */
    osri_map of;          /* whom it suspends -> how often, never 0 */
    osri_envelope *asked; /* newest first */
    osri_wait wait;
    bool is_held;
} osri_suspensions;

static osri_suspensions *suspensions_made(osr_self *process)
{
    osri_relations *relations = osri_process_relations(process);
    if (relations != NULL && relations->suspensions == NULL) {
        relations->suspensions = osri_heap_zalloc(sizeof(osri_suspensions));
    }
    return relations == NULL ? NULL : relations->suspensions;
}

/* Both fail only where there was no count yet. */
static osr_err count_up(osri_map *map, osr_pid pid)
{
    uintptr_t count = (uintptr_t)osri_map_get(map, &pid, sizeof(pid));
    return osri_map_put(map, &pid, sizeof(pid), (void *)(count + 1), NULL);
}

/* Returns how much was taken off. */
static uint64_t count_down(osri_map *map, osr_pid pid, uint64_t by)
{
    uint64_t count = (uint64_t)(uintptr_t)osri_map_get(map, &pid, sizeof(pid));
    if (count <= by) {
        (void)osri_map_remove(map, &pid, sizeof(pid));
        return count;
    }
    (void)!osri_map_put(map, &pid, sizeof(pid), (void *)(uintptr_t)(count - by), NULL);
    return by;
}

static void forget_if_none(osr_self *process)
{
    osri_suspensions *own = process->relations->suspensions;
    if (own->asked == NULL && osri_map_count(&own->by) == 0 && osri_map_count(&own->of) == 0) {
        osri_map_fini(&own->of);
        osri_map_fini(&own->by);
        osri_heap_free(own, sizeof(*own));
        process->relations->suspensions = NULL;
    }
}

/* ---- the one that is suspended ------------------------------------------------------------- */

static void answer(osr_self *process, osri_envelope *signal)
{
    osri_envelope *reply;
    if (osri_signal_new_sure(process->node, OSRI_SIGNAL_REPLY, osri_process_pid(process),
                             signal->ref, NULL, NULL, &reply) == OSR_OK) {
        osri_route route = {.pid = signal->from};
        (void)osri_signal_send(process->node, &route, &reply);
    }
    osri_envelope_free(&signal);
}

static void answer_asked(osr_self *process, osri_suspensions *own)
{
    while (own->asked != NULL) {
        osri_envelope *signal = own->asked;
        own->asked = signal->next;
        answer(process, signal);
    }
}

static void record(osr_self *process, osr_run_state state)
{
    osr_pid pid = osri_process_pid(process);
    osr_event event = {.kind = OSR_EVENT_STATE,
                       .code = (uint8_t)state,
                       .slot = pid.slot,
                       .generation = pid.generation};
    osri_event(process->node, &event);
}

static void hold(osr_self *process, osri_suspensions *own)
{
    if (!own->is_held) {
        record(process, OSR_PROCESS_SUSPENDED);
    }
    if (!own->is_held && process->stack != NULL) {
        own->wait = process->stack->activation.wait;
        process->stack->activation.wait = OSRI_WAIT_SUSPENDED;
    }
    own->is_held = true;
}

static void let_go(osr_self *process, osri_suspensions *own)
{
    if (own->is_held && process->stack != NULL) {
        process->stack->activation.wait = own->wait;
    }
    record(process, OSR_PROCESS_READY);
    own->is_held = false;
    process->suspended = false;
    answer_asked(process, own);
}

bool osri_suspension_keeps(osr_self *process)
{
    osri_suspensions *own = process->relations->suspensions;
    if (process->exiting) {
        let_go(process, own);
        return false;
    }
    hold(process, own);
    answer_asked(process, own);
    return true;
}

osri_wait osri_suspension_wait(const osr_self *process)
{
    const osri_wait wait = process->stack->activation.wait;
    return wait == OSRI_WAIT_SUSPENDED ? process->relations->suspensions->wait : wait;
}

static void suspend_asked(osr_self *process, osri_envelope *signal)
{
    osri_suspensions *own = suspensions_made(process);
    if (own == NULL || count_up(&own->by, signal->from) != OSR_OK) {
        osr_reason reason = osr_reason_error(OSR_ENOMEM);
        osri_request_refuse(process, signal->from, signal->ref, &reason);
        osri_envelope_free(&signal);
        return;
    }
    process->suspended = true;
    if (process->stack != NULL && process->stack->activation.wait == OSRI_WAIT_NONE) {
        signal->next = own->asked;
        own->asked = signal;
        process->stack->activation.budget = 0; /* its next suspension point is one */
        return;
    }
    hold(process, own);
    answer(process, signal);
}

static void resume_asked(osr_self *process, osri_envelope *signal)
{
    osri_suspensions *own = process->relations == NULL ? NULL : process->relations->suspensions;
    if (own != NULL) {
        (void)count_down(&own->by, signal->from, signal->ref);
        if (osri_map_count(&own->by) == 0 && process->suspended) {
            let_go(process, own);
        }
        forget_if_none(process);
    }
    osri_envelope_free(&signal);
}

void osri_suspension_signal(osr_self *process, osri_envelope *signal)
{
    if (process->exiting || process->ending) {
        osri_signal_refuse(process->node, osri_process_pid(process), OSR_REASON_NOPROC, &signal);
    } else if (signal->kind == OSRI_SIGNAL_SUSPEND) {
        suspend_asked(process, signal);
    } else {
        resume_asked(process, signal);
    }
}

/* ---- the one that suspends ----------------------------------------------------------------- */

static void send_resume(osr_self *self, osr_pid pid, uint64_t count)
{
    osri_envelope *signal;
    if (osri_signal_new_sure(self->node, OSRI_SIGNAL_RESUME, osri_process_pid(self), count, NULL,
                             NULL, &signal) == OSR_OK) {
        osri_route route = {.pid = pid};
        (void)osri_signal_send(self->node, &route, &signal);
    }
}

static osr_err check(osr_self *self, osr_pid pid)
{
    if (osr_pid_is_none(pid)) {
        return OSR_ENOPROC;
    }
    if (pid.node != self->node->id) {
        return OSR_ENOTSUP;
    }
    return osr_pid_equal(pid, osri_process_pid(self)) ? OSR_ESELF : OSR_OK;
}

static osr_err result_of(const osri_envelope *answer)
{
    if (answer->kind == OSRI_SIGNAL_REPLY) {
        return OSR_OK;
    }
    const osr_reason *reason = osri_envelope_body(answer);
    return reason->code == OSR_REASON_ERROR ? (osr_err)reason->error : OSR_ENOPROC;
}

osr_err osr_suspend(osr_self *self, osr_pid pid, uint32_t timeout_ms)
{
    OSRI_ASSERT_SELF(self);
    if (self->exiting) {
        return osri_process_leave(self);
    }
    osr_err err = check(self, pid);
    if (err != OSR_OK) {
        return err;
    }
    osri_suspensions *own = suspensions_made(self);
    if (own == NULL || count_up(&own->of, pid) != OSR_OK) {
        return OSR_ENOMEM;
    }
    osri_route route = {.pid = pid};
    osri_envelope *reply = NULL;
    err =
        osri_request_kind(self, OSRI_SIGNAL_SUSPEND, &route, NULL, NULL,
                          osri_reference_next(self->node), osri_deadline(self, timeout_ms), &reply);
    if (err == OSR_OK) {
        err = result_of(reply);
        osri_envelope_free(&reply);
    } else if (err == OSR_ETIMEDOUT) {
        send_resume(self, pid, 1);
    }
    if (err != OSR_OK && err != OSR_EEXIT) { /* else its end resumes it */
        (void)count_down(&own->of, pid, 1);
        forget_if_none(self);
    }
    return err;
}

osr_err osr_resume(osr_self *self, osr_pid pid)
{
    OSRI_ASSERT_SELF(self);
    osri_suspensions *own = self->relations == NULL ? NULL : self->relations->suspensions;
    if (own == NULL || count_down(&own->of, pid, 1) == 0) {
        return OSR_ENOTFOUND;
    }
    forget_if_none(self);
    send_resume(self, pid, 1);
    return OSR_OK;
}

const osri_map *osri_suspensions_of(const osr_self *process)
{
    const osri_suspensions *own =
        process->relations == NULL ? NULL : process->relations->suspensions;
    return own == NULL ? NULL : &own->of;
}

void osri_suspensions_end_all(osr_self *process)
{
    osri_suspensions *own = process->relations == NULL ? NULL : process->relations->suspensions;
    if (own == NULL) {
        return;
    }
    process->relations->suspensions = NULL;
    while (own->asked != NULL) {
        osri_envelope *signal = own->asked;
        own->asked = signal->next;
        osri_signal_refuse(process->node, osri_process_pid(process), OSR_REASON_NOPROC, &signal);
    }
    size_t cursor = 0;
    osri_map_entry at;
    while (osri_map_next(&own->of, &cursor, &at)) {
        osr_pid pid;
        memcpy(&pid, at.key, sizeof(pid));
        send_resume(process, pid, (uint64_t)(uintptr_t)at.value);
    }
    osri_map_fini(&own->of);
    osri_map_fini(&own->by);
    osri_heap_free(own, sizeof(*own));
}
