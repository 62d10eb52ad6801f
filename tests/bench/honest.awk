# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors

# Reads lines "case n1 n2 [arg…] | claimed1 wall1 claimed2 wall2", claimed in seconds and wall in microseconds, and prints
# for each case the medians of the differences and their ratio. Fails when one is off by more than 15 %.

function median(values, n,    i, j, t)
{
    for (i = 2; i <= n; i++) {
        for (j = i; j > 1 && values[j - 1] > values[j]; j--) {
            t = values[j]
            values[j] = values[j - 1]
            values[j - 1] = t
        }
    }
    return values[int((n + 1) / 2)]
}

{
    name = $1
    for (i = 2; $i != "|"; i++) {
        name = name " " $i
    }
    if (!(name in rounds)) {
        rows[++row_count] = name
    }
    rounds[name] += 1
    claimed[name, rounds[name]] = $(i + 3) - $(i + 1)
    wall[name, rounds[name]] = ($(i + 4) - $(i + 2)) / 1e6
}

END {
    printf "%-38s %10s %10s %8s\n", "case, from, to", "claimed s", "wall s", "ratio"
    for (r = 1; r <= row_count; r++) {
        n = rounds[rows[r]]
        for (i = 1; i <= n; i++) {
            c[i] = claimed[rows[r], i]
            w[i] = wall[rows[r], i]
        }
        mc = median(c, n)
        mw = median(w, n)
        ratio = mw > 0 ? mc / mw : 0
        fine = ratio >= 0.85 && ratio <= 1.15
        off += !fine
        printf "%-38s %10.3f %10.3f %8.2f%s\n", rows[r], mc, mw, ratio, fine ? "" : "  off"
    }
    exit off > 0
}
