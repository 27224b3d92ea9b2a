"""Signals that arrive during a call in the main thread: what their handlers raise comes then."""

import gc
import logging
import os
import signal
import sys
from typing import Any, Callable, Dict, Iterator, List, Type

import pytest

import agw
from gateways import AGENT, Background, RawGateway, Simulator, Start, answer, takes

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no signal can be sent there")


class Alarm(Exception):  # noqa: N818
    """Of the kind that a log handler might raise, too."""


def alarm(_signal: int, _frame: object) -> None:
    raise Alarm


def leave(_signal: int, _frame: object) -> None:
    sys.exit(3)


HANDLERS = {"SIGINT": signal.default_int_handler, "SIGTERM": leave, "SIGALRM": alarm}
RAISED = {"SIGINT": KeyboardInterrupt, "SIGTERM": SystemExit, "SIGALRM": Alarm}


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    former = {name: signal.getsignal(getattr(signal, name)) for name in HANDLERS}
    for name, handler in HANDLERS.items():
        signal.signal(getattr(signal, name), handler)
    yield
    for name, kept in former.items():
        signal.signal(getattr(signal, name), kept)


def unraisables(monkeypatch: pytest.MonkeyPatch) -> List[Any]:
    """Collects them. Not in a fixture: pytest has a hook of its own for each part of a test."""
    seen: List[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", seen.append)
    return seen


def interrupted(
    gateway: RawGateway, kind: Type[BaseException], *names: str, log_level: int = logging.WARNING
) -> BaseException:
    """Makes a call during which the signals arrive, and which then fails and logs that."""
    sent = gateway.requests + 1

    def send() -> None:
        gateway.wait_for_requests(sent)
        for name in names:
            os.kill(os.getpid(), getattr(signal, name))

    options: Dict[str, Any] = {"timeout": 0.4, "log_level": log_level}
    with agw.Client(gateway.url, allow_http=True, **options) as client:
        sender = Background(send)
        with takes(0.4, 5), pytest.raises(kind) as caught:
            client.reject_agent_conf(AGENT, "guid")
        sender.result()
    return caught.value


@pytest.mark.parametrize("name", HANDLERS)
def test_what_a_signal_handler_raises_comes_after_the_call(
    stalled: RawGateway,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    name: str,
) -> None:
    seen = unraisables(monkeypatch)
    for _ in range(3):
        caplog.clear()
        interrupted(stalled, RAISED[name], name)
        assert seen == []
        assert caplog.text.count("rejectAgentConf") == 1


def test_of_several_one_that_ends_the_program_is_raised(
    stalled: RawGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = unraisables(monkeypatch)
    error = interrupted(stalled, BaseException, "SIGINT", "SIGTERM")
    assert isinstance(error, (KeyboardInterrupt, SystemExit))
    assert seen == []


def test_nothing_is_left_for_the_next_call(stalled: RawGateway, client: agw.Client) -> None:
    interrupted(stalled, SystemExit, "SIGTERM")
    with pytest.raises(agw.SessionError):
        client.reject_agent_conf(AGENT, "wrong")


@pytest.mark.parametrize("level", [logging.CRITICAL, logging.WARNING])
def test_a_signal_handler_may_use_a_client_but_not_while_a_line_is_logged(
    stalled: RawGateway, simulator: Simulator, level: int
) -> None:
    def connect(_signal: int, _frame: object) -> None:
        other.connect()
        raise Alarm

    signal.signal(signal.SIGALRM, connect)
    with agw.Client(simulator.url, ca=simulator.ca) as other:
        # PyPy's wait until the call has returned.
        early = level == logging.WARNING and sys.implementation.name == "cpython"
        kind = agw.ReentrantError if early else Alarm
        interrupted(stalled, kind, "SIGALRM", log_level=level)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_signal_handler_may_fork_while_a_poll_is_begun(raw: Start) -> None:
    def fork(_signal: int, _frame: object) -> None:
        child = os.fork()
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
        signal.setitimer(signal.ITIMER_REAL, 0.002)

    gateway = raw(lambda connection: connection.sendall(answer(b'{"retcode":"100-007"}')))
    signal.signal(signal.SIGALRM, fork)
    signal.setitimer(signal.ITIMER_REAL, 0.002)
    try:
        with agw.Client(gateway.url, allow_http=True) as client, takes(0, 30):
            client.set_session(AGENT, "guid")
            for agent in range(AGENT, AGENT + 100):
                client.set_session(agent, "guid")
                with pytest.raises(agw.GatewayFaultError):
                    client.next_event(agent)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def test_the_hook_for_other_exceptions_works_on(
    stalled: RawGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once in other threads, and afterwards as before."""

    class Broken:
        def __del__(self) -> None:
            raise ZeroDivisionError

    def drop() -> int:
        stalled.wait_for_requests(1)
        Broken()
        gc.collect()
        return len(seen)

    seen = unraisables(monkeypatch)
    former = sys.unraisablehook
    with agw.Client(stalled.url, allow_http=True, timeout=0.5) as client:
        dropper = Background(drop)
        with pytest.raises(agw.TimeoutError):
            client.reject_agent_conf(AGENT, "guid")
        assert dropper.result() == 1
    assert sys.unraisablehook is former
    Broken()
    gc.collect()
    assert [one.exc_type for one in seen] == [ZeroDivisionError] * 2


def test_a_hook_that_is_set_meanwhile_stays(
    client: agw.Client,
    handle: Callable[[Callable[[], Any]], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def newer(_unraisable: object) -> None:
        pass

    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)  # put back at the end
    handle(lambda: setattr(sys, "unraisablehook", newer))
    with pytest.raises(agw.SessionError):
        client.reject_agent_conf(AGENT, "wrong")
    assert sys.unraisablehook is newer
