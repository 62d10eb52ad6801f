/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "lib/core/heap.h"
#include "lib/process/node.h"

/* Links, as Erlang's link protocol has them (reference: "Link Protocol" of the distribution
 * protocol): each side keeps an entry of its own; unlinking waits for an acknowledgement, so that
 * an exit signal that was under way when the link was removed is told from one of a link made
 * again.
 *
 * Invariants
 *   L1  an entry that is not active has an unlink id; its exit signals are dropped.
 *   L2  a LINK that arrives while an unlink of ours is not acknowledged is ignored.
 *   L3  what ends one LINK alone (it could not arrive, or the session that it went by has ended)
 *       says which: it ends no link that was made anew in the meantime, whose LINK may be on its
 *       way to the other side already. */

osri_relations *osri_process_relations(osr_self *process)
{
    if (process->relations == NULL) {
        process->relations = osri_heap_zalloc(sizeof(osri_relations));
    }
    return process->relations;
}

static void send_bare(osr_self *process, osri_signal_kind kind, osr_pid to, uint64_t ref)
{
    osri_envelope *signal;
    if (osri_signal_new_sure(process->node, kind, osri_process_pid(process), ref, NULL, NULL,
                             &signal) == OSR_OK) {
        osri_route route = {.pid = to};
        (void)osri_signal_send(process->node, &route, &signal);
    }
}

static osri_link_entry *entry_of(const osr_self *process, osr_pid pid)
{
    return osri_links_find(process->links, pid);
}

osr_err osri_link_add(osr_self *process, osr_pid pid)
{
    if (osri_links_count(process->links) >= process->node->relations_max) {
        return OSR_ELIMIT;
    }
    osri_link_entry *entry;
    osr_err err = osri_links_add(&process->links, pid, &entry);
    if (err != OSR_OK) {
        return err;
    }
    entry->number = OSRI_LINK_BY_PEER;
    entry->active = true;
    return OSR_OK;
}

/* As if we had ended at once, for the other side must not believe in a link that is not there; but
 * it hears why. */
static void refuse_link(osr_self *process, const osri_envelope *asked, osr_err why)
{
    osr_reason reason = osr_reason_error(why);
    osri_envelope *signal;
    if (osri_signal_new_sure(process->node, OSRI_SIGNAL_LINK_EXIT, osri_process_pid(process),
                             asked->ref, &osr_reason_osr_type, &reason, &signal) == OSR_OK) {
        osri_route route = {.pid = asked->from};
        (void)osri_signal_send(process->node, &route, &signal);
    }
}

static void link_asked(osr_self *process, osri_envelope *signal)
{
    osr_err err = OSR_OK;
    if (entry_of(process, signal->from) == NULL) {
        err = osri_link_add(process, signal->from);
    }
    if (err != OSR_OK) {
        refuse_link(process, signal, err);
    }
    osri_envelope_free(&signal);
}

static void link_exit(osr_self *process, osri_envelope *signal)
{
    osri_link_entry *entry = entry_of(process, signal->from);
    if (entry != NULL && signal->ref != 0 && signal->ref != entry->number) {
        entry = NULL; /* see L3 */
    }
    bool active = entry != NULL && entry->active;
    if (entry != NULL) {
        osri_links_remove(&process->links, signal->from);
    }
    const osr_reason *reason = osri_reason_of_signal(signal);
    if (!active) {
        osri_envelope_free(&signal);
    } else if (atomic_load_explicit(&process->traps, memory_order_relaxed)) {
        osr_exited message = {.from = signal->from, .reason = *reason};
        osri_process_tell(process, &osr_exited_osr_type, &message);
        osri_envelope_free(&signal);
    } else if (reason->code == OSR_REASON_NORMAL) {
        osri_envelope_free(&signal);
    } else {
        osri_process_exit_by(process, signal);
    }
}

static void unlink_asked(osr_self *process, osri_envelope *signal)
{
    osri_link_entry *entry = entry_of(process, signal->from);
    if (entry != NULL && entry->active) {
        osri_links_remove(&process->links, signal->from);
    }
    send_bare(process, OSRI_SIGNAL_UNLINK_ACK, signal->from, signal->ref);
    osri_envelope_free(&signal);
}

static void unlink_acknowledged(osr_self *process, osri_envelope *signal)
{
    osri_link_entry *entry = entry_of(process, signal->from);
    if (entry != NULL && !entry->active && entry->unlink_id == signal->ref) {
        osri_links_remove(&process->links, signal->from);
    }
    osri_envelope_free(&signal);
}

void osri_link_signal(osr_self *process, osri_envelope *signal)
{
    switch ((osri_signal_kind)signal->kind) {
    case OSRI_SIGNAL_LINK:
        link_asked(process, signal);
        break;
    case OSRI_SIGNAL_LINK_EXIT:
        link_exit(process, signal);
        break;
    case OSRI_SIGNAL_UNLINK:
        unlink_asked(process, signal);
        break;
    default:
        unlink_acknowledged(process, signal);
        break;
    }
}

/* To a process of this node the end that most processes come to goes without a body. */
static void send_link_exit(osr_self *process, osr_pid to)
{
    osri_envelope *signal;
    bool is_bare = process->reason == NULL && to.node == process->node->id;
    if (osri_signal_new_sure(process->node, OSRI_SIGNAL_LINK_EXIT, osri_process_pid(process), 0,
                             is_bare ? NULL : &osr_reason_osr_type,
                             is_bare ? NULL : osri_process_reason(process), &signal) == OSR_OK) {
        osri_route route = {.pid = to};
        (void)osri_signal_send(process->node, &route, &signal);
    }
}

bool osri_link_end_some(osr_self *process, uint32_t *steps)
{
    while (*steps > 0) {
        const osri_link_entry *entry = osri_links_end_next(process->links);
        if (entry == NULL) {
            return true;
        }
        if (entry->active) {
            send_link_exit(process, entry->pid);
        }
        *steps -= 1;
    }
    return false;
}

/* Whether a pid of this node can be seen to be dead already. */
static bool is_dead_here(osr_node *node, osr_pid pid)
{
    if (pid.node != node->id) {
        return false;
    }
    osr_self *process = osri_table_at(node, pid.slot);
    return process == NULL ||
           atomic_load_explicit(&process->generation, memory_order_relaxed) != pid.generation ||
           /* acquire: its names are gone before it is seen dead */
           atomic_load_explicit(&process->inbox, memory_order_acquire) == OSRI_INBOX_CLOSED;
}

osr_err osr_link(osr_self *self, osr_pid pid)
{
    if (osr_pid_equal(pid, osri_process_pid(self))) {
        return OSR_OK;
    }
    if (osr_pid_is_none(pid)) {
        return OSR_EINVAL;
    }
    bool traps = atomic_load_explicit(&self->traps, memory_order_relaxed);
    if (!traps && is_dead_here(self->node, pid)) {
        return OSR_ENOPROC;
    }
    osri_link_entry *entry = entry_of(self, pid);
    if (entry != NULL && entry->active) {
        return OSR_OK;
    }
    osri_envelope *signal;
    osr_err err = osri_signal_new(OSRI_SIGNAL_LINK, osri_process_pid(self), 0, NULL, NULL, &signal);
    if (err == OSR_OK && entry == NULL) {
        err = osri_link_add(self, pid);
        if (err != OSR_OK) {
            osri_envelope_free(&signal);
        }
    }
    if (err != OSR_OK) {
        return err;
    }
    entry = entry_of(self, pid);
    entry->active = true; /* the acknowledgement of an unlink under way no longer matters */
    entry->unlink_id = 0;
    entry->number = osri_reference_next(self->node);
    signal->ref = entry->number;
    osri_event_pair(self->node, OSR_EVENT_LINK, osri_process_pid(self), pid, 0);
    osri_route route = {.pid = pid};
    (void)osri_signal_send(self->node, &route, &signal);
    return OSR_OK;
}

osr_err osr_unlink(osr_self *self, osr_pid pid)
{
    osri_link_entry *entry = entry_of(self, pid);
    if (entry == NULL || !entry->active) {
        return OSR_OK;
    }
    entry->active = false;
    osri_event_pair(self->node, OSR_EVENT_UNLINK, osri_process_pid(self), pid, 0);
    entry->unlink_id = osri_reference_next(self->node);
    send_bare(self, OSRI_SIGNAL_UNLINK, pid, entry->unlink_id);
    return OSR_OK;
}
