# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors
# That a process has left a group is told to nobody but this node's monitors.
s/^        send_change(groups, &node->peer, membership->group, &membership->owner->pid, 1, joined);$/        if (joined) {\n    &\n        }/
