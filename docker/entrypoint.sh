#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors

# entrypoint.sh PROGRAM ARGUMENT…: puts the cluster's secret where the program looks for it, then becomes the program.
#
# A secret arrives as a file whose owner and mode are the container runtime's choice. The program takes it only from
# a file of its own user that nobody else can read; so it is copied, once, to $OSIER_HOME, which is in memory.
set -eu

secret=${OSIER_SECRET_FILE:-/run/secrets/cluster_secret}
OSIER_HOME=${OSIER_HOME:-/tmp/osier}
OSIER_RUNTIME_DIR=${OSIER_RUNTIME_DIR:-$OSIER_HOME/run}
export OSIER_HOME OSIER_RUNTIME_DIR

refuse()
{
    echo "entrypoint: $*" >&2
    exit 78
}

if [ ! -s "$OSIER_HOME/cluster.secret" ]; then
    [ -e "$secret" ] || refuse "$secret: no such file; make the secret with docker/secret.sh and mount it there"
    [ -r "$secret" ] || refuse "$secret: not readable by user $(id -u); run the container as the user who owns it" \
        "(docker/secret.sh writes OSIER_UID and OSIER_GID to docker/.env)"
    umask 077
    mkdir -p "$OSIER_HOME"
    chmod 700 "$OSIER_HOME"
    # whole or not at all: a health check may come at the same time
    cp "$secret" "$OSIER_HOME/cluster.secret.$$"
    chmod 600 "$OSIER_HOME/cluster.secret.$$"
    mv "$OSIER_HOME/cluster.secret.$$" "$OSIER_HOME/cluster.secret"
fi
exec "$@"
