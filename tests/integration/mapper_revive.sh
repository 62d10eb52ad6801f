#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors

# A port mapper that dies is started again by a node that it served, and all nodes are known to the new one; one that somebody
# stopped is not, until somebody starts one.
# shellcheck source=tests/integration/shell_world.sh
. "$(dirname "$0")/shell_world.sh"

start one busy_node --mapper-idle-exit 60
one=$pid
start two busy_node --mapper-idle-exit 60
two=$pid
start three busy_node --join one@localhost --mapper-idle-exit 60
three=$pid

mapper() { osier-epmd dump | sed -n 's/^mapper.pid \([0-9]*\).*/\1/p'; }
knows_all()
{
    names=$(osier-epmd names) &&
        [ "$(echo "$names" | sort | tr '\n' ' ')" = "one@localhost three@localhost two@localhost " ]
}
connected() { osier exec one nodes | grep -q '^three@localhost OS process'; }

ok "all are registered" until_true 10 knows_all
ok "two of them are connected" until_true 15 connected
first=$(mapper)
ok "a mapper runs" [ -n "$first" ]
kill -s KILL "$first"
ok "it dies, and all are registered again" until_true 30 knows_all
second=$(mapper)
ok "with another mapper" [ "$second" != "$first" ]
ok "each node says so" grep -q 'registered at the port mapper again' "$world/two.log"
ok "and that it was going to start it" grep -q 'port mapper is gone; .* started again' "$world/one.log"
ok "connections have stayed" connected
run grep -c 'three@localhost is down' "$world/one.log"
ok "all the time" says '^0$'

kill -s KILL "$second"
ok "the second one dies, too" until_true 30 knows_all

run osier-epmd stop
ok "the third one is stopped" ends_with 0
was_told() { [ "$(grep -l 'port mapper was stopped' "$world"/*.log | wc -l)" -eq 3 ]; }
ok "all nodes are told" until_true 10 was_told
run osier-epmd names
ok "and leave it so" complains 'no port mapper'
osier-epmd --daemon --idle-exit 60 >/dev/null
ok "until somebody starts one" until_true 20 knows_all
for pid in "$one" "$two" "$three"; do
    ok "a node lives" alive "$pid"
done
finish
