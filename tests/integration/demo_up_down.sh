#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors

# A person may start the cluster, look, mend it, use it more than once, and end it.
. "$(dirname "$0")/demo_world.sh"

printf 'some words, some of them twice' >"$work/in"

run()
{
    "$osier" demo "$@" >"$work/demo.out" 2>&1
}

run up || wrong "up: $(cat "$work/demo.out")"
[ "$(ours | grep -c wordcount)" -eq 4 ] || wrong "there are not four nodes: $(ours)"
ok "up starts four nodes"
run up || wrong "a second up: $(cat "$work/demo.out")"
says demo.out 'up already' || wrong "a second up does not notice: $(cat "$work/demo.out")"
[ "$(ours | grep -c wordcount)" -eq 4 ] || wrong "a second up starts more nodes"
ok "a second up changes nothing"
run status || wrong "status: $(cat "$work/demo.out")"
[ "$(grep -c ' answers' "$work/demo.out")" -eq 4 ] || wrong "not all answer: $(cat "$work/demo.out")"
ok "all answer"

second=$(os_pid worker2)
kill -STOP "$second"
run status && wrong "a node stands still, and status succeeds"
[ "$(grep -c 'worker2@localhost *does not answer' "$work/demo.out")" -eq 1 ] || wrong "status: $(cat "$work/demo.out")"
kill -CONT "$second"
ok "status tells who does not answer"

kill -KILL "$second"
within 10 sh -c "! kill -0 $second 2>/dev/null || grep -q '^State:.Z' /proc/$second/status"
run status && wrong "a node is gone, and status succeeds"
[ "$(grep -c 'worker2@localhost *ended' "$work/demo.out")" -eq 1 ] || wrong "status: $(cat "$work/demo.out")"
ok "status tells who has ended"
run up || wrong "up: $(cat "$work/demo.out")"
run status || wrong "status: $(cat "$work/demo.out")"
[ "$(ours | grep -c wordcount)" -eq 4 ] || wrong "the missing node was not started"
ok "up starts what is missing"

# A client that dies takes its job with it, and no trace of that job is in the next one.
third=$(os_pid worker3)
kill -STOP "$third" # so that the job does not end by itself
words 50000 >"$work/more"
"$wordcount" run --out "$work/dropped" -- "$work/more" >"$work/client.out" 2>&1 &
client=$!
within 20 says client.out 'chunks for' || wrong "nothing is counted: $(cat "$work/client.out")"
kill -KILL "$client"
wait "$client" 2>/dev/null || true
kill -CONT "$third"
next_job()
{
    "$wordcount" run --out "$work/next" -- "$work/in" >"$work/next.out" 2>&1
}
within 20 next_job || wrong "the next job: $(cat "$work/next.out")"
expected "$work/in" | cmp - "$work/next/words.tsv" || wrong "the next job: words.tsv differs"
[ ! -e "$work/dropped/words.tsv" ] || wrong "the job of a dead client has a result"
ok "a dead client's job is dropped"

for round in 1 2; do
    run run --out "$work/out$round" -- "$work/in" || wrong "run $round: $(cat "$work/demo.out")"
    expected "$work/in" | cmp - "$work/out$round/words.tsv" || wrong "run $round: words.tsv differs"
done
[ "$(ours | grep -c wordcount)" -ge 3 ] || wrong "a run ended the cluster: $(ours)"
ok "it counts more than once, and stays up"

run down || wrong "down: $(cat "$work/demo.out")"
within 5 nothing_left || wrong "left: $(ours)"
ok "down ends all of it"
run down || wrong "a second down: $(cat "$work/demo.out")"
ok "a second down changes nothing"
finish
