/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_DIST_LINK_HANDSHAKE_H
#define OSR_DIST_LINK_HANDSHAKE_H

#include "dist/link/actions.h"

/* Handshake frames: dist/PROTOCOL.md, "Handshake frames". Pure. Threads: any. */

#define OSRI_HANDSHAKE_TEXT_BYTES 201 /* of REFUSE, with its NUL */

typedef enum osri_handshake_kind {
    OSRI_HANDSHAKE_HELLO = 1,
    OSRI_HANDSHAKE_WELCOME = 2,
    OSRI_HANDSHAKE_READY = 3,
    OSRI_HANDSHAKE_REFUSE = 4,
} osri_handshake_kind;

/* One frame; each kind uses the fields that are marked with its letter. */
typedef struct osri_handshake {
    osri_handshake_kind kind;
    uint32_t version_min;                /* H */
    uint32_t version_max;                /* H; W: the version */
    char cluster[OSRI_CLUSTER_BYTES];    /* H */
    osri_signed_certificate certificate; /* H W */
    uint64_t creation;                   /* H W */
    char want_name[OSRI_NAME_BYTES];     /* H */
    uint8_t nonce[16];                   /* H W */
    uint8_t session[16];                 /* W READY */
    uint64_t features;                   /* H W */
    uint32_t window_bytes;               /* H W */
    uint32_t frame_bytes_max;            /* H W */
    uint32_t tick_ms;                    /* H W */
    uint64_t crl_version;                /* H W */
    uint64_t os_pid;                     /* H W */
    bool hidden;                         /* H W */
    uint32_t label_count;                /* H W */
    char labels[OSRI_LINK_LABELS_MAX][OSRI_LINK_LABEL_BYTES];
    uint32_t refusal;                     /* REFUSE */
    char text[OSRI_HANDSHAKE_TEXT_BYTES]; /* REFUSE */
} osri_handshake;

/* Returns the length. What a checked configuration holds always fits. */
size_t osri_handshake_encode(const osri_handshake *handshake,
                             uint8_t ret_bytes[OSRI_HANDSHAKE_BYTES_MAX]);

/* Unknown elements at the end are ignored.
 * Errors: OSR_EPROTO malformed; OSR_EVERSION a HELLO or WELCOME without a version within
 * version_min to version_max, of which only kind, version_min and version_max were read into
 * *ret_handshake. */
OSR_MUST_CHECK osr_err osri_handshake_decode(const uint8_t *bytes, size_t bytes_count,
                                             uint32_t version_min, uint32_t version_max,
                                             osri_handshake *ret_handshake);

#endif
