/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "tests/sim/journal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/core/heap.h"

static void mix(journal *book, uint64_t word)
{
    book->hash = (book->hash ^ word) * UINT64_C(0x100000001b3);
    book->hash ^= book->hash >> 29;
}

void journal_mix(journal *book, const void *bytes, size_t count)
{
    const uint8_t *at = bytes;

    for (; count > 0;) {
        uint64_t word = 0;
        size_t part = count < sizeof(word) ? count : sizeof(word);
        memcpy(&word, at, part);
        mix(book, word);
        at += part;
        count -= part;
    }
}

void journal_add(journal *book, event what)
{
    uint64_t words[] = {what.now_ns,
                        (uint64_t)what.kind,
                        what.who.node,
                        what.who.slot,
                        what.who.generation,
                        what.other.node,
                        what.other.slot,
                        what.other.generation,
                        what.x,
                        what.y,
                        what.z,
                        what.w,
                        what.wrong};

    if (book->count == book->capacity) {
        size_t capacity = book->capacity == 0 ? 16384 : book->capacity * 2;
        event *grown = osri_heap_realloc(book->events, book->capacity * sizeof(event),
                                         capacity * sizeof(event));
        if (grown == NULL) {
            abort();
        }
        book->events = grown;
        book->capacity = capacity;
    }
    book->events[book->count++] = what;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        mix(book, words[i]);
    }
}

void journal_fini(journal *book)
{
    osri_heap_free(book->events, book->capacity * sizeof(event));
    *book = (journal){0};
}

void journal_print(const journal *book)
{
    static const char *const names[EVENT_KINDS] = {
        [EVENT_STARTED] = "started",
        [EVENT_GONE] = "gone",
        [EVENT_UP] = "up",
        [EVENT_DOWNED] = "downed",
        [EVENT_CUT] = "cut",
        [EVENT_HEALED] = "healed",
        [EVENT_PAUSED] = "paused",
        [EVENT_FORGED] = "forged",
        [EVENT_BOTH_DIALED] = "tied",
        [EVENT_DIALED] = "dialed",
        [EVENT_STRANGER] = "stranger",
        [EVENT_BORN] = "born",
        [EVENT_ENDED] = "ended",
        [EVENT_SYNCED] = "synced",
        [EVENT_HEARD] = "heard",
        [EVENT_TOLD] = "told",
        [EVENT_WAITED] = "waited",
        [EVENT_NODEUP] = "nodeup",
        [EVENT_NODEDOWN] = "nodedown",
        [EVENT_MONITOR] = "monitor",
        [EVENT_DEMONITOR] = "demonitor",
        [EVENT_DOWN] = "down",
        [EVENT_LINK] = "link",
        [EVENT_UNLINK] = "unlink",
        [EVENT_SETTLED] = "settled",
        [EVENT_JOINED] = "joined",
        [EVENT_LEFT] = "left",
        [EVENT_WATCHED] = "watched",
        [EVENT_CAME] = "came",
        [EVENT_WENT] = "went",
        [EVENT_SEEN] = "seen",
        [EVENT_SEEN_ALL] = "seen all",
        [EVENT_CLAIMS] = "claims",
        [EVENT_CLAIMED] = "claimed",
        [EVENT_GAVE_BACK] = "gave back",
        [EVENT_LOST] = "lost",
        [EVENT_OWNER] = "owner",
        [EVENT_EXITED] = "exited",
        [EVENT_ANSWERED] = "answered",
        [EVENT_SPAWNED] = "spawned",
    };

    for (size_t i = 0; i < book->count; i++) {
        const event *e = &book->events[i];
        (void)fprintf(stderr,
                      "%6zu %10.6f %-9s %04x.%u.%u %04x.%u.%u %" PRIx64 " %" PRIx64 " %" PRIx64
                      " %" PRIx64 "%s\n",
                      i, (double)e->now_ns / 1e9, names[e->kind], (unsigned)(e->who.node >> 48),
                      e->who.slot, e->who.generation, (unsigned)(e->other.node >> 48),
                      e->other.slot, e->other.generation, e->x, e->y, e->z, e->w,
                      e->wrong != 0 ? " WRONG" : "");
    }
}
