/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_KEYS_OPTIONS_H
#define OSR_KEYS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dist/identity/certificate.h"
#include "osier/main.h"

/* The arguments of the commands of `osier keys`. Pure, but for the texts it points to: those of
 * argv. */

#define OSRI_KEYS_PATH_BYTES 4096
#define OSRI_KEYS_TEXT_BYTES (OSRI_KEYS_PATH_BYTES + 1024)
#define OSRI_KEYS_DAYS_DEFAULT 30
#define OSRI_KEYS_DAYS_MAX 3650

typedef struct osri_keys_options {
    const char *name;
    const char *cluster;
    const char *directory; /* NULL: the working directory */
    const char *authority; /* NULL: authority.key or authority.pub there */
    const char *request;
    const char *certificate;
    const char *key;
    const char *revoked;
    const char *mapper_certificate;
    const char *roles;
    const char *out;
    const char *passphrase_file;
    const char *spawn[OSRI_SPAWN_NAMES_MAX];
    uint32_t spawn_count;
    uint32_t days;
    bool help;
    char *const *rest;
    int rest_count;
} osri_keys_options;

/* Flags and words may stand in any order. False: ret_text says what is wrong. */
bool osri_keys_parse(int argc, char **argv, osri_keys_options *ret_options, char *ret_text,
                     size_t text_bytes);

/* The path of a file: what was given, or `file` in the directory. False: too long, said on standard
 * error. */
bool osri_keys_path(const osri_keys_options *options, const char *given, const char *file,
                    char ret_path[OSRI_KEYS_PATH_BYTES]);

/* The passphrase of the authority's key: the first line of --passphrase-file, or typed in without
 * being shown (twice where it is new). Wipe it. False: ret_text says why there is none. */
#define OSRI_PASSPHRASE_BYTES 256
bool osri_keys_passphrase(const osri_keys_options *options, bool is_new,
                          char ret_passphrase[OSRI_PASSPHRASE_BYTES], char *ret_text,
                          size_t text_bytes);

/* The commands, a function each; each returns an osr_status and has said what is wrong. */
int osri_keys_init(const osri_keys_options *options);
int osri_keys_authority(const osri_keys_options *options);
int osri_keys_new(const osri_keys_options *options);
int osri_keys_issue(const osri_keys_options *options);
int osri_keys_renew(const osri_keys_options *options);
int osri_keys_revoke(const osri_keys_options *options);
int osri_keys_show(const osri_keys_options *options);
int osri_keys_check(const osri_keys_options *options);

/* Prints "osier keys: text" to standard error. Returns OSR_STATUS_USAGE, or OSR_STATUS_CONFIG. */
int osri_keys_wrong(const char *text);
int osri_keys_failed(const char *text);

#endif
