"""Log lines, and handlers that raise, interrupt, or call back."""

import logging
import sys
from typing import Any, Callable, List

import pytest

import agw
from gateways import AGENT, Simulator

Handle = Callable[[Callable[[], Any]], None]


def test_lines_come_at_their_level(simulator: Simulator, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "agw")
    simulator.ring()
    with agw.Client(simulator.url, ca=simulator.ca) as client:
        client.reject_agent_conf(AGENT, simulator.guid)
        with pytest.raises(agw.NoConferenceError):
            client.reject_agent_conf(AGENT, simulator.guid)
        assert logging.WARNING not in {record.levelno for record in caplog.records}
        with pytest.raises(agw.SessionError):
            client.reject_agent_conf(AGENT, "a-stale-guid")
    assert {record.levelno for record in caplog.records} >= {
        logging.DEBUG,
        logging.INFO,
        logging.WARNING,
    }
    assert {record.name for record in caplog.records} == {"agw"}
    assert f"{simulator.url}: rejectAgentConf" in caplog.text
    assert str(AGENT) in caplog.text
    assert simulator.guid not in caplog.text


@pytest.mark.parametrize(
    ("level", "least"),
    [(None, logging.WARNING), (logging.INFO, logging.INFO), (logging.CRITICAL, logging.ERROR)],
)
def test_the_level_decides(
    simulator: Simulator, caplog: pytest.LogCaptureFixture, level: Any, least: int
) -> None:
    client = agw.Client(simulator.url, ca=simulator.ca, log_level=level)
    caplog.set_level(logging.DEBUG, "agw")
    simulator.ring()
    client.reject_agent_conf(AGENT, simulator.guid)
    with pytest.raises(agw.SessionError):
        client.reject_agent_conf(AGENT, "a-stale-guid")
    client.close()
    levels = {record.levelno for record in caplog.records}
    assert min(levels, default=logging.ERROR) == least


@pytest.mark.parametrize(("name", "lines"), [("DEBUG", True), ("CRITICAL", False)])
def test_the_level_may_be_a_name(
    simulator: Simulator, caplog: pytest.LogCaptureFixture, name: str, lines: bool
) -> None:
    caplog.set_level(logging.DEBUG, "agw")
    with agw.Client(simulator.url, ca=simulator.ca, log_level=name) as client:
        client.connect()
    assert (logging.DEBUG in {record.levelno for record in caplog.records}) is lines


def test_nothing_is_printed_unasked(
    simulator: Simulator, capfd: pytest.CaptureFixture[str]
) -> None:
    with agw.Client(simulator.url, ca=simulator.ca) as client:
        with pytest.raises(agw.SessionError):
            client.reject_agent_conf(AGENT, "wrong")
    assert capfd.readouterr() == ("", "")


def test_an_exception_in_a_handler_stays_there(
    simulator: Simulator,
    handle: Handle,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    seen: List[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda args: seen.append(args.exc_type))
    handle(lambda: 1 // 0)
    with agw.Client(simulator.url, ca=simulator.ca) as client:
        with pytest.raises(agw.SessionError):
            client.reject_agent_conf(AGENT, "wrong")
    if sys.implementation.name == "cpython":
        assert set(seen) == {ZeroDivisionError}
    else:  # PyPy's ctypes prints it
        assert "ZeroDivisionError" in capfd.readouterr().err


def test_an_interrupt_in_a_handler_is_not_lost(simulator: Simulator, handle: Handle) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with agw.Client(simulator.url, ca=simulator.ca) as client:
        handle(interrupt)
        with pytest.raises(KeyboardInterrupt):
            client.reject_agent_conf(AGENT, "wrong")


def test_a_handler_may_not_call_the_client(simulator: Simulator, handle: Handle) -> None:
    kinds: List[Any] = []

    def attempt() -> None:
        for function in (client.connect, client.cancel, client.close):
            with pytest.raises(agw.ReentrantError) as caught:
                function()
            kinds.append(caught.value.status)

    client = agw.Client(simulator.url, ca=simulator.ca)
    handle(attempt)
    with pytest.raises(agw.SessionError):
        client.reject_agent_conf(AGENT, "wrong")
    assert set(kinds) == {agw.Status.REENTRANT}
    assert not client.closed
    client.close()
    assert client.closed


def test_an_interrupt_at_close_leaves_a_closed_client(simulator: Simulator) -> None:
    client = agw.Client(simulator.url, ca=simulator.ca)
    agw._log.keep(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        client.close()
    assert client.closed
