#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors

# What cannot work is refused in a line that says what and why, with an exit status, and leaves
# nothing behind.
. "$(dirname "$0")/demo_world.sh"

# refused WHAT PATTERN COMMAND…: the command fails with such a line.
refused()
{
    what=$1
    pattern=$2
    shift 2
    if "$@" >"$work/refused.out" 2>&1; then
        wrong "$what: it succeeds"
    fi
    says refused.out "$pattern" || wrong "$what: it says: $(cat "$work/refused.out")"
    says refused.out 'cluster up' && wrong "$what: only after the cluster was up"
    within 5 nothing_left || wrong "$what: left: $(ours)"
    ok "$what"
}

printf 'a few words to count' >"$work/in"
mkdir "$work/empty"
mkfifo "$work/pipe"
refused "no such file" 'missing: No such file or directory; name a file' \
    "$osier" demo run --out "$work/out" -- "$work/in" "$work/missing"
refused "an empty directory" 'empty: there is no regular file in this directory; name one' \
    "$osier" demo run --out "$work/out" -- "$work/empty"
refused "a pipe" 'pipe: neither a regular file nor a directory' \
    "$osier" demo run --out "$work/out" -- "$work/pipe"
refused "no such flag" 'frob: no such flag' "$osier" demo run --frob
refused "no such command" 'usage: osier demo' "$osier" demo sideways
refused "no cluster" 'the cluster is not up; start it: osier demo up' "$osier" demo status
refused "no coordinator" 'no coordinator at coordinator@localhost' "$wordcount" run --out "$work/out" "$work/in"
[ ! -e "$work/out" ] || wrong "a refused job leaves a directory"
ok "a refused job leaves no directory"

# The first node has made the secret.
find "$work/home" -name cluster.secret | grep -q . || wrong "there is no secret file"
chmod 644 "$(find "$work/home" -name cluster.secret)"
refused "a secret that others can read" 'coordinator@localhost did not start: .*cluster.secret' \
    "$osier" demo run --out "$work/out" -- "$work/in"
chmod 600 "$(find "$work/home" -name cluster.secret)"

chmod 755 "$work/run/demo"
refused "a runtime directory that others can read" 'demo: Operation not permitted; set OSIER_RUNTIME_DIR' \
    "$osier" demo run --out "$work/out" -- "$work/in"
chmod 700 "$work/run/demo"

# Somebody else has the name of one of the nodes.
"$wordcount" worker --name worker2@localhost >"$work/other.out" 2>&1 &
other=$!
within 20 says other.out 'worker2@localhost: up' || wrong "a node of that name does not start"
if "$osier" demo run --out "$work/out" -- "$work/in" >"$work/taken.out" 2>&1; then
    wrong "a taken name: it succeeds"
fi
says taken.out 'worker2@localhost did not start: .*worker2@localhost' || wrong "a taken name: $(cat "$work/taken.out")"
only_other()
{
    [ "$(ours | grep -vc osier-epmd)" -eq 1 ]
}
within 5 only_other || wrong "a taken name: left: $(ours)"
kill -0 "$other" || wrong "a taken name: its owner has been ended"
ok "a taken name"
kill "$other"
wait "$other" || true
finish
