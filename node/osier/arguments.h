/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_OSIER_ARGUMENTS_H
#define OSR_OSIER_ARGUMENTS_H

#include <stdbool.h>

#include "dist/membership/contact.h"
#include "epmd/client.h"
#include "osier/main.h"

/* The flags that the commands share. They stand before the first argument that is no flag. */
typedef struct osri_arguments {
    const char *cluster;
    const char *secret;
    const char *authority;
    const char *key;
    const char *certificate;
    const char *mapper_certificate;
    const char *contact_certificate;
    uint32_t mapper_port; /* 0: the default */
    const char *join;     /* NULL: none */
    osri_contact contact; /* what it says */
    bool check;
    bool help;
    char **rest; /* what follows the flags; rest_count of them */
    int rest_count;
} osri_arguments;

/* Pure, but for the texts it points to: those of argv. False: ret_text says what is wrong. */
bool osri_arguments_parse(int argc, char **argv, osri_arguments *ret_arguments, char *ret_text,
                          size_t text_bytes);

/* The lines of the shared flags in a usage text. */
#define OSRI_ARGUMENTS_HELP                                                                        \
    "  --cluster NAME       which cluster (default dev)\n"                                         \
    "  --secret FILE        the cluster's secret (default ~/.osier/cluster.secret)\n"              \
    "  --mapper-port PORT   the port mapper's port (default 4371)\n"                               \
    "  --join CONTACT       a node of the cluster: NAME@HOST:PORT where there is no mapper\n"      \
    "where an authority issued the certificates (osier keys; roles join, hidden, shell-read, "     \
    "...):\n"                                                                                      \
    "  --authority FILE --key FILE --certificate FILE   authority.pub, node.key and node.cert\n"   \
    "  --mapper-certificate FILE                        the mappers', on other machines\n"         \
    "  --contact-certificate FILE                       that of the contact, without a mapper\n"

/* For a command's end on wrong arguments: prints both to standard error, returns
 * OSR_STATUS_USAGE. */
int osri_arguments_refuse(const char *command, const char *text, const char *usage);

/* Opens a hidden node; on an error prints why and returns its status. */
int osri_arguments_client(const osri_arguments *arguments, const char *what, osr_output *output,
                          void *output_context, osr_node **ret_node);

osri_epmd_options osri_arguments_mapper(const osri_arguments *arguments);

#endif
