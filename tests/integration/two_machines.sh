# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors

# Two machines, left and right, on a network that leads nowhere else: a network namespace each, with the addresses $left and
# $right. Sourced first of all, for the test starts again inside of namespaces of its own, with which everything ends; where they
# are not permitted it is skipped. Then it has what shell_world.sh offers, and:
#   on SIDE PROGRAM [FLAG…]      starts a node there, SIDE@ADDRESS at port 9100; what it says goes to $world/SIDE.log
#   ask SIDE COMMAND             the shell's command in that node, from its own machine
#   ups SIDE                     how often it has said that the other one is up
set -eu

skip()
{
    echo "SKIP: $*"
    exit 77
}

try='mount -t proc proc /proc && mount -t tmpfs -o mode=755 tmpfs /run && mkdir /run/netns && ip netns add try &&
    ip link add try type veth peer name eth0 netns try'

if [ -z "${OSIER_ONE_WAY:-}" ]; then
    for tool in ip mount unshare; do
        command -v "$tool" >/dev/null || skip "$tool is not installed"
    done
    user=
    [ "$(id -u)" -eq 0 ] || user="--user --map-root-user"
    # shellcheck disable=SC2086 # no word, or two
    why=$(unshare $user --net --mount --pid --fork --kill-child sh -c "$try" 2>&1) ||
        skip "network namespaces are not allowed here: $why"
    OSIER_ONE_WAY=inside
    export OSIER_ONE_WAY
    # shellcheck disable=SC2086
    exec unshare $user --net --mount --pid --fork --kill-child "$0" "$@"
fi

mount -t proc proc /proc
mount -t tmpfs -o mode=755 tmpfs /run
mkdir /run/netns
# shellcheck source=tests/integration/shell_world.sh
. "$(dirname "$0")/shell_world.sh"

left=198.18.0.1
right=198.18.0.2

address_of()
{
    case $1 in
        left) echo $left ;;
        *) echo $right ;;
    esac
}

ip netns add left
ip netns add right
ip -n left link add eth0 type veth peer name eth0 netns right
for side in left right; do
    address=$(address_of "$side")
    ip -n $side address add "$address/24" dev eth0
    ip -n $side link set eth0 up
    ip -n $side link set lo up
done

on()
{
    side=$1
    program=$2
    shift 2
    address=$(address_of "$side")
    ip netns exec "$side" "$program" --name "$side@$address" --listen "tcp://$address:9100" --no-mapper --log info \
        "$@" >"$world/$side.log" 2>&1 </dev/null &
    pids="$pids $!"
    until_true 20 grep -q ': up at' "$world/$side.log"
}

ask()
{
    address=$(address_of "$1")
    ip netns exec "$1" osier exec --join "$1@$address:9100" "$1@$address" "$2"
}

ups() { grep -c '@198.18.0.[12] is up$' "$world/$1.log" || true; }
is_up_times() { [ "$(ups "$1")" -ge "$2" ]; }
