/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/net/net.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "dist/groups/groups.h"
#include "dist/names/names.h"
#include "dist/net/state.h"
#include "lib/core/heap.h"

/* The distribution of a node: the turn, the start and the end.
 *
 * Invariants
 *   I1  whoever has the role (has_owner) is the only one to touch anything but the queue, the
 *       directory and the atomics. The role passes by has_owner: release when given back,
 *       acquire when taken. Who takes it when, and who waits where: attend.c.
 *   I2  a turn first takes what was asked, then what has arrived: what a process asked before it
 *       could hear of a connection's end goes by the connection that it meant.
 *   I3  due_ns is never later than what is due: it is lowered by whoever plans something, and
 *       computed anew by a tick. */

#define COMMANDS_A_LOOK 64 /* at the clock */
#define STEP_TURNS_MAX 10000

/* ---- what it tells of itself -------------------------------------------------------------- */

bool osri_net_has_left(const osri_net *net)
{
    return atomic_load_explicit(&net->has_left, memory_order_acquire);
}

uint64_t osri_net_session_of(const osri_net *net, const char *name)
{
    const osri_party *party = osri_map_get(&net->parties, name, strlen(name));

    return party == NULL || party->up == NULL ? 0 : party->up->number;
}

void osri_net_say(const osri_net *net, osri_gate *gate, osr_log_level level, const char *format,
                  ...)
{
    char text[OSR_LOG_LINE_BYTES_MAX];
    char more[OSRI_GATE_MORE_BYTES];
    va_list arguments;

    if (level > net->log->level || !osri_gate_pass(gate, osri_net_now(net), more)) {
        return;
    }
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    osri_log_write(net->log, level, "%s%s", text, more);
}

void osri_net_count(osri_net *net, osri_net_counters *ret_counters)
{
    *ret_counters = net->counters;
    ret_counters->dropped += osri_lanes_refused(&net->lanes);
}

/* ---- the turn ---------------------------------------------------------------------------- */

static void leave(osri_net *net)
{
    if (net->leaving) {
        return;
    }
    net->leaving = true;
    for (osri_list_link *l = osri_list_first(&net->sessions); l != NULL;
         l = osri_list_next(&net->sessions, l)) {
        osri_session *session = OSRI_LIST_ENTRY(l, osri_session, in_all);
        if (!session->dead) {
            osri_session_close(session, session->up ? OSRI_DOWN_GOODBYE : OSRI_DOWN_DISCONNECT,
                               "the node is stopping");
        }
    }
    osri_parties_refuse_all(net);
}

static void do_connect(osri_net *net, const char *name, bool asked)
{
    osri_party *party = osri_party_find(net, name);
    bool waits = party != NULL && party->state != OSRI_PARTY_IDLE;

    if (strcmp(name, osr_node_name(net->node)) == 0 || (party != NULL && party->up != NULL)) {
        return;
    }
    if (net->leaving || (!asked && !waits && !osri_party_may_dial(net, party))) {
        osri_node_unreachable(net->node, name, "not_connected");
        return;
    }
    party = osri_party_get(net, name);
    if (party == NULL) {
        osri_node_unreachable(net->node, name, osri_down_name(OSRI_DOWN_NO_MEMORY));
        return;
    }
    osri_party_dial(party, net);
}

static void do_disconnect(osri_net *net, const char *name)
{
    osri_party *party = osri_party_find(net, name);

    if (party != NULL && party->up != NULL) {
        osri_session_close(party->up, OSRI_DOWN_DISCONNECT, "disconnect");
    }
}

static void do_revoke(osri_net *net, const osri_revocations *list)
{
    osri_revocations *ours = net->options.revocations;

    if (list->version < ours->version) {
        osri_log_write(net->log, OSR_LOG_WARNING,
                       "net: the list of revoked certificates, version %llu, is older than %llu "
                       "already seen; ignored",
                       (unsigned long long)list->version, (unsigned long long)ours->version);
        return;
    }
    if (list->version > ours->version) {
        *ours = *list;
        osri_log_write(net->log, OSR_LOG_NOTICE,
                       "net: list of revoked certificates, version %llu: %u revoked",
                       (unsigned long long)list->version, list->count);
        osri_sessions_revoke(net);
    }
}

static void do_command(osri_net *net, osri_command *command)
{
    switch (command->kind) {
    case OSRI_COMMAND_SIGNAL:
        osri_route_command(net, command);
        return;
    case OSRI_COMMAND_WITHDRAW:
        osri_route_withdraw(net, command);
        return;
    case OSRI_COMMAND_CONNECT:
        do_connect(net, command->node, command->on);
        break;
    case OSRI_COMMAND_DISCONNECT:
        do_disconnect(net, command->node);
        break;
    case OSRI_COMMAND_WANT:
        osri_party_want(net, command->node, command->on);
        break;
    case OSRI_COMMAND_DRAIN:
        osri_net_members_drain(net, command->on);
        break;
    case OSRI_COMMAND_REVOKE:
        do_revoke(net, command->revocations);
        break;
    case OSRI_COMMAND_TICK:
        osri_net_ticks_change(net, command->number);
        break;
    case OSRI_COMMAND_FULL:
        osri_net_room_full(net, command->pid, command->from);
        break;
    case OSRI_COMMAND_ROOM:
        osri_net_room_made(net, command->pid);
        break;
    case OSRI_COMMAND_RESOLVED:
        osri_party_resolved(net, command);
        break;
    case OSRI_COMMAND_LEAVE:
        leave(net);
        break;
    }
    osri_command_free(command);
}

static bool take_commands(osri_net *net)
{
    osri_command *command = osri_command_take_all(&net->queue);
    bool any = command != NULL;
    unsigned count = 0;

    while (command != NULL) {
        osri_command *next = command->next;
        do_command(net, command);
        command = next;
        if (++count % COMMANDS_A_LOOK == 0) {
            osri_net_look_at_clock(net);
        }
    }
    osri_session_flush_all(net);
    osri_lanes_settle(&net->lanes);
    return any;
}

bool osri_net_take_events(osri_net *net, int events_max, uint64_t timeout_ns)
{
    osri_transport_event event;
    int count = 0;

    while (count < events_max &&
           net->transport->ops->poll(net->transport, count == 0 ? timeout_ns : 0, &event)) {
        osri_net_look_at_clock(net);
        if (count++ == 0) {
            net->woke_ns = osri_net_now(net);
            osri_command_sleep_end(&net->queue); /* what is sent from now on is taken soon */
        }
        osri_session_event(net, &event);
    }
    osri_net_look_at_clock(net);
    return count > 0;
}

static bool tick(osri_net *net)
{
    uint64_t now_ns = osri_net_now(net);

    if (now_ns < net->due_ns) {
        return false;
    }
    net->due_ns = UINT64_MAX;
    osri_sessions_tick(net, now_ns);
    osri_parties_tick(net, now_ns);
    osri_net_members_tick(net, now_ns);
    return true;
}

static void note_left(osri_net *net)
{
    osri_sessions_reap(net);
    if (net->leaving && osri_list_is_empty(&net->sessions)) {
        /* release: pairs with osri_net_has_left */
        atomic_store_explicit(&net->has_left, true, memory_order_release);
    }
}

bool osri_net_work(osri_net *net, int events_max)
{
    bool any;

    osri_net_look_at_clock(net);
    any = take_commands(net);
    any = (events_max > 0 && osri_net_take_events(net, events_max, 0)) || any;
    any = tick(net) || any;
    osri_sessions_doubt(net);
    osri_session_flush_all(net);
    osri_lanes_settle(&net->lanes);
    note_left(net);
    return any;
}

bool osri_net_step(osri_net *net, uint64_t *ret_next_due_ns)
{
    bool any = false;
    int turns = 0;

    while (turns++ < STEP_TURNS_MAX && osri_net_turn(net, 0)) {
        any = true;
    }
    *ret_next_due_ns = net->due_ns;
    return any;
}

/* ---- making and ending ------------------------------------------------------------------- */

static void free_joins(osri_net *net)
{
    for (uint32_t i = 0; net->joins != NULL && i < net->options.join_count; i++) {
        osri_heap_strfree(net->joins[i]);
    }
    osri_heap_free(net->joins, net->options.join_count * sizeof(*net->joins));
}

static void free_commands(osri_command *command)
{
    while (command != NULL) {
        osri_command *next = command->next;
        osri_command_free(command);
        command = next;
    }
}

static void free_parties(osri_net *net)
{
    size_t cursor = 0;
    osri_map_entry at;

    while (osri_map_next(&net->parties, &cursor, &at)) {
        osri_party_free(at.value);
    }
    osri_map_fini(&net->parties);
}

/* Everything but the transport. */
static void free_net(osri_net *net)
{
    free_commands(osri_command_close(&net->queue));
    while (!osri_list_is_empty(&net->sessions)) {
        osri_session_free(OSRI_LIST_ENTRY(osri_list_first(&net->sessions), osri_session, in_all));
    }
    osri_map_fini(&net->conns);
    free_parties(net);
    osri_lanes_fini(&net->lanes);
    osri_members_fini(&net->members);
    osri_directory_fini(&net->directory);
    for (unsigned i = 0; i < OSRI_NET_DEPTH; i++) {
        osri_link_actions_free(&net->actions[i]);
    }
    osri_net_attend_fini(net);
    osri_buffer_fini(&net->scratch);
    osri_buffer_fini(&net->introduction);
    free_joins(net);
    osri_heap_free(net, sizeof(*net));
}

/* The node stops. */
void osri_net_close(void *context)
{
    osri_net *net = context;
    osri_net_options options = net->options;
    osri_transport *transport = net->transport;
    uint64_t due_ns;

    osri_net_attend_end(net);
    if (options.closing != NULL) {
        options.closing(options.context);
    }
    osri_net_leave(net);
    (void)osri_net_step(net, &due_ns);
    osri_lanes_end_all(&net->lanes);
    free_net(net);
    transport->ops->free(transport, OSRI_NET_GOODBYE_MS);
    if (options.closed != NULL) {
        options.closed(options.context);
    }
}

/* NULL: the node has none. */
static const osri_net *net_of(const osr_node *node)
{
    void *context = NULL;
    bool ours = osri_node_remote(node, &context) == &osri_net_operations;

    return ours ? context : NULL;
}

void *osri_net_context_of(const osr_node *node)
{
    const osri_net *net = net_of(node);

    return net == NULL ? NULL : net->options.context;
}

osri_policy *osri_net_policy_of(const osr_node *node)
{
    const osri_net *net = net_of(node);

    return net == NULL ? NULL : net->options.policy;
}

osri_audit *osri_net_audit_of(const osr_node *node)
{
    const osri_net *net = net_of(node);

    return net == NULL ? NULL : net->options.audit;
}

static osr_err copy_joins(osri_net *net)
{
    uint32_t count = net->options.join_count;

    if (count == 0) {
        return OSR_OK;
    }
    net->joins = osri_heap_zalloc(count * sizeof(*net->joins));
    for (uint32_t i = 0; net->joins != NULL && i < count; i++) {
        net->joins[i] = osri_heap_strdup(net->options.joins[i]);
        if (net->joins[i] == NULL) {
            return OSR_ENOMEM;
        }
    }
    return net->joins == NULL ? OSR_ENOMEM : OSR_OK;
}

static osr_err want_joins(osri_net *net)
{
    for (uint32_t i = 0; i < net->options.join_count; i++) {
        osri_party *party;
        if (osri_node_name_check(net->joins[i], strlen(net->joins[i])) != OSR_OK) {
            return OSR_EINVAL;
        }
        if (strcmp(net->joins[i], osr_node_name(net->node)) == 0) {
            continue;
        }
        party = osri_party_get(net, net->joins[i]);
        if (party == NULL) {
            return OSR_ENOMEM;
        }
        party->wants++;
        party->redial_ns = 0; /* the first turn dials */
        net->due_ns = 0;
    }
    return OSR_OK;
}

static osr_err init_net(osri_net *net, osr_node *node, const osri_net_options *options)
{
    uint64_t seed;

    net->node = node;
    net->options = *options;
    net->options.tick_ms = options->tick_ms == 0 ? OSRI_NET_TICK_MS : options->tick_ms;
    net->options.setup_ms = options->setup_ms == 0 ? OSRI_NET_SETUP_MS : options->setup_ms;
    net->env = osri_node_env(node);
    net->log = osri_node_log(node);
    net->types = osri_node_types(node);
    net->transport = options->transport;
    net->due_ns = UINT64_MAX;
    osri_net_look_at_clock(net);
    net->env->random(net->env->context, &seed, sizeof(seed));
    osri_command_queue_init(&net->queue);
    osri_directory_init(&net->directory, seed);
    osri_lanes_init(&net->lanes, seed);
    osri_map_init(&net->parties, seed);
    osri_list_init(&net->sessions);
    osri_list_init(&net->dirty);
    atomic_init(&net->has_left, false);
    atomic_init(&net->ends, 0);
    return osri_net_members_init(net, seed);
}

/* Peers may speak to them as soon as they are up. */
static osr_err make_services(osr_node *node)
{
    osri_service *service;
    osr_err err = osri_service_get(node, &osri_groups_ops, &service);

    return err == OSR_OK ? osri_service_get(node, &osri_names_ops, &service) : err;
}

osr_err osri_net_new(osr_node *node, const osri_net_options *options, osri_net **ret_net)
{
    osri_net *net;
    osr_err err = OSR_OK;

    if (options->transport == NULL || options->identity == NULL ||
        options->resolver.resolve == NULL ||
        strcmp(options->identity->certificate.name, osr_node_name(node)) != 0 ||
        options->identity->creation != osr_node_creation(node)) {
        return OSR_EINVAL;
    }
    net = osri_heap_zalloc(sizeof(*net));
    if (net == NULL) {
        return OSR_ENOMEM;
    }
    err = init_net(net, node, options);
    err = err == OSR_OK ? osri_net_attend_init(net) : err;
    for (unsigned i = 0; i < OSRI_NET_DEPTH && err == OSR_OK; i++) {
        err = osri_link_actions_new(&net->actions[i]);
    }
    err = err == OSR_OK ? copy_joins(net) : err;
    err = err == OSR_OK ? want_joins(net) : err;
    err = err == OSR_OK ? make_services(node) : err;
    if (err != OSR_OK) {
        free_net(net);
        return err;
    }
    osri_node_set_remote(node, &osri_net_operations, net);
    osri_net_members_tell_self(net);
    *ret_net = net;
    return OSR_OK;
}
