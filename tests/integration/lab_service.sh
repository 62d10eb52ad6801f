#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors

# lab_service.sh MACHINE WORK SECRET FLAGS COMMAND…: the first process of a machine of lab_world.sh, in new namespaces of mounts,
# process ids and host name. Makes a root as the container has it, runs the entry point there, passes TERM and INT on, buries
# whoever dies, and ends with the command; then all that still runs on the machine is killed.
set -eu

machine=$1
work=$2
secret=$3
become=$4
shift 4
root=$work/root

hostname "$machine"
mount -t tmpfs -o mode=755 tmpfs "$root"
for folder in bin sbin lib lib32 lib64 libx32; do
    if [ -L "/$folder" ]; then
        cp -P "/$folder" "$root"
    elif [ -d "/$folder" ]; then
        mkdir "$root/$folder"
        mount --rbind "/$folder" "$root/$folder"
    fi
done
mkdir "$root/usr" "$root/dev" "$root/proc" "$root/etc" "$root/tmp" "$root/data" "$root/out" "$root/opt" "$root/opt/bin" \
    "$root/run" "$root/run/secrets"
: >"$root/run/secrets/cluster_secret"

# read_only FROM TO
read_only()
{
    mount --bind "$1" "$2"
    mount -o remount,bind,ro "$2"
}

mount --rbind /usr "$root/usr"
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
read_only "$work/etc" "$root/etc"
read_only "$work/bin" "$root/opt/bin"
read_only "$work/data" "$root/data"
read_only "$secret" "$root/run/secrets/cluster_secret"
mount --bind "$work/result" "$root/out"
mount -o remount,bind,ro "$root"

cd "$root"
# shellcheck disable=SC2086 # several flags
chroot "$root" setpriv $become \
    env -i PATH=/opt/bin:/usr/bin:/bin entrypoint.sh "$@" &
child=$!
trap 'kill -TERM $child' TERM
trap 'kill -INT $child' INT
status=0
wait $child || status=$?
while kill -0 $child 2>/dev/null; do # a signal ended the wait
    status=0
    wait $child || status=$?
done
exit $status
