"""The blocking client: what is answered, refused, broken, too late; and its life."""

import asyncio
import builtins
import copy
import dataclasses
import enum
import gc
import json
import logging
import pickle
import re
import socket
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, Callable, Dict, Type

import pytest

import agw
from gateways import ACCEPTED, AGENT, RawGateway, Simulator, Start, answer, dead, takes

# --- Answers -----------------------------------------------------------------------------------


@pytest.mark.parametrize("agent", [AGENT, str(AGENT)])
def test_a_rejection_is_accepted(simulator: Simulator, client: agw.Client, agent: Any) -> None:
    simulator.ring()
    answer = client.reject_agent_conf(agent, simulator.guid)
    assert (answer.retcode, answer.message, answer.http_status) == ("0", "success", 200)
    assert 0 < answer.elapsed < 5
    assert not answer.resent
    assert not answer.truncated
    with pytest.raises(dataclasses.FrozenInstanceError):
        answer.retcode = "1"  # type: ignore[misc]


def test_too_late(simulator: Simulator, client: agw.Client) -> None:
    with pytest.raises(agw.NoConferenceError) as caught:
        client.reject_agent_conf(AGENT, simulator.guid)
    error = caught.value
    assert error.status == agw.Status.NO_CONFERENCE
    assert error.name == "AGW_E_NO_CONFERENCE"
    assert (error.retcode, error.http_status, error.os_error) == ("101-001", 200, 0)
    assert error.message in str(error)
    assert not error.maybe_sent
    assert not error.resent


def test_a_stale_guid(client: agw.Client) -> None:
    with pytest.raises(agw.SessionError) as caught:
        client.reject_agent_conf(AGENT, "no-guid-of-anybody")
    assert caught.value.retcode == "100-006"
    assert "no-guid-of-anybody" not in repr(caught.value.outcome)


@pytest.mark.parametrize(
    ("retcode", "kind"),
    [
        ("100-006", agw.SessionError),
        ("101-001", agw.NoConferenceError),
        ("000-002", agw.BadRequestError),
        ("100-007", agw.GatewayFaultError),
        ("105-001", agw.GatewayBusyError),
        ("999-999", agw.GatewayError),
    ],
)
def test_each_retcode_has_its_exception(
    simulator: Simulator, client: agw.Client, retcode: str, kind: Type[agw.AgwError]
) -> None:
    simulator.answer_with(retcode=retcode, message="Unknown ERROR._40302")
    with pytest.raises(agw.GatewayError) as caught:
        client.reject_agent_conf(AGENT, simulator.guid)
    assert type(caught.value) is kind
    assert (caught.value.retcode, caught.value.cti_code) == (retcode, 40302)


@pytest.mark.parametrize(
    ("sent", "kind"),
    [
        (answer(b"<html>", "502 Bad Gateway"), agw.HttpError),
        (answer(b"<html>"), agw.ProtocolError),
        (b"SSH-2.0-something\r\n\r\n", agw.ProtocolError),
        (answer(b" " * 70_000), agw.TooLargeError),
        (ACCEPTED[:-5], agw.ConnectionLostError),
    ],
    ids=["502", "no JSON", "no HTTP", "too large", "cut off"],
)
def test_what_is_no_gateway(raw: Start, sent: bytes, kind: Type[agw.AgwError]) -> None:
    def serve(connection: socket.socket) -> None:
        connection.sendall(sent)
        connection.close()

    with agw.Client(raw(serve).url, allow_http=True) as client:
        with pytest.raises(kind) as caught:
            client.reject_agent_conf(AGENT, "guid")
        assert caught.value.maybe_sent


def test_a_dead_connection_is_told(raw: Start) -> None:
    def serve_once(connection: socket.socket) -> None:
        connection.sendall(ACCEPTED)
        connection.recv(4096)  # the next request, which gets no answer
        connection.close()

    with agw.Client(raw(serve_once).url, allow_http=True) as client:
        assert not client.reject_agent_conf(AGENT, "guid").resent
        assert client.reject_agent_conf(AGENT, "guid").resent


@pytest.mark.parametrize("retcode", ["0", "101-001"])
def test_a_text_that_was_cut_is_told(raw: Start, retcode: str) -> None:
    body = json.dumps({"retcode": retcode, "message": "long" * 500}).encode()
    told: Any
    with agw.Client(raw(lambda it: it.sendall(answer(body))).url, allow_http=True) as client:
        try:
            told = client.reject_agent_conf(AGENT, "guid")
        except agw.NoConferenceError as error:
            told = error
    assert told.truncated
    assert told.message == ("long" * 500)[:511]
    assert told.retcode == retcode


# --- Network -----------------------------------------------------------------------------------


def test_nobody_listens() -> None:
    with agw.Client(f"https://{dead()}") as client:
        with pytest.raises(agw.ConnectError) as caught:
            client.connect()
    assert isinstance(caught.value, ConnectionError)
    assert isinstance(caught.value, agw.NetworkError)
    assert caught.value.errno == caught.value.os_error != 0


def test_a_timeout_comes_on_time_and_is_the_built_in_one(stalled: RawGateway) -> None:
    with agw.Client(stalled.url, allow_http=True, timeout=0.3) as client:
        with takes(0.3, 2), pytest.raises(builtins.TimeoutError) as caught:
            client.reject_agent_conf(AGENT, "guid")
    assert isinstance(caught.value, agw.TimeoutError)
    assert caught.value.maybe_sent
    assert "may have acted" in str(caught.value)


def test_a_part_of_a_millisecond_counts_as_one(stalled: RawGateway) -> None:
    with agw.Client(stalled.url, allow_http=True, timeout=0.0001) as client:
        with takes(0.001, 5), pytest.raises(agw.TimeoutError):
            client.reject_agent_conf(AGENT, "guid")


def test_a_proxy_that_is_not_there() -> None:
    with agw.Client("https://gateway.invalid", proxy=f"http://{dead()}") as client:
        with pytest.raises(agw.ProxyError):
            client.connect()


# --- Trust -------------------------------------------------------------------------------------


def test_a_stranger_is_refused_and_can_be_pinned(simulator: Simulator) -> None:
    seen = simulator.rejects_seen()
    with agw.Client(simulator.url) as client, pytest.raises(agw.TlsError) as caught:
        client.reject_agent_conf(AGENT, simulator.guid)
    assert simulator.rejects_seen() == seen
    found = re.search(r"(?:[0-9A-F]{2}:){31}[0-9A-F]{2}", caught.value.detail)
    assert found
    with agw.Client(simulator.url, pin_sha256=found[0]) as client:
        words = client.connect()
    assert words.startswith("TLS 1.")
    assert found[0] in words


def test_trust_is_what_was_named(simulator: Simulator) -> None:
    pem = Path(simulator.ca).read_text(encoding="ascii")
    accepted: Dict[str, Dict[str, Any]] = {
        "text": {"ca": pem},
        "path": {"ca": Path(simulator.ca)},
        "anybody": {"trust": agw.Trust.DANGER_ANY},
        "another name": {"ca": pem, "connect_to": simulator.url[len("https://") :]},
    }
    for name, options in accepted.items():
        url = "https://localhost:1" if "connect_to" in options else simulator.url
        with agw.Client(url, **options) as client:
            client.connect()
            assert not client.closed, name


def test_the_systems_store_takes_one_more_ca(simulator: Simulator) -> None:
    with agw.Client(simulator.url, ca=simulator.ca, trust=agw.Trust.SYSTEM) as client:
        client.connect()


def test_ca_and_pin_do_not_go_together(simulator: Simulator) -> None:
    with pytest.raises(agw.TlsConfigError, match="ca: "):
        agw.Client(simulator.url, ca=simulator.ca, pin_sha256="AA" * 32)


# --- Arguments ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"timeout": 0}, agw.InvalidArgumentError),
        ({"timeout": -1}, agw.InvalidArgumentError),
        ({"timeout": float("nan")}, agw.InvalidArgumentError),
        ({"connect_timeout": float("inf")}, agw.InvalidArgumentError),
        ({"max_agent_id": 100}, agw.InvalidArgumentError),
        ({"max_agent_id": 2**32 + 154}, agw.InvalidArgumentError),
        ({"base_url": "http://127.0.0.1"}, agw.InvalidUrlError),
        ({"base_url": "https://127.0.0.1\0.example"}, agw.InvalidArgumentError),
        ({"ca": "missing.pem"}, agw.TlsConfigError),
        ({"client_key": "\ud800"}, agw.InvalidArgumentError),
        ({"timeout": 10**400}, agw.InvalidArgumentError),
        ({"timeout": Decimal("nan")}, agw.InvalidArgumentError),
        ({"trust": 9}, agw.InvalidArgumentError),
        ({"trust": 10**5000}, agw.InvalidArgumentError),
        ({"max_agent_id": -(10**5000)}, agw.InvalidArgumentError),
        ({"log_level": "LOUD"}, agw.InvalidArgumentError),
    ],
    ids=lambda given: None if isinstance(given, type) else next(iter(given)),
)
def test_options_are_checked(options: Dict[str, Any], kind: Type[agw.AgwError]) -> None:
    with pytest.raises(ValueError, match="AGW_E_") as caught:
        agw.Client(**{"base_url": "https://127.0.0.1", **options})
    error: Exception = caught.value
    assert type(error) is kind
    assert next(iter(options)) in str(caught.value)


@pytest.mark.parametrize(
    "options",
    [
        {"timeout": None},
        {"timeout": "5"},
        {"timeout": (3, 5)},
        {"timeout": True},
        {"timeout": timedelta(seconds=5)},
        {"connect_timeout": None},
        {"max_agent_id": "59999"},
        {"max_agent_id": 59999.0},
        {"log_level": 10.0},
        {"log_level": True},
        {"trust": "ca"},
        {"trust": True},
        {"base_url": Path("gateway")},
        {"ca": b"gateway-ca.pem"},
        {"proxy": {"https": "http://proxy:3128"}},
        {"allow_http": "false"},
        {"keep_alive": "0"},
    ],
    ids=str,
)
def test_types_of_options_are_checked(options: Dict[str, Any]) -> None:
    (name,) = options
    with pytest.raises(TypeError, match=f"^{name} is to be .*, not ") as caught:
        agw.Client(**{"base_url": "https://127.0.0.1", **options})
    assert type(options[name]).__name__ in str(caught.value)


def test_numbers_of_other_types_are_taken(simulator: Simulator) -> None:
    class Agent(enum.IntEnum):
        OF_THE_TEST = AGENT

    options: Dict[str, Any] = {"timeout": Decimal("9.5"), "connect_timeout": Fraction(9, 2)}
    with agw.Client(simulator.url, ca=simulator.ca, max_agent_id=Agent(AGENT), **options) as client:
        with pytest.raises(agw.NoConferenceError):
            client.reject_agent_conf(Agent.OF_THE_TEST, simulator.guid)


# Nor is what has a NUL: 1 in every language.
NO_UTF_8 = ("154\0", "\ud800", "secret\0", "secret\ud800")


@pytest.mark.parametrize(
    "agent",
    [100, 60000, "0154", "1 ", "", "154\0", "\ud800", -1, 10**5000, -(10**5000), "1" * 5000],
    ids=lambda agent: "a huge one" if isinstance(agent, int) and abs(agent) > 10**9 else None,
)
def test_agent_ids_are_checked(client: agw.Client, agent: Any) -> None:
    with pytest.raises(agw.InvalidArgumentError, match="agent_id") as caught:
        client.reject_agent_conf(agent, "guid")
    assert caught.value.status == (1 if agent in NO_UTF_8 else 7)


@pytest.mark.parametrize("guid", ["", "secret\0", "secret\r\nHost: x", "secret\ud800", "s" * 257])
def test_guids_are_checked_and_not_shown(client: agw.Client, guid: str) -> None:
    with pytest.raises(agw.InvalidArgumentError, match="guid") as caught:
        client.reject_agent_conf(AGENT, guid)
    assert caught.value.status == (1 if guid in NO_UTF_8 else 8)
    assert "secret" not in repr(caught.value.outcome)
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("agent", "guid"),
    [(True, "g"), (1.5, "g"), (154, b"g"), (None, "g"), (154, Path("g"))],
)
def test_types_are_checked(client: agw.Client, agent: Any, guid: Any) -> None:
    with pytest.raises(TypeError, match="is to be"):
        client.reject_agent_conf(agent, guid)


# --- Life --------------------------------------------------------------------------------------


def test_use_after_close(simulator: Simulator) -> None:
    with agw.Client(simulator.url, ca=simulator.ca) as client:
        assert "open" in repr(client)
    client.close()
    client.cancel()
    assert client.closed
    assert "closed" in repr(client)
    with pytest.raises(agw.InvalidHandleError, match="the client is closed"):
        client.reject_agent_conf(AGENT, simulator.guid)
    with pytest.raises(agw.InvalidHandleError, match="the client is closed"):
        client.connect()


@pytest.mark.parametrize("options", [{"base_url": "https://a:secret@b"}, {"timeout": 0}, {}])
@pytest.mark.parametrize("kind", [agw.Client, agw.AsyncClient])
def test_a_client_that_was_never_made_says_so(kind: Any, options: Dict[str, Any]) -> None:
    client = kind.__new__(kind)
    with pytest.raises((agw.InvalidArgumentError, TypeError)):
        client.__init__(**options)
    assert client.closed
    assert repr(client).endswith("Client never made>")

    def use(name: str, *arguments: Any) -> None:
        outcome = getattr(client, name)(*arguments)
        if kind is agw.AsyncClient and name != "cancel":
            asyncio.run(outcome)

    use("close")
    use("cancel")
    for name, arguments in [
        ("reject_agent_conf", [AGENT]),
        ("next_event", [AGENT]),
        ("connect", []),
    ]:
        with pytest.raises(agw.InvalidHandleError, match="the client was never made"):
            use(name, *arguments)
    with pytest.raises(agw.InvalidHandleError, match="the client was never made"):
        client.events(AGENT)


def test_a_forgotten_client_is_freed(simulator: Simulator) -> None:
    client = agw.Client(simulator.url, ca=simulator.ca)
    library, handle = client._library, client._handle
    assert library.agw_cancel(handle) == agw.Status.OK
    del client
    gc.collect()
    assert library.agw_cancel(handle) == agw.Status.INVALID_HANDLE


@pytest.mark.parametrize("act", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_client_cannot_be_pickled(client: agw.Client, act: Callable[[Any], Any]) -> None:
    with pytest.raises(TypeError, match="Client cannot be pickled"):
        act(client)


def test_a_class_of_the_programs_own_may_compare_clients(simulator: Simulator) -> None:
    class Equal(agw.Client):
        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = None  # type: ignore[assignment]

    with Equal(simulator.url, ca=simulator.ca) as one, Equal(simulator.url, ca=simulator.ca) as two:
        assert one == two
        assert "TLS" in one.connect()


def test_exceptions_can_be_pickled() -> None:
    for status in (*agw.Status, 399, 299, 199, 999):
        if status == agw.Status.OK:
            continue
        error = agw.errors.error_of(agw.Outcome(status=status, retcode="1", os_error=5))
        error.__dict__["__notes__"] = ["what add_note() keeps"]
        again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
        assert (type(again), str(again)) == (type(error), str(error))
        assert again.__dict__ == error.__dict__


@pytest.mark.parametrize("kind", [agw.NoConferenceError, agw.ConnectError, agw.TimeoutError])
def test_exceptions_are_made_of_an_outcome_alone(kind: Type[agw.AgwError]) -> None:
    assert kind(agw.Outcome(status=302)).status == 302
    wrong: Any = "too late"
    with pytest.raises(TypeError, match=r"outcome is to be an agw\.Outcome, not str"):
        kind(wrong)


def test_numbers_of_a_newer_library_find_their_class() -> None:
    kinds = {
        399: agw.GatewayError,
        299: agw.AnswerError,
        199: agw.NetworkError,
        999: agw.AgwError,
    }
    for status, kind in kinds.items():
        error = agw.errors.error_of(agw.Outcome(status=status))
        assert type(error) is kind
        assert str(status) in str(error)


def test_references_do_not_pile_up(stalled: RawGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.getLogger("agw"), "propagate", False)  # pytest keeps the lines
    before = len(gc.get_objects())
    with agw.Client(stalled.url, allow_http=True, timeout=0.001) as client:
        for _ in range(100):
            with pytest.raises(agw.TimeoutError):
                client.reject_agent_conf(AGENT, "guid")
    gc.collect()
    assert len(gc.get_objects()) < before + 300
