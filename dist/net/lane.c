/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/net/lane.h"

#include <string.h>

#include "lib/core/name.h"
#include "lib/core/heap.h"

/* Lanes: admission of messages to what waits for a node.
 *
 * Invariants
 *   I1  given + linked of a track is what waits. A message counts in `given` from before it is
 *       given to the owner until the owner has routed it; then its record counts in `linked`.
 *   I2  senders are admitted in the order in which they came; their bytes are counted for them when
 *       they are, so that no later one is faster. While one waits, `busy` is set and no other that
 *       can wait passes.
 *   I3  nobody waits in vain: a sender sets `busy` before it looks at the counts for the last time,
 *       the owner lowers the counts before it looks at `busy` (all sequentially consistent), so one
 *       of the two sees the other. The owner looks again whenever the counts fall.
 *   I4  a sender is woken under the lane's mutex, which its process takes before it goes on; so it
 *       cannot end meanwhile.
 * Bound: for senders that can wait OSRI_LANE_BUSY_BYTES and OSRI_LANE_LARGE_BUSY_BYTES, each and
 *   one message; OSRI_LANE_BYTES_MAX for the others; OSRI_LANES_MAX lanes. */

#define CACHE_MASK (OSRI_LANES_CACHED - 1)
#define TOLD_EVERY_NS UINT64_C(1000000000)

void osri_lanes_init(osri_lanes *lanes, uint64_t seed)
{
    osri_mutex_init(&lanes->mutex, OSRI_RANK_ROUTER);
    osri_map_init(&lanes->by_name, seed);
    osri_list_init(&lanes->touched);
    for (size_t i = 0; i < OSRI_LANES_CACHED; i++) {
        atomic_init(&lanes->named[i], NULL);
        atomic_init(&lanes->numbered[i], NULL);
    }
}

static void track_init(osri_track *track, uint64_t busy_bytes, uint64_t free_bytes)
{
    track->busy_bytes = busy_bytes;
    track->free_bytes = free_bytes;
    osri_list_init(&track->line);
}

static osri_lane *lane_new(const char *name)
{
    size_t name_bytes = strlen(name) + 1;
    osri_lane *lane = osri_heap_zalloc(sizeof(*lane) + name_bytes);

    if (lane != NULL) {
        osri_mutex_init(&lane->mutex, OSRI_RANK_SESSION);
        track_init(&lane->small, OSRI_LANE_BUSY_BYTES, OSRI_LANE_FREE_BYTES);
        track_init(&lane->large, OSRI_LANE_LARGE_BUSY_BYTES, OSRI_LANE_LARGE_FREE_BYTES);
        memcpy(lane->name, name, name_bytes);
    }
    return lane;
}

static void lane_free(osri_lane *lane)
{
    osri_lane_end(lane);
    osri_mutex_fini(&lane->mutex);
    osri_heap_free(lane, sizeof(*lane) + strlen(lane->name) + 1);
}

void osri_lanes_fini(osri_lanes *lanes)
{
    size_t cursor = 0;
    osri_map_entry at;

    while (osri_map_next(&lanes->by_name, &cursor, &at)) {
        lane_free(at.value);
    }
    osri_map_fini(&lanes->by_name);
    osri_mutex_fini(&lanes->mutex);
}

/* FNV-1a. */
static size_t place_of(const char *name)
{
    uint32_t hash = 2166136261;

    for (; *name != '\0'; name++) {
        hash = (hash ^ (uint8_t)*name) * 16777619;
    }
    return (hash ^ hash >> 16) & CACHE_MASK;
}

static osri_lane *find_or_make_locked(osri_lanes *lanes, const char *name)
{
    osri_lane *lane = osri_map_get(&lanes->by_name, name, strlen(name));

    if (lane != NULL || osri_map_count(&lanes->by_name) >= OSRI_LANES_MAX ||
        osri_node_name_check(name, strlen(name)) != OSR_OK) {
        return lane;
    }
    lane = lane_new(name);
    if (lane != NULL &&
        osri_map_put(&lanes->by_name, lane->name, strlen(lane->name), lane, NULL) != OSR_OK) {
        lane_free(lane);
        lane = NULL;
    }
    return lane;
}

osri_lane *osri_lane_to(osri_lanes *lanes, const char *name)
{
    _Atomic(osri_lane *) *place = &lanes->named[place_of(name)];
    /* acquire: pairs with the release below: the name in it */
    osri_lane *lane = atomic_load_explicit(place, memory_order_acquire);

    if (lane != NULL && strcmp(lane->name, name) == 0) {
        return lane;
    }
    osri_mutex_lock(&lanes->mutex);
    lane = find_or_make_locked(lanes, name);
    osri_mutex_unlock(&lanes->mutex);
    if (lane != NULL) {
        /* release: pairs with the acquire above */
        atomic_store_explicit(place, lane, memory_order_release);
    }
    return lane;
}

osri_lane *osri_lane_cached(const osri_lanes *lanes, uint64_t node)
{
    /* acquire: pairs with the release in osri_lane_cache */
    osri_lane *lane =
        atomic_load_explicit(&lanes->numbered[node & CACHE_MASK], memory_order_acquire);
    bool is_it = lane != NULL && atomic_load_explicit(&lane->node, memory_order_relaxed) == node;

    return is_it ? lane : NULL;
}

void osri_lane_cache(osri_lanes *lanes, uint64_t node, osri_lane *lane)
{
    /* release: pairs with the acquire in osri_lane_cached */
    atomic_store_explicit(&lanes->numbered[node & CACHE_MASK], lane, memory_order_release);
}

/* ---- admission --------------------------------------------------------------------------- */

static osri_track *track_of(osri_lane *lane, uint64_t bytes)
{
    return bytes > OSRI_LANE_LARGE_BYTES ? &lane->large : &lane->small;
}

static uint64_t queued(const osri_track *track)
{
    /* seq_cst: see I3 */
    return atomic_load_explicit(&track->given, memory_order_seq_cst) +
           atomic_load_explicit(&track->linked, memory_order_seq_cst);
}

static void count_given(osri_track *track, uint64_t bytes)
{
    /* relaxed: the command that follows carries what it stands for */
    (void)atomic_fetch_add_explicit(&track->given, bytes, memory_order_relaxed);
}

static void line_changed_locked(osri_lane *lane, int change)
{
    uint32_t before = atomic_load_explicit(&lane->waiting, memory_order_relaxed);

    atomic_store_explicit(&lane->waiting, before + (uint32_t)change, memory_order_relaxed);
}

static void full_changed_locked(osri_lane *lane)
{
    atomic_store_explicit(&lane->full_count, (uint32_t)osri_map_count(&lane->full),
                          memory_order_relaxed);
}

/* Whether a sender may go on at once; from here on the track is busy if not. */
static bool may_pass_locked(osri_track *track)
{
    bool was_busy = atomic_load_explicit(&track->busy, memory_order_relaxed);

    atomic_store_explicit(&track->busy, true, memory_order_seq_cst); /* see I3 */
    if (!osri_list_is_empty(&track->line) ||
        queued(track) > (was_busy ? track->free_bytes : track->busy_bytes)) {
        return false;
    }
    atomic_store_explicit(&track->busy, false, memory_order_seq_cst);
    return true;
}

static void stand_locked(osri_lane *lane, osri_list *line, uint64_t bytes, osri_sender *sender)
{
    if (sender != NULL) {
        sender->lane = lane;
        sender->bytes = bytes;
        osri_list_push_back(line, &sender->in_line);
        line_changed_locked(lane, 1);
    }
}

/* A bounded mailbox there: so many messages may still be sent to it. Its line is empty, or there is
 * no credit. */
typedef struct bounded {
    osri_list line; /* osri_sender */
    uint64_t credit;
} bounded;

/* Whether there is no credit for the receiver; the sender is in its line then. */
static bool waits_for_room(osri_lane *lane, uint64_t receiver, uint64_t bytes, osri_sender *sender,
                           uint64_t *ret_credited)
{
    bounded *mailbox;
    bool waits = false;

    *ret_credited = 0;
    if (receiver == 0 || atomic_load_explicit(&lane->full_count, memory_order_relaxed) == 0) {
        return false;
    }
    osri_mutex_lock(&lane->mutex);
    mailbox = osri_map_get_u64(&lane->full, receiver);
    if (mailbox != NULL && mailbox->credit > 0) {
        mailbox->credit--;
        *ret_credited = receiver;
    } else if (mailbox != NULL) {
        waits = true;
        if (sender != NULL) {
            sender->is_for_room = true;
        }
        stand_locked(lane, &mailbox->line, bytes, sender);
    }
    osri_mutex_unlock(&lane->mutex);
    return waits;
}

static void end_wait_locked(osri_lane *lane, osri_sender *sender, osri_sender_state state)
{
    osri_list_remove(&sender->in_line);
    line_changed_locked(lane, -1);
    osri_sender_wake(sender, state);
}

/* Lets those go on for whom there is credit, or all: the mailbox is not bounded any more. */
static void use_credit_locked(osri_lane *lane, uint64_t receiver, bounded *mailbox, bool all)
{
    osri_list_link *l;

    while ((all || mailbox->credit > 0) && (l = osri_list_first(&mailbox->line)) != NULL) {
        osri_sender *sender = OSRI_LIST_ENTRY(l, osri_sender, in_line);

        mailbox->credit -= all ? 0 : 1;
        sender->credited = all ? 0 : receiver;
        count_given(track_of(lane, sender->bytes), sender->bytes);
        end_wait_locked(lane, sender, OSRI_SENDER_ADMITTED);
    }
}

void osri_lane_credit_back(osri_lane *lane, uint64_t receiver)
{
    bounded *mailbox;

    if (receiver == 0) {
        return;
    }
    osri_mutex_lock(&lane->mutex);
    mailbox = osri_map_get_u64(&lane->full, receiver);
    if (mailbox != NULL) {
        mailbox->credit++;
        use_credit_locked(lane, receiver, mailbox, false);
    }
    osri_mutex_unlock(&lane->mutex);
}

bool osri_lane_enter(osri_lane *lane, uint64_t receiver, uint64_t bytes, osri_sender *sender,
                     uint64_t *ret_credited)
{
    osri_track *track = track_of(lane, bytes);
    uint64_t credited;
    bool passes;

    if (waits_for_room(lane, receiver, bytes, sender, &credited)) {
        return false;
    }
    *ret_credited = credited;
    if (!atomic_load_explicit(&track->busy, memory_order_relaxed) &&
        osri_track_queued(track) <= track->busy_bytes) {
        count_given(track, bytes);
        return true;
    }
    osri_mutex_lock(&lane->mutex);
    passes = may_pass_locked(track);
    if (passes) {
        count_given(track, bytes);
    } else {
        if (sender != NULL) {
            sender->credited = credited; /* kept for it, so that none is sent in vain */
        }
        stand_locked(lane, &track->line, bytes, sender);
    }
    osri_mutex_unlock(&lane->mutex);
    if (!passes && sender == NULL) {
        osri_lane_credit_back(lane, credited);
    }
    return passes;
}

bool osri_lane_squeeze(osri_lane *lane, uint64_t bytes)
{
    uint64_t most = atomic_load_explicit(&lane->connected, memory_order_relaxed)
                        ? OSRI_LANE_BYTES_MAX
                        : OSRI_LANE_DIALING_BYTES_MAX;

    if (osri_lane_queued(lane) > most) {
        (void)atomic_fetch_add_explicit(&lane->refused, 1, memory_order_relaxed);
        return false;
    }
    count_given(track_of(lane, bytes), bytes);
    return true;
}

/* Admits, first come first, until enough waits again. */
static void admit_locked(osri_lane *lane, osri_track *track)
{
    osri_list_link *l;

    if (queued(track) >= track->free_bytes) {
        return;
    }
    while ((l = osri_list_first(&track->line)) != NULL && queued(track) <= track->busy_bytes) {
        osri_sender *sender = OSRI_LIST_ENTRY(l, osri_sender, in_line);

        count_given(track, sender->bytes);
        end_wait_locked(lane, sender, OSRI_SENDER_ADMITTED);
    }
    if (osri_list_is_empty(&track->line)) {
        atomic_store_explicit(&track->busy, false, memory_order_seq_cst);
    }
}

static void look_again(osri_lane *lane, osri_track *track)
{
    /* seq_cst: see I3 */
    if (!atomic_load_explicit(&track->busy, memory_order_seq_cst)) {
        return;
    }
    osri_mutex_lock(&lane->mutex);
    admit_locked(lane, track);
    osri_mutex_unlock(&lane->mutex);
}

bool osri_lane_leave(osri_lane *lane, osri_sender *sender)
{
    bool was_in_line;

    osri_mutex_lock(&lane->mutex);
    was_in_line = osri_list_link_is_listed(&sender->in_line);
    if (was_in_line) {
        osri_list_remove(&sender->in_line);
        line_changed_locked(lane, -1);
    }
    osri_mutex_unlock(&lane->mutex);
    if (was_in_line) {
        look_again(lane, track_of(lane, sender->bytes)); /* it may have been the last */
    }
    return osri_sender_state_of(sender) == OSRI_SENDER_ADMITTED;
}

void osri_lane_take_back(osri_lane *lane, uint64_t bytes)
{
    osri_track *track = track_of(lane, bytes);

    (void)atomic_fetch_sub_explicit(&track->given, bytes, memory_order_seq_cst); /* see I3 */
    look_again(lane, track);
}

/* ---- the owner's side -------------------------------------------------------------------- */

static void touch(osri_lanes *lanes, osri_lane *lane)
{
    if (!osri_list_link_is_listed(&lane->in_touched)) {
        osri_list_push_back(&lanes->touched, &lane->in_touched);
    }
}

void osri_lane_routed(osri_lanes *lanes, osri_lane *lane, uint64_t bytes)
{
    track_of(lane, bytes)->routed += bytes;
    touch(lanes, lane);
}

void osri_lane_up(osri_lane *lane, uint64_t node)
{
    atomic_store_explicit(&lane->node, node, memory_order_relaxed);
    atomic_store_explicit(&lane->connected, true, memory_order_relaxed);
    for (int i = 0; i < OSRI_LANE_SESSION_VALUES; i++) {
        osri_lane_set(lane, (osri_lane_value)i, 0);
    }
}

void osri_lane_down(osri_lanes *lanes, osri_lane *lane)
{
    atomic_store_explicit(&lane->connected, false, memory_order_relaxed);
    osri_lane_set(lane, OSRI_LANE_IN_FLIGHT, 0);
    osri_lane_linked(lanes, lane, 0, 0);
}

static bool set_linked(osri_track *track, uint64_t bytes)
{
    if (bytes == atomic_load_explicit(&track->linked, memory_order_relaxed)) {
        return false;
    }
    atomic_store_explicit(&track->linked, bytes, memory_order_seq_cst); /* see I3 */
    return true;
}

void osri_lane_linked(osri_lanes *lanes, osri_lane *lane, uint64_t bytes, uint64_t large_bytes)
{
    bool changed = set_linked(&lane->small, bytes - large_bytes);

    if (set_linked(&lane->large, large_bytes) || changed) {
        touch(lanes, lane);
    }
}

static void settle(osri_lane *lane, osri_track *track)
{
    if (track->routed > 0) {
        (void)atomic_fetch_sub_explicit(&track->given, track->routed, memory_order_seq_cst);
        track->routed = 0;
    }
    look_again(lane, track);
}

void osri_lanes_settle(osri_lanes *lanes)
{
    osri_list_link *l;

    while ((l = osri_list_pop_front(&lanes->touched)) != NULL) {
        osri_lane *lane = OSRI_LIST_ENTRY(l, osri_lane, in_touched);

        settle(lane, &lane->small);
        settle(lane, &lane->large);
    }
}

static void end_track_locked(osri_lane *lane, osri_track *track)
{
    osri_list_link *l;

    while ((l = osri_list_first(&track->line)) != NULL) {
        end_wait_locked(lane, OSRI_LIST_ENTRY(l, osri_sender, in_line), OSRI_SENDER_REFUSED);
    }
    atomic_store_explicit(&track->busy, false, memory_order_seq_cst); /* a new beginning */
}

void osri_lane_mailbox_full(osri_lane *lane, uint64_t receiver)
{
    bounded *mailbox = osri_heap_zalloc(sizeof(*mailbox));

    osri_mutex_lock(&lane->mutex);
    if (mailbox != NULL && osri_map_count(&lane->full) < OSRI_LANE_FULL_MAX &&
        osri_map_get_u64(&lane->full, receiver) == NULL &&
        osri_map_put_u64(&lane->full, receiver, mailbox, NULL) == OSR_OK) {
        osri_list_init(&mailbox->line);
        mailbox = NULL;
        full_changed_locked(lane);
    }
    osri_mutex_unlock(&lane->mutex);
    osri_heap_free(mailbox, sizeof(*mailbox));
}

void osri_lane_mailbox_room(osri_lane *lane, uint64_t receiver, uint64_t messages)
{
    bounded *mailbox;

    osri_mutex_lock(&lane->mutex);
    mailbox = osri_map_get_u64(&lane->full, receiver);
    if (mailbox != NULL && messages > 0) {
        mailbox->credit = messages; /* what was left is in it */
        use_credit_locked(lane, receiver, mailbox, false);
    } else if (mailbox != NULL) {
        (void)osri_map_remove_u64(&lane->full, receiver);
        use_credit_locked(lane, receiver, mailbox, true);
        osri_heap_free(mailbox, sizeof(*mailbox));
        full_changed_locked(lane);
    }
    osri_mutex_unlock(&lane->mutex);
}

static void end_all_full_locked(osri_lane *lane)
{
    size_t cursor = 0;
    osri_map_entry at;

    while (osri_map_next(&lane->full, &cursor, &at)) {
        bounded *mailbox = at.value;
        osri_list_link *l;

        while ((l = osri_list_first(&mailbox->line)) != NULL) {
            end_wait_locked(lane, OSRI_LIST_ENTRY(l, osri_sender, in_line), OSRI_SENDER_REFUSED);
        }
        osri_heap_free(mailbox, sizeof(*mailbox));
    }
    osri_map_fini(&lane->full);
    full_changed_locked(lane);
}

void osri_lane_end(osri_lane *lane)
{
    osri_mutex_lock(&lane->mutex);
    end_all_full_locked(lane);
    end_track_locked(lane, &lane->small);
    end_track_locked(lane, &lane->large);
    osri_mutex_unlock(&lane->mutex);
}

uint64_t osri_lane_refused(osri_lane *lane, uint64_t now_ns)
{
    uint64_t all = atomic_load_explicit(&lane->refused, memory_order_relaxed);
    uint64_t more = all - lane->refused_told;

    if (more == 0 || now_ns < lane->told_ns) {
        return 0;
    }
    lane->refused_told = all;
    lane->told_ns = now_ns + TOLD_EVERY_NS;
    return more;
}

uint64_t osri_lanes_refused(osri_lanes *lanes)
{
    uint64_t sum = 0;
    size_t cursor = 0;
    osri_map_entry at;

    osri_mutex_lock(&lanes->mutex);
    while (osri_map_next(&lanes->by_name, &cursor, &at)) {
        const osri_lane *lane = at.value;
        sum += atomic_load_explicit(&lane->refused, memory_order_relaxed);
    }
    osri_mutex_unlock(&lanes->mutex);
    return sum;
}

static uint64_t value_of(const osri_lane *lane, osri_lane_value value)
{
    return atomic_load_explicit(&lane->values[value], memory_order_relaxed);
}

static osr_link_status status_of(const osri_lane *lane)
{
    osr_link_status status = {
        .name = lane->name,
        .node = atomic_load_explicit(&lane->node, memory_order_relaxed),
        .connected = atomic_load_explicit(&lane->connected, memory_order_relaxed),
        .bytes_sent = value_of(lane, OSRI_LANE_BYTES_SENT),
        .bytes_received = value_of(lane, OSRI_LANE_BYTES_RECEIVED),
        .frames_sent = value_of(lane, OSRI_LANE_FRAMES_SENT),
        .frames_received = value_of(lane, OSRI_LANE_FRAMES_RECEIVED),
        .messages_sent = value_of(lane, OSRI_LANE_MESSAGES_SENT),
        .messages_received = value_of(lane, OSRI_LANE_MESSAGES_RECEIVED),
        .signals_sent = value_of(lane, OSRI_LANE_SIGNALS_SENT),
        .signals_received = value_of(lane, OSRI_LANE_SIGNALS_RECEIVED),
        .fragments_sent = value_of(lane, OSRI_LANE_FRAGMENTS_SENT),
        .fragments_received = value_of(lane, OSRI_LANE_FRAGMENTS_RECEIVED),
        .round_trip_ns = value_of(lane, OSRI_LANE_ROUND_TRIP_NS),
        .queued_bytes = osri_lane_queued(lane),
        .unacknowledged_bytes = value_of(lane, OSRI_LANE_IN_FLIGHT),
        .window_bytes = value_of(lane, OSRI_LANE_WINDOW),
        .senders_waiting = atomic_load_explicit(&lane->waiting, memory_order_relaxed),
        .dropped_full = atomic_load_explicit(&lane->refused, memory_order_relaxed),
        .dropped_lost = value_of(lane, OSRI_LANE_LOST),
        .dropped_too_large = value_of(lane, OSRI_LANE_TOO_LARGE),
        .dropped_type = value_of(lane, OSRI_LANE_UNTYPED),
    };

    return status;
}

size_t osri_lanes_status(osri_lanes *lanes, osr_link_status *ret_links, size_t max)
{
    size_t count = 0;
    size_t cursor = 0;
    osri_map_entry at;

    osri_mutex_lock(&lanes->mutex);
    while (osri_map_next(&lanes->by_name, &cursor, &at)) {
        if (count < max) {
            ret_links[count] = status_of(at.value);
        }
        count++;
    }
    osri_mutex_unlock(&lanes->mutex);
    return count;
}

void osri_lanes_end_all(osri_lanes *lanes)
{
    size_t cursor = 0;
    osri_map_entry at;

    osri_mutex_lock(&lanes->mutex);
    while (osri_map_next(&lanes->by_name, &cursor, &at)) {
        osri_lane_end(at.value);
    }
    osri_mutex_unlock(&lanes->mutex);
}
