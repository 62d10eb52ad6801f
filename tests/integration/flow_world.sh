# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors

# What the tests of flow control on the real stack share: nodes that pour messages into each other, and what their
# links say. Sourced; the world is that of the tests of the shell.
# shellcheck source=tests/integration/shell_world.sh
. "$(dirname "$0")/shell_world.sh"

# pour FROM SERVER TO SERVER COUNT BYTES EVERY_MS: FROM's server sends to TO's.
pour()
{
    osier exec "$1" "send $2 flow_pour{node: \"$3@localhost\", to: \"$4\", count: $5, bytes: $6, every_ms: $7}" \
        >/dev/null
}

# The way from one node to another, as the first one tells it.
link()
{
    osier nodes "$1" | sed -n "/^$2@localhost /,/round trip/p"
}

connected() { link "$1" "$2" | grep -q "^$2@localhost connected$"; }
disconnected() { link "$1" "$2" | grep -q "^$2@localhost not connected$"; }
sent() { link "$1" "$2" | sed -n 's/^  sent  *\([0-9]*\) messages.*/\1/p'; }
received() { link "$1" "$2" | sed -n 's/^  received  *\([0-9]*\) messages.*/\1/p'; }
queued() { link "$1" "$2" | sed -n 's/^  waiting  *\([0-9]*\) bytes here.*/\1/p'; }
unacknowledged() { link "$1" "$2" | sed -n 's/^  waiting .*here, \([0-9]*\) unack.*/\1/p'; }
lost() { link "$1" "$2" | sed -n 's/^  dropped .*full, \([0-9]*\) lost.*/\1/p'; }
waits() { link "$1" "$2" | grep -q "; $3 senders$"; }

# sent_more FROM TO THAN: and later received_more.
sent_more() { [ "$(sent "$1" "$2")" -gt "$3" ]; }
received_more() { [ "$(received "$1" "$2")" -gt "$3" ]; }

# Kilobytes of memory that a process has.
memory() { sed -n 's/^VmRSS:[^0-9]*\([0-9]*\) kB$/\1/p' "/proc/$1/status"; }

# grown_less_than PROCESS BEFORE KILOBYTES
grown_less_than() { [ "$(memory "$1")" -lt $(($2 + $3)) ]; }

# Whether a node has said that another one is down.
has_lost() { grep -q "net: $2@localhost is down" "$world/$1.log"; }
keeps() { ! has_lost "$@"; }
