import socket
from typing import Callable, Iterator, List

import pytest

import agw
from gateways import RawGateway, Simulator, stall


@pytest.fixture(scope="session")
def simulator() -> Iterator[Simulator]:
    with Simulator("--quiet") as simulator:
        yield simulator


@pytest.fixture
def client(simulator: Simulator) -> Iterator[agw.Client]:
    with agw.Client(simulator.url, ca=simulator.ca) as client:
        yield client


@pytest.fixture
def raw() -> Iterator[Callable[[Callable[[socket.socket], None]], RawGateway]]:
    """Starts gateways that serve a connection as the given function does."""
    gateways: List[RawGateway] = []

    def start(serve: Callable[[socket.socket], None]) -> RawGateway:
        gateways.append(RawGateway(serve))
        return gateways[-1]

    yield start
    for gateway in gateways:
        gateway.stop()


@pytest.fixture
def stalled(raw: Callable[[Callable[[socket.socket], None]], RawGateway]) -> RawGateway:
    """Takes requests and never answers."""
    return raw(stall)
