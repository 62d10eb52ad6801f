#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors

# The services of docker/compose.yaml, each on a machine of its own: they find each other through their mappers, count exactly,
# are found healthy, and do so too when a container is killed that holds work.
. "$(dirname "$0")/lab_world.sh"

services="coordinator worker1 worker2 worker3"
[ "$(compose_services | tr '\n' ' ')" = "$services " ] || wrong "the compose file has other services"
words 200000 >"$data/some"
printf 'tail without newline' >"$data/end"

if [ "$lab_uid" -ne 0 ]; then
    mkdir -p "$work/tree/docker"
    cp "$OSIER_SOURCE_DIR/docker/secret.sh" "$work/tree/docker"
    "$work/tree/docker/secret.sh" >/dev/null
    grep -qx "OSIER_UID=$lab_uid" "$work/tree/docker/.env" || wrong "secret.sh has another user in mind"
    cp -p "$work/tree/docker/secrets/cluster.secret" "$work/secret"
fi
for service in $services; do
    service_start "$service"
done
wait "$(cat "$work/coordinator.pid")" || wrong "the coordinator's exit status is $?"
is_exact || wrong "words.tsv differs"
ok "four containers count exactly"
cut -f4 "$out/report.tsv" | sort -u | tr '\n' ' ' | grep -qx 'worker1@worker1 worker2@worker2 worker3@worker3 ' ||
    wrong "not every worker counted"
ok "every worker counted"
if [ "$lab_uid" -ne 0 ]; then
    ip netns pids worker1 | while read -r pid; do
        case $(cat "/proc/$pid/comm") in
        wordcount | osier-epmd) stat -c %u "/proc/$pid" ;;
        esac
    done | sort | uniq -c | grep -qx " *2 $lab_uid" || wrong "node and mapper do not run as user $lab_uid"
    ok "nothing runs as root"
fi
for worker in worker1 worker2 worker3; do
    machine_kill $worker
done

cluster_start --log info
for service in $services; do
    machine_run "$service" osier nodes --check >"$work/$service.check" || wrong "$service is not healthy"
    grep -q "^$service@$service  *tcp://$service:9100 .* yes\$" "$work/$service.check" ||
        wrong "osier nodes on $service: $(cat "$work/$service.check")"
done
ok "every container is healthy"
machine_run worker1 osier exec worker3@worker3 nodes >"$work/exec.out" || wrong "no shell from one machine to another"
grep -q coordinator@coordinator "$work/exec.out" || wrong "osier exec: $(cat "$work/exec.out")"
ok "a shell reaches a node on another machine"

# It stands still, so it keeps what it is given, and the job cannot end before it is killed.
kill -STOP "$(pid_of worker2 wordcount)"
job_start
within 20 says job.out 'chunks for 3 workers' || wrong "the job does not start"
machine_kill worker2
job_ends_exact "a killed container changes nothing"
grep -q 'worker2@worker2' "$out/report.tsv" && wrong "the dead counted"
awk -F '\t' '$6 >= 2 { again = 1 } END { exit !again }' "$out/report.tsv" || wrong "nothing was done again"
ok "what it held was done again elsewhere"

service_start worker2
within 10 machine_run worker2 osier nodes --check >"$work/back.out" 2>&1 || wrong "worker2 does not come back"
within 10 says coordinator.out 'worker2@worker2 is down' || wrong "the loss was not noticed"
together "a killed container comes back"
job_start
job_ends_exact "the container comes back under its name"
grep -q 'worker2@worker2' "$out/report.tsv" || wrong "worker2 counts nothing"
lab_finish
