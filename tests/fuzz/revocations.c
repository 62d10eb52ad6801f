/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
/* modules: dist_identity */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "dist/identity/authority.h"

/* A list of revoked certificates whose signature is good: what the decoder then accepts has one
 * encoding only, signing it again gives the same bytes back. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t seed[32] = {2};
    static uint8_t again[OSRI_REVOCATIONS_BYTES_MAX];
    static osri_authority authority = {.cluster = "prod"};
    static osri_revocations list;
    uint8_t signature[OSRI_SIGNATURE_BYTES];
    size_t bytes = 0;

    if (sodium_is_zero(authority.public_key, sizeof(authority.public_key))) {
        crypto_sign_seed_keypair(authority.public_key, authority.secret_key, seed);
    }
    crypto_sign_detached(signature, NULL, data, size, authority.secret_key);
    if (osri_revocations_open(data, size, signature, &authority, &list) != OSR_OK) {
        return 0;
    }
    if (osri_revocations_sign(&list, &authority, again, &bytes, signature) != OSR_OK ||
        bytes != size || memcmp(again, data, size) != 0) {
        abort();
    }
    return 0;
}
