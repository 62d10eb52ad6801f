/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "epmd/admission.h"

#include <string.h>

#include "lib/core/heap.h"

/* Tables that strangers fill, so: fixed in size, searched row by row (1,024 rows are compared in
 * some µs, and a CURVE handshake costs a hundred times as much), and without anything that could
 * be made to collide. */

#define TOKEN_MILLI UINT64_C(1000)

osr_err osri_buckets_init(osri_buckets *buckets, uint32_t count, uint32_t rate, uint32_t burst)
{
    buckets->rows = osri_heap_zalloc(count * sizeof(*buckets->rows));
    buckets->count = buckets->rows != NULL ? count : 0;
    buckets->rate = rate;
    buckets->burst = burst;
    return buckets->rows != NULL ? OSR_OK : OSR_ENOMEM;
}

void osri_buckets_fini(osri_buckets *buckets)
{
    osri_heap_free(buckets->rows, buckets->count * sizeof(*buckets->rows));
    buckets->rows = NULL;
    buckets->count = 0;
}

/* The key's row, or one that it can have: a free one, else that of longest rest. */
static osri_bucket *find_row(osri_buckets *buckets, const void *key, size_t key_bytes)
{
    osri_bucket *oldest = &buckets->rows[0];

    for (uint32_t i = 0; i < buckets->count; i++) {
        osri_bucket *row = &buckets->rows[i];
        if (row->key_bytes == key_bytes && memcmp(row->key, key, key_bytes) == 0) {
            return row;
        }
        if (row->filled_ms < oldest->filled_ms || (row->key_bytes == 0 && oldest->key_bytes != 0)) {
            oldest = row;
        }
    }
    oldest->key_bytes = 0;
    return oldest;
}

static void fill(const osri_buckets *buckets, osri_bucket *row, uint64_t now_ms)
{
    uint64_t full = buckets->burst * TOKEN_MILLI;
    uint64_t passed_ms = now_ms > row->filled_ms ? now_ms - row->filled_ms : 0;

    if (passed_ms > full || row->tokens_milli + passed_ms * buckets->rate > full) {
        row->tokens_milli = full;
    } else {
        row->tokens_milli += passed_ms * buckets->rate;
    }
    row->filled_ms = now_ms;
}

bool osri_buckets_take(osri_buckets *buckets, const void *key, size_t key_bytes, uint64_t now_ms)
{
    if (key_bytes > OSRI_BUCKET_KEY_BYTES) {
        key_bytes = OSRI_BUCKET_KEY_BYTES;
    }
    osri_bucket *row = find_row(buckets, key, key_bytes);
    if (row->key_bytes == 0) {
        memcpy(row->key, key, key_bytes);
        row->key_bytes = key_bytes;
        row->tokens_milli = buckets->burst * TOKEN_MILLI;
        row->filled_ms = now_ms;
    }
    fill(buckets, row, now_ms);
    if (row->tokens_milli < TOKEN_MILLI) {
        return false;
    }
    row->tokens_milli -= TOKEN_MILLI;
    return true;
}

osr_err osri_known_keys_init(osri_known_keys *keys, uint32_t count)
{
    keys->rows = osri_heap_zalloc(count * sizeof(*keys->rows));
    keys->count = keys->rows != NULL ? count : 0;
    keys->next = 0;
    return keys->rows != NULL ? OSR_OK : OSR_ENOMEM;
}

void osri_known_keys_fini(osri_known_keys *keys)
{
    osri_heap_free(keys->rows, keys->count * sizeof(*keys->rows));
    keys->rows = NULL;
    keys->count = 0;
}

static struct osri_known_key *find_key(const osri_known_keys *keys, const uint8_t key[32])
{
    for (uint32_t i = 0; i < keys->count; i++) {
        if (memcmp(keys->rows[i].key, key, sizeof(keys->rows[i].key)) == 0) {
            return &keys->rows[i];
        }
    }
    return NULL;
}

void osri_known_keys_add(osri_known_keys *keys, const uint8_t key[32], uint64_t until_s)
{
    struct osri_known_key *row = find_key(keys, key);

    if (row == NULL) {
        row = &keys->rows[keys->next];
        keys->next = (keys->next + 1) % keys->count;
        memcpy(row->key, key, sizeof(row->key));
    }
    row->until_s = until_s;
}

bool osri_known_keys_has(const osri_known_keys *keys, const uint8_t key[32], uint64_t now_s)
{
    const struct osri_known_key *row = find_key(keys, key);

    return row != NULL && now_s <= row->until_s;
}
