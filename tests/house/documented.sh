#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors

# Every public function has a comment above it, its own or that of the group it stands in (no blank line between), and
# that says
#   - whether it is a suspension point, in these words; or its header does for all: "Nothing here is a suspension point",
#     "Nothing here but osr_x() is a suspension point" (which then says it itself);
#   - if it returns an osr_err: its errors;
#   - if it does not take the process that calls it (osr_self): which threads may call it; or its header's first
#     comments do for all: "Threads: …".
. "$(dirname "$0")/house.sh"

for header in $(public_headers); do
    found=$(awk '
        function tell(what, name) { print FILENAME ":" line ": " what ": " name }
        # A declaration has ended: does the comment above say what it must?
        function judge(    name, words, returns_error, takes_self) {
            line = begin
            name = declaration
            sub(/ *\(.*/, "", name)
            returns_error = name ~ /osr_err /
            sub(/.*[ *]/, "", name)
            takes_self = declaration ~ /[(,] *(const )?osr_self \*/
            words = tolower(comment)
            gsub(/[ *\/]+/, " ", words)
            if (words == "") { tell("no comment above", name); return }
            if (words !~ /suspension point/ && (!all_say || exceptions ~ name "\\(\\)")) {
                tell("a suspension point, or not?", name)
            }
            if (returns_error && words !~ /errors?[ ,:]/) { tell("which errors?", name) }
            if (!takes_self && words !~ /threads?[: ]/ && !all_threads) { tell("which threads?", name) }
        }
        # The sentences that a header says for all stand anywhere in it, so it is read twice.
        NR == FNR { text = text " " $0; if (/OSR_BEGIN_DECLS/ && top == "") { top = text }; next }
        FNR == 1 {
            gsub(/[ *\/]+/, " ", text)
            gsub(/[ *\/]+/, " ", top)
            all_say = match(text, /Nothing here (but [a-z_() and,]+ )?is a suspension point/)
            exceptions = substr(text, RSTART, RLENGTH)
            all_threads = top ~ /Threads: /
        }
        /^$/ { comment = "" }
        /^ *\/\*/ { inside = 1 }
        inside && declaration == "" { comment = comment " " $0 }
        /\*\/$/ { inside = 0 }
        /^OSR_API/ { begin = FNR; declaration = " " }
        declaration != "" { declaration = declaration " " $0 }
        declaration != "" && /;$/ { judge(); declaration = "" }' "$header" "$header")
    if [ -z "$found" ]; then
        fine=$((fine + 1))
    else
        flaw "$found"
    fi
done
finish
