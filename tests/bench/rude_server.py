"""Answers the first request of each connection, then ends the connection in one of these ways:

notify  as a server does that tidies up: close_notify and FIN
fin     FIN alone
reset   RST
vanish  without a word: the next packet finds nobody (needs CAP_NET_ADMIN)
race    just as the next request arrives, which is never read

    rude_server.py WAY CERTIFICATE KEY      prints its port
"""

import collections
import contextlib
import selectors
import socket
import ssl
import struct
import sys
import time

BODY = b'{"result":{},"message":"success","retcode":"0"}'
ANSWER = (b"HTTP/1.1 200 OK\r\nContent-Type: application/json;charset=UTF-8\r\n"
          b"Content-Length: %d\r\n\r\n%s" % (len(BODY), BODY))
TCP_REPAIR = 19
# By then the client has read the answer: a reset would take it away.
GRACE = 0.02


def answer_once(connection):
    connection.settimeout(5)
    request = b""
    while b"\r\n\r\n" not in request:
        request += connection.recv(4096) or b"\r\n\r\n"
    connection.sendall(ANSWER)


def end(connection, way):
    if way == "notify":
        connection.settimeout(0)
        with contextlib.suppress(ssl.SSLError, OSError):
            connection.unwrap()
    elif way == "reset":
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    elif way == "vanish":
        connection.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
    connection.close()


def accept(listener, context):
    """Gives the connection after its first answer, or None."""
    plain, _ = listener.accept()
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with contextlib.suppress(ssl.SSLError, OSError):
        connection = context.wrap_socket(plain, server_side=True)
        answer_once(connection)
        return connection


def serve(way, certificate, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    print(listener.getsockname()[1], flush=True)
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)
    endings = collections.deque()
    while True:
        for ready, _ in selector.select(GRACE / 2):
            if ready.fileobj is not listener:
                selector.unregister(ready.fileobj)
                ready.fileobj.close()
                continue
            connection = accept(listener, context)
            if connection and way == "race":
                selector.register(connection, selectors.EVENT_READ)
            elif connection:
                endings.append((time.monotonic() + GRACE, connection))
        while endings and endings[0][0] < time.monotonic():
            end(endings.popleft()[1], way)


if __name__ == "__main__":
    serve(*sys.argv[1:])
