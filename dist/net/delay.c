/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/net/delay.h"

enum { BEFORE, NOW };

static void turn_window(osri_delay *delay, uint64_t now_ms)
{
    uint64_t age_ms = now_ms - delay->window_ms;

    if (age_ms < OSRI_DELAY_WINDOW_MS) {
        return;
    }
    delay->has[BEFORE] = delay->has[NOW] && age_ms < 2 * OSRI_DELAY_WINDOW_MS;
    delay->fastest_ms[BEFORE] = delay->fastest_ms[NOW];
    delay->has[NOW] = false;
    delay->window_ms = now_ms;
}

uint32_t osri_delay_of(osri_delay *delay, uint64_t now_ms, uint32_t sent_ms)
{
    /* of clocks that began anywhere: only its changes mean something, modulo 2^32 */
    int64_t took_ms = (int32_t)((uint32_t)now_ms - sent_ms);
    int64_t more_ms = 0;

    turn_window(delay, now_ms);
    for (int i = BEFORE; i <= NOW; i++) {
        int64_t more = (int32_t)((uint32_t)took_ms - (uint32_t)delay->fastest_ms[i]);
        if (delay->has[i] && more > more_ms) {
            more_ms = more;
        }
    }
    if (more_ms > OSRI_DELAY_MS_MAX) {
        delay->has[BEFORE] = delay->has[NOW] = false;
        more_ms = 0;
    }
    if (!delay->has[NOW] || (int32_t)((uint32_t)took_ms - (uint32_t)delay->fastest_ms[NOW]) < 0) {
        delay->has[NOW] = true;
        delay->fastest_ms[NOW] = took_ms;
    }
    return (uint32_t)more_ms;
}
