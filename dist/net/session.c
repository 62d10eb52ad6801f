/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <stdio.h>
#include <string.h>

#include "dist/net/state.h"
#include "lib/core/assert.h"
#include "lib/core/heap.h"

/* Sessions: between the transport, the link and the router.
 *
 * Invariants
 *   I1  a session is in net->conns while conn != 0, in net->sessions until it is reaped.
 *   I2  a link is stepped with an actions object of its own depth; one link is never stepped
 *       from within its own actions, so frames leave in the order in which the link made them.
 *   I3  nodeup is told when UP is executed, before any DELIVER; when DOWN is executed, first
 *       services hear of it, then the relations fire, then nodedown is told. After DOWN nothing of
 *       the session is delivered. */

#define RETRY_NS (1 * OSRI_NS_PER_MS_NET)
#define HOLDERS_MAX 16

/* ---- what the link asks ------------------------------------------------------------------ */

static osri_refusal check_certificate(void *context, const osri_signed_certificate *certificate,
                                      const uint8_t proven_key[OSRI_KEY_BYTES],
                                      osri_certificate *ret_certificate,
                                      char ret_text[OSRI_LINK_TEXT_BYTES])
{
    const osri_session *session = context;
    const osri_net *net = session->net;
    uint64_t now_s = net->env->wall_ms(net->env->context) / 1000;

    return (osri_refusal)osri_identity_check(net->options.identity, certificate, proven_key, now_s,
                                             OSRI_ROLE_JOIN, ret_certificate, ret_text,
                                             OSRI_LINK_TEXT_BYTES);
}

static osri_holder holder_of(const osri_session *session)
{
    osri_holder holder = {.creation = session->creation};

    holder.phase = session->up       ? OSRI_HOLDER_UP
                   : session->dialed ? OSRI_HOLDER_DIALING
                                     : OSRI_HOLDER_ACCEPTED;
    memcpy(holder.key, session->key, sizeof(holder.key));
    return holder;
}

static osri_verdict verdict_over_others(const osri_session *session, const osri_claim *claim)
{
    osri_net *net = session->net;
    osri_holder holders[HOLDERS_MAX];
    size_t count = 0;

    for (osri_list_link *l = osri_list_first(&net->sessions); l != NULL;
         l = osri_list_next(&net->sessions, l)) {
        const osri_session *other = OSRI_LIST_ENTRY(l, osri_session, in_all);
        if (other == session || other->dead || strcmp(other->name, claim->name) != 0) {
            continue;
        }
        if (count == HOLDERS_MAX) {
            return OSRI_VERDICT_REFUSE_LIMIT;
        }
        holders[count++] = holder_of(other);
    }
    return osri_link_verdict(osr_node_name(net->node), claim, holders, count);
}

static osri_verdict judge_name(void *context, const osri_claim *claim)
{
    osri_session *session = context;
    osri_verdict verdict;

    if (session->net->leaving) {
        return OSRI_VERDICT_REFUSE_STOPPING;
    }
    if (session->net->up_count >= OSRI_NET_PEERS_MAX) {
        return OSRI_VERDICT_REFUSE_LIMIT;
    }
    verdict = verdict_over_others(session, claim);
    if (verdict == OSRI_VERDICT_ACCEPT || verdict == OSRI_VERDICT_REPLACE) {
        (void)snprintf(session->name, sizeof(session->name), "%s", claim->name);
        memcpy(session->key, claim->key, sizeof(session->key));
        session->creation = claim->creation;
    }
    return verdict;
}

/* ---- making and freeing ------------------------------------------------------------------ */

static osr_err new_link(osri_session *session, uint32_t setup_ms)
{
    const osri_net_options *options = &session->net->options;
    osri_link_config config = {
        .self = options->identity,
        .hooks = {.context = session,
                  .check = check_certificate,
                  .name_state = judge_name,
                  .node_id = osri_node_id},
        .peer_name = session->dialed ? session->name : NULL,
        .peer_key = session->dialed ? session->key : NULL,
        .labels = options->labels,
        .label_count = options->label_count,
        .os_pid = options->os_pid,
        .setup_ms = setup_ms,
        .tick_ms = options->tick_ms,
        .hidden = options->hidden,
    };

    session->tick_ms = options->tick_ms;
    session->tick_due_ns = UINT64_MAX;
    session->net->env->random(session->net->env->context, config.random, sizeof(config.random));
    return osri_link_new(&config, session->dialed, osri_net_now(session->net), &session->link);
}

void osri_session_free(osri_session *session)
{
    if (session == NULL) {
        return;
    }
    osri_list_remove(&session->in_all);
    osri_list_remove(&session->in_dirty);
    osri_link_free(&session->link);
    osri_heap_free(session->contested, sizeof(*session->contested));
    osri_introductions_fini(&session->introductions);
    osri_map_fini(&session->full_told);
    osri_relations_fini(&session->relations);
    osri_heap_free(session, sizeof(*session));
}

static osri_session *new_session(osri_net *net, bool dialed)
{
    osri_session *session = osri_heap_zalloc(sizeof(*session));

    if (session != NULL) {
        session->net = net;
        session->dialed = dialed;
        session->retry_ns = UINT64_MAX;
        osri_list_push_back(&net->sessions, &session->in_all);
    }
    return session;
}

static void drop_conn(osri_session *session, uint32_t linger_ms)
{
    osri_net *net = session->net;

    if (session->conn != 0) {
        (void)osri_map_remove_u64(&net->conns, session->conn);
        net->transport->ops->close(net->transport, session->conn, linger_ms);
        session->conn = 0;
    }
}

static osr_err adopt_conn(osri_session *session, osri_conn conn, uint32_t setup_ms)
{
    osr_err err = osri_map_put_u64(&session->net->conns, conn, session, NULL);

    session->conn = conn;
    session->began_ns = osri_net_now(session->net);
    if (err == OSR_OK) {
        err = new_link(session, setup_ms);
    }
    if (err == OSR_OK) {
        osri_net_due(session->net, osri_link_next_due(session->link));
    }
    return err;
}

osr_err osri_session_dial(osri_net *net, const char *name, const char *endpoint,
                          const uint8_t key[OSRI_KEY_BYTES], uint64_t deadline_ns,
                          osri_session **ret_session)
{
    osri_session *session = new_session(net, true);
    uint64_t now_ns = osri_net_now(net);
    osri_conn conn;
    osr_err err;

    if (session == NULL) {
        return OSR_ENOMEM;
    }
    (void)snprintf(session->name, sizeof(session->name), "%s", name);
    memcpy(session->key, key, sizeof(session->key));
    err = net->transport->ops->dial(net->transport, endpoint, key, &conn);
    if (err == OSR_OK) {
        err = adopt_conn(
            session, conn,
            (uint32_t)((deadline_ns > now_ns ? deadline_ns - now_ns : 0) / OSRI_NS_PER_MS_NET) + 1);
    }
    if (err != OSR_OK) {
        drop_conn(session, 0);
        osri_session_free(session);
        return err;
    }
    *ret_session = session;
    return OSR_OK;
}

static osri_session *accept_conn(osri_net *net, const osri_transport_event *event)
{
    bool full = net->setup_count >= OSRI_NET_SETUPS_MAX;
    osri_session *session = net->leaving || full ? NULL : new_session(net, false);

    if (full) {
        osri_net_say(net, &net->gate, OSR_LOG_WARNING,
                     "net: %s: refused, %d handshakes are under way", event->peer_address,
                     OSRI_NET_SETUPS_MAX);
    }
    if (session == NULL) {
        net->transport->ops->close(net->transport, event->conn, 0);
        return NULL;
    }
    if (adopt_conn(session, event->conn, net->options.setup_ms) != OSR_OK) {
        drop_conn(session, 0);
        osri_session_free(session);
        return NULL;
    }
    net->setup_count++;
    (void)snprintf(session->address, sizeof(session->address), "%s", event->peer_address);
    return session;
}

void osri_sessions_reap(osri_net *net)
{
    osri_list_link *l = net->dead_count == 0 ? NULL : osri_list_first(&net->sessions);

    while (l != NULL) {
        osri_session *session = OSRI_LIST_ENTRY(l, osri_session, in_all);
        l = osri_list_next(&net->sessions, l);
        if (session->dead) {
            osri_session_free(session);
            net->dead_count--;
        }
    }
}

/* ---- what the link wants done ------------------------------------------------------------ */

static void fill_peer(osri_session *session, const osri_link_peer *theirs)
{
    osri_peer *peer = &session->peer;
    size_t used = 0;

    *peer =
        (osri_peer){.node = theirs->node_id,
                    .creation = theirs->creation,
                    .os_pid = theirs->os_pid,
                    .hidden = theirs->hidden && (theirs->certificate.roles & OSRI_ROLE_HIDDEN) != 0,
                    .roles = theirs->certificate.roles,
                    .serial = theirs->certificate.serial,
                    .spawns_listed = theirs->certificate.spawn_count != 0};
    (void)snprintf(peer->name, sizeof(peer->name), "%s", theirs->certificate.name);
    (void)snprintf(session->name, sizeof(session->name), "%s", theirs->certificate.name);
    for (uint32_t i = 0; i < theirs->label_count; i++) {
        size_t bytes = strlen(theirs->labels[i]) + 1;
        if (used + bytes < sizeof(peer->labels)) {
            (void)snprintf(peer->labels + used, sizeof(peer->labels) - used, "%s\n",
                           theirs->labels[i]);
            used += bytes;
        }
    }
    memcpy(&session->number, theirs->session, sizeof(session->number));
    peer->connection = session->number;
    peer->session = session->number;
    session->serial = theirs->certificate.serial;
    session->spawn_count = theirs->certificate.spawn_count;
    memcpy(session->spawn, theirs->certificate.spawn, sizeof(session->spawn));
}

/* A name is up once (link.h, L6). */
static void end_others(osri_session *session, bool all)
{
    osri_net *net = session->net;

    for (osri_list_link *l = osri_list_first(&net->sessions); l != NULL;
         l = osri_list_next(&net->sessions, l)) {
        osri_session *other = OSRI_LIST_ENTRY(l, osri_session, in_all);
        if (other != session && !other->dead && (all || other->up) &&
            strcmp(other->name, session->name) == 0) {
            osri_session_close(other, OSRI_DOWN_RESTARTED, "replaced by a new connection");
        }
    }
}

static void forget_near(osri_net *net)
{
    memset(net->near, 0, sizeof(net->near));
}

static bool is_revoked(const osri_session *session)
{
    const osri_revocations *list = session->net->options.revocations;

    return list != NULL && osri_revocations_has(list, session->serial);
}

static void come_up(osri_session *session, const osri_link_action *action)
{
    osri_net *net = session->net;

    forget_near(net);
    fill_peer(session, action->peer);
    if (is_revoked(session)) { /* since its certificate was checked */
        osri_session_fail(session, "its certificate is revoked");
        session->failure_down = OSRI_DOWN_REVOKED;
        return;
    }
    end_others(session, action->verdict == OSRI_VERDICT_REPLACE);
    if (osri_directory_up(&net->directory, &session->peer, osri_net_now(net)) != OSR_OK) {
        osri_session_starve(session);
        return;
    }
    if (!osri_net_members_up(session) || !osri_party_up(net, session)) {
        osri_directory_down(&net->directory, session->peer.node);
        osri_net_members_down(session, OSRI_DOWN_NO_MEMORY);
        osri_session_starve(session);
        return;
    }
    session->up = true;
    if (session->lane != NULL) {
        osri_lane_up(session->lane, session->peer.node);
    }
    session->creation = session->peer.creation;
    net->up_count++;
    net->counters.sessions++;
    net->setup_count -= session->dialed ? 0 : 1;
    osri_log_write(net->log, OSR_LOG_INFO, "net: %s is up", session->name);
    if (session->is_member) {
        osri_services_peer_up(net->node, &session->peer);
    }
    osri_node_peer_up(net->node, &session->peer);
    osri_net_members_tell(session);
}

static void go_down(osri_session *session, const osri_link_action *action)
{
    osri_net *net = session->net;
    const char *reason = osri_down_name(action->down);
    bool was_up = session->up;

    osri_session_tell_down(session, action, reason);
    forget_near(net);
    session->dead = true;
    session->up = false;
    net->dead_count++;
    if (was_up) {
        uint64_t ends = atomic_load_explicit(&net->ends, memory_order_relaxed) + 1;
        /* relaxed: those who learn of the end do so by what is delivered below */
        atomic_store_explicit(&net->ends, ends, memory_order_relaxed);
        net->up_count--;
        osri_directory_down(&net->directory, session->peer.node);
        if (session->lane != NULL) {
            osri_lane_add(session->lane, OSRI_LANE_LOST, action->lost_records);
            osri_lane_down(&net->lanes, session->lane);
            session->lane->ended = ends;
        }
    } else if (!session->dialed) {
        net->setup_count--;
    }
    osri_party_down(net, session, action);
    if (was_up) {
        if (session->is_member) {
            osri_services_peer_down(net->node, &session->peer);
        }
        osri_relations_fire(&session->relations, net->node);
        osri_node_peer_down(net->node, &session->peer, reason);
        osri_net_members_down(session,
                              action->by_peer && action->down == OSRI_DOWN_CONNECTION_CLOSED
                                  ? OSRI_DOWN_DISCONNECT
                                  : action->down);
    }
}

/* True: the transport takes no more for now, the frame has gone back. */
static bool send_frame(osri_session *session, const osri_link_action *action, bool *ret_lost)
{
    osri_net *net = session->net;
    osr_err err = session->conn == 0 ? OSR_ECLOSED : OSR_OK;

    if (err == OSR_OK && !session->blocked) {
        err = net->transport->ops->send(net->transport, session->conn, action->bytes,
                                        action->bytes_count);
    }
    if (err == OSR_EFULL || (err == OSR_OK && session->blocked)) {
        session->blocked = true;
        session->retry_ns = osri_net_now(net) + RETRY_NS;
        osri_net_due(net, session->retry_ns);
        err = osri_link_take_back(session->link, action->bytes, action->bytes_count);
    }
    *ret_lost =
        *ret_lost || err == OSR_ENOMEM || (err != OSR_OK && !osri_link_is_down(session->link));
    return err == OSR_OK;
}

/* Returns whether the connection turned out to be lost. */
static bool execute(osri_session *session, const osri_link_actions *actions)
{
    bool lost = false;

    for (size_t i = 0; i < osri_link_actions_count(actions); i++) {
        const osri_link_action *action = osri_link_actions_at(actions, i);
        switch (action->kind) {
        case OSRI_LINK_SEND_FRAME:
            if (!lost) {
                (void)send_frame(session, action, &lost);
            }
            break;
        case OSRI_LINK_DELIVER:
            if (session->up && session->failure == NULL) {
                osri_route_record(session, action->bytes, action->bytes_count);
            }
            break;
        case OSRI_LINK_UP:
            come_up(session, action);
            break;
        case OSRI_LINK_DOWN:
            go_down(session, action);
            break;
        case OSRI_LINK_CLOSE_TRANSPORT:
            drop_conn(session, action->linger_ms);
            break;
        }
    }
    return lost;
}

/* What others see of the link. */
static void tell_lane(osri_session *session)
{
    osri_lane *lane = session->lane;
    osri_link_counters counters;

    osri_link_count(session->link, &counters);
    osri_lane_set(lane, OSRI_LANE_BYTES_SENT, counters.bytes_sent);
    osri_lane_set(lane, OSRI_LANE_BYTES_RECEIVED, counters.bytes_received);
    osri_lane_set(lane, OSRI_LANE_FRAMES_SENT, counters.frames_sent);
    osri_lane_set(lane, OSRI_LANE_FRAMES_RECEIVED, counters.frames_received);
    osri_lane_set(lane, OSRI_LANE_FRAGMENTS_SENT, counters.fragments_sent);
    osri_lane_set(lane, OSRI_LANE_FRAGMENTS_RECEIVED, counters.fragments_received);
    osri_lane_set(lane, OSRI_LANE_ROUND_TRIP_NS, counters.round_trip_ns);
    osri_lane_set(lane, OSRI_LANE_IN_FLIGHT, osri_link_in_flight_bytes(session->link));
    osri_lane_set(lane, OSRI_LANE_WINDOW, counters.window_bytes);
    osri_lane_linked(&session->net->lanes, lane, osri_link_queued_bytes(session->link),
                     osri_link_queued_large_bytes(session->link));
}

static void end_conn(osri_session *session, const char *text)
{
    osri_link_event closed = {.kind = OSRI_LINK_CLOSED, .text = text};

    drop_conn(session, 0);
    (void)osri_session_step(session, &closed);
}

osr_err osri_session_step(osri_session *session, osri_link_event *event)
{
    osri_net *net = session->net;
    osri_link_actions *actions = net->actions[net->depth];
    bool was_up = session->up;
    bool lost;
    osr_err err;

    OSR_ASSERT(net->depth < OSRI_NET_DEPTH);
    event->now_ns = osri_net_now(net);
    net->depth++;
    err = osri_link_step(session->link, event, actions);
    lost = execute(session, actions);
    net->depth--;
    if (session->dead) {
        return err;
    }
    if (lost) {
        end_conn(session, "the connection was lost");
        return err;
    }
    if (session->failure != NULL) {
        osri_session_close(session, session->failure_down, session->failure);
        return err;
    }
    if (session->lane != NULL && event->kind != OSRI_LINK_SEND) { /* a FLUSH follows */
        tell_lane(session);
    }
    osri_net_due(net, osri_link_next_due(session->link));
    if (session->up && !was_up) {
        osri_net_ticks_up(session);
        osri_net_members_greet(session);
        osri_party_release(net, session->name);
    }
    return err;
}

/* ---- from outside ------------------------------------------------------------------------ */

void osri_session_fail(osri_session *session, const char *text)
{
    osri_net *net = session->net;

    if (session->failure == NULL) {
        session->failure = text;
        session->failure_down = OSRI_DOWN_PROTOCOL_ERROR;
        net->counters.malformed++;
        osri_net_say(net, &net->gate, OSR_LOG_ERROR, "net: %s: %s; closing", session->name, text);
    }
}

void osri_session_starve(osri_session *session)
{
    osri_net *net = session->net;

    if (session->failure == NULL) {
        session->failure = "out of memory";
        session->failure_down = OSRI_DOWN_NO_MEMORY;
        osri_session_touch(session); /* a step follows */
        osri_net_say(net, &net->gate, OSR_LOG_ERROR, "net: %s: out of memory; closing",
                     session->name);
    }
}

void osri_sessions_doubt(osri_net *net)
{
    osri_doubted doubted;

    if (!osri_doubts_take(&net->doubts, &doubted)) {
        return;
    }
    for (osri_list_link *l = osri_list_first(&net->sessions); l != NULL;
         l = osri_list_next(&net->sessions, l)) {
        osri_session *session = OSRI_LIST_ENTRY(l, osri_session, in_all);
        if (session->up && !session->dead && osri_doubted_has(&doubted, session->number)) {
            osri_session_starve(session);
        }
    }
}

void osri_session_close(osri_session *session, osri_down down, const char *text)
{
    osri_link_event event = {
        .kind = OSRI_LINK_CLOSE, .down = down, .text = text, .linger_ms = OSRI_NET_GOODBYE_MS};

    (void)osri_session_step(session, &event);
}

static void close_revoked(osri_session *session)
{
    osri_log_write(session->net->log, OSR_LOG_WARNING,
                   "net: %s: its certificate (serial %llu) is revoked; closing", session->name,
                   (unsigned long long)session->serial);
    osri_session_close(session, OSRI_DOWN_REVOKED, "your certificate is revoked");
}

void osri_sessions_revoke(osri_net *net)
{
    for (osri_list_link *l = osri_list_first(&net->sessions); l != NULL;
         l = osri_list_next(&net->sessions, l)) {
        osri_session *session = OSRI_LIST_ENTRY(l, osri_session, in_all);
        if (!session->dead && session->up && is_revoked(session)) {
            close_revoked(session);
        }
    }
}

void osri_session_event(osri_net *net, const osri_transport_event *event)
{
    osri_session *session = event->kind == OSRI_CONN_ACCEPTED
                                ? accept_conn(net, event)
                                : osri_map_get_u64(&net->conns, event->conn);
    osri_link_event step = {.peer_key = event->peer_key};

    if (session == NULL || session->dead) {
        return;
    }
    switch (event->kind) {
    case OSRI_CONN_OPENED:
        step.kind = OSRI_LINK_OPENED;
        break;
    case OSRI_CONN_ACCEPTED:
        step.kind = OSRI_LINK_ACCEPTED;
        break;
    case OSRI_CONN_FRAME:
        step.kind = OSRI_LINK_FRAME;
        step.bytes = event->frame;
        step.bytes_count = event->frame_bytes;
        break;
    case OSRI_CONN_CLOSED:
        step.kind = OSRI_LINK_CLOSED;
        step.text = event->text;
        session->rejected = session->dialed && event->rejected;
        (void)osri_map_remove_u64(&net->conns, session->conn);
        session->conn = 0;
        break;
    }
    (void)osri_session_step(session, &step);
}

void osri_session_touch(osri_session *session)
{
    if (!osri_list_link_is_listed(&session->in_dirty)) {
        osri_list_push_back(&session->net->dirty, &session->in_dirty);
    }
}

/* Those that a flush touches anew wait for the next one. */
void osri_session_flush_all(osri_net *net)
{
    const osri_list_link *last = osri_list_last(&net->dirty);
    osri_list_link *l = last == NULL ? NULL : osri_list_pop_front(&net->dirty);

    while (l != NULL) {
        osri_session *session = OSRI_LIST_ENTRY(l, osri_session, in_dirty);
        osri_link_event flush = {.kind = OSRI_LINK_FLUSH};
        bool more = l != last;
        if (!session->dead) {
            (void)osri_session_step(session, &flush);
        }
        l = more ? osri_list_pop_front(&net->dirty) : NULL;
    }
}

static void tick(osri_session *session, uint64_t now_ns)
{
    osri_link_event event = {.kind = OSRI_LINK_WRITABLE};

    if (session->blocked && now_ns >= session->retry_ns) {
        session->blocked = false;
        session->retry_ns = UINT64_MAX;
        (void)osri_session_step(session, &event);
    }
    if (!session->dead && now_ns >= osri_link_next_due(session->link)) {
        event.kind = OSRI_LINK_TIME;
        (void)osri_session_step(session, &event);
    }
}

void osri_sessions_tick(osri_net *net, uint64_t now_ns)
{
    for (osri_list_link *l = osri_list_first(&net->sessions); l != NULL;
         l = osri_list_next(&net->sessions, l)) {
        osri_session *session = OSRI_LIST_ENTRY(l, osri_session, in_all);
        if (!session->dead) {
            osri_net_ticks_tick(session, now_ns);
            tick(session, now_ns);
        }
        if (!session->dead) {
            osri_net_due(net, session->retry_ns);
            osri_net_due(net, osri_link_next_due(session->link));
        }
    }
}
