"""A simulator that runs, and what a test does with it."""

import http.client
import json
import logging
import os
import ssl
import subprocess
import tempfile
import threading
from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, Optional, TypeVar
from urllib.parse import urlsplit

from ._program import program_path

_S = TypeVar("_S", bound="Simulator")
_LOG = logging.getLogger("agw_simulator")
_AGENT = 154


class SimulatorError(Exception):
    """It did not start, or cannot do what it is told."""


@dataclass(frozen=True)
class Event:
    """An event that an agent's polls bring, or have brought."""

    agent: str
    type: str
    content: Any
    at: float
    """Seconds since the simulator was started."""


@dataclass(frozen=True)
class Request:
    """A `rejectAgentConf` request."""

    agent: str
    http_status: int
    retcode: Optional[str]
    """None if the answer was an HTML page."""
    reason: Optional[str]
    """Why it was refused, in words; None if it was accepted."""
    at: float
    """Seconds since the simulator was started."""


class Simulator:
    """Starts a simulator with these options of its program, until `close` or the end of a `with`.

    Unless `--port` and `--auth` are among them, it takes a free port, and its Guids do not die.
    What it logs goes to the logger `agw_simulator`.
    """

    url: str
    """What a client connects to: `https://127.0.0.1:PORT`."""
    ca: str
    """The file with the CA that a client trusts; `-` with `--http`."""
    pin: str
    """Instead of it: the SHA-256 fingerprint of the certificate."""

    def __init__(self, *options: str, timeout: float = 10.0) -> None:
        self._timeout = timeout
        self._lock = threading.Lock()
        self._connection: Optional[http.client.HTTPConnection] = None
        self._guids: Dict[str, str] = {}
        self._folder = tempfile.TemporaryDirectory(prefix="agw-simulator-")
        command = [program_path(), "--with-stdin", *self._defaults(options), *options]
        self._process = subprocess.Popen(  # noqa: S603 - the options are the test's own
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, encoding="utf-8",
        )  # fmt: skip
        try:
            self._read_until_ready()
        except BaseException:
            self.close()
            raise
        self._drainer = threading.Thread(target=self._drain, daemon=True)
        self._drainer.start()

    def _defaults(self, options: "tuple[str, ...]") -> Iterator[str]:
        given = {option.split("=")[0] for option in options}
        if "--port" not in given:
            yield from ("--port", "0")
        if not given & {"--auth", "--renew-after", "--expire-after"}:
            yield from ("--auth", "static")
        if not given & {"--ca-out", "--ca-dir", "--http"}:
            yield from ("--ca-out", os.path.join(self._folder.name, "ca.pem"))  # noqa: PTH118

    def _lines(self) -> Iterator[str]:
        assert self._process.stdout is not None  # noqa: S101 - for mypy
        return (line.rstrip("\n") for line in self._process.stdout)

    def _read_until_ready(self) -> None:
        said = []
        # One that hangs before it is ready is stopped, which ends the lines.
        guard = threading.Timer(self._timeout, self._process.kill)
        guard.start()
        try:
            for line in self._lines():
                said.append(line)
                words = dict(word.split("=", 1) for word in line.split(" ") if "=" in word)
                if "guid" in words:
                    self._guids[words["agent"]] = words["guid"]
                if line.startswith("ready "):
                    self.url, self.pin = words["url"], words["pin"]
                    self.ca = line.split(" ca=")[1].split(" pin=")[0]
                    return
        finally:
            guard.cancel()
        raise SimulatorError("it did not start: " + " ".join(said))

    def _drain(self) -> None:
        for line in self._lines():
            _LOG.info("%s", line)

    def close(self) -> None:
        """Stops it."""
        if self._connection is not None:
            self._connection.close()
        self._process.terminate()
        try:
            self._process.wait(self._timeout)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if hasattr(self, "_drainer"):
            self._drainer.join()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._folder.cleanup()

    def __enter__(self: _S) -> _S:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # What the platform does.

    def guid(self, agent: object = _AGENT) -> str:
        """The Guid with which an agent is signed in at the start, and after every reset."""
        try:
            return self._guids[str(agent)]
        except KeyError:
            raise SimulatorError(f"agent {agent} was not signed in at the start") from None

    def ring(self, agent: object = _AGENT, *members: object) -> int:
        """A conference of these members begins to ring at an agent; gives its number."""
        return self._number(self._do("ring", agentId=str(agent), members=[*map(str, members)]))

    def cancel(self, agent: object = _AGENT) -> int:
        """What rings at an agent is cancelled; gives its number."""
        return self._number(self._do("cancel", agentId=str(agent)))

    def expire(self, agent: object = _AGENT) -> None:
        """All Guids of an agent die."""
        self._do("expire", agentId=str(agent))

    def answer_with(
        self,
        agent: object = _AGENT,
        *,
        retcode: Optional[str] = None,
        message: str = "",
        http_status: int = 200,
        count: int = 1,
        delay: float = 0.0,
    ) -> None:
        """The next `count` rejects of an agent get this answer, and nothing else happens."""
        body: Dict[str, Any] = {"agentId": str(agent), "message": message, "count": count}
        body.update(httpStatus=http_status, delayMs=round(delay * 1000))
        if retcode is not None:
            body["retcode"] = retcode
        self._do("answer-with", **body)

    def fault(
        self, fault: str, *, path: str = "", count: Optional[int] = 1, delay: float = 0.0
    ) -> None:
        """The next `count` requests with `path` in their path go wrong; None: all until a reset.

        Faults are late, stall, half, reset, close-after, close-next and dead-guid, and of the next
        `count` handshakes expired-certificate, foreign-certificate and tls12. With `none` no more
        faults come.
        """
        if fault == "none":
            self._do("fault", fault=fault)
        else:
            self._do("fault", fault=fault, path=path, count=count, delayMs=round(delay * 1000))

    def reset(self) -> None:
        """Everything becomes as it was at the start, with the Guids of then."""
        self._do("reset")

    # What it has seen.

    @property
    def requests(self) -> List[Request]:
        """The `rejectAgentConf` requests since the start or the last reset."""
        return [
            Request(one["agentId"], one["httpStatus"], one["retcode"], one["reason"],
                    one["atMs"] / 1000)
            for one in self._see("requests")
        ]  # fmt: skip

    @property
    def events(self) -> List[Event]:
        """The events since then: of the newest thousand events and requests of all kinds."""
        return [
            Event(one["agentId"], one["name"], json.loads(one["detail"] or "null"),
                  one["atMs"] / 1000)
            for one in self._see("journal")
            if one["kind"] == "event"
        ]  # fmt: skip

    @property
    def agents(self) -> Dict[str, Dict[str, Any]]:
        """Every agent by number: `signedIn`, `polling`, `waitingEvents`, `ringingConfId`, ..."""
        return {one["agentId"]: one for one in self._see("agents")}

    # The control path.

    def _number(self, answer: Any) -> int:
        number = answer["confId"]
        assert isinstance(number, int)  # noqa: S101 - for mypy
        return number

    def _do(self, what: str, **body: Any) -> Any:
        return self._ask("POST", what, json.dumps(body))

    def _see(self, what: str) -> Any:
        return self._ask("GET", what, None)

    def _ask(self, method: str, what: str, body: Optional[str]) -> Any:
        with self._lock:
            # One connection for all: it outlives a fault that has a certificate refused.
            if self._connection is None:
                self._connection = self._dial()
            try:
                self._connection.request(method, f"/simulator/{what}", body)
                answer = self._connection.getresponse()
                content = json.loads(answer.read())
            except BaseException:  # such as a time-out of the test: the next call dials anew
                self._connection.close()
                raise
        if answer.status != http.client.OK:
            raise SimulatorError(content["error"])
        return content

    def _dial(self) -> http.client.HTTPConnection:
        scheme, place = urlsplit(self.url)[:2]
        if scheme == "http":
            return http.client.HTTPConnection(place, timeout=self._timeout)
        context = ssl.create_default_context(cafile=self.ca)
        context.check_hostname = False  # there is no other name than those of --cert-name
        return http.client.HTTPSConnection(place, timeout=self._timeout, context=context)
