/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_NET_ADDRESS_H
#define OSR_NET_ADDRESS_H

#include "dist/transport.h"

/* What a node that listens tells others of its address. Pure. */

#define OSRI_HOST_BYTES 64

/* The host of "tcp://HOST:PORT", "" when it is loopback: what the port mapper of this machine
 * should listen on for the node to be found from others. */
void osri_address_mapper_host(const char *endpoint, char ret_host[OSRI_HOST_BYTES]);

/* The endpoint that others dial: the one that is bound, or, where that is every address of the
 * machine, the host of the node's name with its port. */
void osri_address_public(const char *endpoint, const char *node_name,
                         char ret_endpoint[OSRI_ENDPOINT_BYTES]);

#endif
