#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors

# Prepares the compose file's surroundings: a new cluster secret (kept if there is one), the folder for the result, and
# docker/.env, which says whom the containers run as: you, or for root the image's own user.
set -eu

cd "$(dirname "$0")"
uid=$(id -u)
gid=$(id -g)
if [ "$uid" -eq 0 ]; then
    uid=10001
    gid=10001
fi

umask 077
mkdir -p secrets
if [ ! -s secrets/cluster.secret ]; then
    printf '# osier-secret-1\nsecret: %s\n' "$(head -c 32 /dev/urandom | base64)" >secrets/cluster.secret
fi
mkdir -p ../build/docker
if [ "$(id -u)" -eq 0 ]; then
    chown "$uid:$gid" secrets/cluster.secret ../build/docker
fi
printf 'OSIER_UID=%s\nOSIER_GID=%s\n' "$uid" "$gid" >.env
echo "secret.sh: secrets/cluster.secret and .env are ready; now: docker compose -f docker/compose.yaml up --build"
