"""The gateways of the field, in their namespace.

    gateway.py CERTIFICATE KEY LOG     prints a line when they listen, notes the Guid of each
                                       request in LOG, and ends with its standard input
"""

import contextlib
import re
import socket
import ssl
import sys
import threading

import network

BODY = b'{"result":{},"message":"success","retcode":"0"}'
HEAD = (b"HTTP/1.1 200 OK\r\nContent-Type: application/json;charset=UTF-8\r\n"
          b"Connection: keep-alive\r\nKeep-Alive: timeout=60\r\nContent-Length: %d\r\n\r\n"
        % len(BODY))


def answer_all(connection, log, in_parts):
    waiting = b""
    while received := connection.recv(65536):
        waiting += received
        while b"\r\n\r\n" in waiting:  # a rejectAgentConf has no body
            head, waiting = waiting.split(b"\r\n\r\n", 1)
            log.write(re.search(r"(?im)^guid: *(\S+)", head.decode())[1] + "\n")
            for part in (HEAD, BODY) if in_parts else (HEAD + BODY,):
                connection.sendall(part)


def serve(raw, context, log, in_parts):
    with contextlib.suppress(OSError), context.wrap_socket(raw, server_side=True) as connection:
        answer_all(connection, log, in_parts)


def accept(listener, context, log):
    own = listener.getsockname()[0]
    while True:
        raw, _ = listener.accept()
        if own == network.CLOSES:
            raw.close()
            continue
        nagle = own == network.NAGLE
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, not nagle)
        threading.Thread(target=serve, args=(raw, context, log, nagle), daemon=True).start()


def main(certificate, key, log):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    for address in (network.GOOD, network.NAGLE, network.CLOSES):
        listener = socket.create_server((address, network.PORT), backlog=64)
        threading.Thread(target=accept, args=(listener, context, log), daemon=True).start()
    # The kernel takes its connections, and nobody ever reads from them.
    with socket.create_server((network.SILENT, network.PORT), backlog=64):
        print("ready", flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    with open(sys.argv[3], "w", buffering=1) as file:
        main(sys.argv[1], sys.argv[2], file)
