"""Gateways to test against: the simulator, and sockets that misbehave."""

import contextlib
import http.client
import json
import os
import socket
import ssl
import subprocess
import sys
import textwrap
import threading
import time
from typing import IO, Any, Callable, Dict, Iterator, List, Type, TypeVar, Union
from urllib.parse import urlsplit

_Simulator = TypeVar("_Simulator", bound="Simulator")

AGENT = 154
SLOW = 155
SLACK = int(os.environ.get("AGW_TEST_SLACK", "1"))  # on a machine that takes its time
PATIENCE = 10.0 * SLACK  # seconds; nothing here takes that long: whoever waits longer is stuck


def ended(*command: str, **options: Any) -> Any:
    """A program that has run."""
    options.update(capture_output=True, text=True, timeout=PATIENCE)
    return subprocess.run(command, check=False, **options)


def run_python(program: str, *words: str) -> Any:
    return ended(sys.executable, "-c", textwrap.dedent(program), *words)


def succeeds_in_a_child(function: Callable[[], Any]) -> bool:
    """Whether it returns in a fork of this process."""
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            function()
            os._exit(0)
        os._exit(1)
    return os.waitpid(child, 0)[1] == 0


class Here:
    """A program that runs on this system."""

    def __init__(self, program: str, options: List[str]) -> None:
        self._process = subprocess.Popen([program, *options], stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.lines: IO[str] = self._process.stdout

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(PATIENCE)


class Elsewhere:
    """One that a starter runs, as tests/windows/starter.py of the project does."""

    def __init__(self, port: int, options: List[str]) -> None:
        self._connection = socket.create_connection(("127.0.0.1", port))
        self._connection.sendall(json.dumps(options).encode() + b"\n")
        self.lines: IO[str] = self._connection.makefile()

    def stop(self) -> None:
        self._connection.shutdown(socket.SHUT_WR)
        self._connection.close()


class Simulator:
    """The simulator program, running. AGW_SIMULATOR is its file, or a starter's port."""

    def __init__(self, *options: str) -> None:
        program = os.environ["AGW_SIMULATOR"]
        auth = [] if "--auth" in options else ["--auth", "static"]
        all_options = ["--port", "0", *auth, *options]
        self._program: Union[Here, Elsewhere]
        if program.isdigit():
            self._program = Elsewhere(int(program), all_options)
        else:
            self._program = Here(program, all_options)
        self.guids: Dict[int, str] = {}
        ready = self._read_until_ready()
        self.url, self.ca, self.guid = ready["url"], ready["ca"], ready["guid"]
        self._drainer = threading.Thread(target=self._drain, daemon=True)
        self._drainer.start()

    def _read_until_ready(self) -> Dict[str, str]:
        for line in self._program.lines:
            words = dict(word.split("=", 1) for word in line.split() if "=" in word)
            if "guid" in words:
                self.guids[int(words["agent"])] = words["guid"]
            if line.startswith("ready "):
                return words
        raise AssertionError("the simulator ended before it was ready")

    def _drain(self) -> None:
        for _ in self._program.lines:
            pass

    def control(self, what: str, **body: Any) -> Any:
        return self._ask("POST", what, json.dumps(body))

    def rejects_seen(self) -> int:
        return len(self._ask("GET", "requests"))

    def _ask(self, method: str, what: str, body: str = "") -> Any:
        context = ssl.create_default_context(cafile=self.ca)
        place = urlsplit(self.url).netloc
        connection = http.client.HTTPSConnection(place, context=context, timeout=PATIENCE)
        with contextlib.closing(connection):
            connection.request(method, f"/simulator/{what}", body)
            answer = connection.getresponse()
            text = answer.read().decode()
            assert answer.status < 300, text
            return json.loads(text) if text else None

    def view(self, agent: int = AGENT) -> Any:
        """What it tells of an agent; None of one whom it has never seen."""
        views = {view["agentId"]: view for view in self._ask("GET", "agents")}
        return views.get(str(agent))

    def polling(self, *agents: int) -> bool:
        """Whether polls of all of them wait for an event."""
        return all(self.view(agent)["polling"] for agent in agents)

    def ring(self, agent: int = AGENT, *members: int) -> None:
        self.control("ring", agentId=str(agent), members=[str(member) for member in members])

    def answer_with(self, agent: int = AGENT, **answer: Any) -> None:
        self.control("answer-with", agentId=str(agent), **answer)

    def stop(self) -> None:
        self._program.stop()
        self._drainer.join(PATIENCE)
        self._program.lines.close()

    def __enter__(self: _Simulator) -> _Simulator:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class SlowGateway(Simulator):
    """Nothing rings at `AGENT`, and `SLOW` is answered much later than anybody waits here."""

    def __init__(self) -> None:
        super().__init__("--quiet")
        self.answer_with(SLOW, delayMs=600000, count=10000)


class RawGateway:
    """Plain http; each connection is handed to a function, one thread for each."""

    def __init__(self, serve: Callable[[socket.socket], None]) -> None:
        self._serve = serve
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._connections: List[socket.socket] = []
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.requests = 0
        self.seen: List[bytes] = []  # of each request its head, and what came along
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._connections.append(connection)
                threading.Thread(target=self._one, args=(connection,), daemon=True).start()

    def _one(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            for request in iter(lambda: read_request(connection), b""):
                self.seen.append(request)
                self.requests += 1
                self._serve(connection)

    def wait_for_requests(self, number: int) -> None:
        wait_until(lambda: self.requests >= number)

    def stop(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()


Start = Callable[[Callable[[socket.socket], None]], RawGateway]


def dead() -> str:
    """An address where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"127.0.0.1:{listener.getsockname()[1]}"


def read_request(connection: socket.socket) -> bytes:
    request = b""
    while b"\r\n\r\n" not in request:
        more = connection.recv(4096)
        if not more:
            return b""
        request += more
    return request


def answer(body: bytes, status: str = "200 OK") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def in_turn(*answers: bytes) -> Callable[[socket.socket], None]:
    """Answers one after the other, then accepts; for one connection at a time."""
    left = list(answers)
    return lambda connection: connection.sendall(left.pop(0) if left else ACCEPTED)


ACCEPTED = answer(b'{"message":"success","result":{},"retcode":"0"}')


def stall(connection: socket.socket) -> None:
    """Answers nothing until the other side gives up."""
    connection.recv(1)


def wait_until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.005)


@contextlib.contextmanager
def takes(least: float, most: float) -> Iterator[None]:
    most *= SLACK
    begin = time.perf_counter()  # on Windows time.monotonic() goes on by steps
    yield
    elapsed = time.perf_counter() - begin
    assert least <= elapsed < most, f"{elapsed:.3f} s instead of {least} to {most} s"


class Background(threading.Thread):
    """Calls a function in a thread, and keeps what it returns or raises."""

    def __init__(self, function: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self._function = function
        self._value: Any = None
        self._error: List[BaseException] = []
        self.start()

    def run(self) -> None:
        try:
            self._value = self._function()
        except BaseException as error:
            self._error.append(error)

    def result(self) -> Any:
        self.join(PATIENCE)
        assert not self.is_alive(), "still running"
        if self._error:
            raise self._error[0]
        return self._value

    def error(self, kind: Type[BaseException]) -> BaseException:
        self.join(PATIENCE)
        assert not self.is_alive(), "still running"
        assert [type(error) for error in self._error] == [kind], self._error
        return self._error[0]
