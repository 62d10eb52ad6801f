#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors

# Two nodes on two machines, and what the first one sends is lost on the way from some moment on, silently and in that
# direction only: the other one gives it up for its silence, the first one learns that, too, and once packets pass again
# they are connected again.
# shellcheck source=tests/integration/two_machines.sh
. "$(dirname "$0")/two_machines.sh"

ok "one node is up" on left counter --tick 2000
ok "another one" on right counter --tick 2000 --join "left@$left:9100"
ok "which reaches it" until_true 20 is_up_times left 1
ok "as it says itself" until_true 20 is_up_times right 1

# Neighbour discovery is told a wrong address: nobody takes these packets, and no error says so.
ip -n left neighbour replace $right lladdr 02:00:00:00:00:99 nud permanent dev eth0
ok "who hears nothing gives the other one up" until_true 30 grep -q "left@$left is down: net_tick_timeout" "$world/right.log"
ok "as a warning" grep -q "warning: net: left@$left is down: net_tick_timeout" "$world/right.log"
ok "who is not heard learns of it" until_true 60 grep -q "right@$right is down" "$world/left.log"
ok "they are not connected meanwhile" [ "$(ups left)" = 1 ]

ip -n left neighbour delete $right dev eth0
ok "once packets pass they are connected again" until_true 60 is_up_times left 2
ok "both" until_true 20 is_up_times right 2
finish
