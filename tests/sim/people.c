/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "tests/sim/people.h"

#include <stdlib.h>
#include <string.h>

#include "lib/core/heap.h"
#include "lib/process/body.h"
#include "tests/sim/people_state.h"

/* The people's life, and what happens to them. */

#define TIMER_MS (3600 * 1000) /* longer than any run */
#define CHILD_TURNS 14         /* after which a child ends */
#define BOX_MAX 4              /* messages that a box has room for */
#define FEW_BYTES (256 * 1024) /* waiting for a node: nobody has to wait any more */
#define WHOLE_BYTES 16384      /* longer messages travel in fragments */

people everybody;

uint64_t person_dice(person *me, uint64_t bound)
{
    uint64_t number;

    osr_random(me->self, &number, sizeof(number));
    return number % bound;
}

void people_note(event what)
{
    if (!everybody.dying) {
        what.now_ns = everybody.world->now_ns;
        journal_add(&everybody.book, what);
    }
}

const char *person_name_of_slot(uint32_t slot)
{
    static const char *const names[PEOPLE_SLOTS] = {"anna", "bert", "cleo"};

    return names[slot];
}

static cluster_node *here(const person *me)
{
    return &everybody.world->nodes[me->host];
}

uint32_t person_host_of_node(uint64_t node)
{
    const cluster_node *at = cluster_by_id(everybody.world, node);

    return at == NULL ? CLUSTER_NODES_MAX : at->host;
}

uint64_t person_session(const person *me, uint32_t host)
{
    return host == me->host || host >= CLUSTER_NODES_MAX
               ? 0
               : osri_net_session_of(here(me)->net, everybody.world->nodes[host].name);
}

known *person_know(person *me, osr_pid pid)
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

const uint8_t *person_pattern(size_t bytes, uint64_t number)
{
    static uint8_t pattern[PATTERN_BYTES + 256];
    static bool filled;

    for (size_t i = 0; !filled && i < sizeof(pattern); i++) {
        pattern[i] = (uint8_t)(i * 2654435761u >> 13);
    }
    filled = true;
    return pattern + (bytes + number) % 256;
}

const facts *person_facts(osr_pid pid)
{
    return osri_map_get(&everybody.facts, &pid, sizeof(pid));
}

/* ---- what happens to them ---------------------------------------------------------------- */

static uint32_t host_of_name(osr_str name)
{
    for (uint32_t i = 0; i < everybody.world->options.nodes; i++) {
        if (strcmp(everybody.world->nodes[i].name, name.at) == 0) {
            return i;
        }
    }
    return CLUSTER_NODES_MAX;
}

/* What a dead process still has though its end is told. A timer is cancelled from its own node. */
static uint32_t left_behind(person *me, osr_pid pid, uint64_t code)
{
    const cluster_node *at = cluster_by_id(everybody.world, pid.node);
    const facts *of = person_facts(pid);
    uint32_t wrong = 0;

    if (at == NULL || code == OSR_REASON_NOCONNECTION) {
        return 0;
    }
    for (uint32_t i = 0; i < PEOPLE_SLOTS; i++) {
        if (osr_pid_equal(osri_node_whereis(at->node, person_name_of_slot(i)), pid)) {
            wrong |= WRONG_NAME;
        }
    }
    if (of != NULL && pid.node == me->pid.node && osr_timer_cancel(me->self, of->timer, NULL)) {
        wrong |= WRONG_TIMER;
    }
    wrong |= osr_pid_is_none(pid) ? 0 : person_left_in_circles(me, pid.node, pid);
    return wrong;
}

/* The session that a message belongs to: the one that was up when it was sent, unless that ended at
 * the same moment, or its sender had to wait, when the node might have taken it afterwards. 0: none
 * was up. */
static uint64_t session_of(const person *me, osr_pid from, const person_talk *words)
{
    uint32_t host = person_host_of_node(from.node);
    uint64_t end_ns = host >= CLUSTER_NODES_MAX ? 0
                                                : cluster_session_end(&everybody.world->nodes[host],
                                                                      me->host, words->session);

    waited_key key = {.who = from, .began_ns = words->sent_ns};
    bool waited = osri_map_get(&everybody.waited, &key, sizeof(key)) != NULL;

    return end_ns > words->sent_ns && !waited ? words->session : 0;
}

static void set_queue(people_queue *queue, uint64_t bytes)
{
    queue->bytes = bytes;
    queue->peak = bytes > queue->peak || bytes < FEW_BYTES ? bytes : queue->peak;
}

void people_queue_give(people_queue *queue, uint64_t bytes)
{
    bool now = queue->given_ns == everybody.world->now_ns;

    queue->given = (now ? queue->given : 0) + bytes;
    queue->given_ns = everybody.world->now_ns;
    set_queue(queue, queue->bytes + bytes);
}

void people_queue_take(people_queue *queue, uint64_t bytes, uint64_t given_ns)
{
    if (given_ns < queue->lost_ns) {
        return;
    }
    set_queue(queue, queue->bytes - (bytes < queue->bytes ? bytes : queue->bytes));
}

void people_queue_lose(people_queue *queue)
{
    queue->lost_ns = everybody.world->now_ns;
    set_queue(queue,
              queue->trying + (queue->given_ns == everybody.world->now_ns ? queue->given : 0));
}

uint64_t person_bytes(const person_talk *words)
{
    return 512 + osr_bin_size(words->load);
}

static void take_off_queue(const person *me, osr_pid from, const person_talk *words)
{
    uint32_t host = person_host_of_node(from.node);

    if (host < CLUSTER_NODES_MAX) {
        people_queue_take(&everybody.queues[host][me->host], person_bytes(words), words->sent_ns);
    }
    everybody.counts.fragments +=
        host != me->host && osr_bin_size(words->load) > WHOLE_BYTES ? 1 : 0;
}

static void heard_talk(person *me, const osr_message *message, const person_talk *words)
{
    bool other = !osr_pid_is_none(words->to) && !osr_pid_equal(words->to, me->pid);
    size_t bytes = osr_bin_size(words->load);
    bool spoiled = bytes > 0 && (bytes > PATTERN_BYTES ||
                                 memcmp(osr_bin_data(words->load),
                                        person_pattern(bytes, words->pair), bytes) != 0);

    take_off_queue(me, message->from, words);
    people_note((event){.kind = EVENT_HEARD,
                        .who = me->pid,
                        .other = message->from,
                        .x = words->pair,
                        .y = words->by_pid,
                        .z = session_of(me, message->from, words),
                        .w = words->in_session,
                        .wrong = (other ? WRONG_RECEIVER : 0) | (spoiled ? WRONG_LOAD : 0)});
    (void)person_know(me, message->from);
}

static void heard_exited(person *me, const osr_exited *exited)
{
    known *other = person_know(me, exited->from);

    people_note((event){.kind = EVENT_EXITED,
                        .who = me->pid,
                        .other = exited->from,
                        .y = exited->reason.code,
                        .wrong = left_behind(me, exited->from, exited->reason.code)});
    if (other != NULL) {
        other->linked = false;
    }
}

static void heard_down(person *me, const osr_down *down)
{
    people_note((event){.kind = EVENT_DOWN,
                        .who = me->pid,
                        .other = down->pid,
                        .x = down->monitor.number,
                        .y = down->reason.code,
                        .wrong = left_behind(me, down->pid, down->reason.code)});
    for (int i = 0; i < 8; i++) {
        if (osr_ref_equal(me->monitors[i], down->monitor)) {
            me->monitors[i] = OSR_REF_NONE;
        }
    }
}

static void heard_nodeup(person *me, const osr_nodeup *up)
{
    uint32_t host = host_of_name(up->name);
    uint64_t session = 0;

    if (host < CLUSTER_NODES_MAX) {
        const cluster_sessions *sessions = &here(me)->sessions[host];
        uint32_t index = me->next_up[host]++;
        session = index < sessions->ups ? sessions->numbers[index] : 0;
    }
    people_note(
        (event){.kind = EVENT_NODEUP, .who = me->pid, .x = host, .y = session, .z = up->node});
}

static void heard_nodedown(person *me, const osr_nodedown *down)
{
    uint32_t host = host_of_name(down->name);
    bool is_back = person_session(me, host) != 0;

    people_note(
        (event){.kind = EVENT_NODEDOWN,
                .who = me->pid,
                .x = host,
                .wrong = is_back ? 0 : person_left_in_circles(me, down->node, OSR_PID_NONE)});
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
        heard_nodedown(me, down);
    } else if (ask != NULL) {
        person_answer answer = {.number = ask->number + 1};
        (void)osr_reply_to(me->self, osr_caller_of(message), &person_answer_osr_type, &answer);
    } else if (OSR_AS(person_marker, message) != NULL) {
        people_note((event){.kind = EVENT_SYNCED, .who = me->pid});
    } else if (OSR_AS(person_stop, message) != NULL) {
        me->stop = true;
    } else {
        (void)person_heard_circle(me, message);
    }
}

/* How long somebody listens before doing something: in a small cluster there is less to hear. */
static uint32_t pause_of(person *me)
{
    uint32_t nodes = everybody.world->options.nodes;

    return 25 * nodes + (uint32_t)person_dice(me, 90 * nodes);
}

/* ---- their life -------------------------------------------------------------------------- */

static void end(void *argument)
{
    const person *me = argument;

    people_note((event){.kind = EVENT_ENDED, .who = me->pid});
}

static void state_facts(person *me)
{
    facts *of = osri_heap_zalloc(sizeof(*of));

    if (of == NULL || osr_alias(me->self, OSR_ALIAS_EXPLICIT, &of->alias) != OSR_OK ||
        osr_timer_start(me->self, TIMER_MS, &of->timer) != OSR_OK ||
        osri_map_put(&everybody.facts, &me->pid, sizeof(me->pid), of, NULL) != OSR_OK) {
        abort();
    }
}

static void begin(person *me, const person_options *options)
{
    person_marker marker = {0};

    everybody.counts.born++;
    everybody.children += options->slot == PEOPLE_SLOTS ? 1 : 0;
    state_facts(me);
    people_note((event){.kind = EVENT_BORN,
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
    me->host = person_host_of_node(me->pid.node);
    begin(me, argument);
    while (!me->stop) {
        osr_message message;
        osr_err err = osr_receive(self, pause_of(me), &message);
        if (err == OSR_OK) {
            hear(me, &message);
        } else if (err == OSR_EEXIT) {
            break;
        } else if (!everybody.calm) {
            person_act(me);
            me->stop = me->stop || (child && ++me->turns > CHILD_TURNS);
        } else if (!me->told) {
            me->told = true;
            person_tell_sent(me);
        } else if (everybody.settled && !me->relinked) {
            me->relinked = true;
            person_relink(me);
        }
    }
    everybody.children -= child ? 1 : 0;
    return person_dice(me, 2) == 0 ? OSR_OK : OSR_EFAILED;
}
OSR_EXPORT(person);

/* Has room for a few messages only, and takes its time. */
OSR_ENTRY(box, person_options)
{
    osr_message message;
    osr_err err = OSR_OK;

    (void)argument;
    while (err != OSR_EEXIT) {
        err = osr_sleep(self, 500);
        while (err == OSR_OK) {
            err = osr_receive(self, 0, &message);
        }
    }
    return OSR_OK;
}

void people_begin(uint64_t seed)
{
    memset(&everybody, 0, sizeof(everybody));
    everybody.book.hash = seed;
    osri_map_init(&everybody.facts, seed);
    osri_map_init(&everybody.waited, seed);
}

void people_end(void)
{
    size_t cursor = 0;
    osri_map_entry at;

    while (osri_map_next(&everybody.facts, &cursor, &at)) {
        osri_heap_free(at.value, sizeof(facts));
    }
    osri_map_fini(&everybody.facts);
    osri_map_fini(&everybody.waited);
    journal_fini(&everybody.book);
}

static void fill_box(cluster *world, uint32_t host)
{
    static const person_options none;

    if (osr_pid_is_none(osri_node_whereis(world->nodes[host].node, "box"))) {
        (void)cluster_spawn(world, host, &box_osr_entry, &none,
                            OSR_SPAWN(.name = "box", .mailbox_max = BOX_MAX));
    }
}

void people_fill(void)
{
    cluster *world = everybody.world;

    for (uint32_t host = 0; host < world->options.nodes; host++) {
        if (world->nodes[host].alive) {
            fill_box(world, host);
        }
        for (uint32_t slot = 0; world->nodes[host].alive && slot < PEOPLE_SLOTS; slot++) {
            person_options options = {.slot = slot};
            if (osr_pid_is_none(
                    osri_node_whereis(world->nodes[host].node, person_name_of_slot(slot)))) {
                everybody.last[host][slot] =
                    cluster_spawn(world, host, &person_osr_entry, &options,
                                  OSR_SPAWN(.name = person_name_of_slot(slot)));
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
