/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_DIST_ZMQ_WAKER_H
#define OSR_DIST_ZMQ_WAKER_H

#include <stdatomic.h>
#include <stdbool.h>

#include "osier/err.h"

/* Makes a thread that waits for a descriptor go on. Counted, because a name lookup may outlive the
 * transport that it was for. */

typedef struct osri_waker {
    int fd; /* readable while raised */
    atomic_uint users;
    atomic_bool raised;
} osri_waker;

OSR_MUST_CHECK osr_err osri_waker_new(osri_waker **ret_waker);
void osri_waker_ref(osri_waker *waker);
void osri_waker_unref(osri_waker *waker);

/* Any thread; never blocks; costs a system call only where nobody raised it before. */
void osri_waker_raise(osri_waker *waker);

/* Only after fd was seen readable, by the thread that waits. What others did before they raised is
 * visible then. */
void osri_waker_lower(osri_waker *waker);

#endif
