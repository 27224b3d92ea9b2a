# shellcheck shell=sh disable=SC2034,SC2154 # $work, $library ... are the script's
# Sourced by the scripts, as a rule at the root: what several of them need. Who speaks is the script, or `me`.
me=${0##*tests/}
me=${me%.sh}

# Where cargo builds, also for what goes into another folder.
target=${CARGO_TARGET_DIR:-target}
case "$target" in /*) ;; *) target=$(pwd)/$target ;; esac

fail() {
    echo "$me: $*" >&2
    exit 1
}

there() { # the absolute path of a file that must be there
    [ -f "$1" ] || fail "no file $1; build it first"
    echo "$(cd "$(dirname "$1")" && pwd)/$(basename "$1")"
}

# What is printed is in $work/log, and shown if it fails.
quietly() { # what it is, command ...
    what=$1
    shift
    "$@" >"$work/log" 2>&1 || {
        cat "$work/log"
        fail "$what failed"
    }
}

# For what goes on where it was interrupted: the mirror may have a hiccup.
again() { # command ...
    for _ in 1 2 3 4; do
        "$@" && return
        sleep 10
    done
    "$@"
}

# The options of a script that tests a binding: each names a file, but for --windows a width.
take_options() {
    while [ $# -gt 0 ]; do
        [ $# -gt 1 ] || fail "$1 needs a file"
        case "$1" in
        --library) library=$(there "$2") ;;
        --simulator) simulator=$(there "$2") ;;
        --check) check=$(there "$2") ;;
        --run) run=$(there "$2") ;;
        --windows) width=$2 ;;
        *) fail "unknown option $1" ;;
        esac
        shift 2
    done
}

# A virtual environment, made anew only when something else is wanted.
environment_of() { # folder, requirements
    ! cmp -s "$2" "$1/requirements.txt" || return 0
    echo "$me: pip installs what $2 names into $1"
    rm -rf "$1"
    "${PYTHON:-python3}" -m venv "$1"
    "$1/bin/python" -m pip install -q --disable-pip-version-check -r "$2"
    cp "$2" "$1/requirements.txt"
}

# Where packages come from: as the machine's own apt has it.
mirror() {
    # shellcheck disable=SC2016 # the dollar is apt's
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Component: main' |
        grep '/debian/$' | head -n 1
}

says() { # pattern of its beginning, what was said
    # shellcheck disable=SC2254 # a pattern
    case "$2" in
    $1*) ;;
    *) fail "instead of $1: $2" ;;
    esac
}

# With the gateway of dist/gateway.sh, at which nothing rings: too late, which is exit code 3.
is_too_late() { # the example in C, or the like, as a command
    code=0
    "$@" --url "$AGW_TEST_URL" --ca "$AGW_TEST_CA" --agent 155 >"$work/log" 2>&1 || code=$?
    [ $code = 3 ] && grep -q AGW_E_NO_CONFERENCE "$work/log"
}
