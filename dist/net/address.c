/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/net/address.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "lib/core/name.h"

#define SCHEME "tcp://"

/* "tcp://[::1]:9100" has the host "[::1]". */
static void host_of(const char *endpoint, char ret_host[OSRI_HOST_BYTES], const char **ret_port)
{
    const char *host = endpoint;
    if (strncmp(endpoint, SCHEME, strlen(SCHEME)) == 0) {
        host += strlen(SCHEME);
    }
    const char *colon = strrchr(host, ':');
    size_t length = colon == NULL ? strlen(host) : (size_t)(colon - host);
    (void)snprintf(ret_host, OSRI_HOST_BYTES, "%.*s", (int)length, host);
    *ret_port = colon == NULL ? "" : colon + 1;
}

static bool is_every_address(const char *host)
{
    return strcmp(host, "0.0.0.0") == 0 || strcmp(host, "*") == 0 || strcmp(host, "[::]") == 0;
}

static bool is_loopback(const char *host)
{
    return strncmp(host, "127.", 4) == 0 || strcmp(host, "localhost") == 0 ||
           strcmp(host, "[::1]") == 0;
}

void osri_address_mapper_host(const char *endpoint, char ret_host[OSRI_HOST_BYTES])
{
    const char *port;
    host_of(endpoint, ret_host, &port);
    if (is_loopback(ret_host)) {
        ret_host[0] = '\0';
    }
}

void osri_address_public(const char *endpoint, const char *node_name,
                         char ret_endpoint[OSRI_ENDPOINT_BYTES])
{
    char host[OSRI_HOST_BYTES];
    const char *port;
    host_of(endpoint, host, &port);
    if (!is_every_address(host)) {
        (void)snprintf(ret_endpoint, OSRI_ENDPOINT_BYTES, "%s", endpoint);
        return;
    }
    int length = snprintf(ret_endpoint, OSRI_ENDPOINT_BYTES, SCHEME "%s:%s",
                          osri_node_name_host(node_name), port);
    if (length < 0 || length >= OSRI_ENDPOINT_BYTES) { /* no host is that long: let it be seen */
        (void)snprintf(ret_endpoint, OSRI_ENDPOINT_BYTES, "%s", endpoint);
    }
}
