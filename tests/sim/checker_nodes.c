/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <stdlib.h>

#include "tests/sim/checker_state.h"

/* What nodes saw of each other: one session a pair, its end noticed, honest peers at peace. */

#define NS_PER_MS UINT64_C(1000000)

node_state *checker_node(const check *c, uint64_t id)
{
    return osri_map_get_u64(&c->nodes, id);
}

uint64_t checker_host(const check *c, uint64_t id)
{
    const node_state *node = checker_node(c, id);

    return node == NULL ? JOURNAL_HOST_UNKNOWN : node->host;
}

uint64_t checker_session(const check *c, uint64_t id, uint64_t host)
{
    const node_state *node = checker_node(c, id);

    return node == NULL || node->gone || host >= JOURNAL_HOSTS_MAX || !node->sessions[host].up
               ? 0
               : node->sessions[host].number;
}

static void on_started(check *c, const event *e)
{
    node_state *node = checker_get_or_make(&c->nodes, &e->x, sizeof(e->x), sizeof(*node));

    broken(c, node->id != 0, "9: a node that comes back as the same incarnation");
    *node = (node_state){.id = e->x, .host = e->y, .tick_ms = e->z};
    c->current[e->y] = node;
}

static void on_gone(check *c, const event *e)
{
    node_state *node = checker_node(c, e->x);

    if (node != NULL) {
        node->gone = true;
    }
}

static void on_up(check *c, const event *e)
{
    node_state *node = checker_node(c, e->x);

    if (node == NULL || e->z >= JOURNAL_HOSTS_MAX) {
        broken(c, true, "8: a session with somebody that nobody knows");
        return;
    }
    broken(c, node->sessions[e->z].up, "P: two sessions with one peer");
    node->sessions[e->z] = (session_state){.number = e->y, .up_ns = e->now_ns, .up = true};
}

static void on_downed(check *c, const event *e)
{
    node_state *node = checker_node(c, e->x);
    session_state *session = node == NULL ? NULL : &node->sessions[e->z];

    if (session == NULL || !session->up || session->number != e->y) {
        broken(c, true, "P: the end of a session that was not up");
        return;
    }
    broken(c, e->w != 0 && osri_map_get_u64(&c->forged, e->y) == NULL,
           "8: honest peers that called each other's frames malformed");
    session->up = false;
    session->down_ns = e->now_ns;
}

/* What was under way is silent too: the last frame came before the cut. A clock may be off by a
 * twentieth. */
static void check_silence(check *c, const event *e, uint64_t since_ns)
{
    const node_state *node = c->current[e->y];
    const session_state *session = node == NULL ? NULL : &node->sessions[e->x];
    uint64_t patience_ns = node == NULL ? 0 : node->tick_ms * NS_PER_MS / 16 * 21; /* 1.25 × 1.05 */

    broken(c,
           session != NULL && !node->gone && session->up && session->up_ns < since_ns &&
               node->paused_ns < since_ns && e->now_ns - since_ns > patience_ns,
           "4: a silence of more than 1.25 T that nobody noticed");
}

static void on_cut(check *c, const event *e)
{
    uint64_t *since_ns = &c->cut_ns[e->x][e->y];

    if (e->kind == EVENT_HEALED && *since_ns != 0) {
        check_silence(c, e, *since_ns);
        *since_ns = 0;
    } else if (e->kind == EVENT_CUT && *since_ns == 0) {
        *since_ns = e->now_ns;
    }
}

static bool see_each_other(const check *c, uint64_t one, uint64_t other)
{
    const node_state *a = c->current[one];
    const node_state *b = c->current[other];

    return a != NULL && b != NULL && !a->gone && !b->gone && a->sessions[other].up &&
           b->sessions[one].up && a->sessions[other].number == b->sessions[one].number;
}

static void on_forged(check *c, const event *e)
{
    const node_state *node = c->current[e->x];

    if (node != NULL &&
        osri_map_put_u64(&c->forged, node->sessions[e->y].number, c, NULL) != OSR_OK) {
        abort();
    }
}

void checker_node_event(check *c, const event *e)
{
    switch (e->kind) {
    case EVENT_STARTED:
        on_started(c, e);
        break;
    case EVENT_GONE:
        on_gone(c, e);
        break;
    case EVENT_UP:
        on_up(c, e);
        break;
    case EVENT_DOWNED:
        on_downed(c, e);
        break;
    case EVENT_CUT:
    case EVENT_HEALED:
        on_cut(c, e);
        break;
    case EVENT_PAUSED:
        if (c->current[e->x] != NULL) {
            c->current[e->x]->paused_ns = e->y;
        }
        break;
    case EVENT_FORGED:
        on_forged(c, e);
        break;
    case EVENT_BOTH_DIALED:
        broken(c, !see_each_other(c, e->x, e->y),
               "P: nodes that dialed each other and neither dial succeeded");
        break;
    case EVENT_DIALED:
        broken(c, !see_each_other(c, e->x, e->y),
               "P: nodes of which one dialed the other and that are not connected");
        break;
    case EVENT_STRANGER:
        broken(c, e->y != 0, "8: a stranger that heard more than a refusal");
        break;
    default:
        break;
    }
}

/* At the end every session is up on both sides. */
void checker_nodes_end(check *c)
{
    for (uint64_t host = 0; host < JOURNAL_HOSTS_MAX; host++) {
        const node_state *node = c->current[host];
        for (uint64_t peer = 0; node != NULL && !node->gone && peer < JOURNAL_HOSTS_MAX; peer++) {
            broken(c, node->sessions[peer].up && !see_each_other(c, host, peer),
                   "9: a session with a node that has none with us, or is dead");
        }
    }
}
