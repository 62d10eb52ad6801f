/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "tests/sim/people.h"

#include <stdio.h>
#include <string.h>

#include "lib/process/body.h"

#define KNOWN_MAX 48
#define CHILDREN_MAX 30
#define ASK_MS 300

OSR_MESSAGE(person_options, 0x1100, (1, u32, slot),
            (2, bool, linked)); /* slot PEOPLE_SLOTS: no name */
OSR_MESSAGE(person_talk, 0x1101, (1, u64, pair), (2, u64, by_pid), (3, pid, to), (4, u64, session),
            (5, u64, sent_ns), (6, bin, load));
OSR_MESSAGE(person_ask, 0x1102, (1, u64, number));
OSR_MESSAGE(person_answer, 0x1103, (1, u64, number));
OSR_MESSAGE(person_marker, 0x1104);
OSR_MESSAGE(person_stop, 0x1105);

people everybody;

typedef struct known {
    osr_pid pid;
    uint64_t sent; /* to this pid */
    bool linked;
} known;

typedef struct person {
    osr_self *self;
    osr_pid pid;
    uint32_t host;
    bool stop;
    uint32_t turns;
    uint64_t pairs[CLUSTER_NODES_MAX][PEOPLE_SLOTS];
    uint32_t next_up[CLUSTER_NODES_MAX]; /* index of the session whose nodeup comes next */
    known known[KNOWN_MAX];
    uint32_t known_count;
    osr_ref monitors[8];
} person;

static uint64_t dice(person *me, uint64_t bound)
{
    uint64_t number;

    osr_random(me->self, &number, sizeof(number));
    return number % bound;
}

static void note(event what)
{
    if (!everybody.dying) {
        what.now_ns = everybody.world->now_ns;
        journal_add(&everybody.book, what);
    }
}

static const char *name_of_slot(uint32_t slot)
{
    static const char *const names[PEOPLE_SLOTS] = {"anna", "bert", "cleo"};

    return names[slot];
}

static cluster_node *here(const person *me)
{
    return &everybody.world->nodes[me->host];
}

/* The host whose latest incarnation this is, or CLUSTER_NODES_MAX. */
static uint32_t host_of_node(uint64_t node)
{
    const cluster_node *at = cluster_by_id(everybody.world, node);

    return at == NULL ? CLUSTER_NODES_MAX : at->host;
}

static uint64_t session_with(const person *me, uint32_t host)
{
    return host == me->host || host >= CLUSTER_NODES_MAX
               ? 0
               : osri_net_session_of(here(me)->net, everybody.world->nodes[host].name);
}

static known *know(person *me, osr_pid pid)
{
    for (uint32_t i = 0; i < me->known_count; i++) {
        if (osr_pid_equal(me->known[i].pid, pid)) {
            return &me->known[i];
        }
    }
    if (me->known_count == KNOWN_MAX || osr_pid_is_none(pid) || osr_pid_equal(pid, me->pid)) {
        return NULL;
    }
    me->known[me->known_count] = (known){.pid = pid};
    return &me->known[me->known_count++];
}

/* ---- what they do ------------------------------------------------------------------------ */

static void talk(person *me, uint32_t host, uint32_t slot, bool by_name)
{
    osr_pid to = everybody.last[host][slot];
    known *other = by_name ? NULL : know(me, to);
    person_talk words = {.pair = ++me->pairs[host][slot],
                         .session = session_with(me, host),
                         .sent_ns = osr_now(me->self)};
    uint8_t *load;

    if (!by_name && (other == NULL || host_of_node(to.node) != host)) {
        return; /* to an earlier incarnation: covered by those who still know it */
    }
    if (other != NULL) {
        words.by_pid = ++other->sent;
        words.to = to;
    }
    if (dice(me, 40) == 0 && osr_bin_alloc(20000 + dice(me, 60000), &words.load, &load) != OSR_OK) {
        return;
    }
    (void)person_talk_send(me->self,
                           by_name ? osr_name(name_of_slot(slot), everybody.world->nodes[host].name)
                                   : osr_to(to),
                           &words);
    osr_bin_unref(&words.load);
}

static void talk_to_known(person *me)
{
    known *other = me->known_count == 0 ? NULL : &me->known[dice(me, me->known_count)];
    person_talk words = {0};

    if (other != NULL) {
        words.by_pid = ++other->sent;
        words.to = other->pid;
        words.session = session_with(me, host_of_node(other->pid.node));
        words.sent_ns = osr_now(me->self);
        (void)person_talk_send(me->self, osr_to(other->pid), &words);
    }
}

static void do_link(person *me)
{
    known *other = me->known_count == 0 ? NULL : &me->known[dice(me, me->known_count)];

    if (other == NULL) {
        return;
    }
    if (other->linked) {
        note((event){.kind = EVENT_UNLINK, .who = me->pid, .other = other->pid});
        (void)osr_unlink(me->self, other->pid);
        other->linked = false;
        return;
    }
    note((event){.kind = EVENT_LINK,
                 .who = me->pid,
                 .other = other->pid,
                 .y = session_with(me, host_of_node(other->pid.node))});
    other->linked = osr_link(me->self, other->pid) == OSR_OK;
}

static void do_monitor(person *me)
{
    osr_ref *place = &me->monitors[dice(me, 8)];
    uint32_t host = (uint32_t)dice(me, everybody.world->options.nodes);
    uint32_t slot = (uint32_t)dice(me, PEOPLE_SLOTS);
    osr_pid target = dice(me, 2) == 0 ? OSR_PID_NONE : everybody.last[host][slot];
    osr_ref old = *place;

    if (!osr_ref_is_none(old) && dice(me, 2) == 0) {
        *place = OSR_REF_NONE;
        (void)osr_demonitor(me->self, old, true);
        note((event){
            .kind = EVENT_DEMONITOR, .who = me->pid, .x = old.number, .z = CLUSTER_NODES_MAX});
        return;
    }
    uint64_t session = session_with(me, host);
    osr_err err = osr_monitor(me->self,
                              osr_pid_is_none(target)
                                  ? osr_name(name_of_slot(slot), everybody.world->nodes[host].name)
                                  : osr_to(target),
                              place);
    if (err == OSR_OK && !osr_pid_equal(target, me->pid) &&
        !(osr_pid_is_none(target) && host == me->host)) {
        note((event){.kind = EVENT_MONITOR,
                     .who = me->pid,
                     .other = target,
                     .x = place->number,
                     .y = session,
                     .z = host});
    } else {
        (void)osr_demonitor(me->self, *place, true);
        *place = OSR_REF_NONE;
    }
}

static void do_ask(person *me)
{
    uint32_t host = (uint32_t)dice(me, everybody.world->options.nodes);
    person_ask ask = {.number = dice(me, UINT32_MAX)};
    osr_message reply;
    osr_err err = osri_request(
        me->self,
        osr_name(name_of_slot((uint32_t)dice(me, PEOPLE_SLOTS)), everybody.world->nodes[host].name),
        &person_ask_osr_type, &ask, ASK_MS, &reply, NULL);
    const person_answer *answer = err == OSR_OK ? OSR_AS(person_answer, &reply) : NULL;

    if (answer != NULL) {
        note((event){.kind = EVENT_ANSWERED, .who = me->pid, .x = ask.number, .y = answer->number});
    }
}

static void do_spawn(person *me)
{
    uint32_t host = (uint32_t)dice(me, everybody.world->options.nodes);
    person_options options = {.slot = PEOPLE_SLOTS, .linked = true};
    osr_pid child;

    if (everybody.children >= CHILDREN_MAX) {
        return;
    }
    everybody.children++;
    uint64_t before = session_with(me, host);
    if (osr_spawn_named(me->self, "person", &person_options_osr_type, &options,
                        OSR_SPAWN(.node = everybody.world->nodes[host].name, .link = true),
                        &child) != OSR_OK) {
        return;
    }
    /* Where the session changed while we waited, nothing says which one the link belongs to. */
    uint64_t after = session_with(me, host_of_node(child.node));
    known *other = know(me, child);
    note((event){
        .kind = EVENT_LINK, .who = me->pid, .other = child, .y = before == after ? after : 0});
    if (other != NULL) {
        other->linked = true;
    }
}

static void act(person *me)
{
    uint32_t host = (uint32_t)dice(me, everybody.world->options.nodes);
    uint32_t slot = (uint32_t)dice(me, PEOPLE_SLOTS);

    switch (dice(me, 16)) {
    case 0:
    case 1:
        do_link(me);
        break;
    case 2:
    case 3:
        do_monitor(me);
        break;
    case 4:
        do_ask(me);
        break;
    case 5:
        do_spawn(me);
        break;
    case 6:
        me->stop = dice(me, 12) == 0;
        break;
    case 7:
        talk_to_known(me);
        break;
    default:
        for (uint64_t left = 1 + dice(me, 4); left > 0; left--) {
            talk(me, host, slot, dice(me, 2) == 0);
        }
        break;
    }
}

/* ---- what happens to them ---------------------------------------------------------------- */

static uint32_t host_of_name(osr_str name)
{
    for (uint32_t i = 0; i < everybody.world->options.nodes; i++) {
        if (strcmp(everybody.world->nodes[i].name, name.at) == 0) {
            return i;
        }
    }
    return 0;
}

/* Whether a dead process can still be found under a name of its node. */
static bool has_name(osr_pid pid, uint64_t code)
{
    const cluster_node *at = cluster_by_id(everybody.world, pid.node);

    for (uint32_t i = 0; at != NULL && code != OSR_REASON_NOCONNECTION && i < PEOPLE_SLOTS; i++) {
        if (osr_pid_equal(osri_node_whereis(at->node, name_of_slot(i)), pid)) {
            return true;
        }
    }
    return false;
}

/* The session that a message belongs to: the one that was up when it was sent, unless that ended at
 * the same moment, when the node might have taken it afterwards. 0: none was up. */
static uint64_t session_of(const person *me, osr_pid from, const person_talk *words)
{
    uint32_t host = host_of_node(from.node);
    uint64_t end_ns = host >= CLUSTER_NODES_MAX ? 0
                                                : cluster_session_end(&everybody.world->nodes[host],
                                                                      me->host, words->session);

    return end_ns > words->sent_ns ? words->session : 0;
}

static void heard_talk(person *me, const osr_message *message, const person_talk *words)
{
    note((event){.kind = EVENT_HEARD,
                 .who = me->pid,
                 .other = message->from,
                 .x = words->pair,
                 .y = words->by_pid,
                 .z = session_of(me, message->from, words),
                 .wrong = !osr_pid_is_none(words->to) && !osr_pid_equal(words->to, me->pid)});
    (void)know(me, message->from);
}

static void heard_exited(person *me, const osr_exited *exited)
{
    known *other = know(me, exited->from);

    note((event){.kind = EVENT_EXITED,
                 .who = me->pid,
                 .other = exited->from,
                 .y = exited->reason.code,
                 .wrong = has_name(exited->from, exited->reason.code)});
    if (other != NULL) {
        other->linked = false;
    }
}

static void heard_down(person *me, const osr_down *down)
{
    note((event){.kind = EVENT_DOWN,
                 .who = me->pid,
                 .other = down->pid,
                 .x = down->monitor.number,
                 .y = down->reason.code,
                 .wrong = has_name(down->pid, down->reason.code)});
    for (int i = 0; i < 8; i++) {
        if (osr_ref_equal(me->monitors[i], down->monitor)) {
            me->monitors[i] = OSR_REF_NONE;
        }
    }
}

static void heard_nodeup(person *me, const osr_nodeup *up)
{
    uint32_t host = host_of_name(up->name);
    const cluster_sessions *sessions = &here(me)->sessions[host];
    uint32_t index = me->next_up[host]++;

    note((event){.kind = EVENT_NODEUP,
                 .who = me->pid,
                 .x = host,
                 .y = index < sessions->ups ? sessions->numbers[index] : 0,
                 .z = up->node});
}

static void hear(person *me, const osr_message *message)
{
    const person_ask *ask = OSR_AS(person_ask, message);
    const osr_nodedown *down = OSR_AS(osr_nodedown, message);

    if (OSR_AS(person_talk, message) != NULL) {
        heard_talk(me, message, OSR_AS(person_talk, message));
    } else if (OSR_AS(osr_exited, message) != NULL) {
        heard_exited(me, OSR_AS(osr_exited, message));
    } else if (OSR_AS(osr_down, message) != NULL) {
        heard_down(me, OSR_AS(osr_down, message));
    } else if (OSR_AS(osr_nodeup, message) != NULL) {
        heard_nodeup(me, OSR_AS(osr_nodeup, message));
    } else if (down != NULL) {
        note((event){.kind = EVENT_NODEDOWN, .who = me->pid, .x = host_of_name(down->name)});
    } else if (ask != NULL) {
        person_answer answer = {.number = ask->number + 1};
        (void)osr_reply_to(me->self, osr_caller_of(message), &person_answer_osr_type, &answer);
    } else if (OSR_AS(person_marker, message) != NULL) {
        note((event){.kind = EVENT_SYNCED, .who = me->pid});
    } else if (OSR_AS(person_stop, message) != NULL) {
        me->stop = true;
    }
}

/* ---- their life -------------------------------------------------------------------------- */

static void end(void *argument)
{
    const person *me = argument;

    note((event){.kind = EVENT_ENDED, .who = me->pid});
}

static void begin(person *me, const person_options *options)
{
    person_marker marker = {0};

    note((event){.kind = EVENT_BORN,
                 .who = me->pid,
                 .other = osr_self_parent(me->self),
                 .x = options->linked && !osr_pid_is_none(osr_self_parent(me->self))});
    (void)!osr_defer(me->self, end, me);
    (void)osr_trap_exit(me->self, true);
    for (uint32_t i = 0; i < everybody.world->options.nodes; i++) {
        const cluster_sessions *sessions = &here(me)->sessions[i];
        me->next_up[i] = sessions->ups - (sessions->ups > sessions->downs ? 1 : 0);
    }
    (void)!osr_monitor_nodes(me->self, true, true);
    (void)person_marker_send(me->self, osr_to(me->pid), &marker);
}

OSR_ENTRY(person, person_options)
{
    person *me = osr_alloc(self, sizeof(*me));
    bool child = argument->slot == PEOPLE_SLOTS;

    memset(me, 0, sizeof(*me));
    me->self = self;
    me->pid = osr_self_pid(self);
    me->host = host_of_node(me->pid.node);
    begin(me, argument);
    while (!me->stop) {
        osr_message message;
        osr_err err = osr_receive(self, (uint32_t)(20 + dice(me, 80)), &message);
        if (err == OSR_OK) {
            hear(me, &message);
        } else if (err == OSR_EEXIT) {
            break;
        } else if (!everybody.calm) {
            act(me);
            me->stop = me->stop || (child && ++me->turns > 20);
        }
    }
    everybody.children -= child ? 1 : 0;
    return dice(me, 2) == 0 ? OSR_OK : OSR_EFAILED;
}
OSR_EXPORT(person);

void people_fill(void)
{
    cluster *world = everybody.world;

    for (uint32_t host = 0; host < world->options.nodes; host++) {
        for (uint32_t slot = 0; world->nodes[host].alive && slot < PEOPLE_SLOTS; slot++) {
            person_options options = {.slot = slot};
            if (osr_pid_is_none(osri_node_whereis(world->nodes[host].node, name_of_slot(slot)))) {
                everybody.last[host][slot] = cluster_spawn(world, host, &person_osr_entry, &options,
                                                           OSR_SPAWN(.name = name_of_slot(slot)));
            }
        }
    }
}

void people_halve(void)
{
    cluster *world = everybody.world;
    person_stop stop = {0};

    for (uint32_t host = 0; host < world->options.nodes; host++) {
        for (uint32_t slot = 0; slot < PEOPLE_SLOTS; slot++) {
            if (cluster_random(world, 2) == 0) {
                (void)osr_node_send(world->nodes[host].node, osr_to(everybody.last[host][slot]),
                                    &person_stop_osr_type, &stop);
            }
        }
    }
}
