/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_GROUP_H
#define OSR_GROUP_H

#include "osier/process.h"

/* Process groups (Erlang's pg): processes under a common name, on all connected nodes.
 *
 *     err = osr_group_join(self, NULL, "workers", osr_self_pid(self));
 *     …
 *     err = osr_group_members(self, NULL, "workers", &pids, &count);
 *
 * A node says which of its own processes are in a group, and its word reaches the others in the
 * order of everything else it sends. So views differ for a moment and agree once nothing changes:
 *   - what a process joined or left here is seen here at once;
 *   - at its end a process is in no group before anybody learns of its end, and other nodes learn
 *     of that before the down and exit messages that its node sends them;
 *   - members of a lost node are gone before the down, exit and nodedown messages of that loss,
 *     and come back, if they live, with the next connection.
 * A scope is a world of groups of its own; NULL is the one called "default". Groups are there while
 * they have members. Names are texts of 1 to 255 bytes. It works on a node without distribution as
 * well. Hidden nodes neither tell nor hear of groups. Nothing here is a suspension point. */

OSR_BEGIN_DECLS

/* To a process that monitors a group or a scope: these are members from now on, or no longer. One
 * that joined twice, or left twice, is there twice. */
OSR_MESSAGE(osr_group_joined, 0x60, (1, ref, monitor), (2, str, scope), (3, str, group),
            (4, list(pid), pids));
OSR_MESSAGE(osr_group_left, 0x61, (1, ref, monitor), (2, str, scope), (3, str, group),
            (4, list(pid), pids));

/* Makes a process of this node a member. Who joins more than once is a member as often.
 * Errors: OSR_EINVAL a name, or a process of another node; OSR_ENOPROC it does not live; OSR_ELIMIT
 *   the node's processes are members 1,048,576 times; OSR_ENOMEM. */
OSR_API OSR_MUST_CHECK osr_err osr_group_join(osr_self *self, const char *scope, const char *group,
                                              osr_pid pid);

/* Takes one membership back. Errors: OSR_ENOTFOUND it is not a member; OSR_EINVAL a name, or a
 * process of another node. */
OSR_API osr_err osr_group_leave(osr_self *self, const char *scope, const char *group, osr_pid pid);

/* The members here and elsewhere, in the order in which this node learned of them.
 * Ownership: *ret_pids is yours, osr_free(self, pids); NULL where there are none.
 * Errors: OSR_EINVAL a name; OSR_ENOMEM. */
OSR_API OSR_MUST_CHECK osr_err osr_group_members(osr_self *self, const char *scope,
                                                 const char *group, osr_pid **ret_pids,
                                                 size_t *ret_count);

/* The same of this node's own processes only. Ownership and errors: as osr_group_members(). */
OSR_API OSR_MUST_CHECK osr_err osr_group_local_members(osr_self *self, const char *scope,
                                                       const char *group, osr_pid **ret_pids,
                                                       size_t *ret_count);

/* The groups of a scope that have members, oldest first. Ownership: one block, osr_free(self,
 * groups); NULL where there are none. Errors: OSR_EINVAL a name; OSR_ENOMEM. */
OSR_API OSR_MUST_CHECK osr_err osr_group_names(osr_self *self, const char *scope,
                                               osr_str **ret_groups, size_t *ret_count);

/* Sends this process an osr_group_joined with the present members, if there are any, and from then
 * on an osr_group_joined or osr_group_left for each change, until it ends or says otherwise.
 * Errors: OSR_EINVAL a name; OSR_ENOMEM. */
OSR_API OSR_MUST_CHECK osr_err osr_group_monitor(osr_self *self, const char *scope,
                                                 const char *group, osr_ref *ret_monitor);

/* The same for all groups of a scope. Errors: as osr_group_monitor(). */
OSR_API OSR_MUST_CHECK osr_err osr_group_monitor_scope(osr_self *self, const char *scope,
                                                       osr_ref *ret_monitor);

/* Ends a monitor of this process; returns whether it was there. Messages that wait already stay. */
OSR_API bool osr_group_demonitor(osr_self *self, osr_ref monitor);

OSR_END_DECLS
#endif
