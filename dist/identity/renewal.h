/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_DIST_RENEWAL_H
#define OSR_DIST_RENEWAL_H

#include <stdatomic.h>

#include "dist/identity/certificate.h"

/* The certificates that a running node was given after the one that it started with. What was shown
 * once stays until the end, so that whoever shows it needs no lock: a kilobyte each, a few a year.
 * */

typedef struct osri_renewed osri_renewed;

typedef struct osri_renewal {
    _Atomic(osri_renewed *) newest; /* release on store: pairs with acquire on load */
} osri_renewal;

void osri_renewal_init(osri_renewal *renewal);

/* Nobody shows them any more. */
void osri_renewal_fini(osri_renewal *renewal);

/* From now on this one is shown. Copied. Threads: one at a time. Errors: OSR_ENOMEM. */
OSR_MUST_CHECK osr_err osri_renewal_add(osri_renewal *renewal,
                                        const osri_signed_certificate *certificate);

/* The one that was added last, for the renewal's life; NULL: none was. Threads: any. */
const osri_signed_certificate *osri_renewal_newest(const osri_renewal *renewal);

#endif
