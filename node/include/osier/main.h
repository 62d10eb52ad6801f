/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_MAIN_H
#define OSR_MAIN_H

#include "osier/application.h"
#include "osier/dist.h"

OSR_BEGIN_DECLS

/* What a program's main() returns, after <sysexits.h>. */
typedef enum osr_status {
    OSR_STATUS_OK = 0,
    OSR_STATUS_FAILED = 1,
    OSR_STATUS_USAGE = 64,       /* wrong flags or arguments */
    OSR_STATUS_UNAVAILABLE = 69, /* no node or mapper to reach; an address or name is taken */
    OSR_STATUS_CONFIG = 78,      /* a file with keys is missing, damaged or readable by others */
} osr_status;

/* The main function of a program that is a node: parses the flags of every Osier node (--help
 * prints them), starts the node, its distribution, the shell service and the application, and
 * waits until the application ends or SIGTERM, SIGINT or SIGHUP tells it to; a second signal kills
 * what is left. It is the program: it sets signal dispositions and prints to standard error.
 * A name that is not given is the application's: counter@localhost.
 * Returns an osr_status, for main() to return.
 * Threads: the first, once; blocks it. Not a suspension point. */
OSR_API int osr_main(int argc, char **argv, const osr_app *app);

/* A node for a program that connects to others, does something and leaves: hidden, with no address
 * of its own, named after `what` and the OS process ("shell-4711@localhost"). With an authority it
 * is named as its certificate says, which needs roles join and hidden; of two that use the same
 * certificate at once the later one takes the connections. Zero is the default of each field. */
typedef struct osr_client_options {
    size_t size;      /* set by OSR_CLIENT() */
    const char *what; /* letters, digits, _, - and .; cut to 64; NULL: "client" */
    const char *cluster;
    const char *secret; /* a file */
    uint32_t mapper_port;
    osr_log_level log_level;
    const char *join; /* a contact (osier/dist.h); with its port, no mapper is used. NULL: none */
    /* Production: files made by `osier keys`, as in osr_dist_options. */
    const char *authority;
    const char *key;
    const char *certificate;
    const char *mapper_certificate;
    const char *contact_certificate; /* node.cert of the contact in `join` */
    osr_output *output; /* what its processes, and what they start elsewhere, print; see
                           osr_node_options. NULL: standard output */
    void *output_context;
} osr_client_options;

#define OSR_CLIENT(...)                                                                            \
    (&(const osr_client_options){.size = sizeof(osr_client_options), __VA_ARGS__})

/* Makes and starts it; osr_node_spawn() and osr_node_wait() do the work on it.
 * Ownership: end it with osr_node_stop() and osr_node_free().
 * Returns OSR_STATUS_OK, or another osr_status with the reason in one line in ret_text.
 * Threads: any; blocks it for some seconds at most. Not a suspension point. */
OSR_API OSR_MUST_CHECK int osr_client_open(const osr_client_options *options, osr_node **ret_node,
                                           char *ret_text, size_t text_bytes);

OSR_END_DECLS
#endif
