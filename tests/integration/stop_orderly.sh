#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors

# What a node has taken from its processes before it was told to stop arrives: all of it, in order.
# shellcheck source=tests/integration/flow_world.sh
. "$(dirname "$0")/flow_world.sh"

start one flow_node
one=$pid
start two flow_node

pour one pourer two sink 20000 200 0
ok "all is taken" until_true 30 grep -q 'poured 20000' "$world/one.log"
kill -s TERM "$one"
ok "the node ends" until_true 20 gone "$one"
ok "and says goodbye" until_true 20 has_lost two one
ok "in so many words" grep -q 'one@localhost is down: goodbye' "$world/two.log"
run osier exec two info sink
ok "everything has arrived" says 'taken: 20000'
ok "without a gap" says 'gaps: 0'
finish
