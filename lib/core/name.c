/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "lib/core/name.h"

#include <stdbool.h>
#include <string.h>

/* Names travel, are printed and become parts of file names: a small alphabet that needs no quoting
 * anywhere. */

static bool is_name_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
}

osr_err osri_node_name_check(const char *text, size_t bytes)
{
    size_t at = bytes;

    if (bytes >= OSRI_NAME_BYTES) {
        return OSR_EINVAL;
    }
    for (size_t i = 0; i < bytes; i++) {
        if (text[i] == '@' && at == bytes) {
            at = i;
        } else if (!is_name_letter(text[i])) {
            return OSR_EINVAL;
        }
    }
    return at > 0 && at + 1 < bytes ? OSR_OK : OSR_EINVAL;
}

osr_err osri_cluster_name_check(const char *text, size_t bytes)
{
    if (bytes == 0 || bytes >= OSRI_CLUSTER_BYTES) {
        return OSR_EINVAL;
    }
    for (size_t i = 0; i < bytes; i++) {
        if (!is_name_letter(text[i])) {
            return OSR_EINVAL;
        }
    }
    return OSR_OK;
}

const char *osri_node_name_host(const char *name)
{
    const char *at = strchr(name, '@');

    return at != NULL ? at + 1 : "";
}
