/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "dist/identity/node_files.h"
#include "dist/membership/contact.h"
#include "lib/core/name.h"
#include "node/boot/status.h"
#include "osier/main.h"

/* Nodes of programs that connect, do something and leave. */

/* The name has to differ from that of every other client a node may see, also from other
 * machines. */
static void name_client(const char *what, char ret_name[OSRI_NAME_BYTES])
{
    uint32_t number = 0;
    ssize_t got = getrandom(&number, sizeof(number), 0);
    (void)got; /* then the OS process alone has to do */
    (void)snprintf(ret_name, OSRI_NAME_BYTES, "%.64s-%ld-%08x@localhost",
                   what == NULL ? "client" : what, (long)getpid(), (unsigned)number);
}

/* In production the certificate says it. */
static osr_err name_certified(const char *path, char ret_name[OSRI_NAME_BYTES], char *ret_text,
                              size_t text_bytes)
{
    osri_signed_certificate signed_;
    osri_certificate certificate;
    osr_err err = osri_certificate_load(path, &signed_, ret_text, text_bytes);
    if (err == OSR_OK) {
        err = osri_certificate_decode(&signed_, &certificate);
    }
    if (err == OSR_OK) {
        (void)snprintf(ret_name, OSRI_NAME_BYTES, "%s", certificate.name);
    }
    return err;
}

static int fail(osr_node **node, int status, char *ret_text, size_t text_bytes, osr_err err)
{
    if (text_bytes > 0 && ret_text[0] == '\0') {
        (void)snprintf(ret_text, text_bytes, "the client's node does not start: %s",
                       osr_err_text(err));
    }
    if (*node != NULL) {
        osr_node_stop(*node, 0);
        osr_node_free(node);
    }
    return status;
}

static osr_err join_cluster(osr_node *node, const osr_client_options *options, char *ret_text,
                            size_t text_bytes)
{
    osri_contact contact = {.port = 0};
    bool is_static = options->join != NULL &&
                     osri_contact_parse(options->join, &contact) == OSR_OK && contact.port != 0;
    return osr_dist_start(
        node,
        OSR_DIST(.listen = "", .cluster = options->cluster, .secret = options->secret,
                 .mapper_port = options->mapper_port, .joins = &options->join,
                 .join_count = options->join == NULL ? 0 : 1, .authority = options->authority,
                 .key = options->key, .certificate = options->certificate,
                 .mapper_certificate = options->mapper_certificate,
                 .contact_certificates = &options->contact_certificate,
                 .contact_certificate_count = options->contact_certificate == NULL ? 0 : 1,
                 .no_mapper = is_static, .hidden = true),
        ret_text, text_bytes);
}

int osr_client_open(const osr_client_options *options, osr_node **ret_node, char *ret_text,
                    size_t text_bytes)
{
    osr_client_options o = {.size = sizeof(o)};
    if (options != NULL) {
        memcpy(&o, options, options->size < sizeof(o) ? options->size : sizeof(o));
    }
    if (text_bytes > 0) {
        ret_text[0] = '\0';
    }
    char name[OSRI_NAME_BYTES];
    osr_node *node = NULL;
    osr_err err = OSR_OK;
    name_client(o.what, name);
    if (o.certificate != NULL) {
        err = name_certified(o.certificate, name, ret_text, text_bytes);
    }
    if (err != OSR_OK) {
        return fail(&node, OSR_STATUS_CONFIG, ret_text, text_bytes, err);
    }
    (void)signal(SIGPIPE, SIG_IGN);
    err = osr_node_new(OSR_NODE(.name = name, .schedulers = 1, .log_level = o.log_level,
                                .output = o.output, .output_context = o.output_context),
                       &node);
    if (err == OSR_EINVAL && text_bytes > 0) {
        (void)snprintf(ret_text, text_bytes,
                       "\"%s\" is no name for a client; set .what to letters, digits, _, - and .",
                       o.what == NULL ? "" : o.what);
    }
    if (err == OSR_OK) {
        err = osr_node_start(node);
    }
    if (err != OSR_OK) {
        return fail(&node, OSR_STATUS_FAILED, ret_text, text_bytes, err);
    }
    err = join_cluster(node, &o, ret_text, text_bytes);
    if (err != OSR_OK) {
        return fail(&node, osri_status_of_dist(err, o.secret), ret_text, text_bytes, err);
    }
    *ret_node = node;
    return OSR_STATUS_OK;
}
