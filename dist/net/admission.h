/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_DIST_NET_ADMISSION_H
#define OSR_DIST_NET_ADMISSION_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/core/mutex.h"

/* How many strangers may try a handshake: a bound on what somebody without a certificate can make a
 * node do. Certificates decide in the handshake. Threads: any. */

#define OSRI_ADMISSION_SOURCES 256

/* Tokens of a thousandth each. */
typedef struct osri_bucket {
    uint64_t filled_ns;
    uint64_t milli;
} osri_bucket;

typedef struct osri_admission {
    osri_mutex mutex; /* OSRI_RANK_LEAF */
    osri_bucket all;  /* guarded_by: mutex */
    struct osri_admission_source {
        char address[64]; /* "" = free */
        osri_bucket bucket;
    } sources[OSRI_ADMISSION_SOURCES]; /* guarded_by: mutex */
} osri_admission;

void osri_admission_init(osri_admission *admission);
void osri_admission_fini(osri_admission *admission);

/* Whether somebody at address may try now: 20 a second and 40 at once from one address, 100 a
 * second from all together; ten times that from this machine itself, where whole clusters start at
 * once. */
bool osri_admission_try(osri_admission *admission, const char *address, uint64_t now_ns);

#endif
