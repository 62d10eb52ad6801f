#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors
# declarations.h compiles without a warning as strict C11 and C++17 with every compiler there is,
# and each of its mistakes is refused. Exit status 77 where there is no compiler.
set -u
top=$1
file=$top/tests/unit/message/declarations.h
flags="-Wall -Wextra -Wpedantic -pedantic-errors -Werror -fsyntax-only -I$top/lib/include"
ran=0
failed=0

check() { # compiler, language flags…
    command -v "$1" >/dev/null 2>&1 || return 0
    ran=$((ran + 1))
    # shellcheck disable=SC2086
    if ! "$@" $flags -DREFUSE=0 "$file"; then
        echo "failed: $* -DREFUSE=0" >&2
        failed=1
    fi
    mistake=0
    while [ "$mistake" -lt "$(grep -c '^#el*if REFUSE ==' "$file")" ]; do
        mistake=$((mistake + 1))
        # shellcheck disable=SC2086
        if "$@" $flags "-DREFUSE=$mistake" "$file" 2>/dev/null; then
            echo "failed: $* accepts -DREFUSE=$mistake" >&2
            failed=1
        fi
    done
}

check gcc -x c -std=c11
check clang -x c -std=c11
check g++ -x c++ -std=c++17
check clang++ -x c++ -std=c++17
check g++ -x c++ -std=c++20
check clang++ -x c++ -std=c++20
[ "$ran" -gt 0 ] || exit 77
exit "$failed"
