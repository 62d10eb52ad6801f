/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <stdio.h>
#include <string.h>

#include "dist/net/state.h"
#include "lib/core/heap.h"

/* The table of members between the sessions and the node: what is heard goes in, what has changed
 * goes out, to the peers and to the node's subscribers.
 *
 * Invariants
 *   I1  nothing is sent while a session's actions are executed (session.c, I2): what a record or
 *       an end of a session changes waits for the tick.
 *   I2  the node hears of a member after its nodeup, and after its nodedown. */

#define SENDER_MEMBERS (UINT64_MAX - 1)
/* What changes within it is told at once; longer where there are many to tell, so that a hub whose
 * thousand peers come within seconds does not tell each of each. */
#define GATHER_NS (50 * OSRI_NS_PER_MS_NET)
#define GATHER_NS_A_PEER (OSRI_NS_PER_MS_NET / 4)
#define RIVAL_NS (1000 * OSRI_NS_PER_MS_NET)

_Static_assert((int)OSRI_MEMBER_JOINED == (int)OSR_MEMBER_JOINED &&
                   (int)OSRI_MEMBER_LEFT == (int)OSR_MEMBER_LEFT &&
                   (int)OSRI_MEMBER_LOST == (int)OSR_MEMBER_LOST,
               "the same numbers");

/* ---- telling the node -------------------------------------------------------------------- */

static void tell_node(const osri_net *net, const osri_members_entry *entry)
{
    const osri_member *now = &entry->now;
    osri_member_view view = {.name = now->name,
                             .creation = now->creation,
                             .state = (osr_member_state)osri_members_state(entry),
                             .connected = entry->connected,
                             .draining = now->draining,
                             .endpoint = now->endpoint,
                             .labels = now->labels};

    osri_node_member(net->node, &view);
}

void osri_net_members_tell(osri_session *session)
{
    const osri_members_entry *entry = osri_members_find(&session->net->members, session->name);

    if (session->is_member && entry != NULL) {
        tell_node(session->net, entry);
    }
}

void osri_net_members_tell_self(osri_net *net)
{
    tell_node(net, net->members.self);
}

/* ---- telling the peers ------------------------------------------------------------------- */

static void plan(osri_net *net, uint64_t due_ns)
{
    net->members_due_ns = due_ns < net->members_due_ns ? due_ns : net->members_due_ns;
    osri_net_due(net, net->members_due_ns);
}

static void plan_changes(osri_net *net)
{
    uint64_t gather_ns = net->up_count * GATHER_NS_A_PEER;

    plan(net, osri_net_now(net) + (gather_ns > GATHER_NS ? gather_ns : GATHER_NS));
}

static void send(osri_session *session, osri_members_writer *record)
{
    osri_link_event event = {.kind = OSRI_LINK_SEND, .sender = SENDER_MEMBERS, .control = true};

    if (record->count > 0 && !session->dead) {
        event.bytes = osri_members_end(record, &event.bytes_count);
        osri_session_touch(session);
        session->net->counters.records_sent++;
        (void)osri_session_step(session, &event);
    }
}

static void send_changes(osri_session *session)
{
    osri_net *net = session->net;
    bool more;

    do {
        osri_members_begin(&net->record);
        more =
            osri_members_tell(&net->members, session->number, &session->members_told, &net->record);
        send(session, &net->record);
    } while (more);
}

void osri_net_members_greet(osri_session *session)
{
    osri_net *net = session->net;

    if (session->is_member) {
        osri_members_begin(&net->record);
        (void)osri_members_add(&net->record, &net->members.self->now);
        send(session, &net->record);
        send_changes(session);
    }
}

static void send_contested(osri_session *session)
{
    osri_members_writer *contested = session->contested;

    session->contested = NULL;
    if (contested != NULL) {
        send(session, contested);
        osri_heap_free(contested, sizeof(*contested));
    }
}

void osri_net_members_tick(osri_net *net, uint64_t now_ns)
{
    if (now_ns < net->members_due_ns) {
        osri_net_due(net, net->members_due_ns);
        return;
    }
    net->members_due_ns = UINT64_MAX;
    for (osri_list_link *l = osri_list_first(&net->sessions); l != NULL;
         l = osri_list_next(&net->sessions, l)) {
        osri_session *session = OSRI_LIST_ENTRY(l, osri_session, in_all);
        if (session->up && session->is_member && !session->dead) {
            send_contested(session);
            send_changes(session);
        }
    }
}

/* The peer is to hear what is said of it. One that does not fit, or has no room, comes again with
 * whoever says it next. */
static void contest(osri_net *net, const osri_member *said)
{
    osri_party *party = osri_party_find(net, said->name);
    osri_session *session = party == NULL ? NULL : party->up;

    if (session == NULL || !session->is_member) {
        return;
    }
    if (session->contested == NULL) {
        session->contested = osri_heap_alloc(sizeof(*session->contested));
        if (session->contested == NULL) {
            return;
        }
        osri_members_begin(session->contested);
    }
    (void)osri_members_add(session->contested, said);
    plan(net, osri_net_now(net));
}

/* ---- what happens ------------------------------------------------------------------------ */

bool osri_net_members_up(osri_session *session)
{
    osri_net *net = session->net;
    const osri_members_entry *entry;
    const osri_member peer = {.name = session->name,
                              .creation = session->peer.creation,
                              .state = OSRI_MEMBER_JOINED,
                              .endpoint = "",
                              .labels = session->peer.labels,
                              .key = session->key};

    session->is_member = !session->peer.hidden && !net->options.hidden;
    return !session->is_member || osri_members_up(&net->members, &peer, &entry) == OSR_OK;
}

static osri_member_state state_after(osri_down down)
{
    switch (down) {
    case OSRI_DOWN_GOODBYE:
        return OSRI_MEMBER_LEFT;
    case OSRI_DOWN_DISCONNECT:
        return OSRI_MEMBER_JOINED;
    default:
        return OSRI_MEMBER_LOST;
    }
}

void osri_net_members_down(osri_session *session, osri_down down)
{
    osri_net *net = session->net;
    const osri_members_entry *entry;

    if (session->is_member) {
        entry = osri_members_down(&net->members, session->name, state_after(down));
        if (entry != NULL && !net->leaving) {
            tell_node(net, entry);
            plan_changes(net);
        }
    }
}

void osri_net_members_failed(osri_net *net, const char *name, bool answered)
{
    const osri_members_entry *entry =
        net->leaving ? NULL : osri_members_failed(&net->members, name, answered);

    if (entry != NULL) {
        tell_node(net, entry);
        plan_changes(net);
    }
}

void osri_net_members_drain(osri_net *net, bool draining)
{
    uint64_t before = net->members.changes;

    osri_members_drain(&net->members, draining);
    if (net->members.changes != before) {
        osri_log_write(net->log, OSR_LOG_NOTICE, "net: this node is %s",
                       draining ? "draining: nothing new is placed here by its labels"
                                : "no longer draining");
        osri_net_members_tell_self(net);
        plan(net, osri_net_now(net));
    }
}

/* Two nodes of one name would refute each other for ever: not at once, then. */
static void refuted(osri_session *session, const osri_member *said)
{
    osri_net *net = session->net;
    bool rival =
        said->state == OSRI_MEMBER_JOINED && said->creation != osr_node_creation(net->node);

    if (rival) {
        osri_net_say(net, &net->gate, OSR_LOG_WARNING,
                     "net: %s says that another node has our name; stop one of them, unless this "
                     "one has just been started again",
                     session->name);
    }
    plan(net, osri_net_now(net) + (rival ? RIVAL_NS : 0));
}

static void hear(osri_session *session, const osri_member *said)
{
    osri_net *net = session->net;
    osri_hearing hearing = {.source = session->number,
                            .peer = session->name,
                            .wall_ms = net->env->wall_ms(net->env->context)};
    const osri_members_entry *entry;
    osri_heard_member heard;
    osri_member contested;

    if (osri_members_hear(&net->members, &hearing, said, &heard, &entry, &contested) != OSR_OK) {
        return; /* it is said again when it changes again, or at the next session */
    }
    switch (heard) {
    case OSRI_MEMBER_STALE:
        break;
    case OSRI_MEMBER_NEWS:
        tell_node(net, entry);
        plan_changes(net);
        break;
    case OSRI_MEMBER_CONTESTED:
        contest(net, &contested);
        break;
    case OSRI_MEMBER_REFUTED:
        refuted(session, said);
        break;
    }
}

static void take_member(void *context, const osri_member *said)
{
    hear(context, said);
}

void osri_net_members_record(osri_session *session, const uint8_t *bytes, size_t size)
{
    if (!session->is_member) {
        return; /* hidden nodes are not asked, and say nothing */
    }
    if (osri_members_read(bytes, size, take_member, session) != OSR_OK) {
        osri_session_fail(session, "malformed members");
    }
}

static osr_err join_labels(const osri_net_options *options,
                           char ret_labels[OSRI_MEMBER_LABELS_BYTES])
{
    size_t used = 0;

    for (uint32_t i = 0; i < options->label_count; i++) {
        size_t bytes = strlen(options->labels[i]);
        if (i >= OSRI_MEMBER_LABELS_MAX || bytes >= OSRI_MEMBER_LABEL_BYTES) {
            return OSR_EINVAL;
        }
        memcpy(ret_labels + used, options->labels[i], bytes);
        used += bytes;
        ret_labels[used++] = '\n';
    }
    ret_labels[used] = '\0';
    return OSR_OK;
}

osr_err osri_net_members_init(osri_net *net, uint64_t seed)
{
    char labels[OSRI_MEMBER_LABELS_BYTES];
    const osri_member self = {.name = osr_node_name(net->node),
                              .creation = osr_node_creation(net->node),
                              .version = net->env->wall_ms(net->env->context) << 16 | 1,
                              .state = OSRI_MEMBER_JOINED,
                              .endpoint =
                                  net->options.endpoint == NULL ? "" : net->options.endpoint,
                              .labels = labels,
                              .key = net->options.identity->certificate.key};
    osr_err err = join_labels(&net->options, labels);

    net->members_due_ns = UINT64_MAX;
    return err == OSR_OK ? osri_members_init(&net->members, seed, &self) : err;
}
