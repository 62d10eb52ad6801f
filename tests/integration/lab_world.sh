# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors

# A laboratory: machines on one network that leads nowhere else. A machine is a network namespace with an address of
# 198.18.0.0/24 and no route out, and what a container gives its processes: a host name, process ids, a root that cannot be written
# to, /tmp and /run of their own. What runs there, and how, is read from docker/compose.yaml.
#
# The laboratory itself is a set of namespaces: with its first process everything in it is gone, however that ended. So the
# test, which sources this file first, starts again inside. Then it has what demo_world.sh offers, $data and $out (/data and
# /out of the machines) and:
#   service_start SERVICE [FLAG…]    runs a service of the compose file on a machine of its name, with these flags besides its
#                                    own; what it prints goes to $work/SERVICE.out
#   cluster_start [FLAG…]            the coordinator, waiting for jobs, and the workers; returns when they are together
#   together WHAT                    returns when each worker's node has a worker
#   job_start                        has the coordinator count /data; the client's output is $work/job.out
#   job_ends_exact WHAT              waits for that
#   machine_run MACHINE COMMAND…     runs the command there, as docker exec does
#   machine_kill MACHINE             ends all its processes with SIGKILL
#   pid_of MACHINE PROGRAM           the process of that program there
#   lab_finish                       as finish; fails if a sanitizer has complained in a service
set -eu

: "${OSIER_SOURCE_DIR:?names the tree}" "${OSIER_BIN_DIR:?names the directory of the programs}"

skip()
{
    echo "SKIP: $*"
    exit 77
}

lab_try='mount -t proc proc /proc && mount -t tmpfs -o mode=755 tmpfs /run && mkdir /run/netns &&
    ip link set lo up && ip link add lab type bridge && ip link set lab up && ip netns add try &&
    ip link add try type veth peer name eth0 netns try && ip link set try master lab up'

if [ -z "${OSIER_LAB:-}" ]; then
    for tool in awk chroot hostname ip mount nsenter setpriv unshare; do
        command -v "$tool" >/dev/null || skip "$tool is not installed"
    done
    lab_user=
    [ "$(id -u)" -eq 0 ] || lab_user="--user --map-root-user"
    # shellcheck disable=SC2086 # no word, or two
    lab_why=$(unshare $lab_user --net --mount --pid --ipc --fork --kill-child sh -c "$lab_try" 2>&1) ||
        skip "network namespaces are not allowed here: $lab_why"
    OSIER_LAB=${lab_user:-root}
    export OSIER_LAB
    # shellcheck disable=SC2086
    exec unshare $lab_user --net --mount --pid --ipc --fork --kill-child "$0" "$@"
fi

mount -t proc proc /proc
mount -t tmpfs -o mode=755 tmpfs /run
mkdir /run/netns
TMPDIR=/run
export TMPDIR
. "$(dirname "$0")/demo_world.sh"

compose=$OSIER_SOURCE_DIR/docker/compose.yaml
lab_machines=0
data=$work/data
out=$work/result
mkdir -m 755 "$data" "$work/root" "$work/etc" "$work/bin"
mkdir -m 777 "$out"
cp "$OSIER_BIN_DIR/osier" "$OSIER_BIN_DIR/osier-epmd" "$OSIER_BIN_DIR/wordcount" "$OSIER_SOURCE_DIR/docker/entrypoint.sh" \
    "$work/bin"
# What runs on the machines; a test of another program than the demo names it first.
lab_program=${lab_program:-wordcount}
[ -x "$work/bin/$lab_program" ] || cp "$OSIER_BIN_DIR/../test/$lab_program" "$work/bin"
chmod -R a+rX,go-w "$work/bin"
echo "127.0.0.1 localhost" >"$work/etc/hosts"
echo "hosts: files" >"$work/etc/nsswitch.conf"
ip link set lo up
ip link add lab type bridge
ip link set lab up

# Whom the services run as: where there are users, one without privileges.
lab_uid=10001
lab_become="--reuid $lab_uid --regid $lab_uid --clear-groups --no-new-privs"
if [ "$OSIER_LAB" != root ]; then
    lab_uid=0
    lab_become=--no-new-privs
fi

secret_new()
{
    printf '# osier-secret-1\nsecret: %s\n' "$(head -c 32 /dev/urandom | base64)" >"$1"
    chmod 600 "$1"
    chown "$lab_uid" "$1"
}
secret_new "$work/secret"

# compose_services: their names, a line each.
compose_services()
{
    awk '/^[a-z]/ { in_services = $1 == "services:" }
        in_services && /^  [a-z0-9]+:$/ { sub(/:$/, "", $1); print $1 }' "$compose"
}

# compose_command SERVICE: the arguments of its command, a line each.
compose_command()
{
    awk -v service="$1" '
        /^  [a-z0-9]+:$/ { here = $1 == service ":" }
        here && /^    command: \[/ { taking = 1; sub(/^    command: \[/, "") }
        taking { text = text $0 }
        taking && /\]$/ { exit }
        END {
            sub(/\]$/, "", text)
            count = split(text, arguments, /, */)
            for (i = 1; i <= count; i++) { gsub(/^[ "]+|[ "]+$/, "", arguments[i]); print arguments[i] }
        }' "$compose"
}

machine_new()
{
    lab_machines=$((lab_machines + 1))
    ip netns add "$1"
    ip link add "$1" type veth peer name eth0 netns "$1"
    ip link set "$1" master lab up
    ip -n "$1" link set lo up
    ip -n "$1" link set eth0 up
    ip -n "$1" address add "198.18.0.$lab_machines/24" dev eth0
    echo "198.18.0.$lab_machines $1" >>"$work/etc/hosts"
    [ -z "$(ip -n "$1" route show default)" ] || wrong "$1 has a way out"
}

# service_run MACHINE COMMAND…: with the secret of $secret, else the cluster's.
service_run()
{
    machine=$1
    shift
    [ -e "/run/netns/$machine" ] || machine_new "$machine"
    nsenter --net="/run/netns/$machine" \
        unshare --mount --pid --uts --ipc --fork --kill-child \
        "$(dirname "$0")/lab_service.sh" "$machine" "$work" "${secret:-$work/secret}" "$lab_become" "$@" \
        >>"$work/$machine.out" 2>&1 &
    echo $! >"$work/$machine.pid"
}

# command_of SERVICE [FLAG…]: its command into $work/command, a line each argument; FLAGs come first among its own.
command_of()
{
    service=$1
    shift
    compose_command "$service" | awk -v flags="$*" '
        { print }
        NR == 2 { gsub(/ +/, "\n", flags); if (flags != "") print flags }' >"$work/command"
    [ "$(wc -l <"$work/command")" -gt 2 ] || wrong "$compose: no command of $service"
}

# The arguments of $work/command have no blanks.
service_start()
{
    command_of "$@"
    # shellcheck disable=SC2046
    service_run "$1" $(cat "$work/command")
}

cluster_start()
{
    command_of coordinator "$@"
    # shellcheck disable=SC2046 # without the one job, after which it would end
    service_run coordinator $(sed '/^--out$/,$d' "$work/command")
    for worker in $(compose_services | grep -vx coordinator); do
        service_start "$worker" "$@"
    done
    within 10 says coordinator.out ': up at' || wrong "the coordinator does not start"
    together "the cluster starts"
}

# is_together: a child of the coordinator's supervisor runs on each worker's node.
is_together()
{
    machine_run coordinator osier exec coordinator@coordinator 'ps tree' >"$work/tree.out" 2>&1 &&
        [ "$(sed -n 's/^ *worker-[0-9].* on //p' "$work/tree.out" | sort -u | wc -l)" -eq 3 ]
}

together()
{
    within 20 is_together || wrong "$1: not every worker's node has a worker: $(cat "$work/tree.out")"
}

job_start()
{
    rm -f "$out"/*
    machine_run coordinator wordcount run --coordinator coordinator@coordinator --out /out /data >"$work/job.out" 2>&1 &
    job=$!
}

job_ends_exact()
{
    wait "$job" || wrong "$1: exit status $?"
    is_exact || wrong "$1: words.tsv differs"
    ok "$1"
}

# Of $data, which does not change from one job to the next.
is_exact()
{
    [ -s "$work/expected" ] || expected "$data" >"$work/expected"
    cmp "$out/words.tsv" "$work/expected"
}

machine_kill()
{
    kill -KILL "$(cat "$work/$1.pid")"
    wait "$(cat "$work/$1.pid")" 2>/dev/null || true
    within 5 machine_is_empty "$1" || wrong "processes are left on $1"
}

machine_is_empty()
{
    [ -z "$(ip netns pids "$1")" ]
}

pid_of()
{
    for pid in $(ip netns pids "$1"); do
        if [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "$2" ]; then
            echo "$pid"
            return
        fi
    done
    return 1
}

machine_run()
{
    machine=$1
    shift
    # shellcheck disable=SC2086 # several flags
    nsenter --target "$(pid_of "$machine" "$lab_program")" --mount --uts --net --pid --ipc --root --wd \
        setpriv $lab_become \
        env -i PATH=/opt/bin:/usr/bin:/bin entrypoint.sh "$@"
}

# What a sanitizer found in a service fails the test, whatever became of the service.
lab_finish()
{
    if grep -l 'Sanitizer' "$work"/*.out; then
        wrong "a sanitizer has found something"
    fi
    finish
}
