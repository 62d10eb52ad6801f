/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/net/admission.h"

#include <stdio.h>
#include <string.h>

/* Admission: a token bucket for each source address and one for all.
 * Bound: OSRI_ADMISSION_SOURCES; beyond it the source that has been quiet the longest is forgotten,
 * which gives nobody more than a fresh bucket, and the common bucket still holds. */

#define NS_PER_MILLI_TOKEN UINT64_C(1000000) /* at one token a second */
#define RATE 20u
#define BURST 40u
#define RATE_ALL 100u
#define LOCAL_FACTOR 10u

void osri_admission_init(osri_admission *admission)
{
    memset(admission, 0, sizeof(*admission));
    osri_mutex_init(&admission->mutex, OSRI_RANK_LEAF);
}

void osri_admission_fini(osri_admission *admission)
{
    osri_mutex_fini(&admission->mutex);
}

static bool take(osri_bucket *bucket, uint64_t rate, uint64_t burst, uint64_t now_ns)
{
    uint64_t passed_ns = now_ns > bucket->filled_ns ? now_ns - bucket->filled_ns : 0;
    uint64_t enough_ns = burst * 1000 * NS_PER_MILLI_TOKEN / rate;

    if (bucket->filled_ns == 0 || passed_ns >= enough_ns) {
        bucket->milli = burst * 1000;
        bucket->filled_ns = now_ns;
    } else {
        uint64_t gained = passed_ns * rate / NS_PER_MILLI_TOKEN;
        bucket->milli += gained;
        bucket->filled_ns += gained * NS_PER_MILLI_TOKEN / rate;
        bucket->milli = bucket->milli > burst * 1000 ? burst * 1000 : bucket->milli;
    }
    if (bucket->milli < 1000) {
        return false;
    }
    bucket->milli -= 1000;
    return true;
}

static struct osri_admission_source *source_of(osri_admission *admission, const char *address)
{
    struct osri_admission_source *oldest = &admission->sources[0];

    for (size_t i = 0; i < OSRI_ADMISSION_SOURCES; i++) {
        struct osri_admission_source *source = &admission->sources[i];
        if (strcmp(source->address, address) == 0) {
            return source;
        }
        if (source->bucket.filled_ns < oldest->bucket.filled_ns) {
            oldest = source;
        }
    }
    memset(oldest, 0, sizeof(*oldest));
    (void)snprintf(oldest->address, sizeof(oldest->address), "%s", address);
    return oldest;
}

static bool is_local(const char *address)
{
    return strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0 ||
           strncmp(address, "::ffff:127.", 11) == 0;
}

bool osri_admission_try(osri_admission *admission, const char *address, uint64_t now_ns)
{
    const char *key = address == NULL || address[0] == '\0' ? "?" : address;
    uint64_t factor = is_local(key) ? LOCAL_FACTOR : 1;
    bool admitted;

    osri_mutex_lock(&admission->mutex);
    admitted = take(&source_of(admission, key)->bucket, RATE * factor, BURST * factor, now_ns);
    if (admitted && factor == 1) {
        admitted = take(&admission->all, RATE_ALL, RATE_ALL, now_ns);
    }
    osri_mutex_unlock(&admission->mutex);
    return admitted;
}
