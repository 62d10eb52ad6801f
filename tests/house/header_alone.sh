#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors

# header_alone.sh TOP LANGUAGE COMPILER: every public header compiles alone, and twice, without a warning.
. "$(dirname "$0")/house.sh"
language=$2
compiler=$3

case $language in
c) standard=c11 ;;
c++) standard=c++17 ;;
esac

set -- "-std=$standard" -D_GNU_SOURCE -Wall -Wextra -Wpedantic -Werror -fsyntax-only
for folder in lib dist epmd node; do
    set -- "$@" -I"$folder/include"
done
for header in $(public_headers); do
    name=${header#*/include/}
    if said=$(printf '#include <%s>\n#include <%s>\n' "$name" "$name" |
        "$compiler" -x "$language" "$@" - 2>&1); then
        fine=$((fine + 1))
    else
        echo "$said" | grep -m 3 'error:' || echo "$said"
        flaw "$header does not compile alone as $standard"
    fi
done
finish
