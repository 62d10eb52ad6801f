/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <osier/osier.h>

/* A node for the tests of process groups and cluster-wide names: a clerk who joins, watches and
 * takes names as it is told, and logs a line for whatever it hears. */

OSR_MESSAGE(clerk_join, 0x0150, (1, str, group));
OSR_MESSAGE(clerk_watch, 0x0151, (1, str, group)); /* the group, and each of its members */
OSR_MESSAGE(clerk_take, 0x0152, (1, str, name), (2, u64, weight));
OSR_MESSAGE(clerk_number, 0x0153, (1, u64, value));
OSR_REQUEST(clerk_count, 0x0154, clerk_number, (1, str, group));
OSR_MESSAGE(clerk_node, 0x0155, (1, str, node));
OSR_REQUEST(clerk_holder, 0x0156, clerk_node, (1, str, name));
OSR_STATE(clerk, (1, u64, conflicts));

static size_t count_members(osr_self *self, const char *group)
{
    osr_pid *pids = NULL;
    size_t count = 0;
    OSR_CHECK(self, osr_group_members(self, NULL, group, &pids, &count) == OSR_OK);
    osr_free(self, pids);
    return count;
}

OSR_ON_INFO(clerk, clerk_join)
{
    (void)state;
    osr_err err = osr_group_join(self, NULL, message->group.at, osr_self_pid(self));
    osr_log_self(self, OSR_LOG_NOTICE, "join %s: %s", message->group.at, osr_err_name(err));
    return OSR_NOREPLY;
}

OSR_ON_INFO(clerk, clerk_watch)
{
    osr_ref ref;
    osr_pid *pids = NULL;
    size_t count = 0;
    (void)state;
    OSR_CHECK(self, osr_group_monitor(self, NULL, message->group.at, &ref) == OSR_OK);
    OSR_CHECK(self, osr_group_members(self, NULL, message->group.at, &pids, &count) == OSR_OK);
    for (size_t i = 0; i < count; i++) {
        OSR_CHECK(self, osr_monitor(self, osr_to(pids[i]), &ref) == OSR_OK);
    }
    osr_free(self, pids);
    osr_log_self(self, OSR_LOG_NOTICE, "watch %s: %zu", message->group.at, count);
    return OSR_NOREPLY;
}

OSR_ON_INFO(clerk, osr_group_joined)
{
    (void)state;
    osr_log_self(self, OSR_LOG_NOTICE, "joined %s: %u", message->group.at, message->pids.count);
    return OSR_NOREPLY;
}

OSR_ON_INFO(clerk, osr_group_left)
{
    (void)state;
    osr_log_self(self, OSR_LOG_NOTICE, "left %s: %u", message->group.at, message->pids.count);
    return OSR_NOREPLY;
}

OSR_ON_INFO(clerk, osr_down)
{
    char reason[64];
    (void)state;
    osr_reason_print(&message->reason, reason, sizeof(reason));
    osr_log_self(self, OSR_LOG_NOTICE, "down %s, members then %zu", reason,
                 count_members(self, "g"));
    return OSR_NOREPLY;
}

OSR_ON_INFO(clerk, clerk_take)
{
    (void)state;
    osr_err err = osr_global_register(
        self, message->name.at, osr_self_pid(self),
        OSR_GLOBAL(.weight = message->weight, .on_conflict = OSR_GLOBAL_NOTIFY));
    osr_log_self(self, OSR_LOG_NOTICE, "take %s: %s", message->name.at, osr_err_name(err));
    return OSR_NOREPLY;
}

OSR_ON_INFO(clerk, osr_global_conflict)
{
    state->conflicts += 1;
    osr_log_self(self, OSR_LOG_NOTICE, "lost %s to a process of %s", message->name.at,
                 osr_node_name_of(self, message->winner));
    return OSR_NOREPLY;
}

OSR_ON_CALL(clerk, clerk_count, clerk_number)
{
    (void)state;
    reply->value = count_members(self, request->group.at);
    return OSR_REPLY;
}

OSR_ON_CALL(clerk, clerk_holder, clerk_node)
{
    osr_pid pid = osr_global_whereis(self, request->name.at);
    (void)state;
    reply->node = osr_str_of(osr_pid_is_none(pid) ? "nobody" : osr_node_name_of(self, pid));
    return OSR_REPLY;
}

OSR_SERVER(clerk, OSR_INFO(clerk_join), OSR_INFO(clerk_watch), OSR_INFO(osr_group_joined),
           OSR_INFO(osr_group_left), OSR_INFO(osr_down), OSR_INFO(clerk_take),
           OSR_INFO(osr_global_conflict), OSR_CALL(clerk_count), OSR_CALL(clerk_holder));

int main(int argc, char **argv)
{
    return osr_main(argc, argv, OSR_APP("groups", OSR_CHILD(clerk, .name = "clerk")));
}
