#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors

# osier exec: every command, its output, complaints and status; also while a process of the node never returns.
# shellcheck source=tests/integration/shell_world.sh
. "$(dirname "$0")/shell_world.sh"

# in the end it is ended while its threads run
TSAN_OPTIONS="${TSAN_OPTIONS:-} report_thread_leaks=0"
export TSAN_OPTIONS
start store busy_node --schedulers 1
store=$pid

run osier exec store ps
ok "ps succeeds" ends_with 0
ok "ps shows a registered process" says "counter  *counter  *gen_server"
ok "ps complains of nothing" silent
# shellcheck disable=SC2016 # awk's own
pid_of() { osier exec store ps | awk -v name="$1" '$2 == name { print $1 }'; }

run osier exec store 'call counter counter_add{by: 5}'
ok "a call prints its reply" says '^counter_value{value: 5}$'
run osier exec store call counter 'counter_add{by: -2}'
ok "words of a command may be arguments" says '^counter_value{value: 3}$'
run osier exec store info counter
ok "info prints the state" says '^value  *counter{n: 3}$'
run osier exec store "info $(pid_of counter)"
ok "a pid may be pasted" says '^name  *counter$'
run osier exec store send counter counter_reset
ok "a message is sent" ends_with 0
run osier exec store 'call counter counter_add{}'
ok "and arrives before the next call" says '^counter_value{value: 0}$'
run osier exec store ps tree
ok "the tree shows the supervisor's child below it" says '^    counter <'
run osier exec store nodes
ok "nodes shows itself and the asker" says "OS process $store, this node"
ok "who is hidden" says 'exec-.*hidden'
run osier exec store drain
ok "a node is told to drain" says 'nothing new is placed here'
run osier exec store nodes
ok "nodes shows that it does" says "OS process $store, this node, draining"
run osier nodes
ok "so does osier nodes" says ' yes, draining$'
run osier exec store drain of
ok "only on and off are understood" complains 'drain is on or off, not "of"'
run osier exec store drain off
ok "and no longer to" says 'may be placed here by label again'
run osier nodes
ok "which is seen, too" says ' yes$'

before=$(pid_of counter)
run osier exec store exit counter shutdown
ok "exit is sent" ends_with 0
restarted() { after=$(pid_of counter) && [ -n "$after" ] && [ "$after" != "$before" ]; }
ok "the supervisor starts it again" until_true 10 restarted
before=$after
run osier exec store "kill $before"
ok "kill as well" until_true 10 restarted

run osier exec store inof counter
ok "an unknown command is a wrong usage" ends_with 64
ok "and gets a suggestion" complains 'did you mean info?'
run osier exec store 'call counter counter_value{value: 1}'
ok "a message is no request" ends_with 64
run osier exec store 'call counter counter_add{by: x}'
ok "a message that does not parse says where" complains 'at character'
run osier exec store 'call counter nosuch'
ok "an unknown type is named" complains 'nosuch'
run osier exec store 'call mute counter_add{by: 1}'
ok "a request that is not handled says so" complains 'does not handle the request counter_add'
run osier exec store info nobody
ok "an unknown name is a failure" ends_with 1
run osier exec store "kill $before"
ok "so is a process that has ended" complains 'any more'
run osier exec store 'send counter osr_down'
ok "what only the runtime says is refused" ends_with 64
run osier exec store 'call painted painted_ask'
ok "escapes do not come through in a message" [ "$(grep -c "$(printf '\033')" "$world/out")" = 0 ]
ok "they are shown" says '\\x1b\[2J'
run osier exec store ps
ok "nor in a label" [ "$(grep -c "$(printf '[\033\007]')" "$world/out")" = 0 ]

# from here on the node's only scheduler has a handler that never returns
run osier exec store send busy busy_spin
ok "the endless handler is started" ends_with 0
run osier exec store info busy
ok "info answers beside it" ends_with 0
ok "and says what it is busy with" says 'busy in the handler of busy_spin'
run osier exec store ps
ok "ps answers" says 'running.*busy_spin'
run osier exec store 'call counter counter_add{by: 1}'
ok "others answer" says '^counter_value{value: 1}$'

# slow commands do not keep others waiting
bounded 30 osier exec store 'call mute mute_ask' >/dev/null 2>"$world/slow" &
slow=$!
slow_is_there() { osier exec store ps | grep -q 'shell command.*waiting'; }
ok "a slow command waits" until_true 4 slow_is_there
run osier exec store version
ok "another one is answered meanwhile" ends_with 0
ok "while the slow one still waits" alive "$slow"
status=0
wait "$slow" || status=$?
ok "the slow one fails" ends_with 1
ok "and says why" grep -q 'mute has not answered within 5 s' "$world/slow"

ok "each command is in the log" grep -q 'notice: shell: exec-.*: call counter counter_add{by: 5}' "$world/store.log"
ok "the node lives" alive "$store"

# its handler cannot be ended, and the node ends all the same when it is told so twice
told_to_end() { kill -s TERM "$store" 2>/dev/null; gone "$store"; }
ok "a second signal ends a node whose handler does not return" until_true 10 told_to_end
status=0
wait "$store" || status=$?
ok "as a failure" ends_with 1
ok "that is explained" grep -q '^busy: another signal has ended it before its processes were done' \
    "$world/store.log"
finish
