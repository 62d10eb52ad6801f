/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/link/verdict.h"

#include <string.h>

/* The table of verdict.h, a row a function. A greater number is stricter, but for the three
 * refusals that cannot meet here. */

static osri_verdict judge_hello(const char *self_name, const osri_claim *claim,
                                const osri_holder *holder, bool same_key)
{
    switch (holder->phase) {
    case OSRI_HOLDER_DIALING:
        return same_key && strcmp(self_name, claim->name) > 0 ? OSRI_VERDICT_REFUSE_SIMULTANEOUS
                                                              : OSRI_VERDICT_ACCEPT;
    case OSRI_HOLDER_ACCEPTED:
        return OSRI_VERDICT_REPLACE;
    case OSRI_HOLDER_UP:
        break;
    }
    if (!same_key) {
        return OSRI_VERDICT_REFUSE_NAME_TAKEN;
    }
    return holder->creation == claim->creation ? OSRI_VERDICT_REFUSE_CONNECTED
                                               : OSRI_VERDICT_REPLACE;
}

static osri_verdict judge_welcome(const osri_holder *holder, bool same_key)
{
    if (holder->phase == OSRI_HOLDER_UP && !same_key) {
        return OSRI_VERDICT_REFUSE_NAME_TAKEN;
    }
    return OSRI_VERDICT_REPLACE;
}

osri_verdict osri_link_verdict(const char *self_name, const osri_claim *claim,
                               const osri_holder *holders, size_t count)
{
    osri_verdict strictest = OSRI_VERDICT_ACCEPT;

    for (size_t i = 0; i < count; i++) {
        bool same_key = memcmp(holders[i].key, claim->key, sizeof(holders[i].key)) == 0;
        osri_verdict verdict = claim->dialed ? judge_welcome(&holders[i], same_key)
                                             : judge_hello(self_name, claim, &holders[i], same_key);

        if (verdict > strictest) {
            strictest = verdict;
        }
    }
    return strictest;
}
