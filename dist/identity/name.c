/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/identity/name.h"

#include <stdbool.h>
#include <string.h>

#include <sodium.h>

/* Names travel, are printed and become parts of file names: a small alphabet that needs no quoting
 * anywhere. */

#define NODE_ID_HASH_BYTES 32

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

uint64_t osri_node_id(const char *name, uint64_t creation)
{
    crypto_generichash_state state;
    uint8_t number[8], hash[NODE_ID_HASH_BYTES];
    uint64_t id = 0;

    for (int i = 0; i < 8; i++) {
        number[i] = (uint8_t)(creation >> (56 - 8 * i));
    }
    crypto_generichash_init(&state, NULL, 0, sizeof(hash));
    crypto_generichash_update(&state, (const uint8_t *)name, strlen(name));
    crypto_generichash_update(&state, number, sizeof(number));
    crypto_generichash_final(&state, hash, sizeof(hash));
    for (int i = 0; i < 8; i++) {
        id = id << 8 | hash[i];
    }
    return id != 0 ? id : 1;
}
