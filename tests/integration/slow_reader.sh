#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors

# A process that takes one message a second is no reason to believe that its node is gone, nor to hold up another
# process of it: acknowledgement is the node's, not the process's.
# shellcheck source=tests/integration/flow_world.sh
. "$(dirname "$0")/flow_world.sh"

start one flow_node --tick 1000
start two flow_node --tick 1000

pour one pourer two slow 20000 1000 0
ok "all is taken from the sender" until_true 30 grep -q 'poured 20000' "$world/one.log"
pour one pulse two drain 1000000 10 2
passed_by=$(sent one two)
ok "four times the time of silence" until_true 40 sent_more one two $((passed_by + 2000))
ok "as the receiver sees" until_true 10 received_more two one $((passed_by + 1000))
ok "nobody is given up by one" keeps one two
ok "nor by two" keeps two one
run osier exec two ps
ok "the slow one has a long queue" says '^<[^>]*> *slow .* [0-9]\{4,\}  *[0-9]\{1,2\}$'
finish
