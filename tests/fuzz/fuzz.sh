#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors

# fuzz.sh RUNS PROGRAM ARGUMENT…: runs a fuzz target, and fails if it has not tried RUNS inputs: libFuzzer is content when
# its time is up.
set -eu

wanted=$1
shift
said=$(mktemp)
trap 'rm -f "$said"' EXIT
status=0
"$@" >"$said" 2>&1 || status=$?
cat "$said"
[ "$status" -eq 0 ] || exit 1 # not 77, as libFuzzer ends on a crash: it would be taken for skipped
ran=$(sed -n 's/^stat::number_of_executed_units: *//p' "$said")
[ "${ran:-0}" -ge "$wanted" ] || {
    echo "FAILED: ${ran:-0} of $wanted inputs in the time it has; give it more: cmake --preset fuzz -DOSIER_FUZZ_SECONDS=1800"
    exit 1
}
