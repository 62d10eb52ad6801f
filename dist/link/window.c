/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/link/window.h"

#include "dist/link/wire.h"

/* What is in flight longer than on an empty way queues somewhere, where nothing can pass it: */
#define DELAY_GROW_NS UINT64_C(1000000) /* up to this much the limit may grow, */
#define DELAY_MAX_NS UINT64_C(2000000)  /* and above this much it shrinks */
#define LIMIT_MIN UINT64_C(65536)
#define REBASE_SAMPLES 16 /* so many slow ones at the least limit: the way itself has changed */
#define UNASKED_MAX UINT64_C(262144)
#define ASK_EVERY_NS UINT64_C(1000000000) /* a link with little to do is measured too */

void osri_window_init(osri_window *window, uint64_t limit, uint64_t limit_max)
{
    *window = (osri_window){.limit = limit, .limit_max = limit_max, .fastest_ns = UINT64_MAX};
}

size_t osri_window_room(const osri_window *window)
{
    uint64_t in_flight = window->sent - window->acknowledged;

    return in_flight < window->limit ? (size_t)(window->limit - in_flight) : 0;
}

bool osri_window_sent(osri_window *window, size_t bytes, uint64_t now_ns)
{
    window->sent += bytes;
    if (window->asked_ns == 0) {
        window->asked_ns = now_ns; /* the session has just begun */
    }
    if (window->sent - window->asked < window->limit / 4 &&
        now_ns - window->asked_ns < ASK_EVERY_NS) {
        return false;
    }
    window->asked = window->sent;
    window->asked_ns = now_ns;
    if (window->sample_mark == 0) {
        window->sample_mark = window->sent;
        window->sample_ns = now_ns;
        window->used_up = false;
    }
    return true;
}

/* To what would have been delayed by DELAY_MAX_NS; at most by half at once. */
static void shrink_limit(osri_window *window, uint64_t delay_ns)
{
    uint64_t limit =
        delay_ns >= 2 * DELAY_MAX_NS ? window->limit / 2 : window->limit * DELAY_MAX_NS / delay_ns;

    window->limit = limit < LIMIT_MIN ? LIMIT_MIN : limit;
}

static void adjust_limit(osri_window *window, uint64_t took_ns)
{
    uint64_t delay_ns;

    window->round_trip_ns = took_ns;
    if (took_ns < window->fastest_ns) {
        window->fastest_ns = took_ns;
    }
    delay_ns = took_ns - window->fastest_ns;
    if (delay_ns <= DELAY_MAX_NS || window->limit > LIMIT_MIN) {
        window->slow_at_least = 0;
    } else if (++window->slow_at_least == REBASE_SAMPLES) {
        window->slow_at_least = 0;
        window->fastest_ns = took_ns; /* it cannot be our doing */
    }
    if (delay_ns > DELAY_MAX_NS) {
        shrink_limit(window, delay_ns);
    } else if (window->used_up && delay_ns <= DELAY_GROW_NS) {
        window->limit *= 2;
        window->limit = window->limit > window->limit_max ? window->limit_max : window->limit;
    }
}

bool osri_window_acknowledge(osri_window *window, uint64_t acknowledged, uint64_t now_ns)
{
    if (acknowledged < window->acknowledged || acknowledged > window->sent) {
        return false;
    }
    window->acknowledged = acknowledged;
    if (window->sample_mark != 0 && acknowledged >= window->sample_mark) {
        window->answered_ns = window->sample_ns;
        adjust_limit(window, now_ns - window->sample_ns);
        window->sample_mark = 0;
    }
    return true;
}

bool osri_receipt_take(osri_receipt *receipt, size_t bytes, bool asked)
{
    receipt->received += bytes;
    receipt->asked = receipt->asked || asked;
    return receipt->received - receipt->told <= receipt->window + OSRI_WIRE_PAYLOAD_BYTES_MAX;
}

bool osri_receipt_is_due(const osri_receipt *receipt)
{
    return receipt->asked || receipt->received - receipt->told >= UNASKED_MAX;
}

uint64_t osri_receipt_tell(osri_receipt *receipt)
{
    receipt->told = receipt->received;
    receipt->asked = false;
    return receipt->received;
}
