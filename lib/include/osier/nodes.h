/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_NODES_H
#define OSR_NODES_H

#include "osier/process.h"

/* The other nodes: which there are, what for, and what becomes of them. osier/process.h has
 * osr_connect(), osr_disconnect() and osr_monitor_nodes().
 *
 * Connected nodes tell each other of all members of the cluster (dist/membership/PROTOCOL.md), so a
 * node knows of more nodes than it is connected with; sending to one of those connects to it. A
 * hidden node is nobody's member: only who is connected with it knows it. */

OSR_BEGIN_DECLS

/* Which nodes; they can be added up. */
typedef enum osr_node_kind {
    OSR_NODES_VISIBLE = 1,   /* connected, and not hidden */
    OSR_NODES_HIDDEN = 2,    /* connected, and hidden */
    OSR_NODES_CONNECTED = 3, /* both */
    OSR_NODES_THIS = 4,      /* this node itself */
    OSR_NODES_KNOWN = 15,    /* all of these, and members that are not connected */
} osr_node_kind;

/* One node. Of a hidden one the endpoint is not known. */
OSR_STRUCT(osr_node_info, (1, str, name), (2, u64, node), (3, u64, creation), (4, str, endpoint),
           (5, list(str), labels), (6, bool, connected), (7, bool, draining), (8, bool, hidden),
           (9, u64, os_pid));
OSR_MESSAGE(osr_node_list, 0x41, (1, list(of(osr_node_info)), nodes));

/* Lists nodes: this one, then those connected in the order in which they came up, then the others.
 * kinds: osr_node_kind, added up.
 * Ownership: *ret_list is yours, osr_free(self, list) or the end of the process frees it.
 * Errors: OSR_ENOMEM. Not a suspension point. */
OSR_API OSR_MUST_CHECK osr_err osr_nodes(osr_self *self, uint32_t kinds,
                                         const osr_node_list **ret_list);

/* What has become of a member. */
typedef enum osr_member_state {
    OSR_MEMBER_JOINED = 1, /* it is there, as far as anybody knows */
    OSR_MEMBER_LEFT = 2,   /* it has stopped, and said so */
    OSR_MEMBER_LOST = 3,   /* somebody's connection with it broke; it may join again */
} osr_member_state;

/* What subscribers of osr_monitor_members() receive. */
OSR_MESSAGE(osr_member, 0x40, (1, str, name), (2, u64, node), (3, u64, creation), (4, u32, state),
            (5, bool, connected), (6, bool, draining), (7, list(str), labels), (8, str, endpoint));

/* Subscribes to the table of members: an osr_member for each that is there now, this node among
 * them, then one for each change, with all that is known of it afterwards. A member that is
 * connected is told of after its osr_nodeup, and after its osr_nodedown. on false ends it.
 * Errors: OSR_ENOMEM. Not a suspension point. */
OSR_API OSR_MUST_CHECK osr_err osr_monitor_members(osr_self *self, bool on);

/* Asks for one osr_nodedown, with the monitor's reference, when this node is lost; connects to it
 * first. One that cannot be reached: at once, reason connection_setup_failed. Monitors stack; this
 * node's own name never fires. Not a suspension point.
 * Errors: OSR_ENOTSUP started without distribution; OSR_EINVAL not a node's name; OSR_ENOMEM. */
OSR_API OSR_MUST_CHECK osr_err osr_monitor_node(osr_self *self, const char *node,
                                                osr_ref *ret_monitor);

/* Ends one; returns whether it was still there. An osr_nodedown that is already in the mailbox
 * stays. Not a suspension point. */
OSR_API bool osr_demonitor_node(osr_self *self, osr_ref monitor);

/* Whether nothing new is to be placed on this node by its labels: supervisors of all nodes leave it
 * out once they have heard of it, and everybody sees it. What runs here goes on; who names this
 * node still gets it. Errors: OSR_ENOTSUP started without distribution; OSR_ENOMEM. Not a
 * suspension point. */
OSR_API osr_err osr_drain(osr_self *self, bool on);

/* Changes how long this node bears the silence of a connected one before it gives it up (T,
 * --tick), for all connections, those there are as well: they are told, and a smaller T holds once
 * the old one has passed, so that nobody is given up by mistake. The bound on data that nobody
 * acknowledges stays what it was at the start. 100 to 3,600,000.
 * Errors: OSR_EINVAL another value; OSR_ENOTSUP started without distribution; OSR_ENOMEM. Not a
 * suspension point. */
OSR_API osr_err osr_set_tick(osr_self *self, uint32_t tick_ms);

#define OSR_NODE_NAME_BYTES 129 /* the longest name of a node with its NUL */

/* Chooses by chance one of the members, this node too, that have the label, or a value for it, and
 * are not draining. Errors: OSR_ENOTFOUND there is none. Not a suspension point. */
OSR_API OSR_MUST_CHECK osr_err osr_choose_node(osr_self *self, const char *label,
                                               char ret_name[OSR_NODE_NAME_BYTES]);

/* Whether one of the labels is `wanted`, or begins with it and "=": "zone" finds "zone=a". Not a
 * suspension point. Threads: any. */
OSR_API bool osr_node_has_label(const osr_node_info *node, const char *wanted);

OSR_END_DECLS
#endif
