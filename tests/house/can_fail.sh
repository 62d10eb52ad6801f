#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors

# The tests of the house see what they are for: each refuses a small tree with one flaw and takes the same tree without.
# shellcheck disable=SC2016 # the texts are for files
. "$(dirname "$0")/house.sh"

house=$top/tests/house
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

licence='/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */'

# A tree that has nothing wrong.
sound_tree()
{
    rm -rf "$work/tree"
    mkdir -p "$work/tree/lib/core" "$work/tree/lib/include/osier" "$work/tree/dist/link" "$work/tree/.ci"
    cd "$work/tree"
    printf '%s\n#ifndef OSR_X_H\n#define OSR_X_H\n#define OSR_API\n\n/* Says x. Threads: any. Not a suspension point. */\nOSR_API int osr_x(void);\n\n#endif\n' \
        "$licence" >lib/include/osier/x.h
    printf '%s\n#ifndef OSR_CORE_Y_H\n#define OSR_CORE_Y_H\n#endif\n' "$licence" >lib/core/y.h
    printf '%s\n#include "lib/core/y.h"\n\n#include "osier/x.h"\n' "$licence" >lib/core/y.c
    printf '%s\n#include "lib/core/y.h"\n' "$licence" >dist/link/z.h
    sed -i 's/^#include/#ifndef OSR_LINK_Z_H\n#define OSR_LINK_Z_H\n&/; $a #endif' dist/link/z.h
    printf '#!/bin/sh\n# SPDX-License-Identifier: Apache-2.0\necho\n' >run
    cp run .ci/run
    chmod +x run .ci/run
    printf 'Text\n\n```c\n/* file: a.c */\nint main(void)\n{\n    return 0;\n}\n```\n' >README.md
}

# refuses WHAT TEST [ARGUMENT…]: the test takes the sound tree, and not the one that spoil() made of it.
refuses()
{
    what=$1
    test=$2
    shift 2
    sound_tree
    if ! "$house/$test.sh" "$work/tree" "$@" >"$work/output" 2>&1; then
        cat "$work/output"
        flaw "$test refuses a sound tree"
        return 0
    fi
    spoil
    if "$house/$test.sh" "$work/tree" "$@" >"$work/output" 2>&1; then
        flaw "$test does not see $what"
    else
        fine=$((fine + 1))
    fi
}

spoil() { echo '#include "dist/link/z.h"' >>lib/core/y.c; }
refuses "an include from lib to dist" include_direction
spoil()
{
    mkdir -p tests/bench
    printf '%s\n#include "lib/core/y.h"\n' "$licence" >tests/bench/b.c
}
refuses "a benchmark that looks inside" include_direction
spoil() { echo '#include "y.h"' >>lib/core/y.c; }
refuses "an include without its path" include_direction
spoil() { sed -i '/Says x/d' lib/include/osier/x.h; }
refuses "a function without a comment" documented
spoil() { sed -i 's/ Not a suspension point\.//' lib/include/osier/x.h; }
refuses "a function that may or may not suspend" documented
spoil()
{
    sed -i 's/ Not a suspension point\.//' lib/include/osier/x.h
    echo '/* Nothing here but osr_x() is a suspension point. */' >>lib/include/osier/x.h
}
refuses "an exception that does not speak for itself" documented
spoil() { sed -i 's/ Threads: any\.//' lib/include/osier/x.h; }
refuses "a function of unknown threads" documented
spoil() { sed -i 's/^OSR_API int/OSR_API osr_err/' lib/include/osier/x.h; }
refuses "errors that are not named" documented
spoil() { sed -i 's/^OSR_API int/OSR_API size_t/' lib/include/osier/x.h; }
refuses "a header that needs another" header_alone c cc
refuses "a header that needs another" header_alone c++ c++
spoil() { sed -i 's/return 0/return x/' README.md; }
refuses "code in a guide that does not compile" guide_code cc
spoil() { sed -i '/SPDX-License/d' lib/core/y.c; }
refuses "a missing licence" text
spoil() { printf '/* %0120d */\n' 0 >>lib/core/y.c; }
refuses "a long line" text
spoil() { yes '/**/' | head -700 >>lib/core/y.c; }
refuses "a long file" text
spoil() { echo 'int  x ;' >>lib/core/y.c; }
if clang-format --version 2>/dev/null | grep -q 'version 14\.'; then
    cp "$top/.clang-format" "$work/"
    refuses "bad formatting" formatted
fi
spoil() { echo 'echo $x' >>run; }
if command -v shellcheck >/dev/null; then
    refuses "a careless script" scripts
fi
cd "$top"

# fuzz.sh: a target that ends well, but too early.
printf '#!/bin/sh\necho "stat::number_of_executed_units: $1"\n' >"$work/target"
chmod +x "$work/target"
if "$top/tests/fuzz/fuzz.sh" 100 "$work/target" 100 >"$work/output"; then
    fine=$((fine + 1))
else
    flaw "fuzz.sh refuses a target that tried all inputs"
fi
if "$top/tests/fuzz/fuzz.sh" 100 "$work/target" 99 >"$work/output"; then
    flaw "fuzz.sh takes 99 inputs for 100"
else
    fine=$((fine + 1))
fi

# exported: a library that shows a name of its own, one that lacks a declared function, and a sound one.
library()
{
    printf '%s\n' "$1" | cc -x c -c -o "$work/x.o" -
    rm -f "$work/libx.a"
    ar rc "$work/libx.a" "$work/x.o"
    sound_tree
    "$house/exported.sh" "$work/tree" nm "$work/libx.a" >"$work/output" 2>&1
}
if library 'int osr_x(void) { return 1; }'; then fine=$((fine + 1)); else flaw "exported refuses a sound library"; fi
if library 'int osr_x(void) { return 1; } int x;'; then flaw "exported takes any name"; else fine=$((fine + 1)); fi
if library 'int osr_y(void) { return 1; }'; then flaw "exported takes osr_y for osr_x"; else fine=$((fine + 1)); fi
finish
