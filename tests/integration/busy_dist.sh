#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors

# A node that sends at full rate to one that has been stopped (SIGSTOP): the sender waits in line, memory stays bounded,
# other links go on, the silent node is given up after its time, and is sent to again when it goes on.
# shellcheck source=tests/integration/flow_world.sh
. "$(dirname "$0")/flow_world.sh"

start one flow_node --tick 6000
one=$pid
start two flow_node --tick 6000
two=$pid
start three flow_node --tick 6000

pour one pulse three drain 1000000 10 2
pour one pourer two sink 1000000000 1000 0
ok "the flood is under way" until_true 20 sent_more one two 20000
ok "and the trickle" until_true 20 sent_more one three 10
before=$(memory "$one")

kill -s STOP "$two"
ok "the sender waits in line" until_true 10 waits one two 1
passed_by=$(sent one three)
ok "while it does, another link goes on" until_true 20 sent_more one three $((passed_by + 200))
ok "as its receiver sees" received_more three one "$passed_by"
ok "what waits is bounded" [ "$(queued one two)" -le 1100000 ]
ok "and what is on its way" [ "$(unacknowledged one two)" -le 1048576 ]
ok "memory is bounded" grown_less_than "$one" "$before" 16384

ok "the silent node is given up" until_true 30 has_lost one two
ok "for its silence" grep -q 'two@localhost is down: net_tick_timeout' "$world/one.log"
ok "what it was to get is counted" [ "$(lost one two)" -gt 0 ]
ok "memory is still bounded" grown_less_than "$one" "$before" 16384

kill -s CONT "$two"
ok "when it goes on it is sent to again" until_true 40 connected one two
again=$(sent one two)
ok "at full rate" until_true 20 sent_more one two $((again + 20000))
ok "one lives" alive "$one"
finish
