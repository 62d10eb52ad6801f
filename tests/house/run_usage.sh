#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors

# `run` names its commands, and refuses what it does not know with a line that says what to type.
. "$(dirname "$0")/house.sh"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for command in demo test build bench sim help; do
    if "$top/run" help | grep -q "^  $command"; then
        fine=$((fine + 1))
    else
        flaw "./run help does not name $command"
    fi
done

refused()
{
    status=0
    "$top/run" "$@" >"$work/out" 2>"$work/err" </dev/null || status=$?
    if [ "$status" -eq 2 ] && [ ! -s "$work/out" ] && grep -q '^run: .*see ./run help' "$work/err"; then
        fine=$((fine + 1))
    else
        flaw "./run $* is not refused as it should be"
    fi
}
refused nonsense
refused sim
refused sim 0
refused sim many
refused bench
finish
