#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors

# A node that is stopped while much is on its way to it is noticed by its silence, though the sender's own frames are
# stuck: within its time, not after TCP has given up.
# shellcheck source=tests/integration/flow_world.sh
. "$(dirname "$0")/flow_world.sh"

start one flow_node --tick 2000
start two flow_node --tick 2000
two=$pid

pour one pourer two sink 1000000000 200000 0
pour one pulse two drain 1000000000 1000000 0
ok "a flood is under way" until_true 20 sent_more one two 500
kill -s STOP "$two"
ok "its senders wait" until_true 10 waits one two 2
ok "it is given up" until_true 15 has_lost one two
ok "for its silence" grep -q 'two@localhost is down: net_tick_timeout' "$world/one.log"
kill -s CONT "$two"
ok "and comes back" until_true 40 connected one two
finish
