#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors

# honest.sh BUILD [CASE…]: holds what the benchmarks on one node claim to the clock on the wall. Each case runs at half of
# its size in sizes.sh and at all of it (skynet, whose sizes are powers of ten, at a tenth): the claimed seconds of the
# second less those of the first are to agree with the time of the two whole commands, within 15 %. What does not
# depend on the size, such as the start of the program, drops out; it need not be linear. Medians of three rounds, on a
# machine that does nothing else. `./run bench honest` calls it.
set -eu
LC_ALL=C
export LC_ALL

here=$(cd "$(dirname "$0")" && pwd)
build=$1
shift
wanted=${*:-local}
command=honest
out=$build/bench
rounds=3

# shellcheck source=tests/bench/sizes.sh
. "$here/sizes.sh"

# timed CASE N [ARG…]: its claimed seconds, and those that passed.
timed()
{
    begin=$(date +%s%N)
    line=$("$build/bin/osier-bench" "$@" </dev/null)
    end=$(date +%s%N)
    claimed=$(echo "$line" | sed -n 's/.* seconds=\([0-9.]*\) .*/\1/p')
    echo "$claimed $(((end - begin) / 1000))"
}

# run_case CASE N [ARG…]
run_case()
{
    name=$1
    n=$2
    shift 2
    case $name in
    skynet) part=$((n / 10)) ;;
    *) part=$((n / 2)) ;;
    esac
    less=$(timed "$name" "$part" "$@")
    more=$(timed "$name" "$n" "$@")
    echo "$name $part $n${1:+ $1} | $less $more"
}

check_wanted
for name in $wanted; do
    case $name in remote | remote_* | node_kill | many_nodes | idle_node)
        echo "run: bench honest has the cases on one node; see ./run bench list" >&2
        exit 64
        ;;
    esac
done
mkdir -p "$out"
: >"$out/honest.txt"
for round in $(seq "$rounds"); do
    sizes | while read -r name arguments; do
        # shellcheck disable=SC2086 # one to three numbers
        result=$(run_case "$name" $arguments)
        echo "$round $result" >&2
        echo "$result" >>"$out/honest.txt"
    done
done
awk -f "$here/honest.awk" "$out/honest.txt"
