/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "node/keys/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A table of flags, each with a value. --flag value and --flag=value mean the same. Words that are
 * no flags are moved to the front of argv, in order. */

static bool set_days(osri_keys_options *options, const char *value)
{
    char *end;

    errno = 0;
    unsigned long days = strtoul(value, &end, 10);
    if (errno != 0 || value[0] < '0' || value[0] > '9' || *end != '\0' || days == 0 ||
        days > OSRI_KEYS_DAYS_MAX) {
        return false;
    }
    options->days = (uint32_t)days;
    return true;
}

static bool add_spawn(osri_keys_options *options, const char *value)
{
    if (options->spawn_count == OSRI_SPAWN_NAMES_MAX || strlen(value) >= OSRI_SPAWN_NAME_BYTES) {
        return false;
    }
    options->spawn[options->spawn_count++] = value;
    return true;
}

typedef struct flag {
    const char *name;
    const char *value; /* what it wants, for texts */
    size_t place;      /* of a const char * in osri_keys_options; unused where there is a setter */
    bool (*set)(osri_keys_options *options, const char *value);
} flag;

#define PLACE(member) offsetof(osri_keys_options, member), NULL

static const flag flags[] = {
    {"--name", "a node's whole name, such as store@host", PLACE(name)},
    {"--cluster", "a cluster's name", PLACE(cluster)},
    {"--dir", "a directory", PLACE(directory)},
    {"--authority", "a file", PLACE(authority)},
    {"--request", "a file", PLACE(request)},
    {"--certificate", "a file", PLACE(certificate)},
    {"--key", "a file", PLACE(key)},
    {"--revoked", "a file", PLACE(revoked)},
    {"--mapper-certificate", "a file", PLACE(mapper_certificate)},
    {"--roles", "roles separated by commas", PLACE(roles)},
    {"--out", "a file", PLACE(out)},
    {"--passphrase-file", "a file", PLACE(passphrase_file)},
    {"--spawn", "an exported entry's name (at most 16)", 0, add_spawn},
    {"--days", "a number from 1 to 3650", 0, set_days},
};

static const flag *find(const char *argument, size_t length)
{
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        if (strlen(flags[i].name) == length && strncmp(flags[i].name, argument, length) == 0) {
            return &flags[i];
        }
    }
    return NULL;
}

static bool set(osri_keys_options *options, const flag *f, const char *value)
{
    if (value == NULL || value[0] == '\0') {
        return false;
    }
    if (f->set != NULL) {
        return f->set(options, value);
    }
    memcpy((char *)options + f->place, &value, sizeof(value));
    return true;
}

/* How many of the arguments it took; 0: wrong. */
static int take(osri_keys_options *options, char **argv, char *text, size_t bytes)
{
    const char *equals = strchr(argv[0], '=');
    size_t length = equals == NULL ? strlen(argv[0]) : (size_t)(equals - argv[0]);
    const flag *f = find(argv[0], length);

    if (f == NULL && (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0)) {
        options->help = true;
        return 1;
    }
    if (f == NULL) {
        (void)snprintf(text, bytes, "there is no flag %s", argv[0]);
        return 0;
    }
    if (!set(options, f, equals == NULL ? argv[1] : equals + 1)) {
        (void)snprintf(text, bytes, "%s wants %s", f->name, f->value);
        return 0;
    }
    return equals == NULL ? 2 : 1;
}

bool osri_keys_parse(int argc, char **argv, osri_keys_options *ret_options, char *ret_text,
                     size_t text_bytes)
{
    osri_keys_options options = {.days = OSRI_KEYS_DAYS_DEFAULT};
    int words = 0;

    for (int i = 1; i < argc;) {
        if (argv[i][0] != '-') {
            argv[1 + words++] = argv[i++];
            continue;
        }
        int taken = take(&options, &argv[i], ret_text, text_bytes);
        if (taken == 0) {
            return false;
        }
        i += taken;
    }
    options.rest = argv + 1;
    options.rest_count = words;
    *ret_options = options;
    return true;
}

bool osri_keys_path(const osri_keys_options *options, const char *given, const char *file,
                    char ret_path[OSRI_KEYS_PATH_BYTES])
{
    const char *directory = options->directory == NULL ? "." : options->directory;
    int length = given != NULL ? snprintf(ret_path, OSRI_KEYS_PATH_BYTES, "%s", given)
                               : snprintf(ret_path, OSRI_KEYS_PATH_BYTES, "%s/%s", directory, file);

    if (length < 0 || length >= OSRI_KEYS_PATH_BYTES) {
        (void)osri_keys_wrong("a path is too long");
        return false;
    }
    return true;
}

int osri_keys_wrong(const char *text)
{
    (void)fprintf(stderr, "osier keys: %s; osier keys --help says more\n", text);
    return OSR_STATUS_USAGE;
}

int osri_keys_failed(const char *text)
{
    (void)fprintf(stderr, "osier keys: %s\n", text);
    return OSR_STATUS_CONFIG;
}
