#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors

# However the demo is interrupted in the middle, all of its processes are gone within 5 s: also a
# node that stands still, and when the demo itself is killed and can do nothing about it.
. "$(dirname "$0")/demo_world.sh"

words 300000 >"$work/in"

interrupt()
{
    signal=$1
    expected_status=$2
    rm -f "$work/run/demo/state" "$work/run.out"
    # A shell lets its background jobs ignore SIGINT; env undoes that.
    env --default-signal=INT "$osier" demo run --out "$work/out" -- "$work/in" >"$work/run.out" 2>&1 &
    demo=$!
    within 20 grep -q worker3 "$work/run/demo/state" || wrong "$signal: the cluster does not start"
    third=$(os_pid worker3)
    within 20 says run.out 'cluster up' || wrong "$signal: the cluster is not up"
    kill -STOP "$third" # so that the job does not end by itself
    within 20 says run.out 'chunks' || wrong "$signal: nothing is counted"
    kill -s "$signal" "$demo"
    within 5 nothing_left || wrong "$signal: left after 5 s: $(ours)"
    status=0
    wait "$demo" || status=$?
    [ "$status" -eq "$expected_status" ] || wrong "$signal: exit status $status"
    ok "nothing is left after SIG$signal"
}

interrupt INT 130
says run.out 'stopped by Interrupt' || wrong "it does not say that it was stopped"
ok "it says so"
interrupt TERM 143
interrupt HUP 129
interrupt KILL 137
finish
