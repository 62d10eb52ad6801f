/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <stdio.h>
#include <string.h>

#include "lib/behaviour/supervisor.h"
#include "lib/process/signal.h"
#include "osier/log.h"

/* Where a child goes: what the supervisor knows of other nodes, and the choice among them.
 *
 * Invariants
 *   P1  a node that was seen is kept, with its labels, when it goes down: children may wait for it,
 *       or go to a node that shares a label with it.
 *   P2  the choice depends on the order in which nodes came and the children alone: the same
 *       events, the same places.
 *   P3  the distribution is asked to keep a fixed place connected as often as there are children
 *       with it; all of that is taken back when the supervisor ends. */

#define POLL_MS 1000
#define SPREAD_MS 200 /* from the first node that fits: others that come with it get their share */
#define LABEL_PREFIX "label:"

static osri_place *find_place(const osri_supervisor *s, const char *name)
{
    for (size_t i = 0; i < s->place_count; ++i) {
        if (strcmp(s->places[i].name, name) == 0) {
            return &s->places[i];
        }
    }
    return NULL;
}

/* Whether `labels`, each followed by a newline, hold this one, or it with a value: "zone" is had by
 * "zone=a". */
static bool has_label(const char *labels, const char *label, size_t size)
{
    for (const char *at = labels; *at != '\0';) {
        const char *end = strchr(at, '\n');
        size_t bytes = end == NULL ? strlen(at) : (size_t)(end - at);
        if (bytes >= size && memcmp(at, label, size) == 0 && (bytes == size || at[size] == '=')) {
            return true;
        }
        at += bytes + (end != NULL);
    }
    return false;
}

static bool share_label(const osri_place *a, const osri_place *b)
{
    for (const char *at = a->labels; *at != '\0';) {
        const char *end = strchr(at, '\n');
        size_t bytes = end == NULL ? strlen(at) : (size_t)(end - at);
        if (has_label(b->labels, at, bytes)) {
            return true;
        }
        at += bytes + (end != NULL);
    }
    return false;
}

static const char *wanted_label(const osri_child *child)
{
    size_t prefix = strlen(LABEL_PREFIX);
    return strncmp(child->place, LABEL_PREFIX, prefix) == 0 ? child->place + prefix : NULL;
}

static size_t children_on(const osri_supervisor *s, const char *node)
{
    size_t count = 0;
    for (size_t i = 0; i < s->child_count; ++i) {
        const osri_child *child = s->children[i];
        bool there = child->state == OSR_CHILD_STARTING || child->state == OSR_CHILD_RUNNING ||
                     child->state == OSR_CHILD_STOPPING;
        count += there && strcmp(child->node, node) == 0;
    }
    return count;
}

/* The better of two nodes: fewer children of ours, then the one that came earlier. */
static const osri_place *better(const osri_supervisor *s, const osri_place *a, const osri_place *b)
{
    if (a == NULL) {
        return b;
    }
    size_t on_a = children_on(s, a->name);
    size_t on_b = children_on(s, b->name);
    if (on_a != on_b) {
        return on_a < on_b ? a : b;
    }
    return a->order < b->order ? a : b;
}

static const char *name_of(const osri_place *place)
{
    return place == NULL ? NULL : place->name;
}

static const char *choose_by_label(const osri_supervisor *s, const char *label)
{
    const osri_place *best = NULL;
    for (size_t i = 0; i < s->place_count; ++i) {
        if (s->places[i].up && !s->places[i].draining &&
            has_label(s->places[i].labels, label, strlen(label))) {
            best = better(s, best, &s->places[i]);
        }
    }
    return name_of(best);
}

static const char *choose_like(const osri_supervisor *s, const osri_place *like)
{
    const osri_place *best = NULL;
    for (size_t i = 0; i < s->place_count; ++i) {
        if (s->places[i].up && !s->places[i].draining && share_label(&s->places[i], like)) {
            best = better(s, best, &s->places[i]);
        }
    }
    return name_of(best);
}

/* A node that was never tried is tried even if it has not been seen: sending to it dials it. */
static const char *choose_fixed(osr_self *self, const osri_supervisor *s, const osri_child *child)
{
    if (strcmp(child->place, osr_self_node_name(self)) == 0) {
        return "";
    }
    const osri_place *place = find_place(s, child->place);
    if (place == NULL || place->up) {
        return child->place;
    }
    bool elsewhere = child->lost && child->on_noconnection == OSR_ELSEWHERE;
    return elsewhere ? choose_like(s, place) : NULL;
}

const char *osri_place_choose(osr_self *self, const osri_supervisor *s, const osri_child *child)
{
    if (child->place[0] == '\0') {
        return "";
    }
    const char *label = wanted_label(child);
    if (label == NULL) {
        return choose_fixed(self, s, child);
    }
    if (child->lost && child->on_noconnection == OSR_WAIT) {
        const osri_place *home = find_place(s, child->home);
        return home != NULL && home->up ? home->name : NULL;
    }
    return choose_by_label(s, label);
}

void osri_place_wanted(const osri_child *child, char *ret_text, size_t bytes)
{
    const char *label = wanted_label(child);
    bool elsewhere = child->lost && child->on_noconnection == OSR_ELSEWHERE;
    if (label != NULL && child->lost && !elsewhere) {
        (void)snprintf(ret_text, bytes, "%s", child->home);
    } else if (label != NULL) {
        (void)snprintf(ret_text, bytes, "a node labelled %s", label);
    } else {
        (void)snprintf(ret_text, bytes, "%s%s", child->place, elsewhere ? " or one like it" : "");
    }
}

/* ---- what is known of nodes ------------------------------------------------------------- */

static osri_place *add_place(osr_self *self, osri_supervisor *s, const char *name)
{
    if (s->place_count == s->place_room) {
        size_t room = s->place_room == 0 ? 8 : s->place_room * 2;
        osri_place *places = osr_alloc(self, room * sizeof(*places));
        if (places == NULL) {
            return NULL;
        }
        if (s->place_count != 0) {
            memcpy(places, s->places, s->place_count * sizeof(*places));
        }
        osr_free(self, s->places);
        s->places = places;
        s->place_room = room;
    }
    osri_place *place = &s->places[s->place_count++];
    memset(place, 0, sizeof(*place));
    (void)snprintf(place->name, sizeof(place->name), "%s", name);
    return place;
}

static void take_labels(osri_place *place, const osr_str *labels, uint32_t count)
{
    size_t used = 0;
    place->labels[0] = '\0';
    for (uint32_t i = 0; i < count; ++i) {
        if (used + labels[i].size + 2 > sizeof(place->labels)) {
            break;
        }
        memcpy(place->labels + used, labels[i].at, labels[i].size);
        used += labels[i].size;
        place->labels[used++] = '\n';
        place->labels[used] = '\0';
    }
}

/* The place of a node that is there; NULL when out of memory. */
static osri_place *see(osr_self *self, osri_supervisor *s, const char *name, uint64_t node)
{
    osri_place *place = find_place(s, name);
    if (place == NULL) {
        place = add_place(self, s, name);
    }
    if (place == NULL) {
        osr_log_self(self, OSR_LOG_ERROR, "supervisor %s: out of memory: node %s is not used",
                     s->spec->name, name);
        return NULL;
    }
    if (!place->up || place->node != node) {
        place->order = ++s->nodes_seen;
    }
    place->node = node;
    place->up = true;
    return place;
}

/* A child that any of several nodes may take waits a moment, so that it is not the first one that
 * takes them all. */
static bool is_to_be_spread(const osri_supervisor *s, const osri_child *child)
{
    return wanted_label(child) != NULL && !s->spread_now &&
           !(child->lost && child->on_noconnection == OSR_WAIT);
}

/* Children that waited start, in their order, where they fit now. */
static void start_waiting(osr_self *self, osri_supervisor *s)
{
    for (size_t i = 0; i < s->child_count && s->phase != OSRI_SUPERVISOR_STOPPING; ++i) {
        osri_child *child = s->children[i];
        if (child->state != OSR_CHILD_WAITING || osri_place_choose(self, s, child) == NULL) {
            continue;
        }
        if (is_to_be_spread(s, child)) {
            s->spreading = s->spreading || osr_timer_start(self, SPREAD_MS, &s->spread) == OSR_OK;
        }
        if (!is_to_be_spread(s, child) || !s->spreading) {
            osri_child_start(self, s, child);
        }
    }
}

void osri_place_spread(osr_self *self, osri_supervisor *s)
{
    s->spread_now = true;
    start_waiting(self, s);
    s->spread_now = false;
}

void osri_place_changed(osr_self *self, osri_supervisor *s, const osr_member *member)
{
    char name[sizeof(((osri_place *)NULL)->name)];
    if (member->name.size >= sizeof(name) ||
        strcmp(member->name.at, osr_self_node_name(self)) == 0) {
        return;
    }
    (void)snprintf(name, sizeof(name), "%.*s", (int)member->name.size, member->name.at);
    osri_place *place = find_place(s, name);
    if (member->state != OSR_MEMBER_JOINED) {
        if (place != NULL) {
            place->up = false;
        }
        return;
    }
    place = see(self, s, name, member->node);
    if (place != NULL) {
        place->draining = member->draining;
        take_labels(place, member->labels.at, member->labels.count);
        start_waiting(self, s);
    }
}

void osri_place_failed(osr_self *self, osri_supervisor *s, const char *name)
{
    osri_place *place = find_place(s, name);
    if (place == NULL) {
        place = add_place(self, s, name);
    }
    if (place != NULL) {
        place->up = false;
    }
}

/* The nodes that are there already, all at once, so that the first children spread over them. */
static osr_err see_members(osr_self *self, osri_supervisor *s)
{
    const osr_node_list *list;
    osr_err err = osr_nodes(self, OSR_NODES_KNOWN & ~(uint32_t)OSR_NODES_THIS, &list);
    if (err != OSR_OK) {
        return err;
    }
    for (uint32_t i = 0; i < list->nodes.count; ++i) {
        const osr_node_info *info = &list->nodes.at[i];
        bool fits = !info->hidden && info->name.size < sizeof(((osri_place *)NULL)->name);
        osri_place *place = fits ? see(self, s, info->name.at, info->node) : NULL;
        if (place != NULL) {
            place->draining = info->draining;
            take_labels(place, info->labels.at, info->labels.count);
        }
    }
    osr_free(self, (void *)(uintptr_t)list);
    return OSR_OK;
}

osr_err osri_place_subscribe(osr_self *self, osri_supervisor *s)
{
    if (s->subscribed) {
        return OSR_OK;
    }
    osr_err err = osr_monitor_members(self, true);
    s->subscribed = err == OSR_OK;
    return err == OSR_OK ? see_members(self, s) : err;
}

/* ---- fixed places ------------------------------------------------------------------------ */

static void want(const osri_supervisor *s, const osri_child *child, bool wanted)
{
    void *context;
    const osri_remote_ops *remote = child->wants_place ? osri_node_remote(s->node, &context) : NULL;
    if (remote != NULL) {
        (void)remote->want(context, child->place, wanted); /* refused by a node that ends */
    }
}

static void unwant_all(void *argument)
{
    const osri_supervisor *s = argument;
    for (size_t i = 0; i < s->child_count; ++i) {
        want(s, s->children[i], false);
    }
}

osr_err osri_place_want(osr_self *self, osri_supervisor *s, osri_child *child)
{
    bool fixed = child->place[0] != '\0' && wanted_label(child) == NULL &&
                 strcmp(child->place, osr_self_node_name(self)) != 0;
    if (!fixed) {
        return OSR_OK;
    }
    if (s->node == NULL) {
        osr_err err = osr_defer(self, unwant_all, s);
        if (err != OSR_OK) {
            return err;
        }
        s->node = osr_self_node(self);
    }
    child->wants_place = true;
    want(s, child, true);
    return OSR_OK;
}

void osri_place_unwant(osri_supervisor *s, osri_child *child)
{
    want(s, child, false);
    child->wants_place = false;
}

/* ---- looking again ----------------------------------------------------------------------- */

void osri_place_wait(osr_self *self, osri_supervisor *s)
{
    if (!s->polling) {
        s->polling = osr_timer_start(self, POLL_MS, &s->poll) == OSR_OK;
    }
}

static void see_connected(osr_self *self, osri_supervisor *s)
{
    void *context;
    const osri_remote_ops *remote = osri_node_remote(osr_self_node(self), &context);
    for (size_t i = 0; remote != NULL && i < s->place_count; ++i) {
        osri_place *place = &s->places[i];
        if (!place->up && place->node != 0 && remote->is_connected(context, place->node)) {
            place->up = true;
        }
    }
}

void osri_place_poll(osr_self *self, osri_supervisor *s)
{
    see_connected(self, s);
    start_waiting(self, s);
    for (size_t i = 0; i < s->child_count; ++i) {
        const osri_child *child = s->children[i];
        if (child->state == OSR_CHILD_WAITING) {
            if (wanted_label(child) != NULL && child->lost && child->home[0] != '\0') {
                (void)osr_connect(self, child->home);
            }
            osri_place_wait(self, s);
        }
    }
}
