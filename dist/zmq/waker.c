/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/zmq/waker.h"

#include <errno.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/core/heap.h"

/* An eventfd behind a flag.
 *
 * Invariant: raised is set while the descriptor is or will soon be readable. So lower() empties the
 * descriptor first and clears the flag then: the other way round, a raise between the two would be
 * emptied with its flag still set, and every later one skipped. */

osr_err osri_waker_new(osri_waker **ret_waker)
{
    osri_waker *waker = osri_heap_zalloc(sizeof *waker);
    if (!waker) {
        return OSR_ENOMEM;
    }
    waker->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (waker->fd < 0) {
        osri_heap_free(waker, sizeof *waker);
        return errno == EMFILE || errno == ENFILE ? OSR_ELIMIT : OSR_EIO;
    }
    atomic_init(&waker->users, 1);
    atomic_init(&waker->raised, false);
    *ret_waker = waker;
    return OSR_OK;
}

void osri_waker_ref(osri_waker *waker)
{
    atomic_fetch_add_explicit(&waker->users, 1, memory_order_relaxed);
}

void osri_waker_unref(osri_waker *waker)
{
    /* acq_rel: each user's last touch comes before the last user's free */
    if (waker && atomic_fetch_sub_explicit(&waker->users, 1, memory_order_acq_rel) == 1) {
        close(waker->fd);
        osri_heap_free(waker, sizeof *waker);
    }
}

void osri_waker_raise(osri_waker *waker)
{
    /* release: pairs with the acquire in osri_waker_lower, also for raises that find the flag set
     */
    if (!atomic_exchange_explicit(&waker->raised, true, memory_order_acq_rel)) {
        uint64_t one = 1;
        while (write(waker->fd, &one, sizeof one) < 0 && errno == EINTR) {
        }
    }
}

void osri_waker_lower(osri_waker *waker)
{
    uint64_t count;
    while (read(waker->fd, &count, sizeof count) < 0 && errno == EINTR) {
    }
    atomic_exchange_explicit(&waker->raised, false, memory_order_acq_rel); /* acquire: see raise */
}
