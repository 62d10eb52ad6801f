/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/zmq/endpoint.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

/* Endpoints are read here, strictly, because libzmq's own reading lets forms through that mean
 * other things to it (source addresses, wildcards, interface names). */

#define SCHEME "tcp://"

osri_host_kind osri_host_kind_of(const char *host)
{
    struct in6_addr address;
    if (strcmp(host, "*") == 0) {
        return OSRI_HOST_ANY;
    }
    if (inet_pton(AF_INET, host, &address) == 1) {
        return OSRI_HOST_IPV4;
    }
    return inet_pton(AF_INET6, host, &address) == 1 ? OSRI_HOST_IPV6 : OSRI_HOST_NAME;
}

static bool is_alphanumeric(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool name_is_valid(const char *name)
{
    if (!is_alphanumeric(name[0])) {
        return false;
    }
    for (const char *at = name; *at; at++) {
        if (!is_alphanumeric(*at) && *at != '.' && *at != '-' && *at != '_') {
            return false;
        }
    }
    return true;
}

/* Reads a port and moves *text behind it. */
static bool read_port(const char **text, uint16_t *ret_port)
{
    uint32_t port = 0;
    const char *at = *text;
    while (*at >= '0' && *at <= '9' && port <= UINT16_MAX) {
        port = port * 10 + (uint32_t)(*at++ - '0');
    }
    if (at == *text || port == 0 || port > UINT16_MAX) {
        return false;
    }
    *ret_port = (uint16_t)port;
    *text = at;
    return true;
}

static bool read_ports(const char *text, osri_endpoint *ret_endpoint)
{
    if (!read_port(&text, &ret_endpoint->port_first)) {
        return false;
    }
    ret_endpoint->port_last = ret_endpoint->port_first;
    if (*text == '-') {
        text++;
        if (!read_port(&text, &ret_endpoint->port_last)) {
            return false;
        }
    }
    return *text == 0 && ret_endpoint->port_first <= ret_endpoint->port_last;
}

/* The host is what stands before the last colon. */
static bool read_host(const char *host, size_t bytes, osri_endpoint *ret_endpoint)
{
    bool bracketed = bytes > 2 && host[0] == '[' && host[bytes - 1] == ']';
    if (bracketed) {
        host++;
        bytes -= 2;
    }
    if (bytes == 0 || bytes >= sizeof ret_endpoint->host) {
        return false;
    }
    memcpy(ret_endpoint->host, host, bytes);
    ret_endpoint->host[bytes] = 0;
    ret_endpoint->kind = osri_host_kind_of(ret_endpoint->host);
    return bracketed == (ret_endpoint->kind == OSRI_HOST_IPV6) &&
           (ret_endpoint->kind != OSRI_HOST_NAME || name_is_valid(ret_endpoint->host));
}

osr_err osri_endpoint_parse(const char *text, osri_endpoint *ret_endpoint)
{
    osri_endpoint endpoint;
    memset(&endpoint, 0, sizeof endpoint);
    size_t scheme_bytes = strlen(SCHEME);
    if (!text || strnlen(text, OSRI_ENDPOINT_BYTES) == OSRI_ENDPOINT_BYTES ||
        strncmp(text, SCHEME, scheme_bytes) != 0) {
        return OSR_EINVAL;
    }
    const char *host = text + scheme_bytes;
    const char *colon = strrchr(host, ':');
    if (!colon || !read_host(host, (size_t)(colon - host), &endpoint) ||
        !read_ports(colon + 1, &endpoint)) {
        return OSR_EINVAL;
    }
    *ret_endpoint = endpoint;
    return OSR_OK;
}

osr_err osri_endpoint_format(const char *host, uint16_t port, char *ret_text)
{
    bool bracketed = osri_host_kind_of(host) == OSRI_HOST_IPV6;
    int bytes = snprintf(ret_text, OSRI_ENDPOINT_BYTES,
                         bracketed ? SCHEME "[%s]:%u" : SCHEME "%s:%u", host, (unsigned)port);
    return bytes > 0 && bytes < OSRI_ENDPOINT_BYTES ? OSR_OK : OSR_EINVAL;
}
