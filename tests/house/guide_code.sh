#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors

# guide_code.sh TOP COMPILER: the C code of README and the guides compiles. Taken are the blocks marked ```c whose
# first line is a comment "/* file: NAME */" (more words may follow the name).
. "$(dirname "$0")/house.sh"
compiler=$2

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for guide in $(find . -name '*.md' -not -path './build/*' -not -path './.git/*' | sort); do
    awk -v work="$work" '
        /^```c$/ { block = 1; first = 1; name = ""; next }
        /^```/ { block = 0; if (name != "") close(name) }
        block && first {
            first = 0
            if ($0 ~ /^\/\* file: [a-z_0-9]+\.c/) { split($3, part, ";"); name = work "/" part[1] }
        }
        block && name != "" { print > name }' "$guide"
    for code in "$work"/*.c; do
        [ -e "$code" ] || continue
        if "$compiler" -std=c11 -Wall -Wextra -Wpedantic -Werror -fsyntax-only \
            -Ilib/include -Idist/include -Iepmd/include -Inode/include "$code"; then
            fine=$((fine + 1))
        else
            flaw "${code##*/} in $guide does not compile"
        fi
        rm "$code"
    done
done
finish
