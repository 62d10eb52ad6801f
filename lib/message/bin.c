/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
/* Counted buffers.
 *
 * Invariants
 *   I1  references > 0 while anybody holds the bin; whoever takes it to 0 frees it.
 *   I2  the bytes are written only by the holder of the first reference, before it shares it. */
#include "osier/bin.h"

#include <stdatomic.h>

#include "lib/core/assert.h"
#include "lib/core/heap.h"

struct osr_bin {
    _Atomic(uint32_t) references;
    uint32_t size;
    uint8_t data[];
};

osr_err osr_bin_alloc(size_t size, osr_bin **ret_bin, uint8_t **ret_data)
{
    if (size > OSR_BIN_BYTES_MAX) {
        return OSR_EINVAL;
    }
    osr_bin *bin = osri_heap_zalloc(sizeof(*bin) + size);
    if (bin == NULL) {
        return OSR_ENOMEM;
    }
    atomic_init(&bin->references, 1);
    bin->size = (uint32_t)size;
    *ret_bin = bin;
    *ret_data = bin->data;
    return OSR_OK;
}

osr_err osr_bin_new(const void *data, size_t size, osr_bin **ret_bin)
{
    if (size > OSR_BIN_BYTES_MAX || (data == NULL && size > 0)) {
        return OSR_EINVAL;
    }
    osr_bin *bin = osri_heap_alloc(sizeof(*bin) + size);
    if (bin == NULL) {
        return OSR_ENOMEM;
    }
    atomic_init(&bin->references, 1);
    bin->size = (uint32_t)size;
    if (size > 0) {
        memcpy(bin->data, data, size);
    }
    *ret_bin = bin;
    return OSR_OK;
}

osr_bin *osr_bin_ref(osr_bin *bin)
{
    if (bin != NULL) {
        /* relaxed: who adds a reference holds one, so nothing can be freed meanwhile */
        uint32_t before = atomic_fetch_add_explicit(&bin->references, 1, memory_order_relaxed);
        OSR_ASSERT(before != 0 && before != UINT32_MAX);
    }
    return bin;
}

void osr_bin_unref(osr_bin **bin_)
{
    osr_bin *bin = *bin_;
    *bin_ = NULL;
    /* release: our reads of the bytes come before the free; acquire: pairs with the release of
     * everybody else who gave a reference back */
    if (bin != NULL && atomic_fetch_sub_explicit(&bin->references, 1, memory_order_acq_rel) == 1) {
        osri_heap_free(bin, sizeof(*bin) + bin->size);
    }
}

const uint8_t *osr_bin_data(const osr_bin *bin)
{
    return bin == NULL ? NULL : bin->data;
}

size_t osr_bin_size(const osr_bin *bin)
{
    return bin == NULL ? 0 : bin->size;
}
