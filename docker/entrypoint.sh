#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors

# entrypoint.sh PROGRAM ARGUMENT…: puts the cluster's secret where the program looks for it, then becomes the program.
#
# A secret arrives as a file whose owner and mode are the container runtime's choice. The program takes it only from
# ~/.osier/cluster.secret, owned by its user and readable by nobody else; so it is copied, once, to a home in memory.
set -eu

secret=${OSIER_SECRET_FILE:-/run/secrets/cluster_secret}
HOME=${OSIER_HOME:-/tmp/osier}
export HOME

refuse()
{
    echo "entrypoint: $*" >&2
    exit 78
}

if [ ! -s "$HOME/.osier/cluster.secret" ]; then
    [ -e "$secret" ] || refuse "$secret: no such file; make the secret with docker/secret.sh and mount it there"
    [ -r "$secret" ] || refuse "$secret: not readable by user $(id -u); run the container as the user who owns it" \
        "(docker/secret.sh writes OSIER_UID and OSIER_GID to docker/.env)"
    umask 077
    mkdir -p "$HOME/.osier"
    # whole or not at all: a health check may come at the same time
    cp "$secret" "$HOME/.osier/cluster.secret.$$"
    chmod 600 "$HOME/.osier/cluster.secret.$$"
    mv "$HOME/.osier/cluster.secret.$$" "$HOME/.osier/cluster.secret"
fi
exec "$@"
