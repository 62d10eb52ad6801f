#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors

# compare.sh BUILD [CASE…]: the benchmarks of the release build in BUILD, of Erlang/OTP and of CAF in turn, three
# rounds; then a table of the medians. Each line of each run goes to BUILD/bench/runs.txt.
# `./run bench compare` calls it.
set -eu
LC_ALL=C
export LC_ALL

here=$(cd "$(dirname "$0")" && pwd)
build=$1
shift
wanted=${*:-}
out=$build/bench
rounds=3
limit=60 # seconds that a run may take

# Each run takes one half to three seconds on two cores, if all is well.
sizes()
{
    cat <<'END'
ping_pong 4000000
ring 5000000 100
fan_in 5000000 10
spawn_exit 1000000
call 2000000
call_backlog 2000000 10000
skynet 1000000
big 2000 1500
timers 1000000
restart 10000
idle_servers 300000
receive_behind 5000000 0
receive_behind 5000000 1000000
idle_processes 200000
END
}

check_wanted()
{
    for name in $wanted; do
        sizes | grep -q "^$name " || {
            echo "run: bench compare knows no case $name; see ./run bench list" >&2
            exit 64
        }
    done
}

need()
{
    command -v "$1" >/dev/null || {
        echo "run: $1 is not found; install Debian's $2 or its like" >&2
        exit 1
    }
}

build_peers()
{
    need erlc erlang-nox
    need erl erlang-nox
    need g++ g++
    mkdir -p "$out"
    erlc -o "$out" "$here/peers/erlang/peer_bench.erl"
    [ -n "$(find "$out/peer_caf" -newer "$here/peers/caf/peer_bench.cc" 2>/dev/null)" ] ||
        g++ -O2 -std=c++17 -o "$out/peer_caf" "$here/peers/caf/peer_bench.cc" -lcaf_core -lpthread || {
        echo "run: CAF's program does not build; it needs Debian's libcaf-dev (0.17)" >&2
        exit 1
    }
}

# line WHO CASE N [ARG]: the line that it prints, or nothing.
line()
{
    who=$1
    shift
    case $who in
    osier) timeout "$limit" "$build/bin/osier-bench" "$@" ;;
    erlang) timeout "$limit" erl -noshell -noinput +P 4000000 -pa "$out" -run peer_bench main "$@" ;;
    caf) timeout "$limit" "$out/peer_caf" "$@" ;;
    esac </dev/null 2>>"$out/errors.txt" | grep '^case=' || true
}

has()
{
    case $1:$2 in
    osier:*) ;;
    *:receive_behind | *:idle_processes | caf:call_backlog | caf:big | caf:timers | caf:restart) return 1 ;;
    esac
}

# run_case ROUND CASE N [ARG]
run_case()
{
    round=$1
    shift
    for who in osier erlang caf; do
        has "$who" "$1" || continue
        result=$(line "$who" "$@")
        echo "$round $who ${result:-case=$1 failed}" >&2
        echo "$who $* | $result" >>"$out/runs.txt"
    done
}

run_all()
{
    : >"$out/runs.txt"
    : >"$out/errors.txt"
    for round in $(seq "$rounds"); do
        sizes | while read -r name arguments; do
            case " $wanted " in
            '  ' | *" $name "*) ;;
            *) continue ;;
            esac
            # shellcheck disable=SC2086 # one or two numbers
            run_case "$round" "$name" $arguments
        done
    done
}

check_wanted
build_peers
run_all
awk -f "$here/table.awk" "$out/runs.txt"
