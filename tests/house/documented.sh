#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors

# Every public function has a comment above it: its own, or that of the group it stands in (no blank line between).
. "$(dirname "$0")/house.sh"

for header in $(public_headers); do
    found=$(awk '
        /^$/ { covered = 0 }
        /\*\/$/ { covered = 1 }
        /^OSR_API/ && !covered { print FILENAME ":" FNR ": no comment above: " $0 }' "$header")
    if [ -z "$found" ]; then
        fine=$((fine + 1))
    else
        flaw "$found"
    fi
done
finish
