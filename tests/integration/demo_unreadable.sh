#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors

# A file that cannot be read is named, the rest is counted, and the exit status is 1. So that it is
# unreadable for root, too, it vanishes after it was found and before it is counted: the workers
# stand still meanwhile.
. "$(dirname "$0")/demo_world.sh"

mkdir "$work/in"
printf 'these words are counted' >"$work/in/a"
printf 'these are not' >"$work/in/b"
"$osier" demo up >"$work/up.out" 2>&1 || wrong "demo up: $(cat "$work/up.out")"
workers="$(os_pid worker1) $(os_pid worker2) $(os_pid worker3)"
# shellcheck disable=SC2086 # three words
kill -STOP $workers
"$wordcount" run --out "$work/out" -- "$work/in" >"$work/run.out" 2>&1 &
client=$!
within 20 says run.out '2 files, 36 bytes' || wrong "the files are not found"
rm "$work/in/b"
# shellcheck disable=SC2086
kill -CONT $workers
status=0
wait "$client" || status=$?
[ "$status" -eq 1 ] || wrong "exit status $status"
ok "the exit status is 1"
[ "$(grep -c 'cannot read .*/in/b: No such file or directory' "$work/run.out")" -eq 1 ] || wrong "it is not named, once"
says run.out '^exact' && wrong "it claims to be exact"
ok "it is named"
printf '1\tare\n1\tcounted\n1\tthese\n1\twords\n' | cmp - "$work/out/words.tsv" || wrong "the rest is not counted"
ok "the rest is counted"
finish
