# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors

# How large the benchmarks are that compare.sh and honest.sh run. Sourced; $wanted: the names of cases, `local` and
# `remote` for all of either; $command: who asks.
: "${wanted:?}" "${command:?}"

# Each run takes a third of a second to six seconds on two cores, if all is well.
local_sizes()
{
    cat <<'END'
ping_pong 8000000
ring 10000000 100
fan_in 10000000 10
spawn_exit 2000000
call 4000000
call_backlog 4000000 10000
skynet 1000000
big 2000 1500
timers 1000000
restart 10000
idle_servers 300000
receive_behind 20000000 0
receive_behind 20000000 1000000
idle_processes 200000
END
}

remote_sizes()
{
    cat <<'END'
remote_ping_pong 20000 64
remote_ping_pong_busy 10000 64
remote_stream 1000000 64 4
remote_stream 200000 4096 4
remote_stream 2000 262144 4
remote_under_load 100 1000000
remote_call 20000
remote_spawn 20000
node_kill 100000
many_nodes 1000 10000
idle_node 10000 20000
END
}

# The sizes of all that is wanted, a line each.
sizes()
{
    for name in $wanted; do
        case $name in
        local) local_sizes ;;
        remote) remote_sizes ;;
        *) { local_sizes && remote_sizes; } | grep "^$name " ;;
        esac
    done
}

check_wanted()
{
    for name in $wanted; do
        case $name in local | remote) continue ;; esac
        { local_sizes && remote_sizes; } | grep -q "^$name " || {
            echo "run: bench $command knows no case $name; see ./run bench list" >&2
            exit 64
        }
    done
}
