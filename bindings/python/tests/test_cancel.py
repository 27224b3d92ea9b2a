"""Tokens, by which another thread ends one call."""

import copy
import functools
import itertools
import pickle
import random
import threading
from typing import Any, Callable, List

import pytest

import agw
from agw import _cancel
from gateways import AGENT, SLOW, Background, RawGateway, Simulator, SlowGateway, takes, wait_until


def test_a_token_ends_its_call_alone(simulator: Simulator, client: agw.Client) -> None:
    token = agw.CancelToken()
    simulator.ring()
    simulator.answer_with(delayMs=1500)
    bystander = Background(lambda: client.reject_agent_conf(AGENT, simulator.guid))
    with SlowGateway() as slow:
        with agw.Client(slow.url, ca=slow.ca) as other:
            reject = functools.partial(other.reject_agent_conf, SLOW, slow.guids[SLOW])
            tokens = (token, None, token)
            calls = [Background(functools.partial(reject, cancel=one)) for one in tokens]
            wait_until(lambda: slow.rejects_seen() == len(calls))
            before = token.cancelled
            with takes(0, 5):
                token.cancel()
                for call in (calls[0], calls[2]):
                    error = call.error(agw.CallCancelledError)
                    assert isinstance(error, agw.AgwError)
                    assert error.maybe_sent
            assert (before, token.cancelled) == (False, True)
            assert calls[1].is_alive()
        calls[1].error(agw.CallCancelledError)
    assert bystander.result().retcode == "0"


def test_a_token_that_is_cancelled_before_its_calls(stalled: RawGateway) -> None:
    token = agw.CancelToken()
    token.cancel()
    token.cancel()
    with agw.Client(stalled.url, allow_http=True, timeout=60) as client:
        for _ in range(3):
            with pytest.raises(agw.CallCancelledError) as caught:
                client.reject_agent_conf(AGENT, "guid", cancel=token)
            assert not caught.value.maybe_sent
            with pytest.raises(agw.CallCancelledError):
                client.connect(cancel=token)
        client.connect()
        client.connect(cancel=agw.CancelToken())
        with pytest.raises(agw.InvalidAgentIdError):
            client.reject_agent_conf("12a", "guid", cancel=token)
    with pytest.raises(agw.InvalidHandleError):
        client.connect(cancel=token)
    assert stalled.requests == 0


def test_tokens_and_clients_outlive_each_other(stalled: RawGateway) -> None:
    token = agw.CancelToken()
    for _ in range(2):
        with agw.Client(stalled.url, allow_http=True) as client:
            client.connect(cancel=token)
            client.connect(cancel=agw.CancelToken())
    token.cancel()
    assert not token._calls


def test_a_token_is_not_cancelled_inside_a_log_handler(
    simulator: Simulator, handle: Callable[[Callable[[], Any]], None]
) -> None:
    errors: List[BaseException] = []

    def cancel() -> None:
        with pytest.raises(agw.ReentrantError) as caught:
            token.cancel()
        errors.append(caught.value)

    token = agw.CancelToken()
    handle(cancel)
    with agw.Client(simulator.url, ca=simulator.ca) as client, pytest.raises(agw.SessionError):
        client.reject_agent_conf(AGENT, "wrong", cancel=token)
    assert errors
    assert not token.cancelled


def test_of_a_thousand_calls_each_third_is_cancelled(slow: SlowGateway) -> None:
    """At any moment from before its beginning on; the others have tokens, too."""

    def calls(client: agw.Client, seed: int) -> None:
        moments = random.Random(seed)  # noqa: S311
        for number in range(63):
            token = agw.CancelToken()
            if number % 3:
                with pytest.raises(agw.NoConferenceError):
                    client.reject_agent_conf(AGENT, slow.guids[AGENT], cancel=token)
                continue
            timer = threading.Timer(moments.uniform(0, 0.02), token.cancel)
            timer.start()
            with pytest.raises(agw.CallCancelledError):
                client.reject_agent_conf(SLOW, slow.guids[SLOW], cancel=token)
            timer.join()

    with agw.Client(slow.url, ca=slow.ca, timeout=600) as client:
        threads = [Background(lambda s=seed: calls(client, s)) for seed in range(16)]  # type: ignore[misc]
        for thread in threads:
            thread.join(60)
            thread.result()


def test_numbers_count_upward_and_leave_out_0(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = _cancel.next_call_id(), _cancel.next_call_id()
    assert 0 < first < second
    monkeypatch.setattr(_cancel, "_numbers", itertools.count(0xFFFFFFFE))
    assert [_cancel.next_call_id() for _ in range(2)] == [0xFFFFFFFF, 1]


@pytest.mark.parametrize("token", [True, "token", threading.Event()], ids=["True", "str", "Event"])
def test_the_type_is_checked(client: agw.Client, token: Any) -> None:
    with pytest.raises(TypeError, match=r"cancel is to be an agw\.CancelToken"):
        client.connect(cancel=token)


@pytest.mark.parametrize("act", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_token_cannot_be_pickled(act: Callable[[Any], Any]) -> None:
    with pytest.raises(TypeError, match="CancelToken cannot be pickled"):
        act(agw.CancelToken())
