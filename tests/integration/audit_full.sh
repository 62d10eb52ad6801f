#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors

# The audit file: every command of a shell stands in it before it is done; when the disk is full, nothing is changed any
# more, reading goes on, and the node says why, until there is room again.
# shellcheck source=tests/integration/shell_world.sh
. "$(dirname "$0")/shell_world.sh"

audit=$world/audit.log

# A program whose files end at 64 KiB: what a full disk is to it.
cat >"$world/limited" <<'EOF'
#!/bin/sh
ulimit -f 128
exec counter "$@"
EOF
chmod +x "$world/limited"

run counter --listen "$listen" --audit "$world/nowhere/audit.log"
ok "a file that cannot be made is named" complains "$world/nowhere/audit.log: "
ok "before the node is up" ends_with 78
: >"$audit"
chmod 644 "$audit"
run counter --listen "$listen" --audit "$audit"
ok "so is one that others can read" complains 'audit.log: open to others (mode 0644); chmod 600 it'
chmod 600 "$audit"

start store "$world/limited" --audit "$audit"
run osier exec store ps
ok "one reads" ends_with 0
ok "which is written down" grep -q 'Z shell allowed "[^"]*" [0-9]* ps$' "$audit"
ok "and how it ended" until_true 20 grep -q 'Z shell done "[^"]*" [0-9]* status 0, [0-9]* us: ps$' "$audit"
run osier exec store drain on
ok "one changes something" ends_with 0
ok "which is written down, too" grep -q 'shell allowed "[^"]*" [0-9]* drain on$' "$audit"

used=$(wc -c <"$audit")
dd if=/dev/zero bs=1 count=$((65536 - 20 - used)) 2>/dev/null | tr '\0' '\n' >>"$audit"
run osier exec store drain off
ok "with the disk full nothing is changed" ends_with 69
ok "and it says why" complains 'the audit file of this node cannot be written, so nothing may be changed'
ok "so does the node" grep -q "error: audit: $audit: .*; what changes anything is refused" "$world/store.log"
run osier exec store ps
ok "reading goes on" ends_with 0
ok "the node lives" alive "$pid"

: >"$audit"
run osier exec store drain off
ok "with room again it goes on" ends_with 0
ok "and stands in the file" grep -q 'shell allowed "[^"]*" [0-9]* drain off$' "$audit"
finish
