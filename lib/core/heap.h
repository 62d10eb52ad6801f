/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_CORE_HEAP_H
#define OSR_CORE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All memory that Osier allocates for itself goes through here, so that tests can fail the n-th
 * allocation and can see that everything came back. Threads: any. */

/* Not inlined, whatever is optimised as a whole: they look at thread-local variables, and a process
 * that calls them before and after a suspension point may be on two threads; a compiler takes the
 * address of such a variable for the same throughout a function. */
#ifdef __clang__
#define OSRI_OUT_OF_LINE __attribute__((noinline))
#else
#define OSRI_OUT_OF_LINE __attribute__((noipa)) /* nor taken apart */
#endif

/* Uninitialised memory of at least `bytes` (> 0), aligned for any type, or NULL. */
OSRI_OUT_OF_LINE void *osri_heap_alloc(size_t bytes);

/* The same, zeroed. */
OSRI_OUT_OF_LINE void *osri_heap_zalloc(size_t bytes);

/* The same, not zeroed, for a block of over 256 bytes that has to begin at a multiple of alignment,
 * a power of two that its size is a multiple of. */
void *osri_heap_alloc_aligned(size_t alignment, size_t bytes);

/* Grows or shrinks; on NULL the old block is untouched. `block` may be NULL with old_bytes 0. */
OSRI_OUT_OF_LINE void *osri_heap_realloc(void *block, size_t old_bytes, size_t new_bytes);

/* Takes back a block of exactly the size it was asked for. NULL is accepted. */
OSRI_OUT_OF_LINE void osri_heap_free(void *block, size_t bytes);

/* A NUL-terminated copy of text, or NULL; free with osri_heap_free(copy, strlen(copy) + 1). */
char *osri_heap_strdup(const char *text);
void osri_heap_strfree(char *text);

/* Test support: the nth allocation from now (1 = the next) and, when `on` stays set, every later
 * one fails; 0 turns failing off. Process-wide. */
void osri_heap_fail_after(uint64_t nth, bool every_later);

/* Test support: whether the allocation that shall fail has been reached since failing was set. */
bool osri_heap_has_failed(void);

/* Blocks and bytes that are out at the moment (process-wide). */
uint64_t osri_heap_live_blocks(void);
uint64_t osri_heap_live_bytes(void);

#endif
