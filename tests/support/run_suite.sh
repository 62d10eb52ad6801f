#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors

# run_suite.sh PRESET [CTEST ARGUMENT…]: runs the tests of a preset that is built, prints a line for each program and
# failures in full, lists what was skipped and why, and ends with "N passed, N failed[, N skipped]".
# A program that uses check counts as its test cases. Adds "PASSED FAILED SKIPPED" to the file $OSIER_TALLY, if set.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
preset=$1
shift
mkdir -p build/log
results=$PWD/build/log/test-$preset.xml
rm -f "$results"

# The thread sanitizer of gcc 12 and clang 14 cannot lay out its shadow where the kernel randomizes more.
fixed=
if [ "$preset" = tsan ] && [ "$(cat /proc/sys/vm/mmap_rnd_bits 2>/dev/null || echo 0)" -gt 28 ] &&
    setarch -R true 2>/dev/null; then
    fixed="setarch -R"
fi

# One line a program: "ok    heap 0.02 s"; all else (a failure's output) passes as it is.
lines()
{
    if [ -n "${VERBOSE:-}" ]; then
        cat
        return
    fi
    sed -u -n -E \
        -e '/^[0-9]+% tests passed/,$d' \
        -e '/^(Test project|Internal ctest|Preset |Preset$|  "|Test run )/d' \
        -e '/^ +Start +[0-9]+:/d' \
        -e 's/^ *[0-9]+\/[0-9]+ Test +#[0-9]+: ([^ ]+) \.* +Passed +([0-9.]+) sec.*/ok    \1 \2 s/p;t' \
        -e 's/^ *[0-9]+\/[0-9]+ Test +#[0-9]+: ([^ ]+) \.*\*+Skipped +.*/skip  \1/p;t' \
        -e 's/^ *[0-9]+\/[0-9]+ Test +#[0-9]+: ([^ ]+) \.*\*+(.*[^ ]) +([0-9.]+) sec.*/FAIL  \1 \3 s (\2)/p;t' \
        -e '/./p'
}

# shellcheck disable=SC2086 # two words or none
$fixed ctest --preset "$preset" --parallel "${JOBS:-$(nproc)}" --output-junit "$results" \
    --test-output-size-passed 4000000 --test-output-size-failed 4000000 "$@" 2>&1 </dev/null | lines

if [ ! -s "$results" ]; then
    echo "FAIL  no tests were run"
    exit 1
fi
counted=$(awk -f "$here/count_tests.awk" "$results")
echo "$counted" | sed -n 's/^skip /SKIP: /p'
total=$(echo "$counted" | sed -n 's/^total //p')
[ -z "${OSIER_TALLY:-}" ] || echo "$total" >>"$OSIER_TALLY"
echo "$total" | {
    read -r passed failed skipped
    line="$passed passed, $failed failed"
    [ "$skipped" -eq 0 ] || line="$line, $skipped skipped"
    echo "$preset: $line"
    [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}
