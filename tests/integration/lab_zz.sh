#!/bin/sh
. "$(dirname "$0")/lab_world.sh"
words 1000 >"$data/some"
cluster_start --tick 1000
for p in $(ip netns pids coordinator); do echo $p $(cat /proc/$p/comm) $(tr '\0' ' ' </proc/$p/cmdline); done
kill -KILL $(pid_of coordinator osier-epmd)
sleep 1
for p in $(ip netns pids coordinator); do echo $p $(cat /proc/$p/comm) $(tr '\0' ' ' </proc/$p/cmdline); done
machine_run coordinator osier nodes --check || true
sleep 1
machine_run coordinator osier-epmd --daemon || true
sleep 3
machine_run coordinator osier nodes --check || true
cat "$work/coordinator.out"
