/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <stdlib.h>
#include <string.h>

#include "lib/core/heap.h"
#include "lib/core/log.h"
#include "node/shell/format.h"

/* The tree of processes. Parents are found by pid in a sorted array; the walk keeps its own stack,
 * for a chain of spawns may be as long as there are processes.
 *
 * What other nodes say may be wrong: a process whose line of parents comes back to itself is below
 * no root, so whatever has not been printed in the end is taken for a root. */

#define INDENT 2
#define DEPTH_SHOWN_MAX 30
#define NOBODY UINT32_MAX
#define TEXT_BYTES 72

/* What is known of one process's place. Children are a list through `next`, in order. */
typedef struct place {
    uint32_t first, last, next;
    bool has_parent;
    bool printed;
} place;

typedef struct found {
    osr_pid pid;
    uint32_t index;
} found;

typedef struct tree {
    const char *const *nodes;
    const osri_tree_process *processes;
    size_t count;
    place *places;
    found *sorted;
    uint32_t *stack; /* of what is still to be printed; holds each process once at most */
    uint32_t *depths;
} tree;

static int compare_pids(osr_pid a, osr_pid b)
{
    if (a.node != b.node) {
        return a.node < b.node ? -1 : 1;
    }
    if (a.slot != b.slot) {
        return a.slot < b.slot ? -1 : 1;
    }
    return a.generation < b.generation ? -1 : a.generation > b.generation;
}

static int compare_found(const void *left, const void *right)
{
    const found *a = left;
    const found *b = right;
    int order = compare_pids(a->pid, b->pid);
    return order != 0 ? order : a->index < b->index ? -1 : a->index > b->index;
}

static uint32_t find(const tree *t, osr_pid pid)
{
    size_t low = 0;
    size_t high = t->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_pids(t->sorted[middle].pid, pid) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < t->count && osr_pid_equal(t->sorted[low].pid, pid) ? t->sorted[low].index : NOBODY;
}

static void add_child(tree *t, uint32_t parent, uint32_t child)
{
    place *p = &t->places[parent];
    t->places[child].has_parent = true;
    if (p->first == NOBODY) {
        p->first = child;
    } else {
        t->places[p->last].next = child;
    }
    p->last = child;
}

static void arrange(tree *t)
{
    for (uint32_t i = 0; i < t->count; i++) {
        t->places[i] = (place){.first = NOBODY, .last = NOBODY, .next = NOBODY};
        t->sorted[i] = (found){t->processes[i].snapshot.pid, i};
    }
    qsort(t->sorted, t->count, sizeof(*t->sorted), compare_found);
    for (uint32_t i = 0; i < t->count; i++) {
        osr_pid parent = t->processes[i].snapshot.parent;
        uint32_t above = osr_pid_is_none(parent) ? NOBODY : find(t, parent);
        if (above != NOBODY && above != i) {
            add_child(t, above, i);
        }
    }
}

static void add_process(const tree *t, osri_text *text, uint32_t index, uint32_t depth,
                        uint32_t node)
{
    const osri_tree_process *process = &t->processes[index];
    const osr_snapshot *s = &process->snapshot;
    char pid[OSR_PID_TEXT_BYTES];
    char name[TEXT_BYTES];
    osr_pid_print(s->pid, pid);
    const char *called = s->name[0] != '\0' ? s->name : s->label[0] != '\0' ? s->label : s->body;
    (void)osri_log_escape(name, sizeof(name), called[0] == '\0' ? "-" : called);
    uint32_t shown = depth < DEPTH_SHOWN_MAX ? depth : DEPTH_SHOWN_MAX;
    osri_text_add(text, "%*s%s %s %s", (int)(INDENT * (shown + 1)), "", name, pid,
                  osr_run_state_name(s->state));
    if (s->handling[0] != '\0') {
        (void)osri_log_escape(name, sizeof(name), s->handling);
        osri_text_add(text, " %s", name);
    }
    if (process->node != node) {
        osri_text_add(text, " on %s", t->nodes[process->node]);
    }
    osri_text_add(text, "\n");
}

/* Puts the children on the stack, the first one on top. */
static size_t push_children(tree *t, uint32_t parent, uint32_t depth, size_t height)
{
    size_t from = height;
    for (uint32_t c = t->places[parent].first; c != NOBODY; c = t->places[c].next) {
        if (!t->places[c].printed) {
            t->places[c].printed = true;
            t->stack[height] = c;
            t->depths[height++] = depth + 1;
        }
    }
    for (size_t low = from, high = height; low + 1 < high; low++) {
        uint32_t swapped = t->stack[low];
        t->stack[low] = t->stack[--high];
        t->stack[high] = swapped;
    }
    return height;
}

static void add_root(tree *t, osri_text *text, uint32_t root)
{
    uint32_t node = t->processes[root].node;
    size_t height = 1;
    t->stack[0] = root;
    t->depths[0] = 0;
    t->places[root].printed = true;
    while (height > 0) {
        uint32_t index = t->stack[--height];
        uint32_t depth = t->depths[height];
        add_process(t, text, index, depth, node);
        height = push_children(t, index, depth, height);
    }
}

static void add_all(tree *t, osri_text *text, uint32_t node_count)
{
    for (uint32_t node = 0; node < node_count; node++) {
        osri_text_add(text, "%s\n", t->nodes[node]);
        for (uint32_t i = 0; i < t->count; i++) {
            if (t->processes[i].node == node && !t->places[i].has_parent) {
                add_root(t, text, i);
            }
        }
    }
    for (uint32_t i = 0; i < t->count; i++) {
        if (!t->places[i].printed) {
            add_root(t, text, i);
        }
    }
}

osr_err osri_format_tree(osri_text *text, const char *const *nodes, uint32_t node_count,
                         const osri_tree_process *processes, size_t count)
{
    if (count >= NOBODY) {
        return OSR_ENOMEM;
    }
    tree t = {.nodes = nodes, .processes = processes, .count = count};
    size_t room = count + 1;
    t.places = osri_heap_alloc(room * sizeof(*t.places));
    t.sorted = osri_heap_alloc(room * sizeof(*t.sorted));
    t.stack = osri_heap_alloc(room * sizeof(*t.stack));
    t.depths = osri_heap_alloc(room * sizeof(*t.depths));
    osr_err err = OSR_ENOMEM;
    if (t.places != NULL && t.sorted != NULL && t.stack != NULL && t.depths != NULL) {
        arrange(&t);
        add_all(&t, text, node_count);
        err = OSR_OK;
    }
    osri_heap_free(t.places, room * sizeof(*t.places));
    osri_heap_free(t.sorted, room * sizeof(*t.sorted));
    osri_heap_free(t.stack, room * sizeof(*t.stack));
    osri_heap_free(t.depths, room * sizeof(*t.depths));
    return err;
}
