#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors

# compare.sh BUILD [CASE…]: the benchmarks of the release build in BUILD and those of its peers in turn, three rounds
# (round trips: ten); then a table of the medians. Each line of each run goes to BUILD/bench/runs.txt. The cases on one
# node have Erlang/OTP and CAF for peers; those over two nodes Erlang/OTP, plain and over TLS, and libzmq with CURVE.
# `local` and `remote` mean all of either. `./run bench compare` calls it.
set -eu
LC_ALL=C
export LC_ALL

here=$(cd "$(dirname "$0")" && pwd)
build=$1
shift
wanted=${*:-local remote}
command=compare
out=$build/bench
rounds=3
rounds_of_trips=10
limit=60 # seconds that a run may take
cookie=osier-bench
# Erlang's own port mapper, which it starts and does not end.
ERL_EPMD_PORT=$((20000 + $$ % 12000))
ERL_EPMD_ADDRESS=127.0.0.1
export ERL_EPMD_PORT ERL_EPMD_ADDRESS

# shellcheck source=tests/bench/sizes.sh
. "$here/sizes.sh"

need()
{
    command -v "$1" >/dev/null || {
        echo "run: $1 is not found; install Debian's $2 or its like" >&2
        exit 1
    }
}

build_caf()
{
    need g++ g++
    [ -n "$(find "$out/peer_caf" -newer "$here/peers/caf/peer_bench.cc" 2>/dev/null)" ] ||
        g++ -O2 -std=c++17 -o "$out/peer_caf" "$here/peers/caf/peer_bench.cc" -lcaf_core -lpthread || {
        echo "run: CAF's program does not build; it needs Debian's libcaf-dev (0.17)" >&2
        exit 1
    }
}

# A certificate for Erlang's TLS: made for this run, good for this machine.
make_tls()
{
    need openssl openssl
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout "$out/key.pem" \
        -out "$out/cert.pem" 2>/dev/null
    printf '[{server,[{certfile,"%s"},{keyfile,"%s"}]},{client,[{verify,verify_none}]}].\n' \
        "$out/cert.pem" "$out/key.pem" >"$out/tls.conf"
}

build_peers()
{
    need erlc erlang-nox
    need erl erlang-nox
    mkdir -p "$out"
    erlc -o "$out" "$here/peers/erlang/peer_bench.erl"
    if sizes | grep -Eqv '^(remote_|node_kill |many_nodes |idle_node )'; then
        build_caf
    fi
    if sizes | grep -Eq '^(remote_|node_kill )'; then
        need cc gcc
        cc -O2 -std=gnu11 -o "$out/peer_zmq" "$here/peers/zmq/peer_bench.c" -lzmq
        make_tls
    fi
}

peer=
end_peer()
{
    if [ -n "$peer" ]; then
        kill -s TERM "$peer" 2>/dev/null || true
        wait "$peer" 2>/dev/null || true
    fi
    peer=
}

end_all()
{
    end_peer
    epmd -port "$ERL_EPMD_PORT" -kill >/dev/null 2>&1 || true
    rm -f "$out/key.pem"
}
trap end_all EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# erlang_pair FLAGS CASE N [ARG…]: with a second node.
erlang_pair()
{
    flags="-setcookie $cookie -kernel inet_dist_use_interface {127,0,0,1} $1"
    shift
    # shellcheck disable=SC2086 # several flags
    erl -noshell -noinput +P 4000000 -sname "peer$$@localhost" $flags -pa "$out" -run peer_bench serve >/dev/null &
    peer=$!
    # shellcheck disable=SC2086
    PEER=peer$$@localhost timeout "$limit" erl -noshell -noinput +P 4000000 -sname "main$$@localhost" $flags \
        -pa "$out" -run peer_bench main "$@" || true
    end_peer
}

# The same number of bytes in frames of 64 KiB: what any batching of small messages can reach.
zmq_stream()
{
    timeout "$limit" "$out/peer_zmq" remote_stream $(($1 * $2 / 65536)) 65536
}

# line WHO CASE N [ARG…]: the line that it prints, or nothing.
line()
{
    who=$1
    shift
    case $who:$1 in
    osier:*) timeout -k 10 "$((2 * limit))" "$build/bin/osier-bench" "$@" ;;
    erlang:remote_* | erlang:node_kill) erlang_pair "" "$@" ;;
    tls:*) erlang_pair "-proto_dist inet_tls -ssl_dist_optfile $out/tls.conf" "$@" ;;
    erlang:*) timeout "$limit" erl -noshell -noinput +P 4000000 -pa "$out" -run peer_bench main "$@" ;;
    zmq:remote_stream) zmq_stream "$2" "$3" ;;
    zmq:*) timeout "$limit" "$out/peer_zmq" remote_ping_pong "$2" "$3" ;;
    caf:*) timeout "$limit" "$out/peer_caf" "$@" ;;
    esac </dev/null 2>>"$out/errors.txt" | grep '^case=' || true
}

# Who runs this case. The one beside a busy process is held against libzmq on an idle machine.
runners()
{
    case $1 in
    many_nodes | idle_node | receive_behind | idle_processes) echo osier ;;
    remote_ping_pong* | remote_stream) echo osier erlang tls zmq ;;
    remote_* | node_kill) echo osier erlang tls ;;
    call_backlog | big | timers | restart) echo osier erlang ;;
    *) echo osier erlang caf ;;
    esac
}

# run_case ROUND CASE N [ARG…]
run_case()
{
    round=$1
    shift
    for who in $(runners "$1"); do
        result=$(line "$who" "$@")
        echo "$round $who ${result:-case=$1 failed}" >&2
        echo "$who $* | $result" >>"$out/runs.txt"
    done
}

# In round ROUND this case runs.
is_due()
{
    case $2 in
    remote_ping_pong*) [ "$1" -le "$rounds_of_trips" ] ;;
    many_nodes) [ "$1" -le 1 ] ;;
    *) [ "$1" -le "$rounds" ] ;;
    esac
}

run_all()
{
    : >"$out/runs.txt"
    : >"$out/errors.txt"
    for round in $(seq "$rounds_of_trips"); do
        sizes | while read -r name arguments; do
            is_due "$round" "$name" || continue
            # shellcheck disable=SC2086 # one to three numbers
            run_case "$round" "$name" $arguments
        done
    done
}

check_wanted
build_peers
run_all
awk -f "$here/table.awk" "$out/runs.txt"
