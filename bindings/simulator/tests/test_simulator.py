"""The package without a client: the program, the control path, and what it tells of mistakes."""

import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path
from typing import Iterator
from urllib.parse import urlsplit

import pytest

import agw_simulator
from agw_simulator import Simulator, SimulatorError


@pytest.fixture
def address(gateway: Simulator) -> "tuple[str, int]":
    place = urlsplit(gateway.url)
    assert place.hostname is not None
    assert place.port is not None
    return place.hostname, place.port


def test_the_command_is_the_program_of_the_same_version() -> None:
    command = Path(sys.executable).with_name("agw-simulator")
    said = subprocess.check_output([str(command), "--version"], text=True)
    assert said == f"agw-simulator {agw_simulator.__version__}\n"
    wrong = subprocess.run([str(command), "--ring", "99"], capture_output=True, text=True)
    assert wrong.returncode == 2
    assert "--ring 99: that agent is not signed in" in wrong.stderr


def test_ring_and_cancel(gateway: Simulator) -> None:
    number = gateway.ring(154, 155)
    assert gateway.agents["154"]["ringingConfId"] == number
    assert gateway.cancel(154) == number
    types = [event.type for event in gateway.events if event.agent == "154"]
    assert types == ["AgentConf_Ringing", "AgentOther_PhoneRelease", "AgentState_Ready"]
    assert gateway.events[0].content == {"confId": number}


def test_each_test_finds_it_as_at_the_start(gateway: Simulator) -> None:
    assert gateway.events == []
    assert gateway.requests == []
    assert gateway.agents["154"]["ringingConfId"] is None


def test_a_bad_certificate_until_it_is_taken_back(
    gateway: Simulator, address: "tuple[str, int]"
) -> None:
    context = ssl.create_default_context(cafile=gateway.ca)

    def handshake() -> str:
        with socket.create_connection(address, 10) as plain:
            with context.wrap_socket(plain, server_hostname="localhost") as stream:
                return str(stream.version())

    for fault in ("expired-certificate", "foreign-certificate"):
        gateway.fault(fault, count=None)
        for _ in range(2):
            with pytest.raises(ssl.SSLCertVerificationError):
                handshake()
        gateway.fault("none")
        assert handshake() == "TLSv1.3"
    gateway.fault("tls12")
    assert handshake() == "TLSv1.2"


def test_it_says_what_is_wrong(gateway: Simulator) -> None:
    with pytest.raises(SimulatorError, match='there is no fault "fire"'):
        gateway.fault("fire")
    with pytest.raises(SimulatorError, match="no conference rings at agent 154"):
        gateway.cancel()
    with pytest.raises(SimulatorError, match="agent 999 was not signed in at the start"):
        gateway.guid(999)
    with pytest.raises(SimulatorError, match=r"--agent 154 is there twice"):
        Simulator("--agent", "154", "--agent", "154")


def test_a_certificate_for_other_names() -> None:
    with Simulator("--cert-name", "gateway.test") as named:
        assert named.ring(154) == named.cancel(154)


def test_a_call_that_is_interrupted(gateway: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("http.client.HTTPConnection.getresponse", interrupt)
        with pytest.raises(KeyboardInterrupt):
            gateway.ring(154)
    gateway.ring(155)


@pytest.fixture
def plain() -> Iterator[Simulator]:
    with Simulator("--http", "--agent", "300") as simulator:
        yield simulator


def test_options_and_plain_http(plain: Simulator) -> None:
    assert plain.url.startswith("http://127.0.0.1:")
    assert plain.ca == plain.pin == "-"
    assert plain.guid(300)
    plain.expire(300)
    assert plain.agents["300"]["guidIssuedAtMs"] is None


KILLED = """
import os, agw_simulator
print(agw_simulator.Simulator().url, flush=True)
os._exit(1)
"""


def test_it_does_not_outlive_whoever_started_it() -> None:
    told = subprocess.run([sys.executable, "-c", KILLED], stdout=subprocess.PIPE, text=True)
    port = int(told.stdout.strip().rsplit(":", 1)[1])
    deadline = time.monotonic() + 10
    while answers(port):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 10).close()
    except ConnectionError:
        return False
    return True


def test_it_leaves_nothing_behind() -> None:
    with Simulator() as simulator:
        ca = Path(simulator.ca)
        assert ca.is_file()
    assert not ca.parent.exists()
    assert not answers(int(simulator.url.rsplit(":", 1)[1]))
