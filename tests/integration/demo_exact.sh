#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors

# Whatever the input, and although a worker is killed, the words are those that tr, sort and uniq
# count, and the report covers each file once.
. "$(dirname "$0")/demo_world.sh"

in=$work/in
mkdir "$in"

# covers: the chunks of the report are the files' bytes without gap or overlap, each counted by
# somebody.
covers()
{
    awk -F '\t' '
        NF != 6 || $4 == "-" || $6 < 1 { exit bad = 1 }
        $1 != file { file = $1; at = 0 }
        $2 != at || $3 < 1 { exit bad = 1 }
        { at += $3; sum += $3 }
        END { if (!bad && sum != total) bad = 1; exit bad }' total="$1" "$work/out/report.tsv"
}

count()
{
    what=$1
    shift
    rm -rf "$work/out"
    "$osier" demo run --out "$work/out" -- "$@" >"$work/count.out" 2>&1 ||
        wrong "$what: exit status $?: $(cat "$work/count.out")"
    expected "$@" >"$work/expected"
    cmp "$work/out/words.tsv" "$work/expected" || wrong "$what: words.tsv differs"
    bytes=$(find -H "$@" -type f -exec cat {} + | wc -c)
    covers "$bytes" || wrong "$what: report.tsv does not cover $bytes bytes"
    says count.out 'killed worker.@localhost' || wrong "$what: nobody was killed"
    says count.out 'nodedown worker.@localhost' || wrong "$what: no nodedown"
    says count.out 'worker-. restarted on worker.@localhost' || wrong "$what: no restart"
    ok "$what"
}

: >"$in/empty"
count "a file of 0 bytes" "$in/empty"
printf Q >"$in/one"
count "a file of 1 byte" "$in/one"
printf 'ab' >"$in/two"
count "two bytes, one word in two chunks" "$in/two"
printf 'no newline at the End' >"$in/end"
count "no newline at the end" "$in/end"
head -c 300000 /dev/urandom >"$in/binary"
count "a binary file" "$in/binary"
head -c 3000000 /dev/zero | tr '\0' x >"$in/long"
count "one word of 3 MB" "$in/long"
words 400000 >"$in/some"
count "a file of some MB" "$in/some"

# With 12 chunks or more every worker has counted some.
for worker in 1 2 3; do
    grep -q "${tab}worker$worker@localhost$tab" "$work/out/report.tsv" || wrong "worker$worker counted nothing"
done
ok "every worker counted some"

mkdir -p "$work/many/deep/er"
words 20000 | split -l 6 -a 3 - "$work/many/deep/er/part-"
printf 'x' >"$work/many/$(printf 'tab\there')"
ln -s /etc "$work/many/link"
count "many small files" "$work/many"
count "all of them together" "$in" "$work/many"
grep -qF "tab\\there${tab}0${tab}1$tab" "$work/out/report.tsv" || wrong "a tab in a name is not escaped"
ok "names are escaped"
within 5 nothing_left || wrong "left: $(ours)"
ok "nothing is left"
finish
