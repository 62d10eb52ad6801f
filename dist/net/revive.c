/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/net/revive.h"

#define FIRST_MS 200
#define SPREAD_MS 800
#define WAIT_MS_FIRST 1000
#define WAIT_MS_MAX 30000

bool osri_revive_turn(osri_revive *revive, bool is_dead, uint64_t now_ms, uint32_t random)
{
    if (!is_dead) {
        *revive = (osri_revive){.due_ms = 0};
        return false;
    }
    if (revive->due_ms == 0) {
        *revive = (osri_revive){.due_ms = now_ms + FIRST_MS + random % SPREAD_MS,
                                .wait_ms = WAIT_MS_FIRST};
        return false;
    }
    if (now_ms < revive->due_ms) {
        return false;
    }
    revive->due_ms = now_ms + revive->wait_ms;
    revive->wait_ms = revive->wait_ms * 2 < WAIT_MS_MAX ? revive->wait_ms * 2 : WAIT_MS_MAX;
    return true;
}

uint64_t osri_revive_due(const osri_revive *revive)
{
    return revive->due_ms == 0 ? UINT64_MAX : revive->due_ms;
}
