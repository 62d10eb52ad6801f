/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_DIST_MEMBERSHIP_CONTACT_H
#define OSR_DIST_MEMBERSHIP_CONTACT_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/core/name.h"
#include "dist/transport.h"
#include "osier/err.h"

/* A contact: whom a node is to stay connected with, as a person writes it.
 *
 *   store@host              the port mapper of host knows where it is
 *   store@host:9100         at this port of host, without a mapper
 *   store@any=host:9100     at an address that is not the host of its name
 *   store@*=host:9100       one node at each address of host: store@192.0.2.1, store@192.0.2.2, …
 *   host                    every node that the port mappers at the addresses of host know
 *
 * Pure. Threads: any. */

#define OSRI_CONTACT_HOST_BYTES OSRI_ENDPOINT_BYTES

typedef struct osri_contact {
    char name[OSRI_NAME_BYTES];         /* whole; "store" of "store@*"; "" of a bare host */
    char host[OSRI_CONTACT_HOST_BYTES]; /* "": ask the mapper of the name's host */
    uint16_t port;                      /* 0: of the mapper */
    bool is_many;                       /* host may have many addresses, each another contact */
} osri_contact;

/* Errors: OSR_EINVAL none of these. */
OSR_MUST_CHECK osr_err osri_contact_parse(const char *text, osri_contact *ret_contact);

/* The contact at one address of a host that has many: "192.0.2.1" or "2001:db8::1". Errors:
 * OSR_EINVAL no name can have that host. */
OSR_MUST_CHECK osr_err osri_contact_at(const osri_contact *many, const char *address,
                                       osri_contact *ret_contact);

/* "tcp://192.0.2.1:9100"; contact->port is not 0. Errors: OSR_EINVAL too long. */
OSR_MUST_CHECK osr_err osri_contact_endpoint(const osri_contact *contact,
                                             char ret_endpoint[OSRI_ENDPOINT_BYTES]);

#endif
