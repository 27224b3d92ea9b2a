#!/bin/sh
# AGW_TRUST_SYSTEM on Windows: a gateway whose CA the system knows, and does not know, and one whose
# revocation list does not come.
#
#     tests/windows/system_store.sh WIDTH HOST-PROGRAM DLL FOLDER
#
# Wine takes its roots from the machine's bundle, which has one more for the process that it is
# mounted for. Its revocation check wants a list to look at; Windows would do without.
set -eu

[ $# = 4 ] || { echo "usage: $0 WIDTH HOST-PROGRAM DLL FOLDER" >&2; exit 2; }
wine=$(cd "$(dirname "$0")" && pwd)/wine.sh
width=$1
host=$2
dll=$3
rm -rf "$4"
mkdir -p "$4"
cd "$4"
trap 'kill $servers 2>/dev/null || true' EXIT
servers=

quietly() {
    "$@" >log 2>&1 || { cat log >&2; exit 1; }
}

port_in() { # log, pattern before the port
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        sleep 0.3
        port=$(sed -n "s/^.*$2\([0-9]\{1,\}\).*/\1/p" "$1" | head -n 1)
        [ -z "$port" ] || break
    done
    [ -n "$port" ] || { cat "$1" >&2; exit 1; }
    echo "$port"
}

python3 -u -m http.server 0 --bind 127.0.0.1 >list.log 2>&1 &
servers=$!
list=$(port_in list.log "port ")
python3 -u -c 'import socket, time
silent = socket.create_server(("127.0.0.1", 0))
print("port", silent.getsockname()[1])
while True:
    kept = silent.accept()
    print("asked")
    time.sleep(30)' >silent.log 2>&1 &
servers="$servers $!"
silent=$(port_in silent.log "port ")

quietly openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 30 \
    -subj "/CN=An authority of this test's own" -addext basicConstraints=critical,CA:TRUE \
    -addext keyUsage=critical,keyCertSign,cRLSign
: >index.txt
printf '%s\n' '[ca]' 'default_ca = own' '[own]' 'database = index.txt' 'default_md = sha256' \
    'default_crl_days = 30' >ca.cnf
quietly openssl ca -config ca.cnf -gencrl -keyfile ca.key -cert ca.pem -out list.pem
quietly openssl crl -in list.pem -outform DER -out list.crl
quietly openssl req -newkey rsa:2048 -nodes -keyout gateway.key -out gateway.csr -subj /CN=gateway

start_gateway() { # name, address of its list
    printf '%s\n' 'subjectAltName = DNS:localhost' 'extendedKeyUsage = serverAuth' \
        "crlDistributionPoints = URI:$2" >"$1.cnf"
    quietly openssl x509 -req -in gateway.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 20 \
        -extfile "$1.cnf" -out "$1.pem"
    openssl s_server -accept 127.0.0.1:0 -cert "$1.pem" -key gateway.key -www >"$1.log" 2>&1 &
    servers="$servers $!"
    url=https://localhost:$(port_in "$1.log" "ACCEPT 127.0.0.1:")
}

start_gateway gateway "http://127.0.0.1:$list/list.crl"
gateway=$url
start_gateway stalling "http://127.0.0.1:$silent/list.crl"
stalling=$url

"$wine" "$width" "$host" refuses "$dll" "$gateway" ca.pem 154 no-guid
bundle=/etc/ssl/certs/ca-certificates.crt
cat $bundle ca.pem >bundle.pem
with_the_ca() {
    # shellcheck disable=SC2016 # the inner shell's
    unshare --map-root-user --mount sh -c 'mount --bind bundle.pem "$0" && exec "$@"' $bundle \
        "$wine" "$width" "$host" "$1" "$dll" "$2" ca.pem 154 no-guid
}
with_the_ca trusts "$gateway"
with_the_ca stalls "$stalling"
grep -q "GET /list.crl" list.log || { echo "the list was not asked for" >&2; exit 1; }
grep -q asked silent.log || { echo "the list that does not come was not asked for" >&2; exit 1; }
