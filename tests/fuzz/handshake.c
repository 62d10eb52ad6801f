/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
/* modules: dist_link dist_identity lib_core */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dist/link/handshake.h"

/* The decoder of HELLO, WELCOME, READY and REFUSE: what it accepts fits its fields, is text that
 * ends, and encodes again to a frame that says the same. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

static bool ends(const char *text, size_t bytes)
{
    return memchr(text, '\0', bytes) != NULL;
}

static void check_fields(const osri_handshake *h)
{
    check(ends(h->cluster, sizeof(h->cluster)) && ends(h->want_name, sizeof(h->want_name)) &&
          ends(h->text, sizeof(h->text)));
    check(h->certificate.body_bytes <= OSRI_CERTIFICATE_BYTES_MAX);
    check(h->label_count <= OSRI_LINK_LABELS_MAX);
    for (uint32_t i = 0; i < h->label_count; i++) {
        check(ends(h->labels[i], sizeof(h->labels[i])));
    }
    check(h->version_min <= h->version_max);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static osri_handshake first, second;
    uint8_t bytes[OSRI_HANDSHAKE_BYTES_MAX], again[OSRI_HANDSHAKE_BYTES_MAX];
    uint32_t low = size > 0 ? data[size - 1] % 3 : 0; /* ours: 0, 1 or 2 to 3 */
    osr_err err = osri_handshake_decode(data, size, low, 3, &first);
    size_t length;

    if (err == OSR_EVERSION) {
        check(first.kind == OSRI_HANDSHAKE_HELLO || first.kind == OSRI_HANDSHAKE_WELCOME);
        check(first.version_max < low || first.version_min > 3);
    }
    if (err != OSR_OK) {
        return 0;
    }
    check_fields(&first);
    length = osri_handshake_encode(&first, bytes);
    check(osri_handshake_decode(bytes, length, low, 3, &second) == OSR_OK);
    check(osri_handshake_encode(&second, again) == length && memcmp(bytes, again, length) == 0);
    return 0;
}
