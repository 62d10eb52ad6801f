/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <string.h>

#include "lib/process/body.h"
#include "tests/sim/people_state.h"

/* What people do. */

#define CHILDREN_MAX 30
#define ASK_MS 300

static uint64_t dice(person *me, uint64_t bound)
{
    return person_dice(me, bound);
}

static uint32_t any_host(person *me)
{
    return (uint32_t)dice(me, everybody.world->options.nodes);
}

static known *any_known(person *me)
{
    return me->known_count == 0 ? NULL : &me->known[dice(me, me->known_count)];
}

/* Numbers the message to a pid, as a whole and within the session. */
static void number(const person *me, known *other, person_talk *words)
{
    uint32_t host = person_host_of_node(other->pid.node);

    if (other->session != words->session) {
        other->session = words->session;
        other->sent_in_session = 0;
    }
    words->by_pid = ++other->sent;
    if (host == CLUSTER_NODES_MAX || words->session != me->unsure[host]) {
        words->in_session = ++other->sent_in_session;
    }
    words->to = other->pid;
}

static void send_words(person *me, osr_dest to, uint32_t host, const person_talk *words)
{
    uint64_t before_ns = everybody.world->now_ns;
    uint64_t bytes = person_bytes(words);
    people_queue *queue = host < CLUSTER_NODES_MAX ? &everybody.queues[me->host][host] : NULL;
    uint64_t peak = queue == NULL ? 0 : queue->peak + bytes;

    everybody.counts.signals++;
    if (queue == NULL) {
        /* somebody of an earlier life: how much waits for those is not known */
        (void)person_talk_send(me->self, to, words);
        return;
    }
    people_queue_give(queue, bytes);
    queue->trying += bytes;
    (void)person_talk_send(me->self, to, words);
    queue->trying -= bytes;
    if (everybody.world->now_ns > before_ns) {
        waited_key key = {.who = me->pid, .began_ns = before_ns};
        (void)!osri_map_put(&everybody.waited, &key, sizeof(key), &everybody, NULL);
        everybody.counts.waits++;
        me->unsure[host] = words->session;
        people_note((event){.kind = EVENT_WAITED,
                            .who = me->pid,
                            .x = host,
                            .y = everybody.world->now_ns - before_ns,
                            .z = peak});
    }
}

/* By pid; or by an alias of the same process, which is the same to both. */
static osr_dest address_of(person *me, osr_pid pid)
{
    const facts *of = dice(me, 4) == 0 ? person_facts(pid) : NULL;

    everybody.counts.by_alias += of != NULL ? 1 : 0;
    return of != NULL ? osr_to_alias(of->alias) : osr_to(pid);
}

/* A load of so many bytes at most, or none. */
static osr_bin *some_load(person *me, uint64_t number, size_t bytes_max)
{
    osr_bin *load = NULL;
    uint8_t *at;
    size_t bytes = bytes_max == 0 ? 0 : 20000 + dice(me, bytes_max - 20000);

    if (bytes > 0 && osr_bin_alloc(bytes, &load, &at) == OSR_OK) {
        memcpy(at, person_pattern(bytes, number), bytes);
    }
    return load;
}

static void talk(person *me, uint32_t host, uint32_t slot, bool by_name, size_t load_max)
{
    osr_pid to = everybody.last[host][slot];
    known *other = by_name ? NULL : person_know(me, to);
    person_talk words = {.session = person_session(me, host), .sent_ns = everybody.world->now_ns};

    if (!by_name && (other == NULL || person_host_of_node(to.node) != host)) {
        return; /* to an earlier incarnation: covered by those who still know it */
    }
    words.pair = ++me->pairs[host][slot];
    words.load = some_load(me, words.pair, load_max);
    if (other != NULL) {
        number(me, other, &words);
    }
    everybody.counts.by_name += by_name ? 1 : 0;
    send_words(me,
               by_name ? osr_name(person_name_of_slot(slot), everybody.world->nodes[host].name)
                       : address_of(me, to),
               host, &words);
    osr_bin_unref(&words.load);
}

/* More than a link takes at once: senders wait. */
static void pour(person *me, uint32_t host, uint32_t slot)
{
    for (int i = 0; i < 24 && !everybody.calm; i++) {
        talk(me, host, slot, i % 2 == 0, PATTERN_BYTES);
    }
}

static void talk_to_known(person *me)
{
    known *other = any_known(me);
    uint32_t host = other == NULL ? 0 : person_host_of_node(other->pid.node);
    person_talk words = {.sent_ns = everybody.world->now_ns};

    if (other != NULL) {
        words.session = person_session(me, host);
        number(me, other, &words);
        send_words(me, address_of(me, other->pid), host, &words);
    }
}

/* More than a bounded mailbox has room for. */
static void flood(person *me)
{
    person_marker nothing = {0};
    osr_dest box = osr_name("box", everybody.world->nodes[any_host(me)].name);

    for (int i = 0; i < 12; i++) {
        everybody.counts.signals++;
        (void)person_marker_send(me->self, box, &nothing);
    }
}

void person_tell_sent(person *me)
{
    for (uint32_t i = 0; i < me->known_count; i++) {
        const known *other = &me->known[i];
        if (other->sent > 0) {
            people_note((event){.kind = EVENT_TOLD,
                                .who = me->pid,
                                .other = other->pid,
                                .x = other->sent,
                                .z = other->session});
        }
    }
}

static void link_with(person *me, known *other)
{
    everybody.counts.signals++;
    everybody.counts.links += other->pid.node != me->pid.node ? 1 : 0;
    people_note((event){.kind = EVENT_LINK,
                        .who = me->pid,
                        .other = other->pid,
                        .y = person_session(me, person_host_of_node(other->pid.node))});
    other->linked = osr_link(me->self, other->pid) == OSR_OK;
}

void person_relink(person *me)
{
    for (uint32_t i = 0; i < me->known_count; i++) {
        if (dice(me, 2) == 0) {
            link_with(me, &me->known[i]);
        }
    }
}

static void do_link(person *me)
{
    known *other = any_known(me);

    if (other == NULL) {
        return;
    }
    if (other->linked) {
        everybody.counts.signals++;
        people_note((event){.kind = EVENT_UNLINK, .who = me->pid, .other = other->pid});
        (void)osr_unlink(me->self, other->pid);
        other->linked = false;
    } else {
        link_with(me, other);
    }
}

static void take_back(person *me, osr_ref *monitor)
{
    osr_ref old = *monitor;

    if (!osr_ref_is_none(old)) {
        *monitor = OSR_REF_NONE;
        (void)osr_demonitor(me->self, old, true);
        people_note((event){
            .kind = EVENT_DEMONITOR, .who = me->pid, .x = old.number, .z = CLUSTER_NODES_MAX});
    }
}

static void do_monitor(person *me)
{
    osr_ref *place = &me->monitors[dice(me, MONITORS_MAX)];
    uint32_t host = any_host(me);
    uint32_t slot = (uint32_t)dice(me, PEOPLE_SLOTS);
    osr_pid target = dice(me, 2) == 0 ? OSR_PID_NONE : everybody.last[host][slot];

    everybody.counts.signals++;
    if (!osr_ref_is_none(*place) && dice(me, 2) == 0) {
        take_back(me, place);
        return;
    }
    uint64_t session = person_session(me, host);
    osr_err err = osr_monitor(me->self,
                              osr_pid_is_none(target) ? osr_name(person_name_of_slot(slot),
                                                                 everybody.world->nodes[host].name)
                                                      : osr_to(target),
                              place);
    if (err == OSR_OK && !osr_pid_equal(target, me->pid) &&
        !(osr_pid_is_none(target) && host == me->host)) {
        people_note((event){.kind = EVENT_MONITOR,
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
    uint32_t host = any_host(me);
    person_ask ask = {.number = dice(me, UINT32_MAX)};
    osr_message reply;

    everybody.counts.signals++;
    osr_err err = osri_request(me->self,
                               osr_name(person_name_of_slot((uint32_t)dice(me, PEOPLE_SLOTS)),
                                        everybody.world->nodes[host].name),
                               &person_ask_osr_type, &ask, ASK_MS, &reply, NULL);
    const person_answer *answer = err == OSR_OK ? OSR_AS(person_answer, &reply) : NULL;

    if (answer != NULL) {
        people_note(
            (event){.kind = EVENT_ANSWERED, .who = me->pid, .x = ask.number, .y = answer->number});
    }
}

static void do_spawn(person *me)
{
    uint32_t host = any_host(me);
    person_options options = {.slot = PEOPLE_SLOTS, .linked = true};
    osr_pid child;

    if (everybody.children >= CHILDREN_MAX) {
        return;
    }
    uint64_t before = person_session(me, host);
    osr_err err =
        osr_spawn_named(me->self, "person", &person_options_osr_type, &options,
                        OSR_SPAWN(.node = everybody.world->nodes[host].name, .link = true), &child);
    people_note(
        (event){.kind = EVENT_SPAWNED, .who = me->pid, .x = host, .y = (uint64_t)err, .z = before});
    if (err != OSR_OK) {
        return;
    }
    /* Where the session changed while we waited, nothing says which one the link belongs to. */
    uint64_t after = person_session(me, person_host_of_node(child.node));
    known *other = person_know(me, child);
    people_note((event){
        .kind = EVENT_LINK, .who = me->pid, .other = child, .y = before == after ? after : 0});
    if (other != NULL) {
        other->linked = true;
    }
}

void person_act(person *me)
{
    uint32_t host = any_host(me);
    uint32_t slot = (uint32_t)dice(me, PEOPLE_SLOTS);

    if (dice(me, 50) == 0) {
        flood(me);
        return;
    }
    if (dice(me, 12) == 0) {
        person_meet(me);
        return;
    }
    if (dice(me, 300) == 0) {
        pour(me, host, slot);
        return;
    }
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
        take_back(me, &me->monitors[dice(me, MONITORS_MAX)]); /* it may have fired meanwhile */
        break;
    case 5:
        do_spawn(me);
        break;
    case 6:
        if (dice(me, 2) == 0) {
            do_spawn(me);
        } else {
            me->stop = dice(me, 6) == 0;
        }
        break;
    case 7:
        talk_to_known(me);
        break;
    default:
        for (uint64_t left = 1 + dice(me, 4); left > 0; left--) {
            talk(me, host, slot, dice(me, 2) == 0, dice(me, 40) == 0 ? 80000 : 0);
        }
        break;
    }
}
