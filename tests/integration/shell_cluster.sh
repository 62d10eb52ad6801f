#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors

# ps tree, nodes and links across two nodes, also when one of them does not answer.
# shellcheck source=tests/integration/shell_world.sh
. "$(dirname "$0")/shell_world.sh"

start one busy_node --label red
one=$pid
start two counter --join one@localhost --label green --label blue
two=$pid
connected() { osier exec one nodes | grep -q '^two@localhost'; }
ok "a joined node connects" until_true 15 connected

run osier exec one nodes
ok "it is shown with its labels" says "^two@localhost OS process $two, labels green,blue$"
run osier nodes
ok "osier nodes shows both" [ "$(grep -c ' yes$' "$world/out")" = 2 ]
ok "and labels" says 'green,blue'
run osier nodes one
ok "osier nodes NODE shows its links" says '^two@localhost connected$'
ok "what passed" says '^  received [1-9][0-9]* messages, '
ok "and what waits" says '^  waiting  0 bytes here, '
run osier nodes one two
ok "one node at a time" ends_with 64
ok "and says so" complains 'it takes one node at most'
run osier nodes stoer
ok "a node that does not run is unavailable" ends_with 69
run osier exec one ps tree
ok "the tree has both nodes" ends_with 0
ok "this one" says '^one@localhost$'
ok "that one" says '^two@localhost$'
ok "and what runs there" [ "$(sed -n '/^two@localhost$/,$p' "$world/out" | grep -c '^    counter <')" = 1 ]
far=$(sed -n '/^two@localhost$/,$p' "$world/out" | sed -n 's/^    counter \(<[^ ]*\) .*/\1/p')
run osier exec one "info $far"
ok "a process of another node is sent there" complains 'type: osier shell two@localhost'
run osier exec two "info $far"
ok "where it is found" says '^name  *counter$'

kill -s STOP "$two"
run osier exec one ps tree
ok "a node that does not answer is a failure" ends_with 1
ok "that is named" complains '^two@localhost has not answered within 2 s'
ok "and the rest is shown" says '^    counter <'
kill -s CONT "$two"
ok "one lives" alive "$one"
finish
