#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors

# Three machines; one is cut off, and each side registers one name and has its members in a group. When the cable is back the
# name is decided once, by weight, for all alike; its loser is told once; who was not cut off stays connected; the group is whole.
lab_program=groups_node # what runs on the machines
export lab_program
. "$(dirname "$0")/lab_world.sh"

for machine in one two three; do
    machine_new $machine
done
# node_start MACHINE [FLAG…]
node_start()
{
    machine=$1
    shift
    service_run "$machine" groups_node --name "$machine@$machine" --listen tcp://0.0.0.0:9100 --no-mapper --tick 2000 "$@"
    within 20 says "$machine.out" ': up at' || wrong "$machine does not start"
}
node_start one
node_start two --join one@one:9100
node_start three --join one@one:9100 --join two@two:9100

exec_at()
{
    machine_run "$1" osier exec --join "$1@$1:9100" "$1@$1" "$2" clerk "$3" 2>&1
}
tell() { exec_at "$1" send "$2" >"$work/tell.txt" || wrong "$1 cannot be told: $(cat "$work/tell.txt")"; }
has_members() { exec_at "$1" call 'clerk_count{group: "g"}' | grep -q "value: $2}"; }
has_name() { exec_at "$1" call 'clerk_holder{name: "x"}' | grep -q "\"$2\""; }
lost() { grep -c 'lost x' "$work/$1.out" || true; }

for machine in one two three; do
    tell $machine 'clerk_join{group: "g"}'
done
for machine in one two three; do
    within 20 has_members $machine 3 || wrong "$machine does not see three members"
done
ok "three machines, one group"

ip link set one down
within 20 has_members one 1 || wrong "one does not notice that it is alone"
for machine in two three; do
    within 20 has_members $machine 2 || wrong "$machine does not notice that one is gone"
done
ok "each side has its own members"
tell one 'clerk_take{name: "x", weight: 1}'
tell two 'clerk_take{name: "x", weight: 2}'
within 20 says one.out 'take x: OK' || wrong "one does not get the name"
within 20 says two.out 'take x: OK' || wrong "two does not get the name"
within 20 has_name three two@two || wrong "three does not know two as the owner"
within 20 has_name one one@one || wrong "one does not know itself as the owner"
ok "each side has its own owner"

ip link set one up
for machine in one two three; do
    within 40 has_members $machine 3 || wrong "$machine does not see three members again"
done
ok "the group is whole again"
for machine in one two three; do
    within 20 has_name $machine two@two || wrong "$machine does not know two as the owner"
done
ok "all know one owner: who weighs more"
within 10 says one.out 'lost x to a process of two@two' || wrong "the loser is not told"
[ "$(lost one)" -eq 1 ] || wrong "the loser is told $(lost one) times"
[ "$(lost two)" -eq 0 ] || wrong "the winner is told"
[ "$(lost three)" -eq 0 ] || wrong "somebody else is told"
ok "its loser is told, once"
says two.out 'three@three is down' && wrong "two has lost three"
says three.out 'two@two is down' && wrong "three has lost two"
ok "nobody else was disconnected"
lab_finish
