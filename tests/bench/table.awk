# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors

# Reads lines "who case n [arg…] | the line of the run", and prints for each case the medians and how many times
# Osier's is the better: a table of the cases on one node, and one of those over several. Fails when a run of Osier did.

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

# Rows that end in a unit: the less the better; the others are rates.
function ratio(row, ours, theirs)
{
    if (ours + 0 <= 0 || theirs + 0 <= 0) {
        return "-"
    }
    return sprintf("%.2f", row ~ /, (bytes each|us|MiB|%|% of a core)$/ ? theirs / ours : ours / theirs)
}

function number(value)
{
    return value + 0 == 0 ? value : value < 1 ? sprintf("%.3f", value) : value < 1000 ? sprintf("%.1f", value) : sprintf("%.0f", value)
}

# A measure beside the rate, where the line has it.
function add_field(name, who, key, unit)
{
    if (field(key) != "") {
        add(name ", " unit, who, field(key))
    }
}

function add_fields(name, who)
{
    add_field(name, who, "bytes_each", "bytes each")
    add_field(name " p50", who, "p50_us", "us")
    add_field(name " p99", who, "p99_us", "us")
    add_field(name " hub", who, "hub_mib", "MiB")
    add_field(name " leaf", who, "leaf_mib", "MiB")
    add_field(name " idle", who, "idle_percent", "%")
    add_field(name " processor", who, "cpu_percent", "% of a core")
}

function row_of(row, columns,    c, i, n, ours, line, ratios)
{
    n = split(columns, c, " ")
    ours = median(row, "osier")
    line = sprintf("%-36s %10s", row, number(ours))
    for (i = 1; i <= n; i++) {
        line = line sprintf(" %10s", number(median(row, c[i])))
        ratios = ratios sprintf(" %8s", ratio(row, ours, median(row, c[i])))
    }
    print line ratios
}

function is_remote(row)
{
    return row ~ /^(remote_|node_kill |many_nodes |idle_node )/
}

function table(remote, columns, heads,    i, any)
{
    for (i = 1; i <= row_count; i++) {
        if (is_remote(rows[i]) == remote) {
            if (!any++) {
                print heads
            }
            row_of(rows[i], columns)
        }
    }
}

{
    who = $1
    name = $2
    for (i = 3; $i != "|"; i++) {
        name = name " " $i
    }
    # bytes a second: libzmq's frames are of another size than the messages
    rated = name ~ /^remote_stream / ? name ", MB/s" : name
    if (field("rate") == "") {
        add(rated, who, 0)
        failed[rated, who] = 1
        lost += who == "osier"
    } else {
        if (name !~ /^idle_node / && (who != "zmq" || name !~ /^remote_ping_pong/)) { # no rate of an idle node
            add(rated, who, name ~ /^remote_stream / ? field("MBps") : field("rate"))
        }
        add_fields(name, who)
    }
}

END {
    table(0, "erlang caf", sprintf("%-36s %10s %10s %10s %8s %8s", "a second", "Osier", "Erlang", "CAF",
        "Erlang", "CAF"))
    table(1, "erlang tls zmq", sprintf("%-36s %10s %10s %10s %10s %8s %8s %8s", "two nodes, a second",
        "Osier", "Erlang", "its TLS", "libzmq", "Erlang", "TLS", "libzmq"))
    exit lost > 0
}
