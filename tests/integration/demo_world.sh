# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors

# A world of its own for a test of the demo: directories, secret and mapper port. Whatever happens,
# no process of it is left at the end. The test calls ok WHAT for each thing that held, wrong WHAT
# to fail, and ends with finish.
set -eu
LC_ALL=C
export LC_ALL

: "${OSIER_BIN_DIR:?names the directory of the programs}"
tab=$(printf '\t')
export tab osier="$OSIER_BIN_DIR/osier" wordcount="$OSIER_BIN_DIR/wordcount"

work=$(mktemp -d "${TMPDIR:-/tmp}/osier-demo.XXXXXX")
mkdir -m 700 "$work/run" "$work/home"
OSIER_RUNTIME_DIR=$work/run
OSIER_HOME=$work/home
# Below the ports that systems give away, and one a process at a time.
OSIER_EPMD_PORT=$((20000 + $$ % 12000))
export OSIER_RUNTIME_DIR OSIER_HOME OSIER_EPMD_PORT

# The processes of this world that live: pid and name, a line each.
ours()
{
    for process in /proc/[0-9]*; do
        name=$(cat "$process/comm" 2>/dev/null) || continue
        case $name in osier | osier-epmd | wordcount) ;; *) continue ;; esac
        if { tr '\0' '\n' <"$process/environ" | grep -qxF "OSIER_RUNTIME_DIR=$work/run" &&
            ! grep -q '^State:[[:space:]]*[ZX]' "$process/status"; } 2>/dev/null; then
            echo "${process#/proc/} $name"
        fi
    done
}

end_world()
{
    status=$?
    trap '' INT TERM HUP
    for pid in $(ours | cut -d' ' -f1); do
        kill -KILL "$pid" 2>/dev/null || true
    done
    [ "$status" -eq 0 ] || tail -n 30 "$work"/*.out "$work"/run/demo/* 2>/dev/null || true
    rm -rf "$work"
    exit "$status"
}
trap end_world EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# What a sanitizer has to say about a node is in its log.
sane()
{
    ! grep -E 'Sanitizer|runtime error:' "$work"/*.out "$work"/run/demo/* 2>/dev/null
}

passed=0
ok()
{
    sane || wrong "$*, but a sanitizer complains"
    passed=$((passed + 1))
    echo "ok: $*"
}

wrong()
{
    echo "wrong: $*" >&2
    exit 1
}

finish()
{
    echo "$passed passed, 0 failed"
}

# within SECONDS COMMAND…: until the command succeeds; false when it does not in that time.
within()
{
    deadline=$(($(date +%s) + $1))
    shift
    while ! "$@"; do
        [ "$(date +%s)" -lt "$deadline" ] || return 1
        sleep 0.05
    done
}

nothing_left()
{
    [ -z "$(ours)" ]
}

says()
{
    grep -q -- "$2" "$work/$1" 2>/dev/null
}

# The OS process of a node of the cluster, from its state file.
os_pid()
{
    sed -n "s/^$1@localhost \([0-9]*\) .*/\1/p" "$work/run/demo/state"
}

# What words.tsv has to be for these files and directories.
expected()
{
    find -H "$@" -type f -print >"$work/names"
    while IFS= read -r file; do
        # shellcheck disable=SC2018,SC2019 # ASCII letters are meant
        tr A-Z a-z <"$file" | tr -cs a-z '\n'
        echo
    done <"$work/names" | sed '/^$/d' | sort | uniq -c |
        sed "s/^ *\([0-9]*\) /\1$tab/" | sort -t"$tab" -k1,1nr -k2,2
}

# words N: so many words, the same each time.
words()
{
    awk -v n="$1" 'BEGIN {
        srand(4711)
        for (i = 0; i < n; i++) {
            length_ = 1 + int(rand() * 6); word = ""
            for (j = 0; j < length_; j++) word = word substr("abcdeFGHIJ", 1 + int(rand() * 10), 1)
            printf "%s%s", word, i % 11 == 10 ? ".\n" : " "
        }
    }'
}
