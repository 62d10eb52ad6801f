#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors

# The README's first program: it is examples/counter, it starts without a flag but the test's own, and others call it.
# shellcheck source=tests/integration/shell_world.sh
. "$(dirname "$0")/shell_world.sh"

top=${OSIER_SOURCE_DIR:?}
# what the compiler sees of a C text: no comments and no empty lines
code() { sed -e 's,/\*.*\*/,,' -e 's/ *$//' -e '/^$/d'; }
# shellcheck disable=SC2016 # the fence
sed -n '/^```c$/,/^```$/p' "$top/README.md" | sed '1d;/^```/,$d' | code >"$world/readme.c"
code <"$top/examples/counter/counter.c" | grep -v -e '^/\*' -e '^ \*' >"$world/example.c"
ok "the README shows the example" cmp "$world/readme.c" "$world/example.c"

start counter counter
run osier exec counter 'call counter counter_add{by: 5}'
ok "it adds" says '^counter_value{value: 5}$'
run osier exec counter 'call counter counter_add{by: 2}'
ok "and keeps what it has" says '^counter_value{value: 7}$'
kill -s INT "$pid"
status=0
wait "$pid" || status=$?
ok "it ends when it is told to" ends_with 0
finish
