"""Starts simulators for programs under Wine, where a process of Linux is not one to wait for.

    starter.py SIMULATOR     prints the port that it listens on

A line with the options as a JSON list starts one; what it prints comes back over the connection,
with whose end it is stopped.
"""

import json
import socketserver
import subprocess
import sys


class Starter(socketserver.StreamRequestHandler):
    def handle(self):
        options = json.loads(self.rfile.readline())
        with subprocess.Popen([sys.argv[1], *options], stdout=self.connection) as process:
            self.rfile.read()
            process.terminate()


with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Starter) as server:
    print(server.server_address[1], flush=True)
    server.serve_forever()
