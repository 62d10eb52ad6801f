#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors

# All C and C++ sources are as .clang-format says. Versions differ in detail, so only 14 judges.
. "$(dirname "$0")/house.sh"

formatter=
for candidate in clang-format-14 clang-format; do
    if "$candidate" --version 2>/dev/null | grep -q 'version 14\.'; then
        formatter=$candidate
        break
    fi
done
[ -n "$formatter" ] || skip "clang-format 14 is not installed"

for file in $(sources c h cc); do
    if "$formatter" --dry-run -Werror "$file" >/dev/null 2>&1; then
        fine=$((fine + 1))
    else
        flaw "$file is not formatted; run $formatter -i $file"
    fi
done
finish
