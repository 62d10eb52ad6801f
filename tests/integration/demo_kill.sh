#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors

# A second worker is killed while it holds chunks: the result stays exact, and what it held is
# counted elsewhere. Every pid of the report was seen in /proc, as that node, while it counted.
. "$(dirname "$0")/demo_world.sh"

words 1000000 >"$work/in"
"$osier" demo up >"$work/up.out" 2>&1 || wrong "demo up: $(cat "$work/up.out")"
for node in coordinator worker1 worker2 worker3; do
    pid=$(os_pid $node)
    tr '\0' ' ' <"/proc/$pid/cmdline" | grep -q -- "--name $node@localhost" || wrong "$node is not OS process $pid"
    echo "$node@localhost$tab$pid" >>"$work/seen"
done
[ "$(cut -f2 "$work/seen" | sort -u | wc -l)" -eq 4 ] || wrong "the nodes share OS processes"
ok "four nodes are four OS processes"

# It stands still, so it keeps what it is given, and the job cannot end before it is killed.
third=$(os_pid worker3)
kill -STOP "$third"
"$wordcount" run --kill --out "$work/out" -- "$work/in" >"$work/run.out" 2>&1 &
client=$!
within 60 says run.out 'worker-. restarted on' || wrong "no worker was killed and restarted"
says run.out 'killed worker3' && wrong "the worker that counted nothing was killed"
kill -KILL "$third"
wait "$client" || wrong "exit status $?: $(cat "$work/run.out")"
[ "$(grep -c ' is gone (noconnection)' "$work/run.out")" -ge 2 ] || wrong "only one loss was noticed"
ok "the job survives two losses"

expected "$work/in" >"$work/expected"
cmp "$work/out/words.tsv" "$work/expected" || wrong "words.tsv differs"
ok "the result is exact"

cut -f4,5 "$work/out/report.tsv" | sort -u >"$work/counted"
sort "$work/seen" | comm -13 - "$work/counted" | grep . && wrong "the report names processes nobody saw"
ok "the report names processes that were seen alive"

victim=$(sed -n 's/^killed \(worker.\)@localhost.*/\1/p' "$work/run.out")
says run.out "$victim@localhost, killed\$" || wrong "the table of nodes does not say who was killed"
says run.out 'worker3@localhost, lost$' || wrong "the table of nodes does not say who was lost"
ok "the table of nodes tells the killed from the lost"
awk -F '\t' -v victim="$victim@localhost" '
    $6 >= 2 { again++; if ($4 == victim || $4 == "worker3@localhost") bad = 1 }
    END { exit bad || again < 3 }' "$work/out/report.tsv" || wrong "what the dead held was not done again elsewhere"
ok "what the dead held was done again elsewhere"

"$osier" demo down >"$work/down.out" 2>&1 || wrong "demo down: $(cat "$work/down.out")"
within 5 nothing_left || wrong "left: $(ours)"
ok "nothing is left"
finish
