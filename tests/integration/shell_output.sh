#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors

# What processes print appears where they were started from: a person's shell, also by way of a third node; or, of what
# a node started itself, its own standard output.
# shellcheck source=tests/integration/shell_world.sh
. "$(dirname "$0")/shell_world.sh"

start store busy_node >"$world/store.out"
start far busy_node >"$world/far.out"

run osier exec store 'run greeter greeting{name: "world", times: 2}'
ok "an entry is run" ends_with 0
ok "its output is the command's" [ "$(cat "$world/out")" = "hello world 1 on store@localhost
hello world 2 on store@localhost" ]
run osier exec store 'run doubled counter_add{by: 4}'
ok "a function's output comes before its reply" [ "$(cat "$world/out")" = "doubling 4
counter_value{value: 8}" ]
run osier exec store 'run relay greeting{name: "you", times: 300, node: "far@localhost"}'
ok "what it starts on a third node prints here too" says '^hello you 1 on far@localhost$'
ok "all of it" [ "$(grep -c '^hello you [0-9]* on far@localhost$' "$world/out")" = 300 ]
# shellcheck disable=SC2016 # a text for printf
run osier exec store "run greeter greeting{name: \"$(printf '\033[2J')\", times: 1}"
ok "escapes in it do not come through" [ "$(grep -c "$(printf '\033')" "$world/out")" = 0 ]
ok "nothing of this is on the nodes' own output" [ ! -s "$world/store.out" ]
ok "nor on the other's" [ ! -s "$world/far.out" ]

run osier exec store send counter counter_reset
was_printed() { [ "$(cat "$world/store.out")" = "counter is reset" ]; }
ok "what the node has started itself prints on its own output" until_true 10 was_printed

run osier exec store 'spawn greeter greeting{name: "nobody", times: 1, later_ms: 1000}'
ok "spawn prints the pid" says '^<[0-9a-f]*\.[0-9]*\.[0-9]*>$'
terminated() { grep -q 'greeter ended: error: the group leader has ended' "$world/store.log"; }
ok "who prints to a shell that has gone is told" until_true 20 terminated

run osier exec store run nosuch
ok "what is not exported is not run" ends_with 1
ok "which is said" complains 'nothing called "nosuch" is exported here'
run osier exec store 'run greeter counter_add{by: 1}'
ok "nor with another argument" ends_with 64
run osier exec store run greeter
ok "nor without" ends_with 64
run osier exec store 'run relay greeting{name: "x", times: 1, node: "no@localhost"}'
ok "what fails says why" complains 'relay has failed: error: no connection'

printf 'run greeter greeting{name: "pipe", times: 1}\nversion\n' >"$world/in"
status=0
bounded 30 osier shell store <"$world/in" >"$world/out" 2>"$world/err" || status=$?
ok "a shell shows output too" [ "$(head -n 1 "$world/out")" = "hello pipe 1 on store@localhost" ]
ok "before what comes next" says 'command protocol 1'
finish
