/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_EPMD_ADMISSION_H
#define OSR_EPMD_ADMISSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "osier/err.h"

/* How often somebody may ask: token buckets by key or address, in a table of fixed size whose
 * least recently used row makes room for a stranger. Pure: the time is given.
 * Threads: one at a time. */

#define OSRI_BUCKET_KEY_BYTES 64

typedef struct osri_bucket {
    uint8_t key[OSRI_BUCKET_KEY_BYTES];
    size_t key_bytes; /* 0: the row is free */
    uint64_t tokens_milli;
    uint64_t filled_ms; /* when tokens_milli was right */
} osri_bucket;

typedef struct osri_buckets {
    osri_bucket *rows;
    uint32_t count;
    uint32_t rate; /* tokens a second */
    uint32_t burst;
} osri_buckets;

/* Errors: OSR_ENOMEM. */
OSR_MUST_CHECK osr_err osri_buckets_init(osri_buckets *buckets, uint32_t count, uint32_t rate,
                                         uint32_t burst);
void osri_buckets_fini(osri_buckets *buckets);

/* Takes one of key's tokens; false where there is none left. Longer keys are told apart by their
 * first OSRI_BUCKET_KEY_BYTES bytes. */
bool osri_buckets_take(osri_buckets *buckets, const void *key, size_t key_bytes, uint64_t now_ms);

/* Remembers keys that have shown a certificate, until it expires; the oldest is forgotten first. */
typedef struct osri_known_keys {
    struct osri_known_key {
        uint8_t key[32];
        uint64_t until_s;
    } * rows;
    uint32_t count;
    uint32_t next; /* the row to overwrite */
} osri_known_keys;

OSR_MUST_CHECK osr_err osri_known_keys_init(osri_known_keys *keys, uint32_t count);
void osri_known_keys_fini(osri_known_keys *keys);
void osri_known_keys_add(osri_known_keys *keys, const uint8_t key[32], uint64_t until_s);
bool osri_known_keys_has(const osri_known_keys *keys, const uint8_t key[32], uint64_t now_s);

#endif
