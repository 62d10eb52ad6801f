/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_BOOT_FLAGS_H
#define OSR_BOOT_FLAGS_H

#include <stdbool.h>
#include <stdint.h>

#include "osier/main.h"

/* The flags that every node understands. Pure, but for the texts it points to: those of argv. */

#define OSRI_FLAG_LIST_MAX 16

typedef struct osri_flags {
    char name[129]; /* whole: "store@host" */
    const char *listen;
    const char *cluster;
    const char *secret;
    const char *authority;
    const char *key;
    const char *certificate;
    const char *revoked;
    const char *mapper_certificate;
    const char *policy;
    const char *audit;
    const char *contact_certificates[OSRI_FLAG_LIST_MAX];
    uint32_t contact_certificate_count;
    const char *joins[OSRI_FLAG_LIST_MAX];
    uint32_t join_count;
    const char *labels[OSRI_FLAG_LIST_MAX];
    uint32_t label_count;
    uint32_t schedulers;
    uint32_t mapper_port;
    uint32_t mapper_idle_exit_s;
    uint32_t tick_ms;
    int ready_fd; /* -1: none */
    osr_log_level log_level;
    const char *flight; /* NULL: standard error */
    osr_auto_connect auto_connect;
    bool hidden;
    bool no_mapper;
    bool help;
    bool version;
} osri_flags;

/* Parses argv[1] and on. program: for the default name, `host`: for a name without one.
 * Errors: OSR_EINVAL, and ret_text says which flag, why, and what to type. */
OSR_MUST_CHECK osr_err osri_flags_parse(int argc, char **argv, const char *program,
                                        const char *host, osri_flags *ret_flags, char *ret_text,
                                        size_t text_bytes);

/* What --help prints. */
const char *osri_flags_help(void);

#endif
