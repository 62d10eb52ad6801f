# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors

# Set-up for `run`, which sources this and has set $top: packages, builds, suites and the count of tests.
# Each phase is one line; what it says goes to build/log/ and is shown when it fails, or always with VERBOSE=1.
# A build or a suite runs in a session of its own; when `run` is interrupted, all of that session ends.

: "${top:?}"
VERBOSE=${VERBOSE:-}
JOBS=${JOBS:-$(nproc 2>/dev/null || echo 2)}
logs=$top/build/log
tally=$logs/tally.$$
child=

stop_child()
{
    trap '' INT TERM HUP
    [ -n "$child" ] || return 0
    kill -s TERM -- "-$child" 2>/dev/null || kill -s TERM "$child" 2>/dev/null || return 0
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        kill -s 0 -- "-$child" 2>/dev/null || return 0
        sleep 0.1
    done
    kill -s KILL -- "-$child" 2>/dev/null || true
}
trap 'stop_child; rm -f "$tally"; exit 129' HUP
trap 'stop_child; rm -f "$tally"; exit 130' INT
trap 'stop_child; rm -f "$tally"; exit 143' TERM

# A shell starts its background jobs with SIGINT ignored, and the tests would inherit that.
undo_ignore="env --default-signal=INT,QUIT"
$undo_ignore true 2>/dev/null || undo_ignore=

# guarded COMMAND…: runs it in a session of its own, so that it can be ended with all that it started.
guarded()
{
    # shellcheck disable=SC2086 # two words or none
    setsid $undo_ignore "$@" </dev/null &
    child=$!
    status=0
    wait "$child" || status=$?
    child=
    return "$status"
}

# phase NAME LOG COMMAND…: one line; the log only if the command fails.
phase()
{
    name=$1
    log=$logs/$2.txt
    shift 2
    mkdir -p "$logs"
    if [ -n "$VERBOSE" ]; then
        echo "$name"
        "$@"
        return
    fi
    printf '%s ... ' "$name"
    started=$(date +%s)
    if "$@" >"$log" 2>&1; then
        echo "$(($(date +%s) - started)) s"
        return 0
    fi
    echo "failed"
    sed -E '/^\[[0-9]+\/[0-9]+\] (Building|Linking) /d' "$log"
    echo "run: $name failed; the log is in ${log#"$top"/}" >&2
    return 1
}

is_debian()
{
    [ -r /etc/os-release ] && command -v dpkg-query >/dev/null &&
        grep -Eq '^ID(_LIKE)?=.*debian' /etc/os-release
}

is_installed()
{
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# missing LIST: those of which no alternative ("a|b") is installed.
missing()
{
    for package in $1; do
        for name in $(echo "$package" | tr '|' ' '); do
            is_installed "$name" && continue 2
        done
        echo "$package"
    done
}

as_root()
{
    if [ "$(id -u)" -eq 0 ]; then
        env DEBIAN_FRONTEND=noninteractive "$@"
    elif [ -t 0 ]; then
        sudo env DEBIAN_FRONTEND=noninteractive "$@"
    else
        sudo -n env DEBIAN_FRONTEND=noninteractive "$@"
    fi
}

install_packages()
{
    as_root apt-get -qy -o DPkg::Lock::Timeout=120 update || return 1
    chosen=
    for package in $1; do
        for name in $(echo "$package" | tr '|' ' '); do
            if [ -n "$(apt-cache madison "$name" 2>/dev/null)" ]; then
                break
            fi
        done
        chosen="$chosen $name"
    done
    # shellcheck disable=SC2086 # a list of words
    as_root apt-get -qy -o DPkg::Lock::Timeout=120 install --no-install-recommends $chosen
}

# What can be found without Debian's package database; enough to build.
missing_tools()
{
    for tool in cc c++ cmake ninja pkg-config; do
        command -v "$tool" >/dev/null || echo "$tool"
    done
    command -v pkg-config >/dev/null || return 0
    for library in libzmq libsodium libedit check; do
        pkg-config --exists "$library" || echo "$library"
    done
    pkg-config --exists msgpack || pkg-config --exists msgpack-c || echo "msgpack-c"
}

# first_names LIST: on one line, of alternatives the first.
first_names()
{
    echo "$1" | sed 's/|[^ ]*//g' | tr -s ' \n' ' ' | sed 's/ *$//'
}

# packages LIST: all of them are installed when it returns.
packages()
{
    if ! is_debian; then
        lacking=$(missing_tools | tr '\n' ' ')
        [ -n "$lacking" ] || return 0
        echo "run: not found here: $lacking" >&2
        echo "run: this is not Debian; install the equivalents of these and try again:" >&2
        echo "    $(first_names "$1")" >&2
        exit 1
    fi
    lacking=$(missing "$1" | tr '\n' ' ')
    [ -n "$lacking" ] || return 0
    names=$(first_names "$lacking")
    if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
        echo "run: packages are missing, and this is neither root nor a user with sudo" >&2
    elif phase "installing packages: $names" packages install_packages "$lacking"; then
        return 0
    fi
    echo "run: to install them yourself, type as root" >&2
    echo "    apt-get update && apt-get install $names" >&2
    exit 1
}

build_steps()
{
    guarded cmake -S "$top" --preset "$1" &&
        guarded cmake --build "$top/build/$1" --parallel "$JOBS" --target "$2"
}

# build PRESET [TARGET]
build()
{
    phase "building $1" "build-$1" build_steps "$1" "${2:-all}"
}

# suite PRESET [CTEST ARGUMENT…]: builds and tests; failures are counted, they do not end the script.
suite()
{
    target=all
    [ "$1" != fuzz ] || target=fuzzers
    before=$(wc -l <"$tally")
    if build "$1" "$target"; then
        echo "testing $1"
        VERBOSE=$VERBOSE JOBS=$JOBS OSIER_TALLY=$tally \
            guarded "$top/tests/support/run_suite.sh" "$@" || true
    fi
    # whatever kept the suite from being counted is a failure
    [ "$(wc -l <"$tally")" -gt "$before" ] || echo "0 1 0" >>"$tally"
}

tally_start()
{
    mkdir -p "$logs"
    : >"$tally"
}

# The last line of all tests; fails unless something passed and nothing failed.
tally_end()
{
    awk '{ passed += $1; failed += $2; skipped += $3 }
        END {
            line = passed + 0 " passed, " failed + 0 " failed"
            if (skipped > 0) line = line ", " skipped " skipped"
            print line
            exit !(passed > 0 && failed == 0)
        }' "$tally" && status=0 || status=1
    rm -f "$tally"
    exit "$status"
}
