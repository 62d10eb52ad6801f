#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors
# declarations.h and servers.h compile without a warning as strict C11 and C++17 with every compiler
# there is, and each of their mistakes is refused with a message that names a line of the mistake.
# Exit status 77 where there is no compiler.
set -u
top=$1
flags="-Wall -Wextra -Wpedantic -pedantic-errors -Werror -fsyntax-only -I$top/lib/include"
ran=0
failed=0

# Whether what the compiler says names a line of `file` that belongs to mistake `number`.
names_the_line() { # file, number
    first=$(grep -n "^#.*if REFUSE == $2\$" "$1" | cut -d: -f1)
    awk -v first="$first" -v file="$1" '
        NR == FNR {
            if (FNR > first && last == 0 && /^#(elif|endif)/) {
                last = FNR
            }
            next
        }
        index($0, file ":") > 0 {
            rest = substr($0, index($0, file ":") + length(file) + 1)
            line = rest + 0
            if (line > first && line < last) {
                found = 1
            }
        }
        END { exit !found }' "$1" -
}

check_file() { # file, compiler, language flags…
    file=$1
    shift
    # shellcheck disable=SC2086
    if ! "$@" $flags -DREFUSE=0 "$file"; then
        echo "failed: $* -DREFUSE=0 $file" >&2
        failed=1
    fi
    mistakes=$(grep -c '^#.*if REFUSE ==' "$file")
    mistake=0
    while [ "$mistake" -lt "$mistakes" ]; do
        mistake=$((mistake + 1))
        # shellcheck disable=SC2086
        if said=$("$@" $flags "-DREFUSE=$mistake" "$file" 2>&1); then
            echo "failed: $* accepts -DREFUSE=$mistake $file" >&2
            failed=1
        elif ! echo "$said" | names_the_line "$file" "$mistake"; then
            echo "failed: $* does not say where -DREFUSE=$mistake $file is wrong" >&2
            failed=1
        fi
    done
}

check() { # compiler, language flags…
    command -v "$1" >/dev/null 2>&1 || return 0
    ran=$((ran + 1))
    check_file "$top/tests/unit/message/declarations.h" "$@"
    check_file "$top/tests/unit/message/servers.h" "$@"
}

check gcc -x c -std=c11
check clang -x c -std=c11
check g++ -x c++ -std=c++17
check clang++ -x c++ -std=c++17
check g++ -x c++ -std=c++20
check clang++ -x c++ -std=c++20
[ "$ran" -gt 0 ] || exit 77
exit "$failed"
