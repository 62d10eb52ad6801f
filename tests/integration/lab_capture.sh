#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors

# Nothing that the demo's processes say to each other crosses the network in clear. All of the loopback of a network namespace is
# recorded while the cluster starts, counts words that are found nowhere else, is looked at by a shell and ends. No word, name of
# a file or piece of the shell's output is in the recording; a word sent in clear to a node's port is.
command -v tcpdump >/dev/null || { echo "SKIP: tcpdump is not installed"; exit 77; }
command -v bash >/dev/null || { echo "SKIP: bash is not installed, which can open connections"; exit 77; }
. "$(dirname "$0")/lab_world.sh"

# unique PREFIX N: so many words of 20 letters that occur nowhere else, a line each.
unique()
{
    awk -v prefix="$1" -v n="$2" -v seed="$$" 'BEGIN {
        srand(seed)
        for (i = 0; i < n; i++) {
            word = prefix
            while (length(word) < 20) word = word substr("abcdefghijklmnopqrstuvwxyz", 1 + int(rand() * 26), 1)
            print word
        }
    }'
}

# found FILE: how many different ones of its lines are in the recording, in upper or lower case.
found()
{
    tr -c ' -~' '\n' <"$work/capture" | tr '[:upper:]' '[:lower:]' | grep -oFf "$1" | sort -u | wc -l
}

is_recorded()
{
    [ "$(found "$work/control")" -eq 1 ]
}

# Whether the recorder records, or has ended.
has_decided()
{
    says tcpdump.out 'listening on' || ! kill -0 "$recorder" 2>/dev/null
}

unique qzword 3000 >"$work/words"
unique qzfile 20 >"$work/file_names"
echo qzcontrolthatisinclear >"$work/control"
split -n r/20 -a 2 "$work/words" "$work/part."
set -- "$work"/part.*
while IFS= read -r name; do
    mv "$1" "$data/$name"
    shift
done <"$work/file_names"

tcpdump -i lo -n -s 0 -B 65536 --immediate-mode -U -Z root -w "$work/capture" >"$work/tcpdump.out" 2>&1 &
recorder=$!
within 10 has_decided || true
says tcpdump.out 'listening on' || skip "tcpdump cannot record: $(cat "$work/tcpdump.out")"

"$osier" demo up >"$work/up.out" 2>&1 || wrong "demo up: $(cat "$work/up.out")"
"$osier" nodes >"$work/nodes.out" || wrong "osier nodes fails"
"$wordcount" run --kill --out "$out" -- "$data" >"$work/job.out" 2>&1 || wrong "the job fails: $(cat "$work/job.out")"
"$osier" exec coordinator@localhost 'ps tree' >"$work/shell.out" || wrong "osier exec fails"
is_exact || wrong "words.tsv differs"
[ "$(wc -l <"$out/words.tsv")" -eq 3000 ] || wrong "the words are not unique"

port=$(sed -n 's|^coordinator@localhost  *tcp://127.0.0.1:\([0-9]*\) .*|\1|p' "$work/nodes.out")
# shellcheck disable=SC2016 # bash is to expand it
bash -c 'printf "%s" "$1" >"/dev/tcp/127.0.0.1/$2"' - "$(cat "$work/control")" "$port" ||
    wrong "nobody listens on port $port of the coordinator"
within 10 is_recorded || wrong "what was sent in clear is not found"
"$osier" demo down >"$work/down.out" 2>&1 || wrong "demo down: $(cat "$work/down.out")"
kill -TERM "$recorder"
wait "$recorder" || wrong "tcpdump: $(cat "$work/tcpdump.out")"

says tcpdump.out '^0 packets dropped by kernel' || wrong "the recording is not whole: $(cat "$work/tcpdump.out")"
[ "$(wc -c <"$work/capture")" -gt 60000 ] || wrong "3000 words of 20 bytes do not fit into the recording"
ok "what is sent in clear is found"
[ "$(found "$work/words")" -eq 0 ] || wrong "$(found "$work/words") words crossed in clear"
ok "no word of the input crossed in clear"
[ "$(found "$work/file_names")" -eq 0 ] || wrong "$(found "$work/file_names") names of files crossed in clear"
ok "no name of a file crossed in clear"
grep -o 'worker-[0-9]' "$work/shell.out" | sort -u >"$work/shell_words"
[ -s "$work/shell_words" ] || wrong "the shell's tree names no worker: $(cat "$work/shell.out")"
[ "$(found "$work/shell_words")" -eq 0 ] || wrong "the shell's output crossed in clear"
ok "nothing of a shell's output crossed in clear"
lab_finish
