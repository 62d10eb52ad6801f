/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
/* modules: dist_membership lib_core */

/* A record of members from a peer: what is read is well formed and, written again, reads as the
 * same; whatever a peer says, the table stays within its bounds, believes nobody that a connected
 * peer is gone, and keeps us joined with a version that we can still raise. */

#include <stdlib.h>
#include <string.h>

#include "dist/membership/table.h"
#include "lib/core/heap.h"

#define WALL_MS UINT64_C(1800000000000)
#define SELF_VERSION (WALL_MS << 16)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static osri_members table;
static osri_members_writer again;
static const uint8_t key[OSRI_KEY_BYTES] = {1};

static void require(bool fact)
{
    if (!fact) {
        abort();
    }
}

static void ignore(void *context, const osri_member *member)
{
    (void)context;
    (void)member;
}

static void check_alike(void *context, const osri_member *member)
{
    const osri_member *before = context;

    require(strcmp(before->name, member->name) == 0 && before->creation == member->creation);
    require(before->version == member->version && before->state == member->state);
    require(strcmp(before->endpoint, member->endpoint) == 0);
    require(strcmp(before->labels, member->labels) == 0);
    require(before->draining == member->draining);
    require(memcmp(before->key, member->key, OSRI_KEY_BYTES) == 0);
}

static void hear(void *context, const osri_member *said)
{
    osri_hearing hearing = {.source = 9, .peer = "peer@h", .wall_ms = WALL_MS};
    osri_heard_member heard;
    const osri_members_entry *entry;
    osri_member contested;
    const uint8_t *bytes;
    size_t bytes_count;

    (void)context;
    osri_members_begin(&again);
    require(osri_members_add(&again, said));
    bytes = osri_members_end(&again, &bytes_count);
    require(osri_members_read(bytes, bytes_count, check_alike, (void *)(uintptr_t)said) == OSR_OK);
    require(osri_members_hear(&table, &hearing, said, &heard, &entry, &contested) == OSR_OK);
    if (heard == OSRI_MEMBER_CONTESTED) {
        require(osri_members_find(&table, contested.name)->connected);
    }
}

static void check_table(void)
{
    const osri_members_entry *self = table.self;
    const osri_members_entry *peer = osri_members_find(&table, "peer@h");
    uint64_t told = 0;
    bool more = true;

    require(self->now.state == OSRI_MEMBER_JOINED && self->now.creation == 1);
    require(self->now.version >= SELF_VERSION && self->now.version < UINT64_MAX - (1 << 20));
    require(peer->connected && osri_members_state(peer) == OSRI_MEMBER_JOINED);
    require(osri_map_count(&table.by_name) <= OSRI_MEMBERS_MAX + 2);
    while (more) {
        osri_members_begin(&again);
        more = osri_members_tell(&table, 0, &told, &again);
        if (again.count > 0) {
            size_t size;
            const uint8_t *bytes = osri_members_end(&again, &size);
            require(osri_members_read(bytes, size, ignore, NULL) == OSR_OK);
        }
    }
    require(told == table.changes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const osri_members_entry *entry;
    osri_member us = {.name = "us@h",
                      .creation = 1,
                      .version = SELF_VERSION,
                      .state = OSRI_MEMBER_JOINED,
                      .endpoint = "",
                      .labels = "",
                      .key = key};
    osri_member peer = us;

    peer.name = "peer@h";
    peer.version = 0;
    require(osri_members_init(&table, 0, &us) == OSR_OK);
    require(osri_members_up(&table, &peer, &entry) == OSR_OK);
    (void)!osri_members_read(data, size, hear, NULL);
    check_table();
    osri_members_fini(&table);
    return 0;
}
