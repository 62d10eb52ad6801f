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
see()
{
    screen >"$world/out" 2>/dev/null || true
    if ! until_true 10 shows "$2"; then
        screen >"$world/out"
    fi
    ok "$1" shows "$2"
}
# prompted PROMPT: it waits for what is typed. Typing before that is echoed where it does not belong.
last_line_is() { [ "$(screen | grep -v '^$' | tail -n 1 | sed 's/ *$//')" = "$1" ]; }
prompted()
{
    screen >"$world/out"
    ok "the prompt $1 comes" until_true 10 last_line_is "$1"
}
clear_screen()
{
    prompted 'ready$'
    keys clear Enter
    gone_from_screen() { ! shows 'clear'; }
    ok "the screen is cleared" until_true 10 gone_from_screen
    prompted 'ready$'
}

start store busy_node
store=$pid
: >"$world/out"
: >"$world/err"
unset TMUX
env TERM=xterm tmux -S "$socket" -f /dev/null new-session -d -s t -x 100 -y 30 "env PS1='ready\$ ' sh"
prompted 'ready$'
keys 'stty -g >'"$world/before" Enter
prompted 'ready$'

keys 'osier shell store' Enter
see "it greets" 'help lists the commands'
prompted 'store@localhost>'
keys 'call countXX' BSpace BSpace 'er counter_add{by: 5}' Enter
see "a line can be edited" '^counter_value{value: 5}'
prompted 'store@localhost>'
keys Up Enter
see "and called back" '^counter_value{value: 10}'
prompted 'store@localhost>'
keys 'call coun'
see "a line is begun" '> call coun$'
keys C-c
prompted 'store@localhost>'
keys 'version' Enter
see "Ctrl-C drops a line" '^store@localhost> version'
see "and the next one is answered" '^store@localhost: osier.*protocol 1$'
prompted 'store@localhost>'
keys 'spawn greeter greeting{name: "tmux", times: 1, later_ms: 700}' Enter
prompted 'store@localhost>'
keys 'vers'
see "what a process prints meanwhile is shown" '^hello tmux 1 on store@localhost$'
prompted 'store@localhost> vers'
keys 'ion' Enter
see "and the line goes on below it" '^store@localhost> version'
prompted 'store@localhost>'
keys 'call mute mute_ask' Enter
ok "a slow command is sent" until_true 10 grep -q 'call mute mute_ask' "$world/store.log"
keys C-c
see "Ctrl-C gives up an answer" 'not waited for any more'
prompted 'store@localhost>'
keys C-d
prompted 'ready$'
keys 'echo status $?' Enter
see "Ctrl-D leaves" '^status 0'
# the kernel shows the one ^C that came while no line was edited
ok "there is nothing strange on the screen" [ "$(screen | grep -c '\^')" = 1 ]
ok "history is private" [ "$(stat -c %a "$OSIER_HOME/history")" = 600 ]

clear_screen
keys 'TERM=dumb osier shell store' Enter
see "a dumb terminal is greeted too" 'help lists the commands'
prompted 'store@localhost>'
keys 'nodes' Enter
see "and answered" '^store@localhost OS process'
prompted 'store@localhost>'
keys 'quit' Enter
prompted 'ready$'
keys 'echo status $?' Enter
see "and left" '^status 0'

clear_screen
keys 'TERM=nonsense osier shell store' Enter
see "an unknown terminal works" 'help lists the commands'
ok "without complaints of the line editor" [ "$(screen | grep -ci 'termcap\|terminfo\|entry')" = 0 ]
prompted 'store@localhost>'
keys 'quit' Enter
prompted 'ready$'
keys 'stty -g >'"$world/after" Enter
ok "the settings of the terminal are kept" until_true 10 test -s "$world/after"
ok "the terminal is as it was" cmp -s "$world/before" "$world/after"

clear_screen
keys 'osier shell store' Enter
prompted 'store@localhost>'
tmux -S "$socket" kill-server
clients_gone() { ! osier exec store nodes | grep -q '^shell-'; }
ok "hang-up ends it" until_true 10 clients_gone
ok "the node lives" alive "$store"
finish
