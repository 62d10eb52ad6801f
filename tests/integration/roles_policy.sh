#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors

# roles.policy: what peers may do of what their certificates say; a bad file is named, a new one is read by a node that
# runs.
# shellcheck source=tests/integration/shell_world.sh
. "$(dirname "$0")/shell_world.sh"

policy=$world/roles.policy

# set_policy LINE…: replaces the file in one step.
set_policy()
{
    printf '# osier-roles-policy-1\n' >"$world/new.policy"
    printf '%s\n' "$@" >>"$world/new.policy"
    mv "$world/new.policy" "$policy"
}

set_policy 'shell-read: *' 'shell-wirte: *'
run counter --listen "$listen" --policy "$policy"
ok "a bad rule is named" complains "roles.policy: line 3: \"shell-wirte\" begins no rule; type spawn:"
ok "and no node starts with it" ends_with 78
run counter --listen "$listen" --policy "$world/none"
ok "nor without the file" complains "$world/none"

set_policy 'shell-read: *@localhost'
start store counter --policy "$policy"
run osier exec store ps
ok "what a rule allows is done" ends_with 0
run osier exec store drain on
ok "what none allows is not" complains 'not permitted: .*no role shell-write, by its certificate or the policy of this node'
ok "and is in the log" grep -q 'shell: .*drain on: refused' "$world/store.log"

set_policy 'shell-read: *@localhost' 'shell-write: *@localhost'
changes() { osier exec store drain on; }
ok "a new policy is read" until_true 30 changes
run osier exec store spawn counter
ok "entries are for those whom a rule names" complains 'no rule of this node.s policy lets you start "counter"'
set_policy 'nonsense'
ok "a bad one is named" until_true 30 grep -q 'roles.policy: line 2: .*the policy that was read before stays' "$world/store.log"
run osier exec store drain off
ok "and changes nothing" ends_with 0
set_policy ''
refuses() { ! osier exec store ps; }
ok "an empty one allows nothing" until_true 30 refuses
finish
