/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "tests/sim/coverage.h"

#include <inttypes.h>
#include <stdio.h>

#include "dist/link/actions.h"

/* Coverage. The table is that of dist/PROTOCOL.md, "States", row by row. What it says of SEND and
 * FLUSH before UP is not here: a node's party holds what waits for a connection
 * (dist/net/DESIGN.md); tests/unit/link has it. */

coverage covered;

enum { ANY = 0, BY_US = 1, BY_PEER = 2 };

/* An event beyond those of a link: what the time did. */
#define TICK 100
#define REARM 101
#define REFUSED 102 /* a SEND that was not taken */

typedef struct transition {
    int before, event, after;
    int down; /* osri_down; ANY */
    int by;
    const char *text;
} transition;

#define FROM(state) OSRI_PHASE_##state
#define ON(event) OSRI_LINK_##event
#define TO(state) OSRI_PHASE_##state
#define BECAUSE(down) OSRI_DOWN_##down

static const transition table[] = {
    {FROM(CONNECTING), ON(OPENED), TO(HELLO_SENT), ANY, ANY, "OPENED: HELLO"},
    {FROM(CONNECTING), ON(CLOSED), TO(DOWN), BECAUSE(SETUP_FAILED), ANY, "CLOSED"},
    {FROM(CONNECTING), ON(TIME), TO(DOWN), BECAUSE(SETUP_FAILED), ANY, "deadline"},
    {FROM(CONNECTING), ON(CLOSE), TO(DOWN), ANY, ANY, "CLOSE"},
    {FROM(ACCEPTING), ON(ACCEPTED), TO(HELLO_DUE), ANY, ANY, "ACCEPTED"},
    {FROM(HELLO_SENT), ON(FRAME), TO(UP), ANY, ANY, "WELCOME: READY"},
    {FROM(HELLO_SENT), ON(FRAME), TO(DOWN), BECAUSE(REFUSED), BY_US, "WELCOME refused, or not one"},
    {FROM(HELLO_SENT), ON(FRAME), TO(DOWN), BECAUSE(REFUSED), BY_PEER, "REFUSE"},
    {FROM(HELLO_SENT), ON(CLOSED), TO(DOWN), BECAUSE(SETUP_FAILED), ANY, "CLOSED"},
    {FROM(HELLO_SENT), ON(TIME), TO(DOWN), BECAUSE(SETUP_FAILED), ANY, "deadline"},
    {FROM(HELLO_SENT), ON(CLOSE), TO(DOWN), ANY, ANY, "CLOSE"},
    {FROM(HELLO_DUE), ON(FRAME), TO(READY_DUE), ANY, ANY, "HELLO: WELCOME"},
    {FROM(HELLO_DUE), ON(FRAME), TO(DOWN), BECAUSE(REFUSED), BY_US, "HELLO refused, or not one"},
    {FROM(HELLO_DUE), ON(CLOSED), TO(DOWN), BECAUSE(SETUP_FAILED), ANY, "CLOSED"},
    {FROM(HELLO_DUE), ON(TIME), TO(DOWN), BECAUSE(SETUP_FAILED), ANY, "deadline"},
    {FROM(HELLO_DUE), ON(CLOSE), TO(DOWN), ANY, ANY, "CLOSE"},
    {FROM(READY_DUE), ON(FRAME), TO(UP), ANY, ANY, "READY"},
    {FROM(READY_DUE), ON(FRAME), TO(DOWN), BECAUSE(REFUSED), BY_PEER, "REFUSE"},
    {FROM(READY_DUE), ON(FRAME), TO(DOWN), BECAUSE(PROTOCOL_ERROR), BY_US, "not a READY"},
    {FROM(READY_DUE), ON(CLOSED), TO(DOWN), BECAUSE(SETUP_FAILED), ANY, "CLOSED"},
    {FROM(READY_DUE), ON(TIME), TO(DOWN), BECAUSE(SETUP_FAILED), ANY, "deadline"},
    {FROM(READY_DUE), ON(CLOSE), TO(DOWN), ANY, ANY, "CLOSE"},
    {FROM(UP), ON(FRAME), TO(UP), ANY, ANY, "DATA"},
    {FROM(UP), ON(FRAME), TO(DOWN), ANY, BY_PEER, "GOODBYE"},
    {FROM(UP), ON(FRAME), TO(DOWN), BECAUSE(PROTOCOL_ERROR), BY_US, "a violation"},
    {FROM(UP), ON(SEND), TO(UP), ANY, ANY, "SEND"},
    {FROM(UP), ON(FLUSH), TO(UP), ANY, ANY, "FLUSH"},
    {FROM(UP), ON(WRITABLE), TO(UP), ANY, ANY, "WRITABLE"},
    {FROM(UP), TICK, TO(UP), ANY, ANY, "tick"},
    {FROM(UP), REARM, TO(UP), ANY, ANY, "one more T after a sleep of our own"},
    {FROM(UP), ON(TIME), TO(DOWN), BECAUSE(TICK_TIMEOUT), ANY, "silence"},
    {FROM(UP), ON(CLOSE), TO(LEAVING), ANY, ANY, "CLOSE with goodbye"},
    {FROM(UP), ON(CLOSE), TO(DOWN), ANY, ANY, "CLOSE: GOODBYE"},
    {FROM(UP), ON(CLOSED), TO(DOWN), BECAUSE(CONNECTION_CLOSED), ANY, "CLOSED"},
    {FROM(LEAVING), ON(FRAME), TO(LEAVING), ANY, ANY, "DATA"},
    {FROM(LEAVING), ON(FRAME), TO(DOWN), ANY, BY_PEER, "GOODBYE"},
    {FROM(LEAVING), ON(FRAME), TO(DOWN), BECAUSE(PROTOCOL_ERROR), BY_US, "a violation"},
    {FROM(LEAVING), REFUSED, TO(LEAVING), ANY, ANY, "SEND refused"},
    {FROM(LEAVING), ON(SEND), TO(LEAVING), ANY, ANY, "SEND of a control record"},
    {FROM(LEAVING), ON(FLUSH), TO(LEAVING), ANY, ANY, "FLUSH"},
    {FROM(LEAVING), ON(WRITABLE), TO(LEAVING), ANY, ANY, "WRITABLE"},
    {FROM(LEAVING), ON(TIME), TO(DOWN), ANY, ANY, "deadline"},
    {FROM(LEAVING), ON(CLOSED), TO(DOWN), BECAUSE(GOODBYE), ANY, "CLOSED by the peer"},
    {FROM(LEAVING), ON(CLOSED), TO(DOWN), BECAUSE(CONNECTION_CLOSED), ANY, "CLOSED before GOODBYE"},
    {FROM(LEAVING), ON(CLOSE), TO(DOWN), ANY, ANY, "CLOSE"},
};
#define ROWS (sizeof(table) / sizeof(table[0]))
_Static_assert(ROWS <= TRANSITIONS_MAX, "room for every row");

void coverage_fault(fault kind)
{
    covered.faults[kind]++;
}

void coverage_drops(const osr_node_counters *counters)
{
#define X(name) covered.drops[DROP_##name] += counters->dropped_##name;
    DROP_MAP(X)
#undef X
}

static const osri_link_action *find_action(const osri_link_actions *actions,
                                           osri_link_action_kind kind)
{
    for (size_t i = 0; i < osri_link_actions_count(actions); i++) {
        if (osri_link_actions_at(actions, i)->kind == kind) {
            return osri_link_actions_at(actions, i);
        }
    }
    return NULL;
}

/* What the step really was: time passes with every event. */
static int cause_of(osri_link_phase before, bool rearmed, const osri_link *after,
                    const osri_link_event *event, osr_err err, const osri_link_actions *actions)
{
    const osri_link_action *down = find_action(actions, OSRI_LINK_DOWN);

    if (event->kind == OSRI_LINK_SEND && err == OSR_ECLOSED) {
        return REFUSED;
    }
    if (down != NULL && event->kind != OSRI_LINK_CLOSED &&
        (down->down == OSRI_DOWN_TICK_TIMEOUT || down->down == OSRI_DOWN_SETUP_FAILED ||
         (before == OSRI_PHASE_LEAVING && down->down == OSRI_DOWN_GOODBYE && !down->by_peer &&
          event->kind != OSRI_LINK_CLOSE))) {
        return OSRI_LINK_TIME;
    }
    if (event->kind == OSRI_LINK_TIME && after->phase == OSRI_PHASE_UP) {
        return after->rearmed && !rearmed ? REARM : TICK;
    }
    return (int)event->kind;
}

static bool is_row(const transition *row, int before, int event, int after,
                   const osri_link_action *down)
{
    int by = down == NULL ? ANY : down->by_peer ? BY_PEER : BY_US;

    return row->before == before && row->event == event && row->after == after &&
           (row->down == ANY || (down != NULL && (int)down->down == row->down)) &&
           (row->by == ANY || row->by == by);
}

void coverage_step(osri_link_phase before, bool rearmed_before, const osri_link *after,
                   const osri_link_event *event, osr_err err, const osri_link_actions *actions)
{
    const osri_link_action *down = find_action(actions, OSRI_LINK_DOWN);
    int cause = cause_of(before, rearmed_before, after, event, err, actions);

    if (before == OSRI_PHASE_DOWN ||
        (event->kind == OSRI_LINK_TIME && before == after->phase && before != OSRI_PHASE_UP)) {
        return;
    }
    for (size_t i = 0; i < ROWS; i++) {
        if (is_row(&table[i], (int)before, cause, (int)after->phase, down)) {
            covered.transitions[i]++;
            return;
        }
    }
    if (covered.unlisted++ == 0) {
        covered.unlisted_phase = (int)before;
        covered.unlisted_event = cause;
        covered.unlisted_after = (int)after->phase;
        covered.unlisted_down = down == NULL ? 0 : (int)down->down;
    }
}

static void add(uint64_t *sum, const uint64_t *part, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        sum[i] += part[i];
    }
}

void coverage_add(coverage *sum, const coverage *part)
{
    add(sum->faults, part->faults, FAULTS);
    add(sum->drops, part->drops, DROPS);
    add(sum->transitions, part->transitions, TRANSITIONS_MAX);
    if (sum->unlisted == 0) {
        sum->unlisted_phase = part->unlisted_phase;
        sum->unlisted_event = part->unlisted_event;
        sum->unlisted_after = part->unlisted_after;
        sum->unlisted_down = part->unlisted_down;
    }
    sum->unlisted += part->unlisted;
    sum->seeds += part->seeds;
    sum->events += part->events;
    sum->born += part->born;
    sum->signals += part->signals;
    sum->fragments += part->fragments;
    sum->links += part->links;
    sum->waits += part->waits;
    sum->memberships += part->memberships;
    sum->names += part->names;
    sum->conflicts += part->conflicts;
}

static bool print_line(const char *what, const char *text, uint64_t count)
{
    (void)printf("%8" PRIu64 "  %s %s%s\n", count, what, text, count == 0 ? "  NOT REACHED" : "");
    return count > 0;
}

static const char *phase_name(int phase)
{
    static const char *const names[] = {"?",          "CONNECTING", "ACCEPTING",
                                        "HELLO_SENT", "HELLO_DUE",  "READY_DUE",
                                        "UP",         "LEAVING",    "DOWN"};

    return names[phase];
}

bool coverage_print(const coverage *sum)
{
    static const char *const faults[] = {
#define X(name, text) text,
        FAULT_MAP(X)
#undef X
    };
    static const char *const drops[] = {
#define X(name) #name,
        DROP_MAP(X)
#undef X
    };
    bool all = true;

    (void)printf("%" PRIu64 " seeds: %" PRIu64 " processes, %" PRIu64 " signals, %" PRIu64
                 " fragmented messages, %" PRIu64 " links between nodes, %" PRIu64
                 " waits of senders, %" PRIu64 " events checked\n",
                 sum->seeds, sum->born, sum->signals, sum->fragments, sum->links, sum->waits,
                 sum->events);
    for (size_t i = 0; i < FAULTS; i++) {
        all = print_line("fault:", faults[i], sum->faults[i]) && all;
    }
    for (size_t i = 0; i < ROWS; i++) {
        char text[128];
        (void)snprintf(text, sizeof(text), "%s to %s, %s", phase_name(table[i].before),
                       phase_name(table[i].after), table[i].text);
        all = print_line("state:", text, sum->transitions[i]) && all;
    }
    for (size_t i = 0; i < DROPS; i++) {
        all = print_line("dropped:", drops[i], sum->drops[i]) && all;
    }
    all = print_line("circle:", "joined or left a group", sum->memberships) && all;
    all = print_line("circle:", "cluster-wide name registered", sum->names) && all;
    all = print_line("circle:", "conflict about a name decided", sum->conflicts) && all;
    if (sum->unlisted > 0) {
        (void)printf("%8" PRIu64 "  state: not in the table: %s to %s, event %d, down %d\n",
                     sum->unlisted, phase_name(sum->unlisted_phase),
                     phase_name(sum->unlisted_after), sum->unlisted_event, sum->unlisted_down);
    }
    return all && sum->unlisted == 0;
}
