/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
/* modules: dist_identity */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "dist/identity/certificate.h"

/* A certificate's body from a stranger. What the decoder accepts has one encoding only: signing the
 * decoded fields gives the same bytes back. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t seed[32] = {1};
    static const uint8_t signature[OSRI_SIGNATURE_BYTES];
    static uint8_t authority_public[32], authority_secret[64];
    osri_signed_certificate input, again;
    osri_certificate decoded;

    if (sodium_is_zero(authority_public, sizeof(authority_public))) {
        crypto_sign_seed_keypair(authority_public, authority_secret, seed);
    }
    if (osri_signed_certificate_set(data, size, signature, sizeof(signature), &input) != OSR_OK ||
        osri_certificate_decode(&input, &decoded) != OSR_OK) {
        return 0;
    }
    if (osri_certificate_sign(&decoded, authority_secret, &again) != OSR_OK ||
        again.body_bytes != input.body_bytes ||
        memcmp(again.body, input.body, input.body_bytes) != 0) {
        abort();
    }
    return 0;
}
