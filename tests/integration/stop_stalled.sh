#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors

# A node stops though a peer to which much is on its way does not read (SIGSTOP), and processes wait in line for it.
# shellcheck source=tests/integration/flow_world.sh
. "$(dirname "$0")/flow_world.sh"

start one flow_node --tick 60000
one=$pid
start two flow_node --tick 60000
two=$pid

pour one pourer two sink 1000000000 1000 0
ok "a flood is under way" until_true 20 sent_more one two 20000
kill -s STOP "$two"
ok "its sender waits" until_true 20 waits one two 1
kill -s TERM "$one"
ok "the node ends" until_true 15 gone "$one"
status=0
wait "$one" || status=$?
ok "in order" ends_with 0
kill -s CONT "$two"
ok "the other one lives" alive "$two"
ok "and is told" until_true 20 has_lost two one
finish
