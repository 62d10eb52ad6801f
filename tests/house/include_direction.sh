#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors

# Includes point one way: node -> dist -> lib, and everybody but lib may use the mapper's client. A benchmark is a
# program of a user's: it sees the installed headers only.
. "$(dirname "$0")/house.sh"

# Which folders a file of the folder may include from. The mapper itself stands on identity and sockets.
allowed()
{
    case $1 in
    lib/*) echo "lib/" ;;
    dist/identity/*) echo "dist/identity/ lib/" ;;
    dist/link/*) echo "dist/link/ dist/identity/ dist/transport.h lib/" ;;
    dist/membership/*) echo "dist/membership/ dist/identity/ dist/transport.h lib/" ;;
    dist/zmq/* | dist/sim/*) echo "${1%/*}/ dist/identity/ dist/transport.h lib/" ;;
    dist/*) echo "dist/ epmd/client lib/" ;;
    epmd/*) echo "epmd/ dist/identity/ dist/zmq/ dist/transport.h lib/" ;;
    node/*) echo "node/ dist/ epmd/client lib/" ;;
    examples/*) echo "examples/" ;;
    tests/bench/*) echo "tests/bench/" ;;
    tests/*) echo "tests/ node/ dist/ epmd/ lib/ examples/" ;;
    esac
}

# Folders whose public headers ("osier/…") a file may include.
public_from()
{
    case $1 in
    lib/*) echo "lib" ;;
    dist/*) echo "lib dist epmd" ;;
    epmd/*) echo "lib epmd" ;;
    *) echo "lib dist epmd node" ;;
    esac
}

includes()
{
    sed -n -e 's/^ *# *include *"\([^"]*\)".*/\1/p' \
        -e 's/^ *# *include *<\(osier\/[^>]*\)>.*/\1/p' "$1"
}

judge()
{
    file=$1
    header=$2
    case $header in
    osier/*)
        for folder in $(public_from "$file"); do
            [ ! -e "$folder/include/$header" ] || return 0
        done
        ;;
    */*)
        for prefix in $(allowed "$file"); do
            case $header in "$prefix"*) return 0 ;; esac
        done
        case $file in */include/osier/*) ;; *) [ ! -e "${file%/*}/$header" ] || return 0 ;; esac
        ;;
    *)
        case $file in
        examples/* | tests/*) [ ! -e "${file%/*}/$header" ] || return 0 ;;
        esac
        ;;
    esac
    return 1
}

for file in $(sources c h cc S); do
    bad=
    for header in $(includes "$file"); do
        judge "$file" "$header" || bad="$bad $header"
    done
    if [ -z "$bad" ]; then
        fine=$((fine + 1))
    else
        flaw "$file must not include$bad"
    fi
done
finish
