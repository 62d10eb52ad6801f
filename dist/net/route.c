/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <string.h>

#include "dist/net/state.h"
#include "lib/process/rpc.h"
#include "lib/process/spawn.h"

/* Signals on their way: out to the session of their node, and in to processes of ours.
 *
 * Invariants
 *   I1  signals of one sender leave in the order in which they were given: all go through one
 *       queue, wait in one list of their party, and are records of one `sender` of the link.
 *   I2  an introduction is given to the link before the record that needs it, with sender 0, as is
 *       what services say; it has no large records, and the link lets no later record pass a small
 *       one of such a sender.
 *   I3  what a session's end has to fire is noted before the signal leaves or is delivered
 *       (relations.c). */

#define ARRAY_OF_TWO 0x92 /* in msgpack; no signal and no introduction begins so */
#define SENDER_INTRODUCTIONS 0
#define SENDER_NODE UINT64_MAX
#define SCRATCH_BYTES_KEPT ((size_t)1024 * 1024) /* of what one large message needed */

void osri_route_done(osri_net *net, osri_command *command)
{
    if (command->lane != NULL) {
        osri_lane_routed(&net->lanes, command->lane, command->given);
    }
    osri_command_free(command);
}

void osri_route_refuse(osri_net *net, osri_command *command, osr_reason_code code)
{
    if (command->signal != NULL) {
        osri_signal_return(net->node, command->pid, code, &command->signal);
    }
    osri_route_done(net, command);
}

static void answer(osri_session *session, osr_pid to, uint64_t ref, osri_signal_kind kind,
                   const osr_type *type, const void *body)
{
    osri_envelope *reply;
    osri_route route = {.pid = to};

    if (osri_signal_new(kind, OSR_PID_NONE, ref, type, body, &reply) == OSR_OK) {
        (void)osri_signal_send(session->net->node, &route, &reply);
    }
}

/* ---- out -------------------------------------------------------------------------------- */

static osr_err send_record(osri_session *session, const osri_buffer *record, uint64_t sender,
                           bool control)
{
    osri_link_event event = {.kind = OSRI_LINK_SEND,
                             .bytes = record->at,
                             .bytes_count = record->size,
                             .sender = sender,
                             .control = control};

    osri_session_touch(session);
    session->net->counters.records_sent++;
    return osri_session_step(session, &event);
}

static void introduce(osri_session *session, osri_record_kind kind, uint64_t id, const char *name,
                      uint64_t value)
{
    osri_buffer *scratch = &session->net->introduction;

    scratch->size = 0;
    if (osri_record_write_introduction(scratch, kind, id, name, value) == OSR_OK) {
        (void)send_record(session, scratch, SENDER_INTRODUCTIONS, true);
    } else {
        osri_session_starve(session);
    }
}

static void introduce_node(void *context, osr_pid pid)
{
    osri_session *session = context;
    osri_net *net = session->net;
    uint64_t creation = 0;
    const char *name;

    if (pid.node == 0 || pid.node == session->peer.node || pid.node == osr_node_id(net->node)) {
        return;
    }
    name = osri_directory_find(&net->directory, pid.node, &creation);
    if (name != NULL && !osri_introductions_node(&session->introductions, pid.node)) {
        introduce(session, OSRI_RECORD_NODE, pid.node, name, creation);
    }
}

static bool introduce_type(osri_session *session, const osr_type *type, uint32_t id)
{
    bool pids = true;

    if (osri_introductions_type(&session->introductions, type, id, &pids)) {
        return pids;
    }
    /* One that only passes through here has no name that we know. */
    introduce(session, OSRI_RECORD_TYPE, id, type->id == OSR_DYNAMIC_ID ? "" : type->name,
              type->id == OSR_DYNAMIC_ID ? 0 : osr_type_shape(type));
    return pids;
}

/* What a spawn or call passes on is encoded already. */
static void introduce_nodes_of(osri_session *session, const osr_bin *encoded)
{
    if (osr_bin_size(encoded) > 0 &&
        osri_validate(osr_bin_data(encoded), osr_bin_size(encoded)) == OSR_OK) {
        osri_record_each_pid(osr_bin_data(encoded), osr_bin_size(encoded), introduce_node, session);
    }
}

static void introduce_argument(osri_session *session, const osri_spawn_request *request)
{
    const osr_type *type = osri_types_by_id(session->net->types, request->argument_type);

    if (type != NULL) {
        (void)introduce_type(session, type, type->id);
    }
    introduce_nodes_of(session, request->argument);
    introduce_node(session, request->origin.leader);
    if (request->mailbox.is_set) {
        introduce_node(session, request->mailbox.value.overflow);
    }
}

/* Returns whether the record can have pids in it. */
static bool introduce_types(osri_session *session, const osri_envelope *signal)
{
    const osr_dynamic *dynamic;

    if (signal->kind == OSRI_SIGNAL_SPAWN) {
        introduce_argument(session, osri_envelope_body(signal));
        return false;
    }
    if (signal->kind == OSRI_SIGNAL_LEADER) {
        introduce_node(session, ((const osri_leader *)osri_envelope_body(signal))->pid);
        return false;
    }
    if (osri_is_rpc(signal)) {
        introduce_nodes_of(session, ((const osri_rpc_call *)osri_envelope_body(signal))->request);
    }
    if (signal->type == NULL ||
        (signal->kind != OSRI_SIGNAL_MESSAGE && signal->kind != OSRI_SIGNAL_REPLY)) {
        return false;
    }
    if (signal->type->id != OSR_DYNAMIC_ID) {
        return introduce_type(session, signal->type, signal->type->id);
    }
    dynamic = osri_envelope_body(signal);
    return introduce_type(session, signal->type, dynamic->type_id);
}

/* From a service of the node to its like. */
static bool is_of_service(const osri_command *command)
{
    return command->node == NULL && command->name == NULL && osri_pid_is_node(command->pid);
}

/* What a user sends to whoever it likes, by pid, name or alias: one order, one fate. */
static bool is_users_message(const osri_envelope *signal)
{
    return signal->kind == OSRI_SIGNAL_MESSAGE ||
           (signal->kind == OSRI_SIGNAL_REPLY && (signal->ref & OSRI_ALIAS_BIT) != 0);
}

static bool is_message(unsigned kind)
{
    return kind == OSRI_SIGNAL_MESSAGE || kind == OSRI_SIGNAL_REPLY;
}

static osr_err send_signal(osri_session *session, const osri_command *command)
{
    osri_net *net = session->net;
    const osri_envelope *signal = command->signal;
    osri_route route = {.pid = command->pid, .name = command->name};
    uint64_t sender = osri_record_process(signal->from);
    bool of_service = is_of_service(command);
    osr_err err;

    net->scratch.size = 0;
    err = osri_record_write_signal(&net->scratch, signal, &route, osri_net_now(net));
    if (err == OSR_OK && net->scratch.size > OSRI_LINK_RECORD_BYTES_MAX) {
        err = OSR_ELIMIT;
    }
    if (err == OSR_OK) {
        err = osri_relations_outgoing(&session->relations, signal, command->pid);
    }
    if (err != OSR_OK) {
        return err;
    }
    osri_lane_add(session->lane,
                  is_message(signal->kind) ? OSRI_LANE_MESSAGES_SENT : OSRI_LANE_SIGNALS_SENT, 1);
    if (introduce_types(session, signal)) {
        osri_record_each_pid(net->scratch.at, net->scratch.size, introduce_node, session);
    }
    sender = sender == 0 ? SENDER_NODE : sender;
    return send_record(session, &net->scratch, of_service ? SENDER_INTRODUCTIONS : sender,
                       of_service || !is_users_message(signal));
}

/* A signal that no record can carry: who waits for an answer hears why, not that the node is gone.
 */
static void refuse_size(osri_session *session, osri_command *command)
{
    const osri_envelope *signal = command->signal;
    osr_reason reason = osr_reason_error(OSR_ELIMIT);
    osri_spawn_result result = {.error = OSR_ELIMIT};
    bool asks = signal->kind == OSRI_SIGNAL_MESSAGE && signal->ref != 0;
    bool replies = signal->kind == OSRI_SIGNAL_REPLY;

    session->net->counters.dropped++;
    osri_lane_add(session->lane, OSRI_LANE_TOO_LARGE, 1);
    osri_net_say(session->net, &session->gate, OSR_LOG_ERROR,
                 "net: %s: a message of type %s is too large or too deep for another node (at most "
                 "%u MiB, 65,536 values); dropped",
                 session->name, signal->type == NULL ? "?" : signal->type->name,
                 OSR_MESSAGE_BYTES_MAX / (1024 * 1024));
    if (signal->kind == OSRI_SIGNAL_SPAWN) {
        answer(session, signal->from, signal->ref, OSRI_SIGNAL_SPAWN_REPLY,
               &osri_spawn_result_osr_type, &result);
    } else if (asks || replies) {
        answer(session, asks ? signal->from : command->pid, signal->ref, OSRI_SIGNAL_DOWN,
               &osr_reason_osr_type, &reason);
    } else {
        osri_route_refuse(session->net, command, OSR_REASON_NOCONNECTION);
        return;
    }
    osri_route_done(session->net, command);
}

/* A request that nobody waits for any more. */
static bool has_expired(const osri_net *net, const osri_envelope *signal)
{
    return signal->kind == OSRI_SIGNAL_MESSAGE && signal->ref != 0 && signal->deadline_ns != 0 &&
           osri_net_now(net) >= signal->deadline_ns;
}

/* It is not sent, and takes no room there. */
static void credit_back(const osri_command *command)
{
    if (command->lane != NULL) {
        osri_lane_credit_back(command->lane, command->credited);
    }
}

/* The session may be down afterwards, but not freed. */
static void send_command(osri_session *session, osri_command *command)
{
    osri_net *net = session->net;
    osr_err err;

    if (has_expired(net, command->signal)) {
        credit_back(command);
        osri_route_refuse(net, command, OSR_REASON_NOCONNECTION);
        return;
    }
    err = send_signal(session, command);
    if (net->scratch.capacity > SCRATCH_BYTES_KEPT) {
        osri_buffer_fini(&net->scratch);
    }
    if (err == OSR_ELIMIT || err == OSR_EINVAL) {
        credit_back(command);
        refuse_size(session, command);
        return;
    }
    if (err != OSR_OK && err != OSR_ECLOSED) {
        osri_route_refuse(net, command, OSR_REASON_NOCONNECTION);
        osri_session_starve(session); /* it would have a hole */
        return;
    }
    /* Taken by the link, or lost with the session, whose relations have fired for it. */
    osri_route_done(net, command);
}

/* Answers to what an earlier session brought are not worth a new one. */
static bool is_worth_dialing(const osri_envelope *signal)
{
    switch ((osri_signal_kind)signal->kind) {
    case OSRI_SIGNAL_MESSAGE:
    case OSRI_SIGNAL_EXIT:
    case OSRI_SIGNAL_LINK:
    case OSRI_SIGNAL_MONITOR:
    case OSRI_SIGNAL_SPAWN:
    case OSRI_SIGNAL_INFO:
    case OSRI_SIGNAL_LEADER:
        return true;
    case OSRI_SIGNAL_REPLY:
        return (signal->ref & OSRI_ALIAS_BIT) != 0;
    default:
        return false;
    }
}

/* What a service says belongs to the session that it was said for. */
static void route_of_service(osri_party *party, osri_command *command)
{
    if (party == NULL || party->up == NULL || party->up->number != command->signal->ref) {
        osri_command_free(command);
        return;
    }
    command->signal->ref = 0;
    send_command(party->up, command);
}

static void route_to(osri_net *net, const char *name, osri_command *command)
{
    osri_party *party = osri_party_find(net, name);
    bool waits = party != NULL && party->state != OSRI_PARTY_IDLE;

    if (is_of_service(command)) {
        route_of_service(party, command);
        return;
    }
    if (party != NULL && party->up != NULL) {
        if (command->node == NULL && command->pid.node != party->up->peer.node) {
            /* of another incarnation; a later one's session has not come up yet */
            osri_route_refuse(net, command,
                              osri_party_outlived(party, net, command->pid.node)
                                  ? OSR_REASON_NOPROC
                                  : OSR_REASON_NOCONNECTION);
            return;
        }
        net->near[party->up->peer.node % OSRI_NET_NEAR] = party->up;
        send_command(party->up, command);
        return;
    }
    if (net->leaving ||
        (!waits && (!is_worth_dialing(command->signal) || !osri_party_may_dial(net, party)))) {
        osri_route_refuse(net, command, OSR_REASON_NOCONNECTION);
        return;
    }
    party = party != NULL ? party : osri_party_get(net, name);
    if (party == NULL) {
        osri_route_refuse(net, command, OSR_REASON_NOCONNECTION);
        return;
    }
    osri_party_wait(party, net, command);
}

/* Given while a session was up that has ended since: lost with it. It would be the next one's
 * otherwise, and what waited in line behind it is not. */
static bool is_of_ended(osri_net *net, const osri_command *command)
{
    const char *name = command->node;
    const osri_lane *lane;

    if (command->ends == atomic_load_explicit(&net->ends, memory_order_relaxed)) {
        return false;
    }
    if (name == NULL) {
        name = osri_directory_find(&net->directory, command->pid.node, NULL);
    }
    lane = name == NULL ? NULL : osri_lane_to(&net->lanes, name);
    return lane != NULL && command->ends < lane->ended;
}

void osri_route_command(osri_net *net, osri_command *command)
{
    const char *name = command->node;

    if (is_of_ended(net, command)) {
        osri_route_refuse(net, command, OSR_REASON_NOCONNECTION);
        return;
    }
    osri_session *near = name == NULL ? osri_net_near(net, command->pid.node) : NULL;

    if (near != NULL && is_of_service(command)) {
        route_to(net, near->name, command);
        return;
    }
    if (near != NULL) {
        send_command(near, command);
        return;
    }
    if (name == NULL) {
        name = osri_directory_find(&net->directory, command->pid.node, NULL);
    }
    if (name == NULL || osri_node_name_check(name, strlen(name)) != OSR_OK) {
        osri_route_refuse(net, command, OSR_REASON_NOCONNECTION);
    } else if (strcmp(name, osr_node_name(net->node)) == 0) {
        osri_route_refuse(net, command,
                          OSR_REASON_NOPROC); /* we ourselves, before we were restarted */
    } else {
        route_to(net, name, command);
    }
}

void osri_route_withdraw(osri_net *net, osri_command *command)
{
    const osri_envelope *forget = command->signal;
    osr_reason left = {.code = OSR_REASON_NOCONNECTION, .error = OSR_ECLOSED};
    const char *name = command->node != NULL
                           ? command->node
                           : osri_directory_find(&net->directory, command->pid.node, NULL);
    osri_party *party = name == NULL ? NULL : osri_party_find(net, name);
    osri_command *waits =
        party == NULL ? NULL : osri_party_take_request(party, forget->from, forget->ref);
    osri_route route = {.pid = forget->from};
    osri_envelope *down;

    if (waits != NULL) {
        osri_route_refuse(net, waits, OSR_REASON_NOCONNECTION);
        osri_command_free(command);
        return;
    }
    if (osri_signal_new(OSRI_SIGNAL_DOWN, OSR_PID_NONE, forget->ref, &osr_reason_osr_type, &left,
                        &down) == OSR_OK) {
        (void)osri_signal_send(net->node, &route, &down);
    }
    osri_route_command(net, command);
}

/* ---- in --------------------------------------------------------------------------------- */

static void hear_type(osri_session *session, const osri_record *record)
{
    osri_net *net = session->net;
    const osr_type *ours = osri_types_by_id(net->types, (uint32_t)record->id);
    bool named = ours != NULL && record->name[0] != '\0';
    bool bad = named && strcmp(ours->name, record->name) != 0;
    osri_heard heard = bad ? OSRI_HEARD_BAD : OSRI_HEARD_GOOD;

    if (bad) {
        osri_net_say(net, &session->gate, OSR_LOG_ERROR,
                     "net: %s: message type 0x%llx is \"%s\" there and \"%s\" here (%s:%u); its "
                     "messages are dropped",
                     session->name, (unsigned long long)record->id, record->name, ours->name,
                     ours->file, ours->line);
    }
    if (named && !bad && osr_type_shape(ours) != record->value) {
        heard = OSRI_HEARD_CHANGED;
    }
    if (osri_introductions_hear(&session->introductions, (uint32_t)record->id, heard) != OSR_OK) {
        osri_session_fail(session, "too many message types");
    }
}

static void hear_node(osri_session *session, const osri_record *record)
{
    if (osri_node_name_check(record->name, strlen(record->name)) != OSR_OK ||
        osri_node_id(record->name, record->value) != record->id) {
        osri_session_fail(session, "malformed introduction of a node");
        return;
    }
    /* Too many names: pids of this node stay unknown here, and answer noconnection. */
    (void)!osri_directory_learn(&session->net->directory, record->id, record->name, record->value,
                                osri_net_now(session->net));
}

/* A message whose type means something else here. A request's sender hears why. */
static void drop_untyped(osri_session *session, const osri_record *record)
{
    osr_reason reason = osr_reason_error(OSR_ETYPE);
    osr_pid from = osri_record_pid(session->peer.node, record->from);

    session->net->counters.untyped++;
    osri_lane_add(session->lane, OSRI_LANE_UNTYPED, 1);
    if (record->kind == OSRI_SIGNAL_MESSAGE && record->ref != 0) {
        answer(session, from, record->ref, OSRI_SIGNAL_DOWN, &osr_reason_osr_type, &reason);
    }
}

static void deliver_spawn(osri_session *session, osri_envelope *signal)
{
    osri_net *net = session->net;
    const osri_spawn_request *request = osri_envelope_body(signal);
    osri_heard heard = osri_introductions_heard(&session->introductions, request->argument_type);
    osri_spawn_result refused = {.error = heard == OSRI_HEARD_BAD ? OSR_ETYPE : OSR_EPERM};
    bool allowed = osri_permit_start(
        session, request->entry, request->origin.supervised ? OSRI_ROLE_SUPERVISE : OSRI_ROLE_SPAWN,
        request->origin.supervised ? "supervise" : "spawn");

    if (allowed && heard != OSRI_HEARD_BAD) {
        osri_node_spawn_requested(net->node, &signal);
        return;
    }
    answer(session, signal->from, signal->ref, OSRI_SIGNAL_SPAWN_REPLY, &osri_spawn_result_osr_type,
           &refused);
    osri_envelope_free(&signal);
}

/* The process that serves a call is the target of the request from before it runs, so that it hears
 * when nobody waits any more. */
static void deliver_call(osri_session *session, osri_envelope *signal)
{
    osr_node *node = session->net->node;
    const osri_rpc_call *call = osri_envelope_body(signal);
    osr_self *process = NULL;
    osr_err err = osri_permit_start(session, call->function, OSRI_ROLE_SPAWN, "call")
                      ? osri_rpc_prepare(node, signal, &process)
                      : OSR_EPERM;
    osr_pid pid;

    if (err != OSR_OK) {
        osri_rpc_refuse(node, signal, err);
        osri_envelope_free(&signal);
        return;
    }
    pid = osri_process_pid(process);
    if (osri_relations_incoming(&session->relations, signal, &pid) == OSR_OK) {
        osri_spawn_run(process);
    } else {
        osri_spawn_undo(process);
        osri_session_fail(session, "too many links, monitors and requests");
    }
    osri_envelope_free(&signal);
}

static void deliver_info(osri_session *session, osr_pid to, osri_envelope *signal)
{
    osr_reason refused = osr_reason_error(OSR_EPERM);

    if (osri_permit_look(session)) {
        osri_signal_deliver(session->net->node, to, NULL, &signal);
        return;
    }
    answer(session, signal->from, signal->ref, OSRI_SIGNAL_DOWN, &osr_reason_osr_type, &refused);
    osri_envelope_free(&signal);
}

static void end_for_service(osri_session *session, osr_err err)
{
    if (err == OSR_ENOMEM) {
        osri_session_starve(session);
    } else {
        osri_session_fail(session, err == OSR_ELIMIT ? "too many memberships and names"
                                                     : "malformed message of a service");
    }
}

static void deliver_to_service(osri_session *session, osri_envelope *signal)
{
    osr_err err = OSR_OK;

    if (session->is_member) {
        err = osri_services_message(session->net->node, &session->peer, &signal);
    }
    osri_envelope_free(&signal);
    if (err != OSR_OK) {
        end_for_service(session, err);
    }
}

static void deliver(osri_session *session, const osri_record *record, osri_envelope *signal)
{
    osri_net *net = session->net;
    osr_pid to = record->is_named ? osri_node_whereis(net->node, record->name)
                                  : osri_record_pid(osr_node_id(net->node), record->to);
    bool nobody = !record->is_named && osr_pid_is_none(to);

    if (nobody && record->kind == OSRI_SIGNAL_MESSAGE && record->from == 0 && record->ref == 0) {
        deliver_to_service(session, signal);
        return;
    }
    if (nobody && record->from != 0 && osri_is_rpc(signal)) {
        deliver_call(session, signal);
        return;
    }
    if (record->kind == OSRI_SIGNAL_DEMONITOR) {
        nobody = false; /* of a spawn or call that was asked of the node itself, for one */
    }
    if (nobody != (record->kind == OSRI_SIGNAL_SPAWN) ||
        (record->from == 0 && record->kind == OSRI_SIGNAL_SPAWN)) {
        osri_envelope_free(&signal);
        osri_session_fail(session, "a signal to nobody");
        return;
    }
    if (osri_relations_incoming(&session->relations, signal, &to) != OSR_OK) {
        osri_envelope_free(&signal);
        osri_session_fail(session, "too many links, monitors and requests");
        return;
    }
    if (record->kind == OSRI_SIGNAL_SPAWN) {
        deliver_spawn(session, signal);
    } else if (record->kind == OSRI_SIGNAL_DEMONITOR && osr_pid_is_none(to)) {
        osri_envelope_free(&signal); /* it has fired, or never was */
    } else if (record->kind == OSRI_SIGNAL_INFO) {
        deliver_info(session, to, signal);
    } else {
        osri_signal_deliver(net->node, to, NULL, &signal);
    }
}

/* Whether the body's type was introduced; fails the session if not. */
static bool hear_body(osri_session *session, const osri_record *record, osri_heard *ret_heard)
{
    uint32_t id;

    *ret_heard = OSRI_HEARD_GOOD;
    if ((record->kind != OSRI_SIGNAL_MESSAGE && record->kind != OSRI_SIGNAL_REPLY) ||
        record->body_bytes == 0) {
        return true;
    }
    if (osri_record_body_type(record, &id) != OSR_OK) {
        osri_session_fail(session, "malformed message");
        return false;
    }
    *ret_heard = osri_introductions_heard(&session->introductions, id);
    if (*ret_heard == OSRI_HEARD_NOTHING) {
        osri_session_fail(session, "a message of a type that was not introduced");
        return false;
    }
    return true;
}

static bool may_have_credit(const osri_record *record)
{
    return record->kind == OSRI_SIGNAL_MESSAGE ||
           (record->kind == OSRI_SIGNAL_REPLY && (record->ref & OSRI_ALIAS_BIT) != 0);
}

/* When it was sent, on our clock, as far as that matters: a deadline is counted from there. */
static uint64_t sent_at(osri_session *session, const osri_record *record)
{
    uint64_t now_ns = osri_net_now(session->net);
    uint64_t late_ns = 0;
    osri_link_counters counters;

    if (record->deadline_ms != 0) {
        osri_link_count(session->link, &counters);
        late_ns = osri_delay_of(&session->delay, now_ns / OSRI_NS_PER_MS_NET, record->sent_ms) *
                      OSRI_NS_PER_MS_NET +
                  counters.fastest_ns / 2;
    }
    return late_ns < now_ns ? now_ns - late_ns : 1;
}

static void open_and_deliver(osri_session *session, const osri_record *record)
{
    osri_net *net = session->net;
    osri_envelope *signal;
    osri_heard heard;
    osr_err err;

    if (!hear_body(session, record, &heard)) {
        return;
    }
    if (osri_map_count(&session->full_told) > 0 && !record->is_named && may_have_credit(record)) {
        osri_net_room_used(session, record->to);
    }
    if (heard == OSRI_HEARD_BAD) {
        drop_untyped(session, record);
        return;
    }
    err =
        osri_record_open(record, net->types, session->peer.node, sent_at(session, record), &signal);
    if (err == OSR_OK) {
        osri_lane_add(
            session->lane,
            is_message(record->kind) ? OSRI_LANE_MESSAGES_RECEIVED : OSRI_LANE_SIGNALS_RECEIVED, 1);
        deliver(session, record, signal);
    } else if ((err == OSR_EPROTO && heard == OSRI_HEARD_CHANGED) ||
               (err == OSR_EINVAL && record->kind == OSRI_SIGNAL_MESSAGE)) {
        /* Another version of the type, which ours cannot read; or larger here than there. */
        drop_untyped(session, record);
    } else if (err == OSR_ENOMEM) {
        osri_session_starve(session);
    } else {
        osri_session_fail(session, "malformed signal");
    }
}

/* What the nodes say to each other, and no process: an array of two. */
static void hear_pair(osri_session *session, const uint8_t *bytes, size_t size)
{
    if (osri_members_is_record(bytes, size)) {
        osri_net_members_record(session, bytes, size);
    } else if (osri_net_room_is_record(bytes, size)) {
        osri_net_room_record(session, bytes, size);
    } else {
        osri_net_ticks_record(session, bytes, size);
    }
}

void osri_route_record(osri_session *session, const uint8_t *bytes, size_t size)
{
    osri_record record;

    session->net->counters.records_received++;
    if (bytes[0] == ARRAY_OF_TWO) {
        hear_pair(session, bytes, size);
        return;
    }
    if (osri_record_read(bytes, size, &record) != OSR_OK) {
        osri_session_fail(session, "malformed record");
    } else if (record.kind == OSRI_RECORD_TYPE) {
        hear_type(session, &record);
    } else if (record.kind == OSRI_RECORD_NODE) {
        hear_node(session, &record);
    } else {
        open_and_deliver(session, &record);
    }
}
