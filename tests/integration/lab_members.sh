#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors

# Three machines that know one static address each and have no mapper: they are one cluster all the same, a job is placed by
# label, and the cluster is whole again after a partition and after the contact was killed.
. "$(dirname "$0")/lab_world.sh"

words 20000 >"$data/some"
echo "multi on" >"$work/etc/host.conf" # a name may have several addresses

# node_start MACHINE [FLAG…]: a worker's node without a mapper; seed@seed is the contact of all.
node_start()
{
    machine=$1
    shift
    service_run "$machine" wordcount worker --name "$machine@$machine" --listen tcp://0.0.0.0:9100 --no-mapper --tick 2000 \
        --label worker "$@"
}

# Its address is the machine's before anybody looks it up.
for machine in seed two three; do
    machine_new $machine
done
node_start seed --label zone=a
node_start two --join seed@seed:9100
node_start three --join "seed@seed=198.18.0.1:9100" --label zone=b

# members MACHINE: what its node says of the cluster.
members()
{
    machine_run "$1" osier nodes --join "$1@$1:9100"
}

address_of()
{
    awk -v machine="$1" '$2 == machine { print $1 }' "$work/etc/hosts"
}

# knows MACHINE PATTERN…: whether its node has a line with each pattern.
knows()
{
    at=$1
    shift
    members "$at" >"$work/members.out" 2>&1 || return 1
    for pattern in "$@"; do
        grep -q "$pattern" "$work/members.out" || return 1
    done
}

# knows_not MACHINE PATTERN: it answers, and has no such line.
knows_not()
{
    members "$1" >"$work/members.out" 2>&1 && ! grep -q "$2" "$work/members.out"
}

within 20 knows two '^two@two .*this node' '^seed@seed OS process' '^three@three not connected, at tcp://three:9100' ||
    wrong "two does not know all: $(cat "$work/members.out")"
within 20 knows three '^two@two not connected, at tcp://two:9100, labels worker$' '^seed@seed OS process .*zone=a' ||
    wrong "three does not know all: $(cat "$work/members.out")"
ok "one static contact makes a cluster, without a mapper"
for machine in seed two three; do
    ! pid_of $machine osier-epmd || wrong "a mapper runs on $machine"
done
ok "no mapper was started"
machine_run two osier exec --join three@three:9100 three@three drain >/dev/null || wrong "three does not drain"
within 10 knows two '^three@three .*labels worker,zone=b, draining$' ||
    wrong "two does not hear that three drains: $(cat "$work/members.out")"
ok "draining is seen by who is not connected"
machine_run two osier exec --join three@three:9100 three@three drain off >/dev/null

ip link set seed down
within 20 knows_not two '^seed@seed OS process' || wrong "two does not notice that the seed is silent"
ip link set seed up
within 30 knows two '^seed@seed OS process' '^three@three not connected' || wrong "the partition does not heal"
within 30 knows seed '^two@two OS process' '^three@three OS process' || wrong "the partition does not heal at the seed"
ok "a partition heals by itself"

machine_kill seed
within 20 knows_not two '^seed@seed' || wrong "the seed is dead, and listed: $(cat "$work/members.out")"
node_start seed
within 30 knows two '^seed@seed OS process' || wrong "the seed is not dialed again"
within 30 knows seed '^three@three OS process' || wrong "the seed does not learn of three"
ok "a contact that was killed is found again"

# One name with an address for each of two more machines: their nodes are named after the addresses, and no mapper is asked.
for machine in four five; do
    machine_new $machine
done
four=$(address_of four)
five=$(address_of five)
printf '%s seeds\n%s seeds\n' "$four" "$five" >>"$work/etc/hosts"
for machine in four five; do
    service_run $machine wordcount worker --name "w@$(address_of $machine)" \
        --listen tcp://0.0.0.0:9100 --no-mapper --tick 2000
done
node_start six --join "w@*=seeds:9100"
within 30 knows six "^w@$four OS process" "^w@$five OS process" || wrong "not every address is joined: $(cat "$work/members.out")"
ok "a name with several addresses is as many contacts"
machine_kill five
within 20 knows_not six "^w@$five" || wrong "a dead contact is listed: $(cat "$work/members.out")"
service_run five wordcount worker --name "w@$five" --listen tcp://0.0.0.0:9100 --no-mapper --tick 2000
within 30 knows six "^w@$five OS process" || wrong "one of several contacts is not dialed again"
ok "each of them is dialed again"

# A host with port mappers: all nodes that they know.
for machine in seven eight; do
    machine_new $machine
    address=$(address_of $machine)
    echo "$address mapped" >>"$work/etc/hosts"
done
for machine in seven eight; do
    service_run $machine wordcount worker --name "$machine@$machine" --listen tcp://0.0.0.0:9100 --tick 2000
done
within 20 says seven.out ': up at' || wrong "seven does not start"
machine_run seven sh -c 'wordcount worker --name inside@seven --listen tcp://127.0.0.1:9200 >/dev/null 2>&1 &'
inside() { machine_run seven osier-epmd names | grep -qx inside@seven; }
within 20 inside || wrong "a second node on seven does not start"
service_run nine wordcount worker --name nine@nine --listen tcp://0.0.0.0:9100 --tick 2000 --join mapped
within 30 knows nine '^seven@seven OS process' '^eight@eight OS process' ||
    wrong "not all nodes of the mappers are joined: $(cat "$work/members.out")"
ok "a host stands for all nodes that its mappers know"
! says nine.out 'cannot connect to inside@seven' || wrong "a node that only its own machine reaches is dialed"

# What cannot be found is said once, and is no reason not to run.
service_run ten wordcount worker --name ten@ten --listen tcp://0.0.0.0:9100 --join nowhere.example --join "w@*=nowhere.example:1" \
    --join x@nowhere.example:9100
within 20 says ten.out 'contact nowhere.example: host nowhere.example is not found; it is looked up again' ||
    wrong "a host that is not found is not named"
within 20 says ten.out 'contact w@\*=nowhere.example: host nowhere.example is not found' || wrong "nor one with many addresses"
within 20 says ten.out 'cannot connect to x@nowhere.example: host nowhere.example is not found' || wrong "nor one of a node"
within 20 says ten.out ': up at' || wrong "and then the node does not run"
ok "contacts that are not found are named"

# The coordinator joins by the static address of one worker and reaches the others by what that one knows.
service_run boss wordcount coordinator --name boss@boss --listen tcp://0.0.0.0:9100 --no-mapper --join seed@seed:9100 --workers 3 \
    --out /out /data
within 30 knows two '^boss@boss ' || wrong "the coordinator is not known: $(cat "$work/members.out")"
ok "who comes later is known to all"
lab_finish
