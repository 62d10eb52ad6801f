#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors

# What a person gets wrong: each is told in a line what, why and what to type next, with the right status.
# shellcheck source=tests/integration/shell_world.sh
. "$(dirname "$0")/shell_world.sh"

run osier
ok "no command is a wrong usage" ends_with 64
ok "with the list" complains 'usage: osier COMMAND'
run osier frob
ok "an unknown command too" complains 'there is no command frob'
run osier help
ok "help goes to standard output" says 'usage: osier COMMAND'
run osier help shell
ok "of one command too" says 'usage: osier shell'
run osier exec --help
ok "--help is no error" ends_with 0
run osier exec store
ok "exec wants a command" ends_with 64
run osier exec 'a b' ps
ok "a bad name is named" complains '"a b" is no name'
run osier shell a b
ok "shell wants one node" ends_with 64

run osier nodes
ok "without a mapper nodes is unavailable" ends_with 69
ok "and says what to type" complains 'no port mapper runs here.*osier-epmd --daemon'
run osier exec store ps
ok "exec as well" ends_with 69

run counter --frob
ok "a node refuses an unknown flag" ends_with 64
ok "and names it" complains '^counter: unknown argument --frob; --help'
run counter --name 'a b'
ok "and a bad name" ends_with 64
ok "with the reason" complains 'name'
run counter --help
ok "its help lists the flags" says '  --ready-fd FD'
run counter --version
ok "its version" says '^counter: osier [0-9]'

# the first node starts the mapper
start store busy_node
store=$pid
run osier nodes
ok "the mapper has been started" ends_with 0
ok "the node answers" says "^store@localhost  *tcp://127.0.0.1:.* $store .* yes$"
run osier nodes --check
ok "all answer" ends_with 0
run osier exec stoer ps
ok "a node that does not run is named" complains 'no node stoer@localhost runs on this machine; osier nodes'
ok "and unavailable" ends_with 69

run counter --name store --listen "$listen"
ok "a name that is taken is refused" ends_with 69
ok "with the name" complains '^counter: .*store@localhost'
port=$(osier nodes | sed -n 's/.*tcp:\/\/127.0.0.1:\([0-9]*\) .*/\1/p')
run counter --listen "tcp://127.0.0.1:$port"
ok "a port in use is refused" ends_with 69
ok "with what to do" complains "cannot listen at tcp://127.0.0.1:$port: .*--listen"
run counter --listen tcp://192.0.2.1:9100 --name c@localhost
ok "so is an address of another machine" ends_with 69

chmod 644 "$OSIER_HOME/cluster.secret"
run counter --listen "$listen"
ok "a secret that others may read is refused" ends_with 78
ok "in one line" [ "$(wc -l <"$world/err")" = 1 ]
ok "that says what, why and what to type" complains \
    "^counter: $OSIER_HOME/cluster.secret: readable by others (mode 0644); chmod 600 "
run osier exec store ps
ok "by clients too" ends_with 78
chmod 600 "$OSIER_HOME/cluster.secret"
run counter --secret "$world/none" --listen "$listen"
ok "a secret file that is not there is refused" ends_with 78
ok "by its name" complains "$world/none"
echo nonsense >"$world/nonsense"
chmod 600 "$world/nonsense"
run counter --secret "$world/nonsense" --listen "$listen"
ok "so is one that is no secret" ends_with 78

# another cluster's secret
mkdir -m 700 "$world/other"
OSIER_HOME=$world/other
start other counter --no-mapper
OSIER_HOME=$world/home
run osier exec --secret "$world/other/cluster.secret" store ps
ok "another secret does not get in" ends_with 69
ok "and the reason is given" complains 'no connection to store@localhost'

kill -s STOP "$store"
run osier nodes --check
ok "a node that does not answer fails the check" ends_with 1
ok "and is shown" says '^store@localhost .* no: '
kill -s CONT "$store"
ok "the node lives" alive "$store"
kill -s TERM "$store"
status=0
wait "$store" || status=$?
ok "SIGTERM ends a node orderly" ends_with 0
finish
