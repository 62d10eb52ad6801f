/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_CORE_NAME_H
#define OSR_CORE_NAME_H

#include <stddef.h>
#include <stdint.h>

#include "osier/err.h"

/* Names of nodes, "name@host", and of clusters. Pure.
 * Threads: any. */

#define OSRI_CLUSTER_BYTES 65 /* with NUL */
#define OSRI_NAME_BYTES 129   /* "name@host" with NUL */

/* A node's name: letters, digits, '_', '-' and '.', exactly one '@' with something on both
 * sides, and less than OSRI_NAME_BYTES long. text need not be terminated.
 * Errors: OSR_EINVAL. */
OSR_MUST_CHECK osr_err osri_node_name_check(const char *text, size_t bytes);

/* A cluster's name: the same letters without '@', less than OSRI_CLUSTER_BYTES long.
 * Errors: OSR_EINVAL. */
OSR_MUST_CHECK osr_err osri_cluster_name_check(const char *text, size_t bytes);

/* What stands after the '@' of a checked name; points into it. "" without one. */
const char *osri_node_name_host(const char *name);

#endif
