/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_WORDCOUNT_COUNT_H
#define OSR_WORDCOUNT_COUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Counting words, and nothing else: no process, no file, no clock. A word is a maximal run of ASCII
 * letters, lower-cased.
 *
 * Counts travel and are stored as lines "count<TAB>word<NEWLINE>". Functions that return bool fail
 * only when memory has run out, unless they say otherwise. */

typedef struct counts counts;

/* One word. Its text belongs to the counts and is not NUL-terminated. */
typedef struct counts_word {
    uint64_t count;
    const char *text;
    size_t bytes;
} counts_word;

/* An empty one; NULL when memory has run out. */
counts *counts_new(void);

/* Frees it and sets the pointer to NULL. */
void counts_free(counts **words);

/* How many different words there are, and how many in all. */
size_t counts_different(const counts *words);
uint64_t counts_total(const counts *words);

/* Counts a word, which is in lower case already, `count` times more. */
bool counts_add(counts *words, const char *text, size_t bytes, uint64_t count);

/* Adds what counts_read() wrote. Also false, and then nothing has been added, when these are not
 * whole lines of counts and lower-case words. */
bool counts_add_lines(counts *words, const uint8_t *lines, size_t bytes);

/* All words by count, highest first, and then by their bytes. *ret_sorted (free() it) points into
 * the counts, and is good until these change. */
bool counts_sort(const counts *words, const counts_word ***ret_sorted);

/* Where counts_read() goes on. Begins zeroed. */
typedef struct counts_cursor {
    size_t word;
    size_t byte;
} counts_cursor;

/* Writes the next `capacity` bytes of all lines, in no particular order, cut wherever that is.
 * Returns how many there were; 0 at the end. The counts must not change meanwhile. */
size_t counts_read(const counts *words, counts_cursor *cursor, uint8_t *ret_lines, size_t capacity);

/* ---- chunks ------------------------------------------------------------------------------ */

/* Reads at most `bytes` bytes at `offset`; as pread() it returns how many, 0 at the end, -1 on
 * error. */
typedef ssize_t counts_source(void *context, void *ret_bytes, size_t bytes, uint64_t offset);

typedef enum counts_result {
    COUNTS_OK = 0,
    COUNTS_UNREADABLE, /* the source returned -1 */
    COUNTS_SHORTER,    /* the text ends before the chunk does */
    COUNTS_NO_MEMORY,
} counts_result;

/* Counts the words that begin in the `length` bytes at `offset`, to their ends. So chunks that
 * cover a text without gap or overlap count each of its words once, however it is cut. */
counts_result counts_chunk(counts *words, uint64_t offset, uint64_t length, counts_source *source,
                           void *context);

#endif
