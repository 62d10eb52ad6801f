/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_DIST_MEMBERSHIP_TABLE_H
#define OSR_DIST_MEMBERSHIP_TABLE_H

#include "dist/membership/member.h"
#include "lib/core/list.h"
#include "lib/core/map.h"

/* The table of members: what is believed of whom, and what is still to be told to whom
 * (dist/membership/PROTOCOL.md). Pure: no clock, no randomness, no session. Threads: one at a time.
 */

#define OSRI_MEMBERS_MAX 4096 /* that are not connected */

/* One member, as believed. */
typedef struct osri_members_entry {
    osri_list_link link; /* osri_members.entries, the one that changed last at the end */
    uint64_t changed;    /* number of its last change */
    uint64_t source;     /* the session that brought that change; 0: we ourselves */
    bool connected;
    bool unreachable; /* it is said to be there, but we could not connect to it */
    bool ours;        /* this node itself */
    uint64_t missed;  /* the start of it that we said was lost, though nobody had seen it die */
    osri_member now;  /* texts are this entry's */
    char name[OSRI_NAME_BYTES];
    uint8_t key[OSRI_KEY_BYTES];
} osri_members_entry;

typedef struct osri_members {
    osri_map by_name; /* -> osri_members_entry */
    osri_list entries;
    osri_members_entry *self;
    uint64_t changes;
    size_t connected_count;
    uint64_t dropped; /* news of which there was no room */
} osri_members;

/* Starts with ourselves; version: real time in milliseconds << 16. Errors: OSR_ENOMEM. */
OSR_MUST_CHECK osr_err osri_members_init(osri_members *members, uint64_t seed,
                                         const osri_member *self);
void osri_members_fini(osri_members *members);

const osri_members_entry *osri_members_find(const osri_members *members, const char *name);

/* Says something new of ourselves. */
void osri_members_drain(osri_members *members, bool draining);

typedef enum osri_heard_member {
    OSRI_MEMBER_STALE = 0, /* nothing has changed */
    OSRI_MEMBER_NEWS,      /* *ret_entry has changed */
    OSRI_MEMBER_CONTESTED, /* *ret_contested is to be sent to the member itself: it is connected */
    OSRI_MEMBER_REFUTED,   /* it was about us; *ret_entry is ours, with a new version */
} osri_heard_member;

typedef struct osri_hearing {
    uint64_t source;  /* session that brought it; not 0 */
    const char *peer; /* whose session it is */
    uint64_t wall_ms;
} osri_hearing;

/* Takes what a peer has said. Errors: OSR_ENOMEM, nothing has changed. */
OSR_MUST_CHECK osr_err osri_members_hear(osri_members *members, const osri_hearing *hearing,
                                         const osri_member *said, osri_heard_member *ret_heard,
                                         const osri_members_entry **ret_entry,
                                         osri_member *ret_contested);

/* A session with a visible peer is up. Errors: OSR_ENOMEM. */
OSR_MUST_CHECK osr_err osri_members_up(osri_members *members, const osri_member *peer,
                                       const osri_members_entry **ret_entry);

/* It has ended. gone: OSRI_MEMBER_LEFT, OSRI_MEMBER_LOST, or OSRI_MEMBER_JOINED: it is still there.
 * Returns the entry, NULL: it is not known. */
const osri_members_entry *osri_members_down(osri_members *members, const char *name,
                                            osri_member_state gone);

/* An attempt to connect to it has failed. Where nobody answered it is said to be lost, once for
 * each start of it: who is connected with it knows better. Otherwise that is a matter of our own,
 * until something new is said of it. Returns the entry; NULL: it is not known, or nothing has
 * changed. */
const osri_members_entry *osri_members_failed(osri_members *members, const char *name,
                                              bool answered);

/* What we ourselves are to make of it. */
osri_member_state osri_members_state(const osri_members_entry *entry);

/* What a session is still to be told: all changes after *told that it did not bring itself, into
 * the record as long as they fit; *told is then the last of those written. False: that was all. A
 * record may stay empty. */
bool osri_members_tell(const osri_members *members, uint64_t source, uint64_t *told,
                       osri_members_writer *record);

#endif
