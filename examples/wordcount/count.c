/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "count.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A hash table with open addressing over an array of words, whose texts lie in blocks that never
 * move.
 *
 * Invariants
 *   C1  slots[] holds 1 + an index into words[], or 0; at most half of it is used.
 *   C2  a text stays where it is until counts_free(). */

#define BLOCK_BYTES ((size_t)64 * 1024)
#define FIRST_SLOTS 1024
#define LINE_HEAD_BYTES 24 /* a count and a tab */

typedef struct block {
    struct block *next;
    size_t used, room;
    char text[];
} block;

struct counts {
    counts_word *words;
    uint64_t *hashes; /* of words[] */
    size_t count, room;
    size_t *slots;
    size_t slot_count; /* a power of two */
    uint64_t total;
    block *blocks; /* the first is the one being filled */
};

/* ---- the table --------------------------------------------------------------------------- */

counts *counts_new(void)
{
    counts *words = calloc(1, sizeof(*words));
    if (words == NULL) {
        return NULL;
    }
    words->slot_count = FIRST_SLOTS;
    words->slots = calloc(words->slot_count, sizeof(*words->slots));
    if (words->slots == NULL) {
        free(words);
        return NULL;
    }
    return words;
}

void counts_free(counts **words)
{
    counts *gone = *words;
    *words = NULL;
    if (gone == NULL) {
        return;
    }
    while (gone->blocks != NULL) {
        block *next = gone->blocks->next;
        free(gone->blocks);
        gone->blocks = next;
    }
    free(gone->words);
    free(gone->hashes);
    free(gone->slots);
    free(gone);
}

size_t counts_different(const counts *words)
{
    return words->count;
}

uint64_t counts_total(const counts *words)
{
    return words->total;
}

/* FNV-1a, with its halves mixed: the table looks at the low bits. */
static uint64_t hash_of(const char *text, size_t bytes)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < bytes; i++) {
        hash = (hash ^ (unsigned char)text[i]) * UINT64_C(1099511628211);
    }
    return hash ^ (hash >> 32);
}

static const char *store_text(counts *words, const char *text, size_t bytes)
{
    block *last = words->blocks;
    if (last == NULL || last->room - last->used < bytes) {
        size_t room = bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES;
        last = malloc(sizeof(*last) + room);
        if (last == NULL) {
            return NULL;
        }
        *last = (block){words->blocks, 0, room};
        words->blocks = last;
    }
    char *at = last->text + last->used;
    memcpy(at, text, bytes);
    last->used += bytes;
    return at;
}

static bool grow_words(counts *words)
{
    size_t room = words->room == 0 ? FIRST_SLOTS / 2 : words->room * 2;
    counts_word *more = realloc(words->words, room * sizeof(*more));
    if (more == NULL) {
        return false;
    }
    words->words = more;
    uint64_t *hashes = realloc(words->hashes, room * sizeof(*hashes));
    if (hashes == NULL) {
        return false;
    }
    words->hashes = hashes;
    words->room = room;
    return true;
}

static bool grow_slots(counts *words)
{
    size_t slot_count = words->slot_count * 2;
    size_t *slots = calloc(slot_count, sizeof(*slots));
    if (slots == NULL) {
        return false;
    }
    for (size_t i = 0; i < words->count; i++) {
        size_t at = (size_t)words->hashes[i] & (slot_count - 1);
        while (slots[at] != 0) {
            at = (at + 1) & (slot_count - 1);
        }
        slots[at] = i + 1;
    }
    free(words->slots);
    words->slots = slots;
    words->slot_count = slot_count;
    return true;
}

/* The slot of a word, or the free one where it belongs. */
static size_t find_slot(const counts *words, uint64_t hash, const char *text, size_t bytes)
{
    size_t at = (size_t)hash & (words->slot_count - 1);
    while (words->slots[at] != 0) {
        size_t index = words->slots[at] - 1;
        const counts_word *word = &words->words[index];
        if (words->hashes[index] == hash && word->bytes == bytes &&
            memcmp(word->text, text, bytes) == 0) {
            break;
        }
        at = (at + 1) & (words->slot_count - 1);
    }
    return at;
}

bool counts_add(counts *words, const char *text, size_t bytes, uint64_t count)
{
    uint64_t hash = hash_of(text, bytes);
    size_t at = find_slot(words, hash, text, bytes);
    if (words->slots[at] == 0) {
        if (words->count == words->room && !grow_words(words)) {
            return false;
        }
        if ((words->count + 1) * 2 > words->slot_count) {
            if (!grow_slots(words)) {
                return false;
            }
            at = find_slot(words, hash, text, bytes);
        }
        const char *stored = store_text(words, text, bytes);
        if (stored == NULL) {
            return false;
        }
        words->words[words->count] = (counts_word){0, stored, bytes};
        words->hashes[words->count] = hash;
        words->slots[at] = ++words->count;
    }
    words->words[words->slots[at] - 1].count += count;
    words->total += count;
    return true;
}

static int compare(const void *a, const void *b)
{
    const counts_word *x = *(const counts_word *const *)a;
    const counts_word *y = *(const counts_word *const *)b;
    if (x->count != y->count) {
        return x->count > y->count ? -1 : 1;
    }
    int order = memcmp(x->text, y->text, x->bytes < y->bytes ? x->bytes : y->bytes);
    return order != 0 ? order : (x->bytes > y->bytes) - (x->bytes < y->bytes);
}

bool counts_sort(const counts *words, const counts_word ***ret_sorted)
{
    const counts_word **sorted = malloc((words->count + 1) * sizeof(*sorted));
    if (sorted == NULL) {
        return false;
    }
    for (size_t i = 0; i < words->count; i++) {
        sorted[i] = &words->words[i];
    }
    qsort(sorted, words->count, sizeof(*sorted), compare);
    *ret_sorted = sorted;
    return true;
}

/* ---- lines ------------------------------------------------------------------------------- */

static size_t copy_from(const char *text, size_t bytes, size_t from, uint8_t *ret, size_t room)
{
    size_t left = bytes - from;
    size_t copied = left < room ? left : room;
    memcpy(ret, text + from, copied);
    return copied;
}

size_t counts_read(const counts *words, counts_cursor *cursor, uint8_t *ret_lines, size_t capacity)
{
    size_t used = 0;
    while (used < capacity && cursor->word < words->count) {
        const counts_word *word = &words->words[cursor->word];
        char head[LINE_HEAD_BYTES];
        size_t head_bytes = (size_t)snprintf(head, sizeof(head), "%" PRIu64 "\t", word->count);
        size_t copied;
        if (cursor->byte < head_bytes) {
            copied = copy_from(head, head_bytes, cursor->byte, ret_lines + used, capacity - used);
        } else if (cursor->byte < head_bytes + word->bytes) {
            copied = copy_from(word->text, word->bytes, cursor->byte - head_bytes, ret_lines + used,
                               capacity - used);
        } else {
            ret_lines[used++] = '\n';
            *cursor = (counts_cursor){cursor->word + 1, 0};
            continue;
        }
        used += copied;
        cursor->byte += copied;
    }
    return used;
}

/* Takes one line off the front; false when there is no whole and valid one. */
static bool take_line(const uint8_t **at, const uint8_t *end, counts_word *ret_word)
{
    const uint8_t *p = *at;
    uint64_t count = 0;
    for (; p < end && *p >= '0' && *p <= '9'; p++) {
        uint64_t digit = (uint64_t)(*p - '0');
        if (count > (UINT64_MAX - digit) / 10) {
            return false;
        }
        count = count * 10 + digit;
    }
    if (count == 0 || p == end || *p != '\t') {
        return false;
    }
    const uint8_t *text = ++p;
    while (p < end && *p >= 'a' && *p <= 'z') {
        p++;
    }
    if (p == text || p == end || *p != '\n') {
        return false;
    }
    *ret_word = (counts_word){count, (const char *)text, (size_t)(p - text)};
    *at = p + 1;
    return true;
}

bool counts_add_lines(counts *words, const uint8_t *lines, size_t bytes)
{
    const uint8_t *end = bytes == 0 ? lines : lines + bytes;
    counts_word word;
    for (const uint8_t *at = lines; at != end;) {
        if (!take_line(&at, end, &word)) {
            return false;
        }
    }
    for (const uint8_t *at = lines; at != end;) {
        if (!take_line(&at, end, &word) || !counts_add(words, word.text, word.bytes, word.count)) {
            return false;
        }
    }
    return true;
}
