# shellcheck shell=sh disable=SC2034 # $url is for the script
# Sourced by the shell scripts that need a gateway to call. It ends with the script, whose own EXIT
# trap, if it has one, calls stop_simulator.
trap stop_simulator EXIT
trap 'exit 130' INT TERM

# Starts the simulator on a free port and waits until it is ready; then $url says where.
start_simulator() { # file for what it prints, program, options ...
    printed=$1
    shift
    : >"$printed"
    "$@" --port 0 --quiet --auth static >"$printed" 2>&1 &
    gateway=$!
    tries=0
    until grep -q '^ready ' "$printed"; do
        tries=$((tries + 1))
        if [ $tries -gt 100 ] || ! kill -0 $gateway 2>/dev/null; then
            echo "the simulator is not ready: $(cat "$printed")" >&2
            exit 1
        fi
        sleep 0.1
    done
    url=$(sed -n 's/^ready url=\([^ ]*\) .*/\1/p' "$printed")
}

stop_simulator() {
    [ -n "${gateway-}" ] || return 0
    kill "$gateway" 2>/dev/null || true
    wait "$gateway" 2>/dev/null || true
    gateway=
}

guid_of() { # agent who is signed in
    sed -n "s/.*agent=$1 guid=//p" "$printed"
}
