/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "node/shell/collect.h"

#include "lib/core/heap.h"
#include "node/shell/protocol.h"

/* Arrays of what a node shows of itself. */

#define ROOM_MIN 64

static void keep(void *context, const osr_snapshot *snapshot)
{
    osri_collection *c = context;
    c->total += 1;
    if (c->count == OSRI_SHELL_ROWS_MAX || c->no_memory) {
        return;
    }
    if (c->count == c->room) {
        size_t room = c->room == 0 ? ROOM_MIN : c->room * 2;
        osr_snapshot *at = osri_heap_realloc(c->at, c->room * sizeof(*at), room * sizeof(*at));
        if (at == NULL) {
            c->no_memory = true;
            return;
        }
        c->at = at;
        c->room = room;
    }
    c->at[c->count++] = *snapshot;
}

osr_err osri_collect_processes(osr_node *node, osri_collection *ret_collection)
{
    osri_collection c = {0};
    if (osr_processes(node, keep, &c) != OSR_OK || c.no_memory) {
        osri_collection_fini(&c);
        return OSR_ENOMEM;
    }
    *ret_collection = c;
    return OSR_OK;
}

void osri_collection_fini(osri_collection *collection)
{
    osri_heap_free(collection->at, collection->room * sizeof(*collection->at));
    *collection = (osri_collection){0};
}

osr_err osri_collect_peers(osr_node *node, osri_peer **ret_peers, size_t *ret_count)
{
    void *context;
    const osri_remote_ops *ops = osri_node_remote(node, &context);
    size_t room = ops == NULL ? 0 : ops->peers(context, NULL, 0);
    osri_peer *peers = osri_heap_alloc((room + 1) * sizeof(*peers));
    if (peers == NULL) {
        return OSR_ENOMEM;
    }
    size_t count = ops == NULL ? 0 : ops->peers(context, peers, room);
    count = count < room ? count : room; /* one that came in between is left out */
    osri_peer *fit =
        osri_heap_realloc(peers, (room + 1) * sizeof(*peers), (count + 1) * sizeof(*peers));
    if (fit == NULL) {
        osri_heap_free(peers, (room + 1) * sizeof(*peers));
        return OSR_ENOMEM;
    }
    *ret_peers = fit;
    *ret_count = count;
    return OSR_OK;
}

void osri_peers_free(osri_peer **peers, size_t count)
{
    osri_heap_free(*peers, *peers == NULL ? 0 : (count + 1) * sizeof(**peers));
    *peers = NULL;
}

osr_err osri_peer_of(osr_node *node, uint64_t node_id, osri_peer *ret_peer)
{
    osri_peer *peers;
    size_t count;
    osr_err err = osri_collect_peers(node, &peers, &count);
    if (err != OSR_OK) {
        return err;
    }
    err = OSR_ENOTFOUND;
    for (size_t i = 0; i < count && err != OSR_OK; i++) {
        if (peers[i].node == node_id) {
            *ret_peer = peers[i];
            err = OSR_OK;
        }
    }
    osri_peers_free(&peers, count);
    return err;
}
