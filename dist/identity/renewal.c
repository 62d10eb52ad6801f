/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/identity/renewal.h"

#include "lib/core/heap.h"

struct osri_renewed {
    osri_signed_certificate certificate;
    osri_renewed *before;
};

void osri_renewal_init(osri_renewal *renewal)
{
    atomic_init(&renewal->newest, NULL);
}

void osri_renewal_fini(osri_renewal *renewal)
{
    osri_renewed *at = atomic_load_explicit(&renewal->newest, memory_order_acquire);

    while (at != NULL) {
        osri_renewed *before = at->before;
        osri_heap_free(at, sizeof(*at));
        at = before;
    }
    atomic_store_explicit(&renewal->newest, NULL, memory_order_release);
}

osr_err osri_renewal_add(osri_renewal *renewal, const osri_signed_certificate *certificate)
{
    osri_renewed *added = osri_heap_alloc(sizeof(*added));

    if (added == NULL) {
        return OSR_ENOMEM;
    }
    added->certificate = *certificate;
    added->before = atomic_load_explicit(&renewal->newest, memory_order_acquire);
    atomic_store_explicit(&renewal->newest, added, memory_order_release);
    return OSR_OK;
}

const osri_signed_certificate *osri_renewal_newest(const osri_renewal *renewal)
{
    const osri_renewed *newest = atomic_load_explicit(&renewal->newest, memory_order_acquire);

    return newest == NULL ? NULL : &newest->certificate;
}
