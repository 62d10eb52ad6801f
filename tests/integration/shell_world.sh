# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors

# What the tests of the shell share: a home, a runtime directory and a mapper port of the test's own, nodes that are
# ended with it, and checks. Sourced.

set -eu
LC_ALL=C
export LC_ALL
: "${OSIER_BIN_DIR:?}"
PATH=$OSIER_BIN_DIR:$OSIER_BIN_DIR/../test:$PATH

world=$(mktemp -d)
mkdir -m 700 "$world/home" "$world/run"
OSIER_HOME=$world/home
OSIER_RUNTIME_DIR=$world/run
# The test's process id keeps those that run at the same time apart; ports are below those that systems give away.
OSIER_EPMD_PORT=$((10000 + $$ % 4000 * 2))
first_port=$((18000 + $$ % 350 * 40))
listen=tcp://127.0.0.1:$first_port-$((first_port + 39))
export OSIER_HOME OSIER_RUNTIME_DIR OSIER_EPMD_PORT
pids=
passed=0
failed=0

end_world()
{
    for pid in $pids; do
        kill -s KILL "$pid" 2>/dev/null || true
    done
    for pid in $pids; do
        wait "$pid" 2>/dev/null || true
    done
    osier-epmd stop >/dev/null 2>&1 || true
    rm -rf "$world"
}
trap end_world EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# bounded SECONDS COMMAND…: ends it then.
bounded()
{
    timeout -k 1 "$@"
}

# until_true SECONDS COMMAND…: runs it again and again until it succeeds.
until_true()
{
    tries=$(($1 * 20))
    shift
    while ! "$@" >/dev/null 2>&1; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || return 1
        sleep 0.05
    done
}

is_up() { grep -q "^READY $node@" "$world/$node.ready"; }
is_up_or_gone() { is_up || gone "$pid"; }

# start NAME PROGRAM [FLAG…]: starts a node and waits until it is up; its process id is in $pid, what it says in
# $world/NAME.log.
start()
{
    node=$1
    shift
    program=$1
    shift
    : >"$world/$node.ready"
    "$program" --name "$node" --listen "$listen" --mapper-idle-exit 5 --ready-fd 3 "$@" \
        3>"$world/$node.ready" 2>"$world/$node.log" </dev/null &
    pid=$!
    pids="$pids $pid"
    if ! until_true 20 is_up_or_gone || ! is_up; then
        echo "$node is not up:"
        cat "$world/$node.log"
        exit 1
    fi
}

# run COMMAND…: its output goes to $world/out and $world/err, its status to $status.
run()
{
    status=0
    bounded 30 "$@" >"$world/out" 2>"$world/err" </dev/null || status=$?
}

# ok WHAT CONDITION…: counts.
ok()
{
    what=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $what (status $status)"
        sed 's/^/  out: /' "$world/out" 2>/dev/null | cat -v | head -20
        sed 's/^/  err: /' "$world/err" 2>/dev/null | cat -v | head -20
    fi
}

says() { grep -q -e "$1" "$world/out"; }
says_not() { ! grep -q -e "$1" "$world/out"; }
complains() { grep -q -e "$1" "$world/err"; }
silent() { [ ! -s "$world/err" ]; }
ends_with() { [ "$status" -eq "$1" ]; }
alive() { kill -s 0 "$1" 2>/dev/null; }
gone() { ! alive "$1"; }

# What a sanitizer has to say about a node is in its log.
sane() { ! grep -E 'Sanitizer|runtime error:' "$world"/*.log; }

finish()
{
    ok "no sanitizer complains" sane
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
}
status=0
