#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors

# osier shell on a terminal: editing, history, Ctrl-C and Ctrl-D, a dumb one, hang-up; the terminal is left as it was.
# shellcheck source=tests/integration/shell_world.sh
. "$(dirname "$0")/shell_world.sh"
if ! command -v tmux >/dev/null; then
    echo "SKIP: tmux is not installed"
    exit 77
fi

socket=$world/tmux
end_terminal()
{
    tmux -S "$socket" kill-server 2>/dev/null || true
    end_world
}
trap end_terminal EXIT
screen() { tmux -S "$socket" capture-pane -p -t t; }
keys() { tmux -S "$socket" send-keys -t t "$@"; }
shows() { screen | grep -q -e "$1"; }
# see WHAT PATTERN: it comes up on the screen.
see() { ok "$1" until_true 10 shows "$2"; }
clear_screen()
{
    keys clear Enter
    until_true 10 sh -c "! tmux -S '$socket' capture-pane -p -t t | grep -q 'localhost>'"
}

start store busy_node
store=$pid
: >"$world/out"
: >"$world/err"
unset TMUX
env TERM=xterm tmux -S "$socket" -f /dev/null new-session -d -s t -x 100 -y 30 "env PS1='ready\$ ' sh"
until_true 10 shows 'ready\$'
keys 'stty -g >'"$world/before" Enter

keys 'osier shell store' Enter
see "it greets" 'help lists the commands'
see "it prompts" '^store@localhost>'
keys 'call countXX' BSpace BSpace 'er counter_add{by: 5}' Enter
see "a line can be edited" '^counter_value{value: 5}'
keys Up Enter
see "and called back" '^counter_value{value: 10}'
keys 'call coun' C-c
keys 'version' Enter
see "Ctrl-C drops a line" '^store@localhost> version'
keys 'call mute mute_ask' Enter
until_true 10 grep -q 'call mute mute_ask' "$world/store.log"
keys C-c
see "Ctrl-C gives up an answer" 'not waited for any more'
keys C-d
keys 'echo status $?' Enter
see "Ctrl-D leaves" 'status 0'
ok "there is nothing strange on the screen" [ "$(screen | grep -c '\^')" = 1 ] # the kernel's ^C
ok "history is private" [ "$(stat -c %a "$OSIER_HOME/history")" = 600 ]

clear_screen
keys 'TERM=dumb osier shell store' Enter
see "a dumb terminal is greeted too" 'help lists the commands'
keys 'version' Enter
see "and answered" '^store@localhost: osier'
keys 'quit' Enter
keys 'echo status $?' Enter
see "and left" 'status 0'

clear_screen
keys 'TERM=nonsense osier shell store' Enter
see "an unknown terminal works" 'help lists the commands'
ok "without complaints of the line editor" [ "$(screen | grep -ci 'termcap\|terminfo\|entry')" = 0 ]
keys 'quit' Enter
keys 'stty -g >'"$world/after" Enter
until_true 10 test -s "$world/after"
ok "the terminal is as it was" cmp -s "$world/before" "$world/after"

clear_screen
keys 'osier shell store' Enter
see "once more" '^store@localhost>'
tmux -S "$socket" kill-server
clients_gone() { ! osier exec store nodes | grep -q '^shell-'; }
ok "hang-up ends it" until_true 10 clients_gone
ok "the node lives" alive "$store"
finish
