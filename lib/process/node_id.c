/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <sodium.h>
#include <string.h>

#include "lib/process/node.h"

static uint64_t from_big_endian(const uint8_t *bytes)
{
    uint64_t number = 0;
    for (int i = 0; i < 8; i++) {
        number = number << 8 | bytes[i];
    }
    return number;
}

uint64_t osri_node_id(const char *name, uint64_t creation)
{
    uint8_t hash[32];
    uint8_t number[8];
    for (int i = 0; i < 8; i++) {
        number[i] = (uint8_t)(creation >> (56 - 8 * i));
    }
    crypto_generichash_state state;
    (void)crypto_generichash_init(&state, NULL, 0, sizeof(hash));
    (void)crypto_generichash_update(&state, (const uint8_t *)name, strlen(name));
    (void)crypto_generichash_update(&state, number, sizeof(number));
    (void)crypto_generichash_final(&state, hash, sizeof(hash));
    uint64_t id = from_big_endian(hash);
    return id == 0 ? 1 : id;
}
