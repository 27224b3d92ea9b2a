"""A shift with the blocking client: signing in, events, the Guid that is kept, signing out."""

import contextlib
import ctypes
import logging
import os
import signal
import sys
import threading
import time
import traceback
from typing import Any, Callable, Dict, Iterator, List

import pytest

import agw
from agw import _abi
from agw._session import event_of
from gateways import (
    AGENT,
    PATIENCE,
    Background,
    Simulator,
    Start,
    answer,
    in_turn,
    run_python,
    stall,
    takes,
    wait_until,
)

NEW = 201  # signs in here
PHONE = "40038"


@pytest.fixture
def shift(client: agw.Client) -> Iterator[agw.Client]:
    """Whom no other test has signed in."""
    client.sign_in(NEW, phone=PHONE, force=True)
    yield client
    try:
        client.sign_out(NEW)
    except agw.AgwError:
        client.sign_in(NEW, phone=PHONE, force=True)
        client.sign_out(NEW)


def no_event(_event: object = None) -> None:
    raise AssertionError("an event came")


# --- The whole of it ---------------------------------------------------------------------------


def test_a_whole_shift(simulator: Simulator, client: agw.Client) -> None:
    seen = []
    answered = client.sign_in(NEW, phone=PHONE, password="secret", force=True)  # noqa: S106
    assert answered.retcode == "0"
    simulator.ring(NEW)
    events = client.events(NEW)
    for event in events:
        seen.append(event)
        if event.type == agw.Event.CONF_RINGING:
            client.connect()
            assert client.reject_agent_conf(NEW).retcode == "0"
        if event.type == agw.Event.READY:
            events.close()
    assert [event.type for event in seen] == [
        "AgentConf_Ringing",
        "AgentOther_PhoneRelease",
        "AgentState_Ready",
    ]
    ringing, _, ready = seen
    assert ringing.content == {"confId": ringing.conf_id}
    assert ringing.text == f'{{"confId":{ringing.conf_id}}}'
    assert ringing.work_no == str(NEW)
    assert (ready.content, ready.text, ready.conf_id) == (None, "", 0)
    assert not any(event.truncated or event.generated_ms for event in seen)
    assert client.sign_out(NEW).retcode == "0"
    assert simulator.view(NEW)["signedIn"] is False
    for over in (client.sign_out, client.next_event, client.session, client.reject_agent_conf):
        with pytest.raises(agw.SessionError) as caught:
            over(NEW)
        assert caught.value.http_status == 0
    assert list(client.events(NEW)) == []


def test_force_signs_in_whoever_is_signed_in_already(
    simulator: Simulator, shift: agw.Client
) -> None:
    with agw.Client(simulator.url, ca=simulator.ca) as other:
        with pytest.raises(agw.GatewayError) as caught:
            other.sign_in(NEW, phone=PHONE)
        assert caught.value.retcode == "100-002"
        assert other.sign_in(NEW, phone=PHONE, force=True).retcode == "0"
        assert other.session(NEW).guid != shift.session(NEW).guid
        with pytest.raises(agw.SessionError):  # ended by force
            shift.next_event(NEW)
        other.sign_out(NEW)


def test_fields_go_along(shift: agw.Client) -> None:
    with pytest.raises(agw.GatewayError, match="100-001"):  # the simulator wants a phone
        shift.sign_in(NEW, force=True)
    shift.sign_in(NEW, force=True, fields={"phonenum": "40039", "status": 4, "more": [None, "ä"]})


def test_a_guid_of_elsewhere_is_kept_and_renewed_unseen() -> None:
    options = ["--renew-after", "0.2", "--expire-after", "0.9", "--poll-wait", "0.1"]
    with Simulator("--quiet", "--auth", "dynamic", "--stale-code", "000-003", *options) as gateway:
        with agw.Client(gateway.url, ca=gateway.ca) as client:
            client.set_session(AGENT, f"JSESSIONID={gateway.guid}; Path=/")
            assert client.session(AGENT).guid == gateway.guid
            shift = Background(lambda: list(client.events(AGENT)))
            end = time.monotonic() + 3
            while time.monotonic() < end:
                with pytest.raises(agw.NoConferenceError):
                    client.reject_agent_conf(AGENT)
            assert client.session(AGENT).guid != gateway.guid
            gateway.ring()
            client.reject_agent_conf(AGENT)
            wait_until(lambda: gateway.view()["waitingEvents"] == 0)
            client.sign_out(AGENT)
            types = [event.type for event in shift.result()]
            assert types[0] == agw.Event.CONF_RINGING


def test_the_balancers_cookies_go_along(raw: Start) -> None:
    stale = answer(b'{"message":"","retcode":"100-006"}')
    gateway = raw(lambda connection: connection.sendall(stale))
    with agw.Client(gateway.url, allow_http=True) as client:
        client.set_session(AGENT, "guid-1", cookie="NODE=a; X=1")
        client.set_session(AGENT, "guid-2")
        assert client.session(AGENT) == agw.Session(guid="guid-2", cookie="NODE=a; X=1")
        with pytest.raises(agw.SessionError, match="100-006"):
            client.reject_agent_conf(AGENT)
        with pytest.raises(agw.SessionError):
            client.reject_agent_conf(AGENT, "guid-3")
        client.set_session(AGENT, "guid-4", cookie="")
        assert client.session(AGENT).cookie == ""
        client.set_session(AGENT, None)
        with pytest.raises(agw.SessionError):
            client.session(AGENT)
    for request, guid in zip(gateway.seen, (b"guid-2", b"guid-3")):
        assert b"NODE=a; X=1" in request
        assert guid in request


# --- What ends a wait --------------------------------------------------------------------------


def waiting(simulator: Simulator, function: Callable[[], Any]) -> Background:
    """Calls it in a thread, and returns when a poll of `NEW` waits for an event."""
    call = Background(function)
    wait_until(lambda: simulator.polling(NEW))
    return call


def test_one_thread_waits_for_an_agent(simulator: Simulator, shift: agw.Client) -> None:
    call = waiting(simulator, lambda: list(shift.events(NEW)))
    for poll in (shift.next_event, lambda agent: next(iter(shift.events(agent)))):
        with takes(0, 5), pytest.raises(agw.PollingError) as caught:
            poll(NEW)
        assert issubclass(caught.type, RuntimeError)
        assert caught.value.http_status == 0
    assert call.is_alive()
    shift.sign_out(NEW)
    assert call.result() == []


def test_a_token_ends_its_wait_alone(simulator: Simulator, shift: agw.Client) -> None:
    tokens = [agw.CancelToken() for _ in range(2)]
    shift.sign_in(NEW + 1, phone=PHONE)
    bystander = Background(lambda: shift.next_event(NEW + 1))
    wait_until(lambda: simulator.polling(NEW + 1))
    with takes(0, 6):
        call = waiting(simulator, lambda: list(shift.events(NEW, cancel=tokens[0])))
        tokens[0].cancel()
        assert call.result() == []
        wait_until(lambda: not simulator.polling(NEW))
        call = waiting(simulator, lambda: shift.next_event(NEW, cancel=tokens[1]))
        tokens[1].cancel()
        call.error(agw.CallCancelledError)
    assert bystander.is_alive()
    shift.cancel()
    bystander.error(agw.CallCancelledError)
    assert list(shift.events(NEW, cancel=tokens[0])) == []
    shift.sign_out(NEW + 1)


def test_closing_ends_the_waits_of_all_threads(simulator: Simulator) -> None:
    agents = list(range(301, 321))
    client = agw.Client(simulator.url, ca=simulator.ca)
    for agent in agents:
        client.sign_in(agent, phone=PHONE)
    calls = [Background(lambda a=agent: list(client.events(a))) for agent in agents]  # type: ignore[misc]
    wait_until(lambda: simulator.polling(*agents))
    with takes(0, 3):
        client.close()
        assert [call.result() for call in calls] == [[]] * len(agents)
    with pytest.raises(agw.InvalidHandleError):
        client.events(agents[0])
    with pytest.raises(agw.InvalidHandleError):
        client.next_event(agents[0])


def test_a_failure_makes_a_pause_and_the_end_of_the_session_the_end(raw: Start) -> None:
    ring = b'{"retcode":"0","event":{"eventType":"AgentConf_Ringing","workNo":154,"content":{}}}'
    gateway = raw(
        in_turn(
            answer(b"<html>", "502 Bad Gateway"),
            answer(ring),
            answer(b'{"retcode":"100-007"}'),
            answer(ring),
            answer(b'{"retcode":"105-005"}'),
            answer(ring),
        )
    )
    with agw.Client(gateway.url, allow_http=True) as client:
        client.set_session(AGENT, "guid")
        with takes(2, PATIENCE):
            types = [(event.type, event.work_no) for event in client.events(AGENT)]
    assert types == [("AgentConf_Ringing", "154")] * 2
    assert gateway.requests == 5


@pytest.mark.parametrize("end", ["token", "cancel", "close"])
def test_what_ends_a_wait_ends_a_pause(raw: Start, end: str) -> None:
    gateway = raw(lambda connection: connection.sendall(answer(b"<html>", "502 Bad Gateway")))
    token = agw.CancelToken()
    with agw.Client(gateway.url, allow_http=True) as client:
        client.set_session(AGENT, "guid")
        call = Background(lambda: list(client.events(AGENT, cancel=token)))
        gateway.wait_for_requests(1)
        with takes(0, 0.9):
            (token.cancel if end == "token" else getattr(client, end))()
            assert call.result() == []


# --- Ctrl-C ------------------------------------------------------------------------------------

needs_signals = pytest.mark.skipif(sys.platform == "win32", reason="no signal can be sent there")


@contextlib.contextmanager
def signalled(simulator: Simulator, number: int, handler: Callable[..., Any]) -> Iterator[None]:
    """During a poll of `NEW` a signal arrives, and is handled so."""

    def send() -> None:
        wait_until(lambda: simulator.polling(NEW))
        os.kill(os.getpid(), number)

    former = signal.signal(number, handler)
    try:
        sender = Background(send)
        with takes(0, 5):
            yield
        sender.result()
    finally:
        signal.signal(number, former)


@needs_signals
def test_ctrl_c_ends_a_wait_at_once_and_on_the_wire(
    simulator: Simulator, shift: agw.Client
) -> None:
    for poll in (lambda: no_event(shift.next_event(NEW)), lambda: list(shift.events(NEW))):
        for _ in range(2):  # at once again: none is in the way
            with signalled(simulator, signal.SIGINT, signal.default_int_handler):
                with pytest.raises(KeyboardInterrupt):
                    poll()
                wait_until(lambda: not simulator.polling(NEW))
    simulator.ring(NEW)
    assert next(iter(shift.events(NEW))).type == agw.Event.CONF_RINGING


@needs_signals
def test_a_signal_handler_that_does_not_raise_ends_nothing(
    simulator: Simulator, shift: agw.Client
) -> None:
    with signalled(simulator, signal.SIGALRM, lambda *_: simulator.ring(NEW)):
        assert next(iter(shift.events(NEW))).type == agw.Event.CONF_RINGING


@needs_signals
def test_the_token_may_be_cancelled_in_a_signal_handler(
    simulator: Simulator, shift: agw.Client
) -> None:
    token = agw.CancelToken()
    with signalled(simulator, signal.SIGALRM, lambda *_: token.cancel()):
        assert list(shift.events(NEW, cancel=token)) == []


# --- In the main thread and elsewhere ----------------------------------------------------------


def test_no_wait_begins_inside_a_log_handler(
    simulator: Simulator, client: agw.Client, handle: Callable[[Callable[[], Any]], None]
) -> None:
    errors: List[BaseException] = []

    def poll() -> None:
        with pytest.raises(agw.ReentrantError) as caught:
            client.next_event(AGENT)
        errors.append(caught.value)

    handle(poll)
    with agw.Client(simulator.url, ca=simulator.ca) as other, pytest.raises(agw.SessionError):
        other.reject_agent_conf(AGENT, "wrong")
    assert errors


def test_the_interpreter_ends_while_daemon_threads_wait(raw: Start) -> None:
    ended = run_python(
        """
import logging, sys, threading, time, agw
logging.basicConfig(level=logging.DEBUG, stream=sys.stdout)
client = agw.Client(sys.argv[1], allow_http=True)
def wait(agent):
    client.set_session(agent, "guid")
    list(client.events(agent))
for agent in range(201, 209):
    threading.Thread(target=wait, args=(agent,), daemon=True).start()
time.sleep(0.3)
""",
        raw(stall).url,
    )
    assert (ended.returncode, ended.stderr) == (0, "")


def test_a_log_handler_may_recurse_as_deep_as_python_lets_it(raw: Start) -> None:
    ended = run_python(
        """
import logging, sys, agw
class Deep(logging.Handler):
    def emit(self, record):
        try: down(record)
        except RecursionError: deep.append(1)
def down(record):  # by way of C, which takes more of the stack
    return list(map(down, [record]))
deep = []
logging.getLogger("agw").addHandler(Deep())
with agw.Client(sys.argv[1], allow_http=True) as client:
    client.set_session(154, "guid")
    try: client.next_event(154)
    except agw.HttpError: print(bool(deep))
""",
        raw(lambda connection: connection.sendall(answer(b"<html>", "502 Bad Gateway"))).url,
    )
    assert (ended.returncode, ended.stderr, ended.stdout) == (0, "", "True\n")


def test_other_threads_keep_their_stacks(shift: agw.Client, simulator: Simulator) -> None:
    before = threading.stack_size()
    simulator.ring(NEW)
    assert shift.next_event(NEW) is not None
    assert threading.stack_size() == before


# --- Secrets, types, texts ---------------------------------------------------------------------


def test_secrets_are_in_no_text(raw: Start, caplog: pytest.LogCaptureFixture) -> None:
    guid, cookie, password = "guid-of-the-test", "NODE=of-the-test", "password-of-the-test"
    token = {"serviceToken": "token-of-the-test"}
    gateway = raw(lambda connection: connection.sendall(answer(b"", "500 No")))
    caplog.set_level(logging.DEBUG, "agw")
    told: List[str] = []
    with agw.Client(gateway.url, allow_http=True, log_level=logging.DEBUG) as client:
        client.set_session(AGENT, guid, cookie=cookie)
        kept = client.session(AGENT)
        told += [repr(kept), str(kept), f"{kept}", repr(client)]
        calls: List[Callable[[], Any]] = [
            lambda: client.reject_agent_conf(AGENT),
            lambda: client.next_event(AGENT),
            lambda: client.sign_out(AGENT),
            lambda: client.sign_in(AGENT, phone=PHONE, password=password, fields=token),
            lambda: client.sign_in(AGENT, password=password + "\n"),
            lambda: client.sign_in(AGENT, password=password + "\0"),
            lambda: client.sign_in(AGENT, password=password + "\ud800"),
            lambda: client.sign_in(AGENT, fields={**token, "number": float("nan")}),
            lambda: client.sign_in(AGENT, fields={**token, "object": object()}),
            lambda: client.set_session(AGENT, guid + " x"),
            lambda: client.set_session(AGENT, guid, cookie=cookie + "\n"),
        ]
        for call in calls:
            with pytest.raises((agw.AgwError, TypeError)) as caught:
                call()
            error = caught.value
            told += traceback.format_exception(type(error), error, error.__traceback__)[1:]
            told += [repr(error), repr(getattr(error, "outcome", ""))]
    text = "\n".join(line for line in told if "lambda" not in line) + caplog.text
    assert "rejectAgentConf" in caplog.text
    assert "of-the-test" not in text


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"phone": 40038}, TypeError),
        ({"password": b"secret"}, TypeError),
        ({"force": "no"}, TypeError),
        ({"fields": "{}"}, TypeError),
        ({"fields": [("a", 1)]}, TypeError),
        ({"fields": {"a": {1, 2}}}, TypeError),
        ({"fields": {"a": float("inf")}}, agw.InvalidArgumentError),
        ({"fields": {"a": "\ud800"}}, agw.InvalidArgumentError),
        ({"fields": {"a": "x" * 20000}}, agw.InvalidArgumentError),
        ({"phone": "4\0"}, agw.InvalidArgumentError),
        ({"phone": "4" * 257}, agw.InvalidArgumentError),
    ],
)
def test_what_an_agent_signs_in_with_is_checked(
    client: agw.Client, options: Dict[str, Any], kind: Any
) -> None:
    (name,) = options
    with pytest.raises(kind, match=name):
        client.sign_in(AGENT, **options)


def test_sessions_are_checked(client: agw.Client) -> None:
    for guid in ("", "a b", "g" * 257):
        with pytest.raises(agw.InvalidGuidError):
            client.set_session(AGENT, guid)
    for cookie in ("=", "NODE", "N=" + "a" * 1775):
        with pytest.raises(agw.InvalidArgumentError, match="cookie"):
            client.set_session(AGENT, "guid", cookie)
    for wrong in (b"guid", 154):
        with pytest.raises(TypeError, match="guid is to be"):
            client.set_session(AGENT, wrong)  # type: ignore[arg-type]
    with pytest.raises(agw.InvalidAgentIdError):
        next(iter(client.events("12a")))
    with pytest.raises(TypeError, match="cancel is to be"):
        next(iter(client.events(AGENT, cancel=True)))  # type: ignore[arg-type]
    with pytest.raises(agw.SessionError):
        client.session(AGENT)


@pytest.mark.parametrize(
    ("content", "read"),
    [
        (b'{"confId":7,"a":{"b":[1]}}', {"confId": 7, "a": {"b": [1]}}),
        (b"", None),
        (b"[1]", None),
        (b'"text"', None),
        (b'{"cut":"h', None),
        (b"[" * 3900, None),
        (b'{"number":' + b"9" * 3900 + b"}", {"number": int("9" * 3900)}),
    ],
    ids=["object", "none", "array", "text", "cut", "nested", "huge"],
)
def test_content_is_read(content: bytes, read: Any) -> None:
    event = event_of(_abi.Event(type=b"Other", content=content, conf_id=2**40, flags=1))
    assert event is not None
    assert (event.type, event.content, event.text) == ("Other", read, content.decode())
    assert (event.conf_id, event.truncated) == (2**40, True)
    assert isinstance(hash(event), int)
    assert event_of(_abi.Event(struct_size=ctypes.sizeof(_abi.Event))) is None
