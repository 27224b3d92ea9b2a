#!/usr/bin/env python3
"""The first minutes of somebody who has only packages: what their README.md says, in its order.

    first.py ARCHIVE WHEEL        run where there is nothing else of agw, such as in a fresh Debian
"""

import contextlib
import http.client
import itertools
import json
import os
import re
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

PATIENCE = 30  # seconds


class Gateway:
    """The simulator of the archive, started as README.md has it."""

    def __init__(self, package, readme):
        options = re.search(r"^cargo run --example simulator -- (.*?) +#.*(bin/\S+)$", readme, re.M)
        command = [package / options[2], *options[1].split(), "--port", "0"]
        self._program = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        for line in self._program.stdout:
            if line.startswith("ready "):
                said = dict(word.split("=", 1) for word in line.split()[1:])
                self.url, self.ca, self.guid = said["url"], said["ca"], said["guid"]
                return
        raise SystemExit("first: the simulator of the archive ended before it was ready")

    def ring(self, agent):
        """What the page's button does; tells whether the agent was there, and free."""
        context = ssl.create_default_context(cafile=self.ca)
        where = urlsplit(self.url).netloc
        connection = http.client.HTTPSConnection(where, timeout=PATIENCE, context=context)
        with contextlib.closing(connection):
            connection.request("POST", "/simulator/ring", json.dumps({"agentId": str(agent)}))
            return connection.getresponse().status == http.HTTPStatus.OK

    def stop(self):
        self._program.terminate()
        self._program.wait(PATIENCE)


def blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.M | re.S)


def command(text, program):
    """The line of a README that begins with this."""
    return next(line for line in itertools.chain(*map(str.splitlines, blocks(text, "sh")))
                if line.startswith(program))


class Examples:
    """Each is copied into an empty folder, compiled, and run."""

    def __init__(self, package, gateway, work):
        libraries = package / "lib"
        self._gateway = gateway
        self._folder = work
        self._arguments = [gateway.url, gateway.ca, "154"]
        self._environment = {
            "PATH": os.environ["PATH"], "AGW_GUID": gateway.guid, "AGW_PASSWORD": "secret",
            "PKG_CONFIG_PATH": str(libraries / "pkgconfig"), "LD_LIBRARY_PATH": str(libraries),
            "PYTHONUNBUFFERED": "1",
        }

    def write(self, name, text):
        (self._folder / name).write_text(text, encoding="utf-8")

    def shell(self, line):
        subprocess.run(["sh", "-c", line], check=True, cwd=self._folder, env=self._environment)

    def rejects(self, name, *program):
        """It rings already, or is made to ring; then it is too late."""
        for number in ("0 ", "302 "):
            run = subprocess.run([*program, *self._arguments], cwd=self._folder, check=False,
                                 env=self._environment, timeout=PATIENCE, stdout=subprocess.PIPE,
                                 text=True)
            if not run.stdout.startswith(number):
                raise SystemExit(f"first: {name} printed {run.stdout!r}, not {number}")
        self._gateway.ring(154)
        print(f"first: {name}: rejected, then too late")

    def has_a_shift(self, name, *program):
        """Another agent signs in; what rings is rejected; Ctrl-C ends it."""
        arguments = [*self._arguments[:2], "156"]
        run = subprocess.Popen([*program, *arguments], cwd=self._folder, env=self._environment,
                               stdout=subprocess.PIPE, text=True)
        seen = []
        try:
            while not any("AgentState_Ready" in line for line in seen[-1:]):
                if self._gateway.ring(156):  # else it is not signed in yet
                    seen.extend(next(run.stdout) for _ in range(3))
            run.send_signal(signal.SIGINT)
            rest, _ = run.communicate(timeout=PATIENCE)
        finally:
            run.kill()
        if run.returncode != 0 or rest != "going home\n":
            raise SystemExit(f"first: {name} ended with {run.returncode}: {seen} {rest!r}")
        print(f"first: {name}: signed in, rejected what rang, signed out")


def main():
    # A job in the background ignores it, and so would what it starts.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    archive, wheel = (Path(name).absolute() for name in sys.argv[1:])
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        shutil.unpack_archive(archive, work)
        (package,) = work.glob("agw-*")
        readme = (package / "README.md").read_text(encoding="utf-8")
        of_cxx = (package / "bindings/cpp/README.md").read_text(encoding="utf-8")
        gateway = Gateway(package, readme)
        try:
            examples = Examples(package, gateway, work)
            call, shift = blocks(readme, "c")
            examples.write("reject.c", call)
            examples.shell(command(readme, "cc "))
            examples.rejects("README's call in C", "./reject")
            examples.write("shift.c", shift)
            examples.shell("cc -c shift.c $(pkg-config --cflags agw)")

            subprocess.run([sys.executable, "-m", "venv", work / "venv"], check=True)
            python = work / "venv/bin/python"
            subprocess.run([python, "-m", "pip", "install", "-q", "--no-index", wheel], check=True)
            call, shift = blocks(readme, "python")
            examples.write("reject.py", call)
            examples.rejects("README's call in Python", python, "reject.py")
            examples.write("shift.py", shift)
            examples.has_a_shift("README's shift in Python", python, "shift.py")

            (call,) = blocks(of_cxx, "cpp")
            examples.write("reject.cpp", call)
            examples.shell("c++ reject.cpp $(pkg-config --cflags --libs agw) -o reject-cpp")
            examples.rejects("the call in C++", "./reject-cpp")
        finally:
            gateway.stop()


if __name__ == "__main__":
    main()
