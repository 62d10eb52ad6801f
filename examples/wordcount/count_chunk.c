/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "count.h"

#include <stdlib.h>

/* One pass over a chunk. A word that began before it is skipped to its end; one that began in it
 * is read to its end, however far behind the chunk that is. */

#define READ_BYTES ((size_t)64 * 1024)
#define BEYOND_BYTES 64 /* where a chunk's last word most likely ends */

typedef struct reader {
    counts *words;
    uint64_t end;  /* no word begins here or later */
    bool skipping; /* in a word that began before the chunk */
    char *word;    /* the one being read */
    size_t bytes, room;
} reader;

static char lower_letter(unsigned char byte)
{
    unsigned char lower = (unsigned char)(byte | 0x20);
    return lower >= 'a' && lower <= 'z' ? (char)lower : '\0';
}

static bool put_letter(reader *r, char letter)
{
    if (r->bytes == r->room) {
        size_t room = r->room == 0 ? 256 : r->room * 2;
        char *word = realloc(r->word, room);
        if (word == NULL) {
            return false;
        }
        r->word = word;
        r->room = room;
    }
    r->word[r->bytes++] = letter;
    return true;
}

static bool end_word(reader *r)
{
    bool counted = r->bytes == 0 || counts_add(r->words, r->word, r->bytes, 1);
    r->bytes = 0;
    r->skipping = false;
    return counted;
}

/* Whether there is nothing left for this chunk at `offset`. */
static bool is_done(const reader *r, uint64_t offset)
{
    return offset >= r->end && r->bytes == 0;
}

static bool take_bytes(reader *r, const uint8_t *bytes, size_t count, uint64_t offset)
{
    for (size_t i = 0; i < count && !is_done(r, offset + i); i++) {
        char letter = lower_letter(bytes[i]);
        bool fine = true;
        if (letter == '\0') {
            fine = end_word(r);
        } else if (!r->skipping) {
            fine = put_letter(r, letter);
        }
        if (!fine) {
            return false;
        }
    }
    return true;
}

static counts_result read_all(reader *r, uint64_t offset, counts_source *source, void *context)
{
    uint8_t bytes[READ_BYTES];
    while (!is_done(r, offset)) {
        uint64_t wanted = offset < r->end ? r->end - offset + BEYOND_BYTES : READ_BYTES;
        size_t room = wanted < sizeof(bytes) ? (size_t)wanted : sizeof(bytes);
        ssize_t got = source(context, bytes, room, offset);
        if (got < 0) {
            return COUNTS_UNREADABLE;
        }
        if (got == 0) {
            break;
        }
        if (!take_bytes(r, bytes, (size_t)got, offset)) {
            return COUNTS_NO_MEMORY;
        }
        offset += (uint64_t)got;
    }
    if (offset < r->end) {
        return COUNTS_SHORTER;
    }
    return end_word(r) ? COUNTS_OK : COUNTS_NO_MEMORY;
}

counts_result counts_chunk(counts *words, uint64_t offset, uint64_t length, counts_source *source,
                           void *context)
{
    reader r = {.words = words, .end = offset + length};
    if (offset > 0) {
        uint8_t before;
        ssize_t got = source(context, &before, 1, offset - 1);
        if (got != 1) {
            return got < 0 ? COUNTS_UNREADABLE : COUNTS_SHORTER;
        }
        r.skipping = lower_letter(before) != '\0';
    }
    counts_result result = read_all(&r, offset, source, context);
    free(r.word);
    return result;
}
