/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_EPMD_SERVICE_H
#define OSR_EPMD_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dist/identity/identity.h"
#include "epmd/admission.h"
#include "epmd/registry.h"
#include "epmd/wire.h"

/* What a mapper answers to whom. Pure: requests and the time go in, replies come out.
 * Threads: one at a time. */

/* Called within osri_epmd_service_answer(); must not call it. */
typedef struct osri_epmd_hooks {
    void *context;
    /* Whether the holder of a lease is still connected, asked before a name is called taken. */
    bool (*lease_is_alive)(void *context, uint64_t lease);
    /* This key has shown a good certificate. */
    void (*key_is_good)(void *context, const uint8_t key[32], uint64_t until_s);
    /* One line about a request that was refused. */
    void (*log)(void *context, const char *text);
} osri_epmd_hooks;

typedef struct osri_epmd_service {
    osri_identity identity; /* cluster and authority; the mapper's keys */
    osri_registry *registry;
    osri_buckets peers; /* by key */
    osri_epmd_hooks hooks;
    osri_epmd_status counters;
    bool is_stopping; /* somebody with the right to do so said STOP */
    osri_epmd_request request;
    osri_epmd_reply reply;
    osri_epmd_records records;
} osri_epmd_service;

/* Who asks: over the local socket, whose user was checked, or over CURVE with a proven key. */
typedef struct osri_epmd_caller {
    uint64_t lease;      /* local: the number of its connection; 0: remote */
    const uint8_t *key;  /* remote: the key that it has proven, 32 bytes */
    const char *address; /* remote: for log lines */
    char *name; /* local: what the connection has registered, "" at first; OSRI_NAME_BYTES */
} osri_epmd_caller;

/* Ownership: *identity and *hooks are copied; end with osri_epmd_service_fini().
 * Errors: OSR_ENOMEM. */
OSR_MUST_CHECK osr_err osri_epmd_service_init(osri_epmd_service *service,
                                              const osri_identity *identity,
                                              const osri_epmd_hooks *hooks, uint64_t seed);
void osri_epmd_service_fini(osri_epmd_service *service);

/* Answers one request; the reply has at least one byte.
 * Errors, with a reply all the same, after which the connection is to be closed: OSR_EPROTO
 * malformed. */
osr_err osri_epmd_service_answer(osri_epmd_service *service, const osri_epmd_caller *caller,
                                 const uint8_t *data, size_t bytes, uint64_t now_ms, uint64_t now_s,
                                 uint8_t ret_reply[OSRI_EPMD_REPLY_BYTES_MAX],
                                 size_t *ret_reply_bytes);

/* The connection that held the lease is gone. */
void osri_epmd_service_closed(osri_epmd_service *service, const char *name, uint64_t lease);

#endif
