/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "epmd/client.h"

#include <string.h>

#include "epmd/call.h"
#include "epmd/path.h"
#include "lib/core/heap.h"

/* Questions to a mapper, each a call of its own. */

#define LIST_GROWTH 64

osr_err osri_epmd_lookup(const osri_epmd_options *options, const char *name,
                         osri_epmd_record *ret_record, char *ret_text, size_t text_bytes)
{
    osri_epmd_call *call = NULL;

    if (osri_node_name_check(name, strlen(name)) != OSR_OK) {
        return osri_epmd_fail(OSR_EINVAL, ret_text, text_bytes,
                              "\"%s\" is not the name of a node; it looks like name@host", name);
    }
    osr_err err =
        osri_epmd_call_new(options, osri_node_name_host(name), ret_text, text_bytes, &call);
    if (err != OSR_OK) {
        return err;
    }
    call->request.operation = OSRI_EPMD_LOOKUP;
    memcpy(call->request.record.name, name, strlen(name) + 1);
    err = osri_epmd_call_ask(call, OSRI_EPMD_RECORD);
    if (err == OSR_OK && strcmp(call->reply.record.name, name) != 0) {
        err = osri_epmd_fail(OSR_EPROTO, ret_text, text_bytes,
                             "the port mapper answers about another node than \"%s\"", name);
    }
    if (err == OSR_OK) {
        *ret_record = call->reply.record;
    }
    osri_epmd_call_free(&call);
    return err;
}

typedef struct list {
    osri_epmd_record *records;
    uint32_t count;
    uint32_t size;
} list;

static void free_list(list *freed)
{
    osri_heap_free(freed->records, freed->size * sizeof(*freed->records));
    freed->records = NULL;
}

static osr_err append_reply(list *to, osri_epmd_reply *reply)
{
    uint32_t wanted = to->count + reply->count;

    if (wanted > OSRI_EPMD_NAMES_MAX) {
        return OSR_EPROTO;
    }
    if (wanted > to->size) {
        uint32_t size = wanted + LIST_GROWTH;
        void *grown = osri_heap_realloc(to->records, to->size * sizeof(*to->records),
                                        size * sizeof(*to->records));
        if (grown == NULL) {
            return OSR_ENOMEM;
        }
        to->records = grown;
        to->size = size;
    }
    for (uint32_t i = 0; i < reply->count; i++) {
        osri_epmd_reply_next(reply, &to->records[to->count++]);
    }
    return OSR_OK;
}

/* Page by page; each page continues after the last, so the loop ends whatever the mapper says. */
static osr_err collect(osri_epmd_call *call, list *to)
{
    osr_err err;

    do {
        call->request.operation = OSRI_EPMD_LIST;
        err = osri_epmd_call_ask(call, OSRI_EPMD_RECORDS);
        if (err == OSR_OK && call->reply.next != 0 && call->reply.next <= call->request.after) {
            err = osri_epmd_fail(OSR_EPROTO, call->text, call->text_bytes,
                                 "the port mapper's list does not go on");
        }
        if (err == OSR_OK) {
            err = append_reply(to, &call->reply);
        }
        call->request.after = call->reply.next;
    } while (err == OSR_OK && call->reply.next != 0);
    return err;
}

osr_err osri_epmd_list(const osri_epmd_options *options, const char *host,
                       osri_epmd_record **ret_records, uint32_t *ret_count, char *ret_text,
                       size_t text_bytes)
{
    osri_epmd_call *call = NULL;
    list found = {.records = NULL};

    osr_err err = osri_epmd_call_new(options, host, ret_text, text_bytes, &call);
    if (err != OSR_OK) {
        return err;
    }
    err = collect(call, &found);
    osri_epmd_call_free(&call);
    if (err == OSR_OK && found.count < found.size) {
        /* to the size that the caller knows; an empty list is no block at all */
        void *fitting = found.count == 0
                            ? NULL
                            : osri_heap_realloc(found.records, found.size * sizeof(*found.records),
                                                found.count * sizeof(*found.records));
        if (found.count == 0) {
            free_list(&found);
        } else if (fitting == NULL) {
            err = osri_epmd_fail(OSR_ENOMEM, ret_text, text_bytes, "out of memory");
        }
        found.records = fitting != NULL ? fitting : found.records;
    }
    if (err != OSR_OK) {
        free_list(&found);
        return err;
    }
    *ret_records = found.records;
    *ret_count = found.count;
    return OSR_OK;
}

void osri_epmd_list_free(osri_epmd_record **records, uint32_t count)
{
    if (records != NULL && *records != NULL) {
        osri_heap_free(*records, count * sizeof(**records));
        *records = NULL;
    }
}

osr_err osri_epmd_status_get(const osri_epmd_options *options, osri_epmd_status *ret_status,
                             char *ret_text, size_t text_bytes)
{
    osri_epmd_call *call = NULL;

    osr_err err = osri_epmd_call_new(options, NULL, ret_text, text_bytes, &call);
    if (err != OSR_OK) {
        return err;
    }
    call->request.operation = OSRI_EPMD_STATUS;
    err = osri_epmd_call_ask(call, OSRI_EPMD_COUNTERS);
    if (err == OSR_OK) {
        *ret_status = call->reply.status;
    }
    osri_epmd_call_free(&call);
    return err;
}

osr_err osri_epmd_stop(const osri_epmd_options *options, char *ret_text, size_t text_bytes)
{
    osri_epmd_call *call = NULL;

    osr_err err = osri_epmd_call_new(options, NULL, ret_text, text_bytes, &call);
    if (err != OSR_OK) {
        return err;
    }
    call->request.operation = OSRI_EPMD_STOP;
    err = osri_epmd_call_ask(call, OSRI_EPMD_OK);
    if (err == OSR_OK) {
        err = osri_epmd_call_wait_end(call);
    }
    osri_epmd_call_free(&call);
    return err;
}
