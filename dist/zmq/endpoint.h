/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_DIST_ZMQ_ENDPOINT_H
#define OSR_DIST_ZMQ_ENDPOINT_H

#include "dist/transport.h"
#include "osier/err.h"

/* "tcp://HOST:PORT" or, where we listen, "tcp://HOST:FIRST-LAST". An IPv6 address stands in
 * brackets. */

typedef enum osri_host_kind {
    OSRI_HOST_NAME,
    OSRI_HOST_IPV4,
    OSRI_HOST_IPV6,
    OSRI_HOST_ANY
} osri_host_kind;

typedef struct osri_endpoint {
    char host[OSRI_ENDPOINT_BYTES]; /* without brackets; "*" for OSRI_HOST_ANY */
    osri_host_kind kind;
    uint16_t port_first;
    uint16_t port_last;
} osri_endpoint;

/* Errors: OSR_EINVAL not an endpoint. Ports are 1 to 65535, decimal. */
OSR_MUST_CHECK osr_err osri_endpoint_parse(const char *text, osri_endpoint *ret_endpoint);

/* Kind of a host without brackets. */
osri_host_kind osri_host_kind_of(const char *host);

/* "tcp://HOST:port" into ret_text (OSRI_ENDPOINT_BYTES). Errors: OSR_EINVAL too long. */
OSR_MUST_CHECK osr_err osri_endpoint_format(const char *host, uint16_t port, char *ret_text);

#endif
