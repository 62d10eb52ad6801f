#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors

# install.sh TOP BUILD CMAKE COMPILER: a program in another folder builds against the installed library, with
# pkg-config and with find_package, and runs.
. "$(dirname "$0")/house.sh"
build=$2
cmake=$3
compiler=$4

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$cmake" --install "$build" --prefix "$work/prefix" >"$work/log" || { cat "$work/log"; exit 1; }

mkdir "$work/user"
cat >"$work/user/main.c" <<'END'
#include <osier/err.h>
#include <stdio.h>

int main(void)
{
    return puts(osr_err_text(OSR_ECLOSED)) < 0;
}
END
cat >"$work/user/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.20)
project(user C)
find_package(osier REQUIRED)
add_executable(user main.c)
target_link_libraries(user PRIVATE osier::osier)
add_executable(user_core main.c)
target_link_libraries(user_core PRIVATE osier::core)
END

runs()
{
    if [ "$("$1")" = "closed by the other side" ]; then
        fine=$((fine + 1))
    else
        flaw "${1##*/} does not run"
    fi
}

# Where the packages went, and where a shared library would be found.
packages=$(dirname "$(find "$work/prefix" -name osier.pc)")
export LD_LIBRARY_PATH="${packages%/pkgconfig}"
export PKG_CONFIG_PATH="$packages"
for name in osier osier-core; do
    # shellcheck disable=SC2046 # flags are words
    "$compiler" -o "$work/with-$name" "$work/user/main.c" $(pkg-config --cflags --libs "$name") &&
        runs "$work/with-$name"
done
if ! CC=$compiler "$cmake" -S "$work/user" -B "$work/user/build" -DCMAKE_PREFIX_PATH="$work/prefix" \
    -G Ninja >"$work/log" 2>&1 || ! "$cmake" --build "$work/user/build" >>"$work/log" 2>&1; then
    cat "$work/log"
fi
grep -q -- -fstack-clash-protection "$work/user/build/build.ninja" || flaw "a program's frames are not probed"
for name in user user_core; do
    runs "$work/user/build/$name"
done
finish
