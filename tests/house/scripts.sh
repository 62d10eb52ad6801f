#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors

# All shell scripts are executable (sourced ones excepted) and pass shellcheck.
. "$(dirname "$0")/house.sh"

command -v shellcheck >/dev/null || skip "shellcheck is not installed"
for script in run .ci/run $(sources sh); do
    sourced=$(sed -n '1{/^# shellcheck shell=/p;}' "$script")
    if ! shellcheck --external-sources --source-path=SCRIPTDIR "$script"; then
        flaw "$script does not pass shellcheck"
    elif [ -z "$sourced" ] && [ ! -x "$script" ]; then
        flaw "$script is not executable"
    else
        fine=$((fine + 1))
    fi
done
finish
