/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_CORE_SLAB_H
#define OSR_CORE_SLAB_H

#include <stddef.h>

/* Small blocks: envelopes, argument blocks, records of relations. What makes them worth an allocator
 * of their own is that messages are made on one thread and freed on another: each thread has free
 * lists of its own, and whole batches pass from one that frees to one that allocates. Used by
 * osri_heap_*(), which counts; not to be called otherwise.
 *
 * Memory stays with the OS process once it was needed. In builds with a sanitizer every block is
 * malloc()'s, so that each access is judged. Threads: any. */

#define OSRI_SLAB_BYTES_MAX 256

/* bytes at most OSRI_SLAB_BYTES_MAX; aligned for any type. NULL: out of memory. */
void *osri_slab_alloc(size_t bytes);

/* A block of osri_slab_alloc() with the same number of bytes. */
void osri_slab_free(void *block, size_t bytes);

#endif
