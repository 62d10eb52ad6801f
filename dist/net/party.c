/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <stdio.h>
#include <string.h>

#include "dist/net/state.h"
#include "lib/core/heap.h"

/* Parties: nodes by name that are connected, dialed, or to be connected.
 *
 * Invariants
 *   I1  pending commands exist only while an attempt is under way (state not IDLE); every
 *       attempt ends by UP, which sends them, or by its deadline at the latest, which refuses
 *       them, in order.
 *   I2  we dial a name only while there is no other session under it (verdict.h relies on it).
 * Bound: of messages, that of the lane; control signals are never dropped, their number follows
 *   from links, monitors and requests. */

#define BACKOFF_MIN_MS 100
#define BACKOFF_MAX_MS 5000
#define AGAIN_MS 200 /* until a dial that was refused for the peer's own is tried again */

osri_party *osri_party_find(osri_net *net, const char *name)
{
    return osri_map_get(&net->parties, name, strlen(name));
}

osri_party *osri_party_get(osri_net *net, const char *name)
{
    osri_party *party = osri_party_find(net, name);

    if (party != NULL) {
        return party;
    }
    party = osri_heap_zalloc(sizeof(*party));
    if (party == NULL) {
        return NULL;
    }
    (void)snprintf(party->name, sizeof(party->name), "%s", name);
    party->redial_ns = UINT64_MAX;
    party->deadline_ns = UINT64_MAX;
    party->lane = osri_lane_to(&net->lanes, name);
    if (osri_map_put(&net->parties, party->name, strlen(party->name), party, NULL) != OSR_OK) {
        osri_heap_free(party, sizeof(*party));
        return NULL;
    }
    return party;
}

osri_command *osri_party_take_request(osri_party *party, osr_pid from, uint64_t ref)
{
    osri_command *before = NULL;

    for (osri_command *at = party->first; at != NULL; before = at, at = at->next) {
        if (at->signal == NULL || at->signal->kind != OSRI_SIGNAL_MESSAGE ||
            at->signal->ref != ref || !osr_pid_equal(at->signal->from, from)) {
            continue;
        }
        *(before == NULL ? &party->first : &before->next) = at->next;
        if (party->last == at) {
            party->last = before;
        }
        return at;
    }
    return NULL;
}

void osri_party_free(osri_party *party)
{
    while (party->first != NULL) {
        osri_command *command = party->first;
        party->first = command->next;
        osri_command_free(command);
    }
    osri_heap_free(party, sizeof(*party));
}

static void forget_if_idle(osri_net *net, osri_party *party)
{
    if (party->state == OSRI_PARTY_IDLE && party->up == NULL && party->dialing == NULL &&
        party->wants == 0 && !party->was_lost) {
        (void)osri_map_remove(&net->parties, party->name, strlen(party->name));
        osri_party_free(party);
    }
}

static osri_command *take_pending(osri_party *party)
{
    osri_command *first = party->first;

    party->first = NULL;
    party->last = NULL;
    return first;
}

static void refuse_pending(osri_net *net, osri_party *party)
{
    osri_command *command = take_pending(party);

    while (command != NULL) {
        osri_command *next = command->next;
        osri_route_refuse(net, command, OSR_REASON_NOCONNECTION);
        command = next;
    }
}

/* Somewhat random, so that a restarted contact is not dialed by all at once. */
static void plan_redial(osri_net *net, osri_party *party)
{
    uint32_t random;
    uint64_t ms;

    net->env->random(net->env->context, &random, sizeof(random));
    party->backoff_ms = party->backoff_ms == 0 ? BACKOFF_MIN_MS : party->backoff_ms * 2;
    party->backoff_ms = party->backoff_ms > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : party->backoff_ms;
    ms = party->backoff_ms - random % (party->backoff_ms / 4);
    party->redial_ns = osri_net_now(net) + ms * OSRI_NS_PER_MS_NET;
    osri_net_due(net, party->redial_ns);
}

/* Who waits to send to it waits no longer. */
static void end_lane(osri_party *party)
{
    if (party->lane != NULL) {
        osri_lane_end(party->lane);
    }
}

/* answered: somebody is there, or it was we who could not. level: of an attempt that was refused;
 * INFO: nobody was reached. What is tried again and again is told of once. */
static void end_attempt_at(osri_net *net, osri_party *party, bool answered, const char *text,
                           osr_log_level level)
{
    if (party->backoff_ms > 0) {
        level = OSR_LOG_INFO;
    } else if (party->wants > 0 && level == OSR_LOG_INFO) {
        level = OSR_LOG_NOTICE;
    }
    osri_log_write(net->log, level, "net: cannot connect to %s: %s", party->name, text);
    party->state = OSRI_PARTY_IDLE;
    party->deadline_ns = UINT64_MAX;
    party->redial_ns = UINT64_MAX;
    refuse_pending(net, party);
    end_lane(party);
    osri_net_members_failed(net, party->name, answered);
    osri_node_unreachable(net->node, party->name, osri_down_name(OSRI_DOWN_SETUP_FAILED));
    if (party->wants > 0 && !net->leaving) {
        plan_redial(net, party);
    }
}

static void end_attempt(osri_net *net, osri_party *party, bool answered, const char *text)
{
    end_attempt_at(net, party, answered, text, OSR_LOG_INFO);
}

static void dial_at(osri_net *net, osri_party *party, const char *endpoint,
                    const uint8_t key[OSRI_KEY_BYTES]);

/* What members say first: it costs nothing. */
static bool dial_by_table(osri_net *net, osri_party *party)
{
    const osri_members_entry *entry = osri_members_find(&net->members, party->name);

    if (!party->tries_table) {
        return false;
    }
    party->tries_table = false;
    if (entry == NULL || entry->now.state != OSRI_MEMBER_JOINED || entry->now.endpoint[0] == '\0') {
        return false;
    }
    party->by_table = true;
    dial_at(net, party, entry->now.endpoint, entry->now.key);
    return true;
}

static void resolve(osri_net *net, osri_party *party)
{
    party->state = OSRI_PARTY_RESOLVING;
    party->redial_ns = UINT64_MAX;
    party->by_table = false;
    if (dial_by_table(net, party)) {
        return;
    }
    net->options.resolver.resolve(net->options.resolver.context, net, party->name);
}

void osri_party_dial(osri_party *party, osri_net *net)
{
    if (party->state != OSRI_PARTY_IDLE || party->up != NULL || net->leaving) {
        return;
    }
    party->deadline_ns = osri_net_now(net) + net->options.setup_ms * OSRI_NS_PER_MS_NET;
    osri_net_due(net, party->deadline_ns);
    party->tries_table = true;
    resolve(net, party);
}

bool osri_party_may_dial(const osri_net *net, const osri_party *party)
{
    bool lost = party != NULL && party->was_lost;

    if (party != NULL && party->wants > 0) {
        return true;
    }
    return net->options.auto_connect == OSR_AUTO_CONNECT_ALWAYS ||
           (net->options.auto_connect == OSR_AUTO_CONNECT_ONCE && !lost);
}

static void want(osri_net *net, const char *name)
{
    osri_party *party = osri_party_get(net, name);

    if (party == NULL) {
        osri_log_write(net->log, OSR_LOG_ERROR, "net: out of memory: %s is not kept connected",
                       name);
        return;
    }
    party->wants++;
    osri_party_dial(party, net);
}

static void unwant(osri_net *net, osri_party *party)
{
    party->wants--;
    if (party->wants == 0 && party->state == OSRI_PARTY_IDLE) {
        party->redial_ns = UINT64_MAX;
    }
    forget_if_idle(net, party);
}

void osri_party_want(osri_net *net, const char *name, bool wanted)
{
    osri_party *party = osri_party_find(net, name);

    if (wanted && strcmp(name, osr_node_name(net->node)) != 0) {
        want(net, name);
    } else if (!wanted && party != NULL && party->wants > 0) {
        unwant(net, party);
    }
}

void osri_party_wait(osri_party *party, osri_net *net, osri_command *command)
{
    command->next = NULL;
    if (party->first == NULL) {
        party->first = command;
    } else {
        party->last->next = command;
    }
    party->last = command;
    osri_party_dial(party, net);
}

static bool has_session(const osri_net *net, const char *name)
{
    for (osri_list_link *l = osri_list_first(&net->sessions); l != NULL;
         l = osri_list_next(&net->sessions, l)) {
        const osri_session *session = OSRI_LIST_ENTRY(l, osri_session, in_all);
        if (!session->dead && strcmp(session->name, name) == 0) {
            return true;
        }
    }
    return false;
}

static void wait_for_theirs(osri_net *net, osri_party *party)
{
    party->state = OSRI_PARTY_WAITING;
    party->redial_ns = osri_net_now(net) + AGAIN_MS * OSRI_NS_PER_MS_NET;
    osri_net_due(net, party->redial_ns);
}

static void dial_at(osri_net *net, osri_party *party, const char *endpoint,
                    const uint8_t key[OSRI_KEY_BYTES])
{
    osr_err err;

    if (has_session(net, party->name)) {
        wait_for_theirs(net, party);
        return;
    }
    err = osri_session_dial(net, party->name, endpoint, key, party->deadline_ns, &party->dialing);
    if (err != OSR_OK) {
        end_attempt(net, party, true, osr_err_text(err));
        return;
    }
    party->state = OSRI_PARTY_DIALING;
}

void osri_party_resolved(osri_net *net, const osri_command *answer)
{
    osri_party *party = osri_party_find(net, answer->node);

    if (party == NULL || party->state != OSRI_PARTY_RESOLVING) {
        return;
    }
    if (answer->err != OSR_OK) {
        end_attempt(net, party, answer->err == OSR_ENOMEM,
                    answer->name == NULL ? osr_err_text(answer->err) : answer->name);
        forget_if_idle(net, party);
        return;
    }
    dial_at(net, party, answer->endpoint, answer->key);
    forget_if_idle(net, party);
}

bool osri_party_up(osri_net *net, osri_session *session)
{
    osri_party *party = osri_party_get(net, session->name);

    if (party == NULL) {
        return false;
    }
    party->up = session;
    session->lane = party->lane;
    party->state = OSRI_PARTY_IDLE;
    party->deadline_ns = UINT64_MAX;
    party->redial_ns = UINT64_MAX;
    party->backoff_ms = 0;
    net->lost_count -= party->was_lost ? 1 : 0;
    party->was_lost = false;
    return true;
}

bool osri_party_outlived(const osri_party *party, osri_net *net, uint64_t node)
{
    uint64_t since_ns = osri_directory_since(&net->directory, node);

    return since_ns < party->up->began_ns || since_ns < osri_link_answered_ns(party->up->link);
}

void osri_party_release(osri_net *net, const char *name)
{
    osri_party *party = osri_party_find(net, name);
    osri_command *command = party == NULL ? NULL : take_pending(party);

    while (command != NULL) {
        osri_command *next = command->next;
        osri_route_command(net, command);
        command = next;
    }
}

/* Our dial is over and nothing is up. */
static void dial_ended(osri_net *net, osri_party *party, const osri_session *session,
                       const osri_link_action *action)
{
    uint32_t refusal = action->refusal;

    if (party->state != OSRI_PARTY_DIALING) {
        return;
    }
    if (!net->leaving &&
        (refusal == OSRI_REFUSAL_SIMULTANEOUS || refusal == OSRI_REFUSAL_CONNECTED)) {
        wait_for_theirs(net, party);
        return;
    }
    if (!net->leaving && party->by_table && osri_net_now(net) < party->deadline_ns) {
        party->state = OSRI_PARTY_WAITING; /* the next tick asks the resolver */
        party->redial_ns = osri_net_now(net);
        osri_net_due(net, party->redial_ns);
        return;
    }
    end_attempt_at(net, party, refusal != OSRI_REFUSAL_NONE, action->text,
                   refusal != OSRI_REFUSAL_NONE ? osri_net_level_of(refusal)
                   : session->rejected          ? OSR_LOG_WARNING
                                                : OSR_LOG_INFO);
}

/* Connected once, and not any more: where nodes connect by themselves only once, that counts. */
static void note_loss(osri_net *net, osri_party *party, const osri_session *session)
{
    if (net->options.auto_connect == OSR_AUTO_CONNECT_ONCE && !session->peer.hidden &&
        !party->was_lost && net->lost_count < OSRI_NET_PEERS_MAX) {
        party->was_lost = true;
        net->lost_count++;
    }
}

void osri_party_down(osri_net *net, osri_session *session, const osri_link_action *action)
{
    osri_party *party = osri_party_find(net, session->name);

    if (party == NULL) {
        return;
    }
    if (party->up == session) {
        party->up = NULL;
        end_lane(party);
        if (party->state == OSRI_PARTY_IDLE) {
            refuse_pending(net, party); /* it ended before osri_party_release() */
        }
        note_loss(net, party, session);
        if (party->wants > 0 && party->state == OSRI_PARTY_IDLE && !net->leaving) {
            plan_redial(net, party);
        }
    }
    if (party->dialing == session) {
        party->dialing = NULL;
        dial_ended(net, party, session, action);
    } else if (party->state == OSRI_PARTY_WAITING) {
        party->redial_ns = osri_net_now(net); /* theirs has failed */
        osri_net_due(net, party->redial_ns);
    }
    forget_if_idle(net, party);
}

static void tell_refused(const osri_net *net, const osri_party *party, uint64_t now_ns)
{
    uint64_t refused = party->lane == NULL ? 0 : osri_lane_refused(party->lane, now_ns);

    if (refused > 0) {
        osri_log_write(
            net->log, OSR_LOG_WARNING,
            "net: %s: more than %u MiB wait for this node; %llu messages of senders that "
            "cannot wait were dropped",
            party->name,
            (party->up != NULL ? OSRI_LANE_BYTES_MAX : OSRI_LANE_DIALING_BYTES_MAX) / (1024 * 1024),
            (unsigned long long)refused);
    }
}

static void tick(osri_net *net, osri_party *party, uint64_t now_ns)
{
    tell_refused(net, party, now_ns);
    if (party->state != OSRI_PARTY_IDLE && party->state != OSRI_PARTY_DIALING &&
        now_ns >= party->deadline_ns) {
        end_attempt(net, party, false, "timed out");
    }
    if (now_ns < party->redial_ns) {
        return;
    }
    party->redial_ns = UINT64_MAX;
    if (party->state == OSRI_PARTY_IDLE) {
        osri_party_dial(party, net);
    } else if (party->state == OSRI_PARTY_WAITING && has_session(net, party->name)) {
        wait_for_theirs(net, party);
    } else if (party->state == OSRI_PARTY_WAITING) {
        resolve(net, party);
    }
}

void osri_parties_tick(osri_net *net, uint64_t now_ns)
{
    size_t cursor = 0;
    osri_map_entry at;

    while (osri_map_next(&net->parties, &cursor, &at)) {
        osri_party *party = at.value;
        tick(net, party, now_ns);
        osri_net_due(net, party->redial_ns);
        if (party->state != OSRI_PARTY_DIALING) {
            osri_net_due(net, party->deadline_ns);
        }
        forget_if_idle(net, party);
    }
}

void osri_parties_refuse_all(osri_net *net)
{
    size_t cursor = 0;
    osri_map_entry at;

    while (osri_map_next(&net->parties, &cursor, &at)) {
        osri_party *party = at.value;
        party->wants = 0;
        net->lost_count -= party->was_lost ? 1 : 0;
        party->was_lost = false;
        party->redial_ns = UINT64_MAX;
        if (party->up == NULL && party->dialing == NULL && party->state != OSRI_PARTY_IDLE) {
            end_attempt(net, party, true, "the node is stopping");
        }
        forget_if_idle(net, party);
    }
}
