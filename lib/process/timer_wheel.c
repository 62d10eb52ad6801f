/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "lib/process/timer_wheel.h"

#include <stdatomic.h>
#include <string.h>

#include "lib/process/timer_table.h"

/* Invariants, under the lock
 *   W1  a live timer hangs in the place of the highest 6-bit digit in which its tick differs from
 * the wheel's tick; so it moves down at most once a level, when the wheel reaches that digit's
 * value. W2  a bit of occupied[] is set exactly where the place's list is not empty. W3 next_due_ns
 * is at most the due time of every live timer. It may be early (a place of a higher level starts
 * before its timers): the owner then wakes once for nothing and looks again. */

#define DIGIT_BITS 6
#define DIGIT_MASK (OSRI_WHEEL_PLACES - 1)
#define TICKS_MAX ((UINT64_C(1) << (DIGIT_BITS * OSRI_WHEEL_LEVELS)) - 1)

static uint64_t tick_of_due(uint64_t due_ns)
{
    return due_ns / OSRI_TICK_NS + (due_ns % OSRI_TICK_NS != 0);
}

static uint32_t digit_of(uint64_t tick, uint32_t level)
{
    return (uint32_t)(tick >> (level * DIGIT_BITS)) & DIGIT_MASK;
}

static void list_append(osri_timer_list *list, osri_timer *timer)
{
    timer->next = NULL;
    timer->previous = list->last;
    if (list->last != NULL) {
        list->last->next = timer;
    } else {
        list->first = timer;
    }
    list->last = timer;
}

static void list_remove(osri_timer_list *list, osri_timer *timer)
{
    if (timer->previous != NULL) {
        timer->previous->next = timer->next;
    } else {
        list->first = timer->next;
    }
    if (timer->next != NULL) {
        timer->next->previous = timer->previous;
    } else {
        list->last = timer->previous;
    }
}

static void hang_locked(osri_wheel *wheel, osri_timer *timer)
{
    uint64_t tick = tick_of_due(timer->due_ns);
    if (tick <= wheel->tick) {
        tick = wheel->tick + 1;
    }
    if (tick - wheel->tick > TICKS_MAX / 2) {
        tick = wheel->tick + TICKS_MAX / 2; /* comes round again and is hung anew */
    }
    uint64_t difference = tick ^ wheel->tick;
    uint32_t level = (uint32_t)(63 - __builtin_clzll(difference)) / DIGIT_BITS;
    if (level >= OSRI_WHEEL_LEVELS) {
        level = OSRI_WHEEL_LEVELS - 1;
    }
    uint32_t digit = digit_of(tick, level);
    timer->place = (uint16_t)(level * OSRI_WHEEL_PLACES + digit);
    list_append(&wheel->places[timer->place], timer);
    wheel->occupied[level] |= UINT64_C(1) << digit;
}

static void unhang_locked(osri_wheel *wheel, osri_timer *timer)
{
    osri_timer_list *list = &wheel->places[timer->place];
    list_remove(list, timer);
    if (list->first == NULL) {
        wheel->occupied[timer->place / OSRI_WHEEL_PLACES] &=
            ~(UINT64_C(1) << (timer->place % OSRI_WHEEL_PLACES));
    }
}

/* The first tick after wheel->tick at which some place has to be looked at. */
static uint64_t next_tick_locked(const osri_wheel *wheel)
{
    uint64_t best = UINT64_MAX;
    for (uint32_t level = 0; level < OSRI_WHEEL_LEVELS; level++) {
        uint64_t bits = wheel->occupied[level];
        if (bits == 0) {
            continue;
        }
        uint32_t shift = level * DIGIT_BITS;
        uint32_t here = digit_of(wheel->tick, level);
        uint64_t later = here == DIGIT_MASK ? 0 : bits >> (here + 1);
        uint64_t above = wheel->tick >> shift >> DIGIT_BITS;
        uint64_t digit;
        if (later != 0) {
            digit = here + 1 + (uint64_t)__builtin_ctzll(later);
        } else { /* only the highest level wraps */
            above += 1;
            digit = (uint64_t)__builtin_ctzll(bits);
        }
        uint64_t tick = ((above << DIGIT_BITS) | digit) << shift;
        best = tick < best ? tick : best;
    }
    return best;
}

static void publish_next_locked(osri_wheel *wheel)
{
    uint64_t tick = next_tick_locked(wheel);
    uint64_t due = tick == UINT64_MAX ? UINT64_MAX : tick * OSRI_TICK_NS;
    /* relaxed: a hint; the sleeping owner is woken by whoever starts an earlier timer */
    atomic_store_explicit(&wheel->next_due_ns, due, memory_order_relaxed);
}

void osri_wheel_init(osri_wheel *wheel, uint64_t now_ns)
{
    memset(wheel, 0, sizeof(*wheel));
    osri_mutex_init(&wheel->mutex, OSRI_RANK_TIMERS);
    wheel->tick = now_ns / OSRI_TICK_NS;
    atomic_init(&wheel->next_due_ns, UINT64_MAX);
}

void osri_wheel_fini(osri_wheel *wheel)
{
    osri_mutex_fini(&wheel->mutex);
}

bool osri_timer_start_locked(osri_wheel *wheel, osri_timer *timer, uint64_t due_ns)
{
    if (timer->wheel != wheel) { /* a user's timer keeps its wheel, which others read unlocked */
        timer->wheel = wheel;
    }
    timer->due_ns = due_ns;
    timer->live = true;
    wheel->live += 1;
    hang_locked(wheel, timer);
    uint64_t due = tick_of_due(due_ns) * OSRI_TICK_NS;
    if (due >= atomic_load_explicit(&wheel->next_due_ns, memory_order_relaxed)) {
        return false;
    }
    /* seq_cst: with the sleeper's mark in threads.c — the sleeper sees the time or we see the
     * mark */
    atomic_store_explicit(&wheel->next_due_ns, due, memory_order_seq_cst);
    return true;
}

bool osri_timer_start(osri_wheel *wheel, osri_timer *timer, uint64_t due_ns)
{
    osri_mutex_lock(&wheel->mutex);
    bool is_next = osri_timer_start_locked(wheel, timer, due_ns);
    osri_mutex_unlock(&wheel->mutex);
    return is_next;
}

bool osri_timer_cancel_locked(osri_timer *timer)
{
    bool was_live = timer->live;
    if (was_live) {
        unhang_locked(timer->wheel, timer);
        timer->live = false;
        timer->wheel->live -= 1;
    }
    return was_live;
}

bool osri_timer_cancel(osri_timer *timer)
{
    osri_wheel *wheel = timer->wheel;
    if (wheel == NULL) {
        return false;
    }
    osri_mutex_lock(&wheel->mutex);
    bool was_live = osri_timer_cancel_locked(timer);
    osri_mutex_unlock(&wheel->mutex);
    return was_live;
}

/* Empties one place: what is due fires, the rest moves down. */
static uint64_t visit_place_locked(osri_wheel *wheel, uint32_t level)
{
    uint32_t digit = digit_of(wheel->tick, level);
    osri_timer_list *list = &wheel->places[level * OSRI_WHEEL_PLACES + digit];
    osri_timer *timer = list->first;
    list->first = NULL;
    list->last = NULL;
    wheel->occupied[level] &= ~(UINT64_C(1) << digit);

    uint64_t fired = 0;
    while (timer != NULL) {
        osri_timer *next = timer->next;
        if (tick_of_due(timer->due_ns) <= wheel->tick) {
            timer->live = false;
            wheel->live -= 1;
            fired += 1;
            timer->fire(timer);
        } else {
            hang_locked(wheel, timer);
        }
        timer = next;
    }
    return fired;
}

/* At a new tick: places of the higher levels whose turn begins are emptied first, then level 0. */
static uint64_t visit_tick_locked(osri_wheel *wheel)
{
    uint64_t fired = 0;
    for (uint32_t level = OSRI_WHEEL_LEVELS - 1; level > 0; level--) {
        uint64_t below = (UINT64_C(1) << (level * DIGIT_BITS)) - 1;
        if ((wheel->tick & below) == 0) {
            fired += visit_place_locked(wheel, level);
        }
    }
    return fired + visit_place_locked(wheel, 0);
}

uint64_t osri_wheel_advance(osri_wheel *wheel, uint64_t now_ns)
{
    uint64_t fired = 0;
    uint64_t target = now_ns / OSRI_TICK_NS;
    osri_mutex_lock(&wheel->mutex);
    while (wheel->tick < target) {
        uint64_t next = next_tick_locked(wheel);
        if (next > target) {
            wheel->tick = target;
            break;
        }
        wheel->tick = next;
        fired += visit_tick_locked(wheel);
    }
    publish_next_locked(wheel);
    struct osri_later *expired = wheel->expired;
    wheel->expired = NULL;
    osri_mutex_unlock(&wheel->mutex);
    osri_later_send_all(expired);
    return fired;
}

uint64_t osri_wheel_next_due(osri_wheel *wheel)
{
    /* seq_cst: pairs with the store in osri_timer_start */
    return atomic_load_explicit(&wheel->next_due_ns, memory_order_seq_cst);
}
