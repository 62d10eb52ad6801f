#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors

# A node that was stopped for less than the time of silence goes on with all its connections: it believes neither the
# others dead, whose ticks it has not read, nor do they it.
# shellcheck source=tests/integration/flow_world.sh
. "$(dirname "$0")/flow_world.sh"

start one flow_node --tick 6000
one=$pid
start two flow_node --tick 6000

pour one pulse two sink 1000000 10 5
pour two pulse one sink 1000000 10 5
ok "both send" until_true 20 sent_more one two 20
kill -s STOP "$one"
sleep 2 # the fault itself
kill -s CONT "$one"
for _ in 1 2 3; do
    before=$(received one two)
    ok "they go on" until_true 20 received_more one two $((before + 200))
done
ok "nobody is given up by one" keeps one two
ok "nor by two" keeps two one
finish
