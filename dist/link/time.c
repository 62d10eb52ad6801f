/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <stdio.h>

#include "dist/link/state.h"

/* What the time alone brings: deadlines, ticks, silence (dist/PROTOCOL.md, "Ticks").
 *
 * Invariant: osri_link_next_due() is the earliest time at which osri_time_pass() would do
 * anything. */

static void deadline_passed(osri_link *link, osri_link_actions *actions)
{
    osri_link_end end = {.down = OSRI_DOWN_GOODBYE, .text = link->leaving_text};
    char text[OSRI_LINK_TEXT_BYTES];

    if (link->phase != OSRI_PHASE_LEAVING) {
        (void)snprintf(text, sizeof(text), "handshake timed out after %u.%u s",
                       link->config.setup_ms / 1000, link->config.setup_ms % 1000 / 100);
        end = (osri_link_end){.down = OSRI_DOWN_SETUP_FAILED, .text = text};
    }
    osri_link_finish(link, &end, actions);
}

/* Silence of the peer. Our own sleep is not its silence: one more T, once. */
static bool check_silence(osri_link *link, uint64_t now_ns, osri_link_actions *actions)
{
    uint64_t due_ns = link->received_ns + link->tick_ns;
    uint64_t expected_ns = link->sent_ns + link->tick_send_ns;
    bool ticks = !link->blocked && !link->goodbye_sent;
    char text[OSRI_LINK_TEXT_BYTES];

    if (now_ns < due_ns) {
        return true;
    }
    expected_ns = ticks && expected_ns < due_ns ? expected_ns : due_ns;
    if (!link->rearmed && now_ns - expected_ns > link->tick_ns / 2) {
        link->rearmed = true;
        link->received_ns = now_ns;
        return true;
    }
    (void)snprintf(
        text, sizeof(text), "link %s: nothing received for %llu.%llu s; closing",
        link->peer.certificate.name,
        (unsigned long long)((now_ns - link->received_ns) / (1000 * OSRI_NS_PER_MS)),
        (unsigned long long)((now_ns - link->received_ns) / (100 * OSRI_NS_PER_MS) % 10));
    osri_link_finish(link, &(osri_link_end){.down = OSRI_DOWN_TICK_TIMEOUT, .text = text}, actions);
    return false;
}

void osri_time_pass(osri_link *link, uint64_t now_ns, osri_link_actions *actions)
{
    if (link->phase == OSRI_PHASE_DOWN) {
        return;
    }
    if (link->phase != OSRI_PHASE_UP && now_ns >= link->deadline_ns) {
        deadline_passed(link, actions);
        return;
    }
    if (link->phase >= OSRI_PHASE_UP && check_silence(link, now_ns, actions)) {
        osri_flow_tick(link, now_ns, actions);
    }
}

void osri_time_set_ticks(osri_link *link)
{
    uint64_t tick_ms =
        link->peer.tick_ms < link->config.tick_ms ? link->peer.tick_ms : link->config.tick_ms;

    link->tick_ns = link->config.tick_ms * OSRI_NS_PER_MS;
    link->tick_send_ns = tick_ms * OSRI_NS_PER_MS / 4;
}

void osri_link_set_tick(osri_link *link, uint32_t ours_ms, uint32_t peers_ms)
{
    link->config.tick_ms = ours_ms == 0 ? link->config.tick_ms : ours_ms;
    link->peer.tick_ms = peers_ms == 0 ? link->peer.tick_ms : peers_ms;
    osri_time_set_ticks(link);
}

uint64_t osri_link_next_due(const osri_link *link)
{
    uint64_t due_ns = link->received_ns + link->tick_ns;
    uint64_t tick_ns = link->sent_ns + link->tick_send_ns;

    if (link->phase == OSRI_PHASE_DOWN) {
        return UINT64_MAX;
    }
    if (link->phase < OSRI_PHASE_UP) {
        return link->deadline_ns;
    }
    if (!link->blocked && !link->goodbye_sent && tick_ns < due_ns) {
        due_ns = tick_ns;
    }
    return link->phase == OSRI_PHASE_LEAVING && link->deadline_ns < due_ns ? link->deadline_ns
                                                                           : due_ns;
}
