/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <string.h>

#include "dist/names/names.h"
#include "lib/core/heap.h"
#include "lib/process/node.h"

/* Claims: who may register a name (PROTOCOL.md, "A claim").
 *
 * Invariants
 *   C1  while a claim of ours is under way we have given our word on the name to nobody, and know
 *       of no registration of it; while we have given it, there is no claim of ours.
 *   C2  our word is with one claim at a time; it comes back by WITHDRAW, REGISTERED, or the end of
 *       the session.
 *   C3  every claim of a peer is answered by one VOTE, unless it is withdrawn or its session ends
 *       before. */

static void answer(osri_names *names, osr_caller caller, osr_err err)
{
    osri_names_result result = {.error = (int32_t)err};

    osri_service_reply(&names->base, caller.pid, caller.ref, &osri_names_result_osr_type, &result);
}

static void vote(osri_names *names, const osri_names_their_claim *claim, bool granted)
{
    osri_names_vote message = {.number = claim->number, .granted = granted};

    osri_names_tell(names, claim->peer, &osri_names_vote_osr_type, &message);
}

static bool is_stronger(osr_pid a, osr_pid b)
{
    if (a.node != b.node) {
        return a.node < b.node;
    }
    return a.slot != b.slot ? a.slot < b.slot : a.generation < b.generation;
}

/* ---- ours -------------------------------------------------------------------------------- */

/* Out of the table; entry and owner stay. */
static void claim_free(osri_names *names, osri_names_own_claim *claim)
{
    claim->entry->claim = NULL;
    osri_list_remove(&claim->in_owner);
    (void)osri_map_remove_u64(&names->claims, claim->number);
    osri_map_fini(&claim->voters);
    osri_heap_free(claim, sizeof(*claim));
    names->own_count--;
}

void osri_names_give_up(osri_names *names, osri_names_own_claim *claim, osr_err why)
{
    osri_names_withdraw withdraw = {.number = claim->number,
                                    .name = osr_str_of(claim->entry->name)};
    osri_names_owner *owner = claim->owner;

    osri_names_tell_all(names, &osri_names_withdraw_osr_type, &withdraw);
    answer(names, claim->caller, why);
    claim_free(names, claim);
    osri_names_owner_trim(names, owner);
}

static void succeed(osri_names *names, osri_names_own_claim *claim)
{
    const osr_env *env = osri_node_env(names->base.node);
    osri_names_entry *entry = claim->entry;
    osri_names_registered said = {.number = claim->number,
                                  .name = osr_str_of(entry->name),
                                  .pid = claim->owner->pid,
                                  .weight = claim->weight,
                                  .since_ms = env->wall_ms(env->context),
                                  .policy = claim->policy};
    osri_names_registration *made;

    if (osri_names_add(names, entry, claim->owner, &said, &made) != OSR_OK) {
        osri_names_give_up(names, claim, OSR_ENOMEM);
        osri_names_trim(names, entry);
        return;
    }
    names->own_count++; /* the claim's place is given back below */
    osri_names_tell_all(names, &osri_names_registered_osr_type, &said);
    answer(names, claim->caller, OSR_OK);
    claim_free(names, claim);
}

static void count_votes(osri_names *names, osri_names_own_claim *claim)
{
    if (osri_map_count(&claim->voters) == 0) {
        succeed(names, claim);
    }
}

static osr_err ask(osri_names *names, osri_names_own_claim *claim, const osri_names_peer *peer)
{
    osri_names_claim message = {
        .number = claim->number, .name = osr_str_of(claim->entry->name), .pid = claim->owner->pid};
    osr_err err = osri_map_put_u64(&claim->voters, peer->peer.node, claim, NULL);

    if (err == OSR_OK) {
        osri_names_tell(names, peer, &osri_names_claim_osr_type, &message);
    }
    return err;
}

static osr_err ask_all(osri_names *names, osri_names_own_claim *claim)
{
    size_t cursor = 0;
    osri_map_entry at;
    osr_err err = OSR_OK;

    while (err == OSR_OK && osri_map_next(&names->peers, &cursor, &at)) {
        err = ask(names, claim, at.value);
    }
    return err;
}

static osri_names_own_claim *claim_new(osri_names *names, osri_names_entry *entry,
                                       osri_names_owner *owner)
{
    osri_names_own_claim *claim = osri_heap_zalloc(sizeof(*claim));
    uint64_t number = names->number + 1;

    if (claim == NULL || osri_map_put_u64(&names->claims, number, claim, NULL) != OSR_OK) {
        osri_heap_free(claim, sizeof(*claim));
        return NULL;
    }
    names->number = number;
    names->own_count++;
    claim->number = number;
    claim->entry = entry;
    claim->owner = owner;
    osri_map_init(&claim->voters, names->seed);
    entry->claim = claim;
    osri_list_push_back(&owner->claims, &claim->in_owner);
    return claim;
}

static osr_err begin(osri_names *names, const osri_names_register *wanted, osr_caller caller,
                     osri_names_entry *entry, osri_names_owner *owner)
{
    osri_names_own_claim *claim = claim_new(names, entry, owner);

    if (claim == NULL) {
        return OSR_ENOMEM;
    }
    claim->caller = caller;
    claim->weight = wanted->weight;
    claim->policy = wanted->policy;
    if (!osri_service_watch(names->base.node, wanted->pid)) {
        claim_free(names, claim);
        return OSR_ENOPROC;
    }
    if (ask_all(names, claim) != OSR_OK) {
        osri_names_withdraw withdraw = {.number = claim->number, .name = wanted->name};
        osri_names_tell_all(names, &osri_names_withdraw_osr_type, &withdraw);
        claim_free(names, claim);
        return OSR_ENOMEM;
    }
    count_votes(names, claim);
    return OSR_OK;
}

void osri_names_begin(osri_names *names, const osri_names_register *wanted, osr_caller caller)
{
    osri_names_entry *entry =
        names->own_count < OSRI_NAMES_MAX ? osri_names_get(names, wanted->name) : NULL;
    osri_names_owner *owner = NULL;
    osr_err err = names->own_count < OSRI_NAMES_MAX ? OSR_ENOMEM : OSR_ELIMIT;

    if (entry != NULL &&
        (osri_names_best(entry) != NULL || entry->claim != NULL || entry->granted.peer != NULL)) {
        err = OSR_ETAKEN;
    } else if (entry != NULL) {
        owner = osri_names_owner_get(names, wanted->pid);
        err = owner == NULL ? OSR_ENOMEM : begin(names, wanted, caller, entry, owner);
    }
    if (err != OSR_OK) {
        if (owner != NULL) {
            osri_names_owner_trim(names, owner);
        }
        if (entry != NULL) {
            osri_names_trim(names, entry);
        }
        answer(names, caller, err);
    }
}

void osri_names_ask(osri_names *names, const osri_names_peer *peer)
{
    size_t cursor = 0;
    osri_map_entry at;

    while (osri_map_next(&names->claims, &cursor, &at)) {
        osri_names_own_claim *claim = at.value;
        osri_names_entry *entry = claim->entry;
        if (ask(names, claim, peer) != OSR_OK) {
            osri_names_give_up(names, claim, OSR_ENOMEM);
            osri_names_trim(names, entry);
        }
    }
}

void osri_names_ask_no_more(osri_names *names, const osri_names_peer *peer)
{
    size_t cursor = 0;
    osri_map_entry at;

    while (osri_map_next(&names->claims, &cursor, &at)) {
        osri_names_own_claim *claim = at.value;
        if (osri_map_remove_u64(&claim->voters, peer->peer.node) != NULL) {
            count_votes(names, claim);
        }
    }
}

void osri_names_voted(osri_names *names, const osri_names_peer *peer, const osri_names_vote *said)
{
    osri_names_own_claim *claim = osri_map_get_u64(&names->claims, said->number);
    osri_names_entry *entry = claim == NULL ? NULL : claim->entry;

    if (claim == NULL || osri_map_remove_u64(&claim->voters, peer->peer.node) == NULL) {
        return;
    }
    if (said->granted) {
        count_votes(names, claim);
    } else {
        osri_names_give_up(names, claim, OSR_ETAKEN);
        osri_names_trim(names, entry);
    }
}

/* ---- theirs ------------------------------------------------------------------------------ */

static void forget(osri_names_their_claim *claim)
{
    claim->peer->held--;
    *claim = (osri_names_their_claim){0};
}

/* Our word has come back: who waits gets it, or hears that the name is taken. */
static void pass_on(osri_names *names, osri_names_entry *entry)
{
    osri_names_their_claim next = entry->waiting;

    if (next.peer == NULL) {
        return;
    }
    entry->waiting = (osri_names_their_claim){0};
    if (osri_names_best(entry) == NULL) {
        entry->granted = next;
        vote(names, &next, true);
    } else {
        vote(names, &next, false);
        forget(&next);
    }
}

/* A stronger one than the one that has our word. */
static void keep_waiting(osri_names *names, osri_names_entry *entry,
                         const osri_names_their_claim *claim)
{
    if (entry->waiting.peer != NULL) {
        vote(names, &entry->waiting, false);
        forget(&entry->waiting);
    }
    entry->waiting = *claim;
    claim->peer->held++;
}

static void consider(osri_names *names, osri_names_entry *entry,
                     const osri_names_their_claim *claim)
{
    bool taken = osri_names_best(entry) != NULL;

    if (!taken && entry->claim != NULL && is_stronger(claim->pid, entry->claim->owner->pid)) {
        osri_names_give_up(names, entry->claim, OSR_ETAKEN);
    }
    if (taken || entry->claim != NULL) {
        vote(names, claim, false);
    } else if (entry->granted.peer == NULL) {
        entry->granted = *claim;
        claim->peer->held++;
        vote(names, claim, true);
    } else if (!is_stronger(claim->pid, entry->granted.pid) ||
               (entry->waiting.peer != NULL && !is_stronger(claim->pid, entry->waiting.pid))) {
        vote(names, claim, false);
    } else {
        keep_waiting(names, entry, claim);
    }
}

osr_err osri_names_claimed(osri_names *names, osri_names_peer *peer, const osri_names_claim *said)
{
    osri_names_their_claim claim = {.peer = peer, .number = said->number, .pid = said->pid};
    osri_names_entry *entry;

    if (peer->held >= OSRI_NAMES_MAX) {
        return OSR_ELIMIT;
    }
    entry = osri_names_get(names, said->name);
    if (entry == NULL) {
        return OSR_ENOMEM;
    }
    consider(names, entry, &claim);
    osri_names_trim(names, entry);
    return OSR_OK;
}

static bool is_of(const osri_names_their_claim *claim, const osri_names_peer *peer, uint64_t number)
{
    return claim->peer == peer && claim->number == number;
}

void osri_names_withdrawn(osri_names *names, const osri_names_peer *peer,
                          const osri_names_withdraw *said)
{
    osri_names_entry *entry = osri_names_find(names, said->name);

    if (entry == NULL) {
        return;
    }
    if (is_of(&entry->waiting, peer, said->number)) {
        forget(&entry->waiting);
    } else if (is_of(&entry->granted, peer, said->number)) {
        forget(&entry->granted);
        pass_on(names, entry);
    }
    osri_names_trim(names, entry);
}

void osri_names_became_taken(osri_names *names, osri_names_entry *entry,
                             const osri_names_peer *peer, uint64_t number)
{
    if (entry->claim != NULL) {
        osri_names_give_up(names, entry->claim, OSR_ETAKEN);
    }
    if (number != 0 && is_of(&entry->granted, peer, number)) {
        forget(&entry->granted);
        pass_on(names, entry);
    }
}

void osri_names_forget_claims(osri_names *names, osri_names_entry *entry,
                              const osri_names_peer *peer)
{
    if (entry->waiting.peer == peer) {
        forget(&entry->waiting);
    }
    if (entry->granted.peer == peer) {
        forget(&entry->granted);
        pass_on(names, entry);
    }
}
