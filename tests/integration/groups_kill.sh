#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors

# Groups and cluster-wide names over nodes that are OS processes: all see who is a member and who has a name; a node that is
# killed takes its memberships and names with it, before anybody learns that its processes are down.
# shellcheck source=tests/integration/shell_world.sh
. "$(dirname "$0")/shell_world.sh"

start one groups_node --tick 2000
start two groups_node --tick 2000 --join one@localhost
two=$pid
start three groups_node --tick 2000 --join one@localhost --join two@localhost

tell() { osier exec "$1" send clerk "$2" >/dev/null; }
ask() { osier exec "$1" call clerk "$2"; }
connected() { [ "$(osier exec "$1" nodes | grep -c '^[a-z]*@localhost OS process')" = 3 ]; }
has_members() { ask "$1" 'clerk_count{group: "g"}' | grep -q "value: $2}"; }
has_name() { ask "$1" "clerk_holder{name: \"$2\"}" | grep -q "\"$3\""; }
logged() { grep -q "$2" "$world/$1.log"; }
logged_once() { [ "$(grep -c "$2" "$world/$1.log")" = 1 ]; }

for node in one two three; do
    ok "$node is connected with the others" until_true 20 connected $node
done
for node in one two three; do
    tell $node 'clerk_join{group: "g"}'
done
for node in one two three; do
    ok "$node sees three members" until_true 20 has_members $node 3
done
for node in one three; do
    tell $node 'clerk_watch{group: "g"}'
    ok "$node watches" until_true 20 logged $node 'watch g: 3'
done
tell two 'clerk_take{name: "x"}'
for node in one two three; do
    ok "$node knows whose name it is" until_true 20 has_name $node x two@localhost
done
tell three 'clerk_take{name: "x"}'
ok "a name is not given twice" until_true 20 logged three 'take x: ETAKEN'

kill -s KILL "$two"
for node in one three; do
    ok "$node hears that a process is down, and finds it in no group" \
        until_true 20 logged $node 'down noconnection, members then 2'
    ok "$node heard before that it left" logged_once $node 'left g: 1'
    ok "$node knows the name to be free" has_name $node x nobody
    ok "$node counts two members" has_members $node 2
done
tell three 'clerk_take{name: "x"}'
for node in one three; do
    ok "$node knows who took it" until_true 20 has_name $node x three@localhost
done

start two groups_node --tick 2000 --join one@localhost --join three@localhost
ok "a new start hears whose it is" until_true 20 has_name two x three@localhost
ok "and who is a member" until_true 20 has_members two 2
tell two 'clerk_join{group: "g"}'
for node in one two three; do
    ok "$node sees it again" until_true 20 has_members $node 3
done
for node in one three; do
    ok "$node is told who came" logged_once $node 'joined g: 1'
    ok "$node lost nobody else" logged_once $node 'down noconnection'
done
finish
