# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors

# Reads lines "who case n [arg] | the line of the run", and prints for each case the medians and how many times
# Osier's is the better. Fails when a run of Osier did.

function add(row, who, value)
{
    if (!(row in known)) {
        known[row] = 1
        rows[++row_count] = row
    }
    key = row SUBSEP who
    values[key, ++counts[key]] = value
}

# The number behind key= in this line, or "".
function field(key,    i)
{
    for (i = 1; i <= NF; i++) {
        if (index($i, key "=") == 1) {
            return substr($i, length(key) + 2) + 0
        }
    }
    return ""
}

function median(row, who,    key, n, i, j, t, v)
{
    key = row SUBSEP who
    n = counts[key] + 0
    if (key in failed) {
        return "failed"
    }
    for (i = 1; i <= n; i++) {
        v[i] = values[key, i]
        for (j = i; j > 1 && v[j - 1] > v[j]; j--) {
            t = v[j]
            v[j] = v[j - 1]
            v[j - 1] = t
        }
    }
    return n == 0 ? "-" : v[int((n + 1) / 2)]
}

function ratio(row, ours, theirs)
{
    if (ours + 0 <= 0 || theirs + 0 <= 0) {
        return "-"
    }
    return sprintf("%.2f", row ~ /bytes each$/ ? theirs / ours : ours / theirs)
}

function number(value)
{
    return value + 0 == 0 ? value : sprintf("%.0f", value)
}

{
    who = $1
    name = $2
    for (i = 3; $i != "|"; i++) {
        name = name " " $i
    }
    if (field("rate") == "") {
        add(name, who, 0)
        failed[name, who] = 1
        lost += who == "osier"
    } else {
        add(name, who, field("rate"))
        if (field("bytes_each") != "") {
            add(name ", bytes each", who, field("bytes_each"))
        }
    }
}

END {
    printf "%-34s %11s %11s %11s %10s %10s\n", "a second", "Osier", "Erlang", "CAF", "to Erlang", "to CAF"
    for (i = 1; i <= row_count; i++) {
        row = rows[i]
        osier = median(row, "osier")
        erlang = median(row, "erlang")
        caf = median(row, "caf")
        printf "%-34s %11s %11s %11s %10s %10s\n", row, number(osier), number(erlang), number(caf),
            ratio(row, osier, erlang), ratio(row, osier, caf)
    }
    exit lost > 0
}
