#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors

# Head of line: a small message that is sent after a large one, by another process over the same slow link, is there long
# before the large one.
# shellcheck source=tests/integration/two_machines.sh
. "$(dirname "$0")/two_machines.sh"

command -v tc >/dev/null || skip "tc is not installed"
slow="tbf rate 8mbit burst 32kb latency 400ms"
# shellcheck disable=SC2086 # words
why=$(tc -n left qdisc add dev eth0 root $slow 2>&1) || skip "the link cannot be made slow: $why"

# pour FROM TO BYTES: one message.
pour()
{
    ask left "send $1 flow_pour{node: \"right@$right\", to: \"$2\", count: 1, bytes: $3, every_ms: 0}" >/dev/null
}
has_taken() { ask right "info $1" | grep -q "taken: $2,"; }

ok "one node is up" on left flow_node --tick 10000
ok "another one" on right flow_node --tick 10000 --join "left@$left:9100"
ok "they are connected" until_true 20 is_up_times left 1

pour pourer sink 12000000
ok "a large message is under way" until_true 20 grep -q 'poured 1' "$world/left.log"
pour pulse drain 10
ok "a small one is there" until_true 30 has_taken drain 1
ok "before it" has_taken sink 0
ok "the large one comes, too" until_true 100 has_taken sink 1
ok "nobody was given up" [ "$(ups left)" = 1 ]
finish
