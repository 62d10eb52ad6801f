#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors

# The network and the machines fail while the words are counted: packets lost in one direction, a node that stands still, a
# cable pulled, mappers and machines killed, a stranger at the door, a slow link. The result is exact each time; who cannot be
# heard is down with net_tick_timeout, and comes back.
. "$(dirname "$0")/lab_world.sh"

words 300000 >"$data/some"
coordinator_address=198.18.0.1

# job_with_stopped WORKER…: starts a job in which they hold work and stand still, so that it cannot end.
job_with_stopped()
{
    for worker in "$@"; do
        kill -STOP "$(pid_of "$worker" wordcount)"
    done
    job_start
    within 10 says job.out 'chunks for 3 workers' || wrong "the job does not start: $(cat "$work/job.out")"
}

continue_worker()
{
    kill -CONT "$(pid_of "$1" wordcount)"
}

# timed_out WORKER: how often the coordinator found it down for that reason.
timed_out()
{
    grep -c "net: $1@$1 is down: net_tick_timeout" "$work/coordinator.out" || true
}

# is_given_up WORKER TIMES
is_given_up()
{
    [ "$(timed_out "$1")" -ge "$2" ]
}

# what_is_lost WHAT WORKER REPAIR…: after the fault; the worker is given up, the job ends exact without it, it comes back.
what_is_lost()
{
    what=$1
    worker=$2
    shift 2
    within 10 is_given_up "$worker" 1 || wrong "$what: $worker is not given up"
    job_ends_exact "$what: exact without it"
    cut -f 4 "$out/report.tsv" | grep -qx "$worker@$worker" && wrong "$what: $worker counted"
    "$@"
    together "$what"
    ok "$what: it comes back"
}

cluster_start --tick 2000

# Neighbour discovery is told a wrong address: what worker1 sends to the coordinator goes nowhere, and no error says so.
one_way="packets lost in one direction"
job_with_stopped worker1
ip -n worker1 neighbour replace $coordinator_address lladdr 02:00:00:00:00:99 nud permanent dev eth0
continue_worker worker1
what_is_lost "$one_way" worker1 ip -n worker1 neighbour delete $coordinator_address dev eth0

job_with_stopped worker2
what_is_lost "a node that stands still" worker2 continue_worker worker2

job_with_stopped worker3
ip link set worker3 down
continue_worker worker3
what_is_lost "a cable pulled" worker3 ip link set worker3 up

job_with_stopped worker1 worker2
machine_kill worker1
machine_kill worker2
job_ends_exact "two machines killed: exact"
cut -f4 "$out/report.tsv" | sort -u | grep -qvx worker3@worker3 && wrong "the dead counted"
for worker in worker1 worker2; do
    service_start $worker --tick 2000
done
together "two machines killed"
ok "two machines killed: they come back"

for machine in $(compose_services); do
    machine_kill "$machine"
done
cluster_start --tick 30000

if tc qdisc add dev coordinator root tbf rate 8mbit burst 32kb latency 400ms 2>"$work/tc.out"; then
    job_start
    job_ends_exact "a slow link: exact"
    grep -q 'is gone' "$work/job.out" && wrong "a slow link: a worker was lost"
    tc qdisc delete dev coordinator root
else
    echo "not tried: a slow link: $(cat "$work/tc.out")"
fi

is_listed_again()
{
    says "$1.out" 'registered at the port mapper again' &&
        machine_run "$1" osier nodes --check | grep -q "^$1@$1 .* yes\$"
}

job_with_stopped worker3
for machine in coordinator worker1; do
    kill -KILL "$(pid_of $machine osier-epmd)"
    within 10 says $machine.out 'the port mapper is gone' || wrong "$machine@$machine does not miss its mapper"
    # fails where there is one again
    machine_run $machine osier-epmd --daemon --listen 0.0.0.0 >"$work/$machine.mapper" 2>&1 || true
done
for machine in coordinator worker1; do
    within 10 is_listed_again $machine || wrong "$machine@$machine is not registered again"
done
ok "mappers killed: the nodes register again"
continue_worker worker3
job_ends_exact "mappers killed: the job goes on"
grep -q 'is gone' "$work/job.out" && wrong "mappers killed: a worker was lost"

secret_new "$work/other_secret"
job_with_stopped worker1
secret=$work/other_secret service_run stranger wordcount worker --name stranger@stranger --listen tcp://0.0.0.0:9100 \
    --label worker --join coordinator@coordinator
within 10 says stranger.out 'cannot connect to coordinator@coordinator: .*secret' || wrong "the stranger is not told why"
continue_worker worker1
job_ends_exact "another cluster's secret: the job goes on"
machine_run coordinator osier exec coordinator@coordinator nodes >"$work/nodes.out" || wrong "the shell does not answer"
grep -q worker1@worker1 "$work/nodes.out" || wrong "the coordinator lists nobody: $(cat "$work/nodes.out")"
grep -q stranger "$work/nodes.out" && wrong "the stranger joined"
grep -q stranger "$out/report.tsv" && wrong "the stranger counted"
ok "another cluster's secret: refused"
lab_finish
