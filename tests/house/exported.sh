#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors

# exported.sh TOP NM LIBRARY: all that the library shows begins with osr_ or osri_, all that it offers is
# declared OSR_API in a public header, and all that is declared so is there.
. "$(dirname "$0")/house.sh"
nm=$2
library=$3

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
case $library in
*.a) "$nm" -g --defined-only "$library" ;;
*) "$nm" -D --defined-only "$library" ;;
esac | awk 'NF >= 3 && $2 ~ /[A-Z]/ { sub("@.*", "", $3); print $3 }' | sort -u >"$work/defined"

# The name is the last word before the first "(", also where a declaration runs over several lines.
public_headers | xargs cat | awk '
    /^(extern )?OSR_API/ { text = ""; reading = 1 }
    reading { text = text " " $0 }
    reading && /;/ {
        reading = 0
        sub(/;.*/, "", text)
        sub(/\[.*/, "", text)
        if (index(text, "(") > 0) sub(/ *\(.*/, "", text)
        count = split(text, words, /[ *]+/)
        print words[count]
    }' | sort -u >"$work/declared"

while read -r name; do
    case $name in
    osr_* | osri_*) fine=$((fine + 1)) ;;
    *) flaw "$name is visible but begins with neither osr_ nor osri_" ;;
    esac
done <"$work/defined"
for name in $(comm -13 "$work/defined" "$work/declared"); do
    flaw "$name is declared OSR_API but not defined in ${library##*/}"
done
for name in $(comm -23 "$work/defined" "$work/declared" | grep '^osr_' || true); do
    flaw "$name begins with osr_ but no public header declares it OSR_API"
done
finish
