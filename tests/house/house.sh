# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors

# What the tests of the house share. Sourced; the first argument of each test is the top of the tree.
# Names in the tree have no white space, so lists of files are plain words.

set -eu
LC_ALL=C
export LC_ALL
top=$1
cd "$top"
flaws=0
fine=0

flaw()
{
    echo "$*"
    flaws=$((flaws + 1))
}

skip()
{
    echo "SKIP: $*"
    exit 77
}

# sources SUFFIX…: the files of the tree with one of these suffixes, in order.
sources()
{
    for suffix; do
        find lib dist epmd node examples tests docker -type f -name "*.$suffix" 2>/dev/null
    done | sort
}

public_headers()
{
    find lib/include dist/include epmd/include node/include -type f -name '*.h' 2>/dev/null | sort
}

# Ends each test. A rule is one test, however many files it looked at.
finish()
{
    echo "$fine in order, $flaws not"
    [ "$flaws" -eq 0 ] && [ "$fine" -gt 0 ]
}
