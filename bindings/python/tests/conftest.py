import logging
import signal
import socket
import sys
from typing import Any, Callable, Iterator, List

import pytest

import agw
from gateways import RawGateway, Simulator, SlowGateway, Start, stall

# What a shell starts in the background ignores Ctrl-C, what nohup starts SIGHUP, and so would the
# programs of these tests.
signal.signal(signal.SIGINT, signal.default_int_handler)
if sys.platform != "win32" and signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
    signal.signal(signal.SIGHUP, lambda *_: None)


@pytest.fixture(scope="session")
def simulator() -> Iterator[Simulator]:
    with Simulator("--quiet") as simulator:
        yield simulator


@pytest.fixture
def slow() -> Iterator[SlowGateway]:
    with SlowGateway() as simulator:
        yield simulator


@pytest.fixture
def client(simulator: Simulator) -> Iterator[agw.Client]:
    with agw.Client(simulator.url, ca=simulator.ca) as client:
        yield client


@pytest.fixture
def raw() -> Iterator[Start]:
    """Starts gateways that serve a connection as the given function does."""
    gateways: List[RawGateway] = []

    def start(serve: Callable[[socket.socket], None]) -> RawGateway:
        gateways.append(RawGateway(serve))
        return gateways[-1]

    yield start
    for gateway in gateways:
        gateway.stop()


@pytest.fixture
def stalled(raw: Start) -> RawGateway:
    """Takes requests and never answers."""
    return raw(stall)


class Calling(logging.Handler):
    def __init__(self, function: Callable[[], Any]) -> None:
        super().__init__()
        self.function = function

    def emit(self, _record: logging.LogRecord) -> None:
        self.function()


@pytest.fixture
def handle() -> Iterator[Callable[[Callable[[], Any]], None]]:
    """Adds a handler of log lines that calls a function."""
    logger = logging.getLogger("agw")
    handlers: List[logging.Handler] = []

    def add(function: Callable[[], Any]) -> None:
        handlers.append(Calling(function))
        logger.addHandler(handlers[-1])

    yield add
    for handler in handlers:
        logger.removeHandler(handler)
