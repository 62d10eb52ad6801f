#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors

# Tests are counted by their cases: passed, failed, crashed, skipped with and without a reason, not run.
. "$(dirname "$0")/house.sh"

# expect TOTAL STATUS CHILDREN: one test program of that status, with what it wrote.
expect()
{
    counted=$(printf '<testcase name="x" classname="x" time="1" status="%s">\n%s\n</testcase>\n' "$2" "$3" |
        awk -f "$top/tests/support/count_tests.awk" | tail -1)
    if [ "$counted" = "total $1" ]; then
        fine=$((fine + 1))
    else
        flaw "expected total $1, not $counted, for status $2: $3"
    fi
}

asked='<skipped message="SKIP_RETURN_CODE=77"/>'
expect "1 0 0" run '<system-out></system-out>'
expect "5 0 0" run '<system-out>noise
100%: Checks: 5, Failures: 0, Errors: 0
</system-out>'
expect "7 0 0" run '<system-out>100%: Checks: 5, Failures: 0, Errors: 0
100%: Checks: 2, Failures: 0, Errors: 0
</system-out>'
expect "3 2 0" fail '<system-out>60%: Checks: 5, Failures: 1, Errors: 1
</system-out>'
expect "0 1 0" fail '<system-out>crashed</system-out>'
expect "5 1 0" fail '<system-out>100%: Checks: 5, Failures: 0, Errors: 0</system-out>'
expect "4 0 1" run '<system-out>SKIP: no IPv6
4 passed, 0 failed
</system-out>'
expect "0 0 1" notrun "$asked<system-out>
SKIP: no network namespaces
</system-out>"
expect "0 1 0" notrun "$asked<system-out></system-out>"
expect "0 1 0" notrun '<skipped message="Unable to find executable"/><system-out></system-out>'
finish
