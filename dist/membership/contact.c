/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/membership/contact.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Contacts as people write them. A host is a name, an IPv4 address, or an IPv6 one in brackets. */

#define PORT_MAX 65535

static bool copy(char *to, size_t bytes, const char *from, size_t length)
{
    if (length == 0 || length >= bytes) {
        return false;
    }
    memcpy(to, from, length);
    to[length] = '\0';
    return true;
}

static bool is_host(const char *text, size_t length)
{
    bool bracketed = length > 2 && text[0] == '[' && text[length - 1] == ']';
    const char *letters = bracketed ? "0123456789abcdefABCDEF:."
                                    : "-._0123456789"
                                      "abcdefghijklmnopqrstuvwxyz"
                                      "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

    if (bracketed) {
        text++;
        length -= 2;
    }
    return length > 0 && strspn(text, letters) >= length;
}

/* "host:9100"; what stands before the last colon, and the port. */
static bool split_port(const char *text, size_t *ret_host, uint16_t *ret_port)
{
    const char *colon = strrchr(text, ':');
    const char *bracket = strrchr(text, ']');
    unsigned long port;
    char *end;

    if (colon == NULL || (bracket != NULL && bracket > colon) || colon[1] < '0' || colon[1] > '9') {
        return false;
    }
    port = strtoul(colon + 1, &end, 10);
    if (*end != '\0' || port == 0 || port > PORT_MAX) {
        return false;
    }
    *ret_host = (size_t)(colon - text);
    *ret_port = (uint16_t)port;
    return true;
}

static bool set_address(osri_contact *contact, const char *address)
{
    size_t host;

    return split_port(address, &host, &contact->port) && is_host(address, host) &&
           copy(contact->host, sizeof(contact->host), address, host);
}

static bool has_name(const osri_contact *contact)
{
    return osri_node_name_check(contact->name, strlen(contact->name)) == OSR_OK;
}

/* store@any=host:9100, store@*=host:9100 */
static bool parse_addressed(const char *text, const char *equals, osri_contact *contact)
{
    size_t length = (size_t)(equals - text);

    contact->is_many = length > 2 && text[length - 1] == '*' && text[length - 2] == '@';
    length -= contact->is_many ? 2 : 0;
    return copy(contact->name, sizeof(contact->name), text, length) &&
           (contact->is_many ? osri_cluster_name_check(contact->name, length) == OSR_OK
                             : has_name(contact)) &&
           set_address(contact, equals + 1);
}

/* store@host:9100 */
static bool parse_ported(const char *text, osri_contact *contact)
{
    const char *at = strchr(text, '@');
    size_t host;

    return split_port(at + 1, &host, &contact->port) &&
           copy(contact->name, sizeof(contact->name), text, (size_t)(at + 1 - text) + host) &&
           has_name(contact) && copy(contact->host, sizeof(contact->host), at + 1, host);
}

osr_err osri_contact_parse(const char *text, osri_contact *ret_contact)
{
    osri_contact contact = {.port = 0};
    const char *equals = strchr(text, '=');
    bool good;

    if (equals != NULL) {
        good = parse_addressed(text, equals, &contact);
    } else if (strchr(text, '@') == NULL) {
        contact.is_many = true;
        good = is_host(text, strlen(text)) &&
               copy(contact.host, sizeof(contact.host), text, strlen(text));
    } else if (strchr(text, ':') != NULL) {
        good = parse_ported(text, &contact);
    } else {
        good = copy(contact.name, sizeof(contact.name), text, strlen(text)) && has_name(&contact);
    }
    if (!good) {
        return OSR_EINVAL;
    }
    *ret_contact = contact;
    return OSR_OK;
}

osr_err osri_contact_at(const osri_contact *many, const char *address, osri_contact *ret_contact)
{
    osri_contact one = {.port = many->port};
    bool is_v6 = strchr(address, ':') != NULL;
    int length = snprintf(one.host, sizeof(one.host), is_v6 ? "[%s]" : "%s", address);

    if (length < 0 || (size_t)length >= sizeof(one.host)) {
        return OSR_EINVAL;
    }
    if (many->name[0] != '\0') {
        length = snprintf(one.name, sizeof(one.name), "%s@%s", many->name, address);
        if (length < 0 || (size_t)length >= sizeof(one.name) || !has_name(&one)) {
            return OSR_EINVAL;
        }
    }
    *ret_contact = one;
    return OSR_OK;
}

osr_err osri_contact_endpoint(const osri_contact *contact, char ret_endpoint[OSRI_ENDPOINT_BYTES])
{
    char endpoint[OSRI_ENDPOINT_BYTES];
    int length =
        snprintf(endpoint, sizeof(endpoint), "tcp://%s:%u", contact->host, (unsigned)contact->port);

    if (length < 0 || (size_t)length >= sizeof(endpoint)) {
        return OSR_EINVAL;
    }
    memcpy(ret_endpoint, endpoint, (size_t)length + 1);
    return OSR_OK;
}
