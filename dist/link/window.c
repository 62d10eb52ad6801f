/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/link/window.h"

#include "dist/link/wire.h"

#define QUICK_NS UINT64_C(2000000) /* longer than the fastest by this much: no more growth */
#define SLOW_NS UINT64_C(8000000)  /* by this much: what is in flight is queueing somewhere */
#define LIMIT_MIN UINT64_C(65536)
#define UNASKED_MAX UINT64_C(262144)

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
    if (window->sent - window->asked < window->limit / 4) {
        return false;
    }
    window->asked = window->sent;
    if (window->sample_mark == 0) {
        window->sample_mark = window->sent;
        window->sample_ns = now_ns;
        window->used_up = false;
    }
    return true;
}

static void adjust_limit(osri_window *window, uint64_t took_ns)
{
    if (took_ns < window->fastest_ns) {
        window->fastest_ns = took_ns;
    }
    if (took_ns - window->fastest_ns > SLOW_NS && window->limit / 2 >= LIMIT_MIN) {
        window->limit /= 2;
    } else if (window->used_up && took_ns - window->fastest_ns <= QUICK_NS) {
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
