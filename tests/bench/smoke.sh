#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors

# Each benchmark runs with small numbers, prints exactly its line and ends with 0; what makes no sense is
# refused with 64 and prints nothing.
set -eu

bench=$OSIER_BIN_DIR/osier-bench
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
TMPDIR=$work
export TMPDIR
passed=0
failed=0

judge()
{
    if [ "$1" = yes ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        shift
        echo "FAILED: osier-bench $*"
        cat "$work/out" "$work/err"
    fi
}

run_bench()
{
    status=0
    timeout 30 "$bench" "$@" >"$work/out" 2>"$work/err" </dev/null || status=$?
}

# Nothing was complained of. A child may be found by its name, and killed, while it is being started: its
# supervisor says so and starts it again.
quiet()
{
    ! grep -qv 'bench_child cannot be started: killed$' "$work/err"
}

# runs COUNTED MORE CASE N [ARG…]: the case, the n that its line must show, and what must follow the rate.
runs()
{
    counted=$1
    more=$2
    shift 2
    run_bench "$@"
    line="^case=$1 n=$counted seconds=[0-9]+\.[0-9]{6} rate=[1-9][0-9]*$more\$"
    fine=no
    if [ "$status" -eq 0 ] && [ "$(wc -l <"$work/out")" -eq 1 ] && grep -Eq "$line" "$work/out" && quiet; then
        fine=yes
    fi
    judge "$fine" "$@"
    echo "$1" >>"$work/ran"
}

refuses()
{
    run_bench "$@"
    fine=no
    if [ "$status" -eq 64 ] && [ ! -s "$work/out" ] && grep -q '^usage: osier-bench ' "$work/err"; then
        fine=yes
    fi
    judge "$fine" "$@"
}

runs 100 '' ping_pong 100
runs 100 '' ring 100 1
runs 1000 '' ring 1000 10
runs 1000 '' fan_in 1005 10
runs 2500 '' spawn_exit 2500
runs 100 ' bytes_each=-?[0-9]+\.[0-9] alive=100' idle_servers 100
runs 100 ' bytes_each=-?[0-9]+\.[0-9] alive=100' idle_processes 100
runs 100 ' cpu_percent=[0-9]+\.[0-9]{3}' idle_node 100 20
runs 100 '' call 100
runs 100 '' call_backlog 100 50
runs 100 '' receive_behind 100 0
runs 100 '' receive_behind 100 50
runs 1 '' skynet 1
runs 1000 '' skynet 1000
runs 2000 '' big 20 100
runs 1000 '' timers 1000
runs 20 '' restart 20

trips=' p50_us=[0-9]+\.[0-9] p99_us=[0-9]+\.[0-9]'
runs 100 " bytes=64$trips" remote_ping_pong 100 64
runs 20 " bytes=64$trips" remote_ping_pong_busy 20 64
runs 1000 ' bytes=64 MBps=[0-9]+\.[0-9]' remote_stream 1003 64 4
runs 5 ' bytes=100000 MBps=[0-9]+\.[0-9]' remote_stream 5 100000 1
runs 5 " bytes=100000 MBps=[0-9]+\.[0-9] trips=[1-9][0-9]*$trips" remote_under_load 5 100000
runs 100 '' remote_call 100
runs 100 '' remote_spawn 100
runs 1500 '' node_kill 1500
runs 3 ' hub_mib=-?[0-9]+\.[0-9] leaf_mib=[0-9]+\.[0-9] idle_percent=[0-9]+\.[0-9]' many_nodes 3 20

refuses
refuses nonsense 1
refuses ping_pong
refuses ping_pong 0
refuses ping_pong -1
refuses ping_pong 1x
refuses ping_pong ''
refuses ping_pong 10000000000000
refuses ping_pong 1 1
refuses ring 1
refuses idle_node 1
refuses ring 1 0
refuses fan_in 1 2
refuses skynet 20
refuses restart 1000001
refuses remote_ping_pong 1
refuses remote_ping_pong 1 16000001
refuses remote_stream 3 64 4
refuses remote_stream 3 64 0
refuses many_nodes 1

# The processes of our worlds that live: their temporary files are in $work.
left()
{
    for process in /proc/[0-9]*; do
        name=$(cat "$process/comm" 2>/dev/null) || continue
        case $name in osier-bench | osier-epmd) ;; *) continue ;; esac
        if { tr '\0' '\n' <"$process/environ" | grep -qxF "TMPDIR=$work" &&
            ! grep -q '^State:[[:space:]]*[ZX]' "$process/status"; } 2>/dev/null; then
            echo "${process#/proc/}"
        fi
    done
}

# Up to 20 s for something to become true.
eventually()
{
    tries=0
    until "$@"; do
        tries=$((tries + 1))
        [ "$tries" -lt 200 ] || return 1
        sleep 0.1
    done
}

nothing_is_left()
{
    [ -z "$(left)" ] && [ -z "$(ls -d "$work"/osier-bench.* 2>/dev/null)" ]
}

two_nodes_run()
{
    [ "$(left | wc -l)" -eq 4 ] # both, the mapper, and who tidies up
}

# Neither a process nor a file stays, though nobody gave it the time to tidy up.
eventually nothing_is_left || true
"$bench" remote_ping_pong 1000000000 64 >/dev/null 2>&1 </dev/null &
killed=$!
fine=no
if eventually two_nodes_run && kill -s KILL "$killed" && eventually nothing_is_left; then
    fine=yes
fi
kill -s KILL "$killed" 2>/dev/null || true
wait "$killed" 2>/dev/null || true
judge "$fine" remote_ping_pong, killed

# honest.awk takes claims that the clock bears out, and no others.
honest()
{
    printf 'a 1 2 | 1.0 1100000 2.0 %s\n' "$1" | awk -f "$OSIER_SOURCE_DIR/tests/bench/honest.awk" >"$work/out" 2>"$work/err"
}
fine=no
if honest 2150000 && honest 2000000 && ! honest 2400000 && ! honest 1900000; then
    fine=yes
fi
judge "$fine" honest

# No case without a run above.
run_bench list
sort -u "$work/ran" >"$work/expected"
fine=no
if [ "$status" -eq 0 ] && awk '{ print $1 }' "$work/out" | sort | cmp -s - "$work/expected"; then
    fine=yes
fi
judge "$fine" list

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
