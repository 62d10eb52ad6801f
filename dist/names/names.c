/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/names/names.h"

#include <string.h>

#include "lib/process/node.h"

/* What processes ask of cluster-wide names. */

static osri_names *names_of(const osr_self *self)
{
    osri_service *service = NULL;

    return osri_service_get(self->node, &osri_names_ops, &service) == OSR_OK ? (osri_names *)service
                                                                             : NULL;
}

osr_err osr_global_register(osr_self *self, const char *name, osr_pid pid,
                            const osr_global_options *options_)
{
    osr_global_options options = {.size = sizeof(options)};
    osri_route route = {.pid = osri_pid_of_node(self->node->id)};
    osri_envelope *answer = NULL;

    if (options_ != NULL) { /* a shorter one is of an earlier version */
        memcpy(&options, options_,
               options_->size < sizeof(options) ? options_->size : sizeof(options));
    }
    osri_names_register wanted = {.name = osr_str_of(name),
                                  .pid = pid,
                                  .weight = options.weight,
                                  .policy = (uint32_t)options.on_conflict};
    if (!osri_names_is_good(wanted.name) || pid.node != self->node->id ||
        wanted.policy > OSR_GLOBAL_NOTIFY) {
        return OSR_EINVAL;
    }
    if (names_of(self) == NULL) {
        return OSR_ENOMEM;
    }
    osr_err err =
        osri_request_kind(self, OSRI_SIGNAL_MESSAGE, &route, &osri_names_register_osr_type, &wanted,
                          osri_reference_next(self->node), UINT64_MAX, &answer);
    if (err != OSR_OK) {
        return err;
    }
    const osri_names_result *result =
        answer->kind == OSRI_SIGNAL_REPLY && answer->type->id == osri_names_result_osr_type.id
            ? osri_envelope_body(answer)
            : NULL;
    err = result == NULL ? OSR_EPROTO : (osr_err)result->error;
    osri_envelope_free(&answer);
    return err;
}

static osr_err release(osri_names *names, osri_names_entry *entry)
{
    const osri_names_registration *best = osri_names_best(entry);
    osri_names_owner *owner = best == NULL ? NULL : best->owner;

    if (best == NULL) {
        return OSR_ENOTFOUND;
    }
    if (owner == NULL) {
        return OSR_EPERM;
    }
    osri_names_release(names, OSRI_LIST_ENTRY(&best->in_entry, osri_names_registration, in_entry));
    osri_names_owner_trim(names, owner);
    osri_names_trim(names, entry);
    return OSR_OK;
}

osr_err osr_global_unregister(osr_self *self, const char *name)
{
    osri_names *names = names_of(self);

    if (names == NULL) {
        return OSR_ENOTFOUND; /* no memory for names: nobody has one */
    }
    osri_mutex_lock(&names->mutex);
    osri_names_entry *entry = osri_names_find(names, osr_str_of(name));
    osr_err err = entry == NULL ? OSR_ENOTFOUND : release(names, entry);
    osri_mutex_unlock(&names->mutex);
    return err;
}

osr_pid osr_global_whereis(osr_self *self, const char *name)
{
    osri_names *names = names_of(self);
    osr_pid pid = OSR_PID_NONE;

    if (names == NULL) {
        return pid;
    }
    osri_mutex_lock(&names->mutex);
    const osri_names_registration *best = osri_names_best(osri_names_find(names, osr_str_of(name)));
    if (best != NULL) {
        pid = best->pid;
    }
    osri_mutex_unlock(&names->mutex);
    return pid;
}

osr_err osr_global_send(osr_self *self, const char *name, const osr_type *type, const void *message)
{
    osr_pid pid = osr_global_whereis(self, name);

    return osr_pid_is_none(pid) ? OSR_ENOPROC : osri_send(self, osr_to(pid), type, message);
}

/* The names, each with a NUL, one behind the other: counts them and what they take; writes them
 * where `bytes` is enough. */
static size_t copy_names_locked(const osri_names *names, char *ret_text, size_t bytes,
                                size_t *ret_bytes)
{
    size_t cursor = 0;
    size_t count = 0;
    osri_map_entry at;

    *ret_bytes = 0;
    while (osri_map_next(&names->entries, &cursor, &at)) {
        const osri_names_entry *entry = at.value;
        size_t size = strlen(entry->name) + 1;
        if (osri_list_is_empty(&entry->registrations)) {
            continue;
        }
        if (*ret_bytes + size <= bytes) {
            memcpy(ret_text + *ret_bytes, entry->name, size);
        }
        *ret_bytes += size;
        count++;
    }
    return count;
}

osr_err osr_global_names(osr_self *self, osr_str **ret_names, size_t *ret_count)
{
    osri_names *names = names_of(self);
    osr_str *block = NULL;
    size_t room = 0;       /* places in the list */
    size_t text_bytes = 0; /* behind it */
    size_t count = 0;
    size_t bytes = 0;

    if (names == NULL) {
        return OSR_ENOMEM;
    }
    for (;;) { /* the block is had outside the lock: who is over its memory limit ends there */
        osri_mutex_lock(&names->mutex);
        count = copy_names_locked(names, (char *)(block + room), text_bytes, &bytes);
        osri_mutex_unlock(&names->mutex);
        if (count <= room && bytes <= text_bytes) {
            break;
        }
        osr_free(self, block);
        room = count + count / 4;
        text_bytes = bytes + bytes / 4;
        block = osr_alloc(self, room * sizeof(*block) + text_bytes);
        if (block == NULL) {
            return OSR_ENOMEM;
        }
    }
    const char *text = (const char *)(block + room);
    for (size_t i = 0; i < count; i++) {
        block[i] = osr_str_of(text);
        text += block[i].size + 1;
    }
    if (count == 0) {
        osr_free(self, block);
        block = NULL;
    }
    *ret_names = block;
    *ret_count = count;
    return OSR_OK;
}
