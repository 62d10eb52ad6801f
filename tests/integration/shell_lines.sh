#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors

# osier shell with lines from a pipe: answers, end of input, hang-up, a client that is killed, a node that goes.
# shellcheck source=tests/integration/shell_world.sh
. "$(dirname "$0")/shell_world.sh"

start store busy_node
store=$pid

# lines TEXT: a shell that reads the text (printf's) from a pipe.
lines()
{
    status=0
    # shellcheck disable=SC2059 # the text is a format
    printf "$1" | bounded 30 osier shell store >"$world/out" 2>"$world/err" || status=$?
}

lines 'call counter counter_add{by: 5}\ncall counter counter_add{by: 1}\n'
ok "lines are answered in order" [ "$(cat "$world/out")" = "counter_value{value: 5}
counter_value{value: 6}" ]
ok "a pipe gets no prompt and no greeting" silent
ok "the end of input is no error" ends_with 0
lines 'version'
ok "a last line without its newline counts" says 'command protocol 1'
lines ''
ok "no line at all is no error" ends_with 0
ok "and says nothing" [ ! -s "$world/out" ]
lines '\n  \nquit\nversion\n'
ok "quit leaves before the rest" [ ! -s "$world/out" ]
lines 'exit\nversion\n'
ok "so does exit alone" [ ! -s "$world/out" ]
lines 'frob\nversion\n'
ok "an error does not end the shell" says 'command protocol 1'
ok "but is told" complains 'no command "frob"'
lines 'version\nfrob\n'
ok "the status is the last command's" ends_with 64
lines 'call painted painted_ask\n'
ok "escapes of the node do not come through" [ "$(grep -c "$(printf '\033')" "$world/out")" = 0 ]
# shellcheck disable=SC2016 # texts for the node
lines 'info $(id)\ninfo `id`\n'
# shellcheck disable=SC2016
ok "nothing is run in the terminal's name" complains 'is called "$(id)"'

# a shell that stays: its input is held open
mkfifo "$world/in"
held()
{
    osier shell store <"$world/in" >"$world/out" 2>"$world/err" &
    shell=$!
    pids="$pids $shell"
    exec 4>"$world/in"
    : >"$world/out"
    echo version >&4
    until_true 10 grep -q 'command protocol 1' "$world/out"
}
for signal in HUP TERM INT KILL; do
    held
    kill -s "$signal" "$shell"
    status=0
    wait "$shell" 2>/dev/null || status=$?
    exec 4>&-
    # a shell starts its background jobs with SIGINT ignored, and osier heeds it all the same
    ok "SIG$signal ends the shell" [ "$status" -gt 128 ]
    ok "without a word after SIG$signal" silent
done
run osier exec store 'call counter counter_add{by: 1}'
ok "the node goes on as if nothing had been" says '^counter_value{value: 7}$'
clients_left() { osier exec store nodes | grep -q '^shell-'; }
clients_gone() { ! clients_left; }
ok "and forgets them" until_true 10 clients_gone

held
kill -s KILL "$store"
ended() { gone "$shell"; }
ok "the end of the node ends the shell" until_true 20 ended
status=0
wait "$shell" 2>/dev/null || status=$?
ok "as unavailable" ends_with 69
ok "and is told" complains 'the connection to store@localhost is lost'
exec 4>&-
finish
