/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "node/osier/arguments.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_BYTES 1024

static bool parse_port(const char *value, uint32_t *ret_port)
{
    char *end;
    errno = 0;
    unsigned long port = strtoul(value, &end, 10);
    if (errno != 0 || value[0] < '0' || value[0] > '9' || *end != '\0' || port == 0 ||
        port > 65535) {
        return false;
    }
    *ret_port = (uint32_t)port;
    return true;
}

static bool set_join(osri_arguments *a, const char *value)
{
    a->join = value;
    return osri_contact_parse(value, &a->contact) == OSR_OK && !a->contact.is_many;
}

static bool is_flag(const char *flag, size_t length, const char *name)
{
    return strlen(name) == length && strncmp(flag, name, length) == 0;
}

/* Where the value of a flag that is a text goes; NULL: there is no such flag. */
static const char **place_of(osri_arguments *a, const char *flag, size_t length)
{
    const struct {
        const char *flag;
        const char **place;
    } texts[] = {
        {"--cluster", &a->cluster},
        {"--secret", &a->secret},
        {"--authority", &a->authority},
        {"--key", &a->key},
        {"--certificate", &a->certificate},
        {"--mapper-certificate", &a->mapper_certificate},
        {"--contact-certificate", &a->contact_certificate},
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (is_flag(flag, length, texts[i].flag)) {
            return texts[i].place;
        }
    }
    return NULL;
}

static bool set_value(osri_arguments *a, const char *flag, size_t length, const char *value)
{
    const char **place = place_of(a, flag, length);
    if (place != NULL) {
        *place = value;
        return value[0] != '\0';
    }
    return is_flag(flag, length, "--join") ? set_join(a, value)
                                           : parse_port(value, &a->mapper_port);
}

/* A flag that stands alone. */
static bool set_bare(osri_arguments *a, const char *flag)
{
    if (strcmp(flag, "--check") == 0) {
        return a->check = true;
    }
    if (strcmp(flag, "--help") == 0 || strcmp(flag, "-h") == 0) {
        return a->help = true;
    }
    return false;
}

static bool takes_value(osri_arguments *a, const char *flag, size_t length)
{
    return place_of(a, flag, length) != NULL || is_flag(flag, length, "--join") ||
           is_flag(flag, length, "--mapper-port");
}

/* How many of the arguments it took; 0: wrong. */
static int take_flag(osri_arguments *a, char **argv, char *ret_text, size_t text_bytes)
{
    const char *equals = strchr(argv[0], '=');
    size_t length = equals == NULL ? strlen(argv[0]) : (size_t)(equals - argv[0]);
    if (!takes_value(a, argv[0], length)) {
        if (set_bare(a, argv[0])) {
            return 1;
        }
        (void)snprintf(ret_text, text_bytes, "there is no flag %s", argv[0]);
        return 0;
    }
    const char *value = equals == NULL ? argv[1] : equals + 1;
    if (value == NULL || !set_value(a, argv[0], length, value)) {
        (void)snprintf(ret_text, text_bytes, "%.*s wants another value", (int)length, argv[0]);
        return 0;
    }
    return equals == NULL ? 2 : 1;
}

bool osri_arguments_parse(int argc, char **argv, osri_arguments *ret_arguments, char *ret_text,
                          size_t text_bytes)
{
    osri_arguments a = {0};
    int at = 1;
    while (at < argc && argv[at][0] == '-' && argv[at][1] != '\0') {
        if (strcmp(argv[at], "--") == 0) {
            at += 1;
            break;
        }
        int taken = take_flag(&a, &argv[at], ret_text, text_bytes);
        if (taken == 0) {
            return false;
        }
        at += taken;
    }
    a.rest = &argv[at];
    a.rest_count = argc - at;
    *ret_arguments = a;
    return true;
}

int osri_arguments_refuse(const char *command, const char *text, const char *usage)
{
    (void)fprintf(stderr, "osier %s: %s\n%s", command, text, usage);
    return OSR_STATUS_USAGE;
}

int osri_arguments_client(const osri_arguments *arguments, const char *what, osr_output *output,
                          void *output_context, osr_node **ret_node)
{
    char text[TEXT_BYTES] = "";
    int status = osr_client_open(
        OSR_CLIENT(.what = what, .cluster = arguments->cluster, .secret = arguments->secret,
                   .mapper_port = arguments->mapper_port, .log_level = OSR_LOG_ERROR,
                   .join = arguments->join, .authority = arguments->authority,
                   .key = arguments->key, .certificate = arguments->certificate,
                   .mapper_certificate = arguments->mapper_certificate,
                   .contact_certificate = arguments->contact_certificate, .output = output,
                   .output_context = output_context),
        ret_node, text, sizeof(text));
    if (status != OSR_STATUS_OK) {
        (void)fprintf(stderr, "osier %s: %s\n", what, text);
    }
    return status;
}

osri_epmd_options osri_arguments_mapper(const osri_arguments *arguments)
{
    osri_epmd_options options = {.port = (uint16_t)arguments->mapper_port};
    return options;
}
