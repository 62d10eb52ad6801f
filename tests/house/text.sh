#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors

# Files have their licence line, at most 700 lines (tests 800), C at most 100 columns, no tabs, no white space at line ends, no
# notes to self, and header guards that say their path.
. "$(dirname "$0")/house.sh"

for file in run $(sources c h cc S sh txt cmake); do
    head -4 "$file" | grep -q 'SPDX-License-Identifier: Apache-2.0' || flaw "$file: no licence line"
    case $file in
    tests/*) limit=800 ;; # one table of cases reads better whole
    *) limit=700 ;;
    esac
    [ "$(wc -l <"$file")" -le "$limit" ] || flaw "$file: more than $limit lines; split it"
    # the words are in pieces so that this file passes
    notes="TO""DO|FIX""ME|XX""X"
    found=$(awk -v notes="$notes" '
        FILENAME ~ /\.(c|h|cc)$/ && length($0) > 100 && $0 !~ /[\200-\377]/ { say("more than 100 columns") }
        FILENAME !~ /\.S$/ && /\t/ { say("a tab") }
        /[ \t\r]$/ { say("white space at the end") }
        $0 ~ "(^|[^A-Za-z_])(" notes ")([^A-Za-z_]|$)" { say("a note to self") }
        function say(what) { print FILENAME ":" FNR ": " what }' "$file")
    if [ -z "$found" ]; then
        fine=$((fine + 1))
    else
        flaw "$found"
    fi
done
for header in $(sources h); do
    case $header in
    examples/*) guard='[A-Z][A-Z0-9_]*_H' ;; # written as a user would
    *) guard='OSR_[A-Z0-9_]*_H' ;;
    esac
    grep -q "^#ifndef $guard\$" "$header" || flaw "$header: no guard ${guard%%[*}…_H"
done
finish
