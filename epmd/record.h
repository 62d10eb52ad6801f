/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_EPMD_RECORD_H
#define OSR_EPMD_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/core/name.h"

/* What a port mapper knows of a node. An answer is a hint: whoever dials verifies the certificate.
 */

#define OSRI_EPMD_PORT 4371
#define OSRI_EPMD_NAMES_MAX 10000
#define OSRI_EPMD_ENDPOINT_BYTES 128 /* "tcp://192.0.2.1:9100" with its NUL */
#define OSRI_EPMD_LABELS_MAX 16
#define OSRI_EPMD_LABEL_BYTES 64 /* with its NUL */
#define OSRI_EPMD_TEXT_BYTES 256 /* an error in words, with its NUL */

typedef struct osri_epmd_record {
    char name[OSRI_NAME_BYTES];
    char endpoint[OSRI_EPMD_ENDPOINT_BYTES];
    uint8_t key[32];     /* CURVE public key, as its certificate says */
    uint64_t creation;   /* of this incarnation */
    uint64_t registered; /* grows with each registration at one mapper; the order of a list */
    uint32_t os_pid;
    uint32_t label_count;
    char labels[OSRI_EPMD_LABELS_MAX][OSRI_EPMD_LABEL_BYTES];
    bool hidden;
} osri_epmd_record;

#endif
