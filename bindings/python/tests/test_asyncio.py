"""The awaited client."""

import asyncio
import builtins
import contextlib
import contextvars
import gc
import os
import random
import socket
import threading
import time
from pathlib import Path
from typing import Any, Callable, Coroutine, List, TypeVar

import pytest

import agw
from gateways import (
    ACCEPTED,
    AGENT,
    PATIENCE,
    SLOW,
    RawGateway,
    Simulator,
    SlowGateway,
    Start,
    run_python,
    stall,
    succeeds_in_a_child,
    takes,
    wait_until,
)

T = TypeVar("T")


def run(story: "Coroutine[Any, Any, T]") -> T:
    return asyncio.run(asyncio.wait_for(story, PATIENCE))


async def requests(gateway: RawGateway, number: int) -> None:
    while gateway.requests < number:
        await asyncio.sleep(0.005)


async def over(client: agw.AsyncClient, left: int = 0) -> None:
    """Waits until no more calls than these are under way."""
    while client._threads and len(client._threads.calls) > left:
        await asyncio.sleep(0.005)


def test_a_rejection_is_accepted_and_the_next_too_late(simulator: Simulator) -> None:
    async def story() -> None:
        async with agw.AsyncClient(simulator.url, ca=simulator.ca) as client:
            assert "certificate" in await client.connect()
            assert (await client.reject_agent_conf(AGENT, simulator.guid)).retcode == "0"
            with pytest.raises(agw.NoConferenceError):
                await client.reject_agent_conf(AGENT, simulator.guid)
        assert client.closed
        with pytest.raises(agw.InvalidHandleError):
            await client.connect()
        await client.close()

    simulator.ring()
    run(story())


def test_the_loop_runs_on_and_calls_wait_side_by_side(stalled: RawGateway) -> None:
    async def story() -> None:
        async with agw.AsyncClient(stalled.url, allow_http=True, timeout=1) as client:
            calls = [client.reject_agent_conf(AGENT, "guid") for _ in range(32)]
            waiting = asyncio.gather(*calls, return_exceptions=True)
            with takes(0.1, 0.9):
                for _ in range(10):
                    await asyncio.sleep(0.01)
            assert not waiting.done()
            assert {type(error) for error in await waiting} == {agw.TimeoutError}

    with takes(1, 5):
        run(story())


def test_a_cancelled_task_ends_its_calls(stalled: RawGateway) -> None:
    async def story() -> None:
        async with agw.AsyncClient(stalled.url, allow_http=True, timeout=60) as client:
            calls = [client.reject_agent_conf(AGENT, "guid") for _ in range(5)]
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(asyncio.gather(*calls), 0.2)
            await over(client)

    with takes(0.2, 5):
        run(story())


def test_a_cancelled_task_ends_its_call_while_another_is_awaited(raw: Start) -> None:
    ended: List[bool] = []

    def serve(connection: socket.socket) -> None:
        stall(connection)
        ended.append(True)

    async def story() -> None:
        async with agw.AsyncClient(gateway.url, allow_http=True, timeout=60) as client:
            other = asyncio.ensure_future(client.reject_agent_conf(AGENT, "other"))
            await requests(gateway, 1)
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(client.reject_agent_conf(AGENT, "guid"), 0.3)
            await over(client, 1)
            while not ended:  # on the wire, too
                await asyncio.sleep(0.005)
            assert not other.done()
            assert len(ended) == 1
            other.cancel()
            await over(client)

    gateway = raw(serve)
    run(story())


def test_of_a_thousand_calls_each_third_is_cancelled(slow: SlowGateway) -> None:
    async def call(client: agw.AsyncClient, number: int, turns: asyncio.Semaphore) -> None:
        async with turns:
            if number % 3:
                with pytest.raises(agw.NoConferenceError):
                    await client.reject_agent_conf(AGENT, slow.guids[AGENT])
                return
            task = asyncio.ensure_future(client.reject_agent_conf(SLOW, slow.guids[SLOW]))
            moment = random.uniform(0, 0.03)  # noqa: S311 - some wait their turn till then
            asyncio.get_running_loop().call_later(moment, task.cancel)
            with pytest.raises(asyncio.CancelledError):
                await task

    async def story() -> None:
        async with agw.AsyncClient(slow.url, ca=slow.ca, timeout=600) as client:
            turns = asyncio.Semaphore(80)
            await asyncio.gather(*(call(client, number, turns) for number in range(1000)))
            await over(client)

    asyncio.run(asyncio.wait_for(story(), 60))


def test_a_coroutine_that_is_closed_in_a_log_handler_ends_its_call(
    stalled: RawGateway, handle: Callable[[Callable[[], Any]], None]
) -> None:
    async def story() -> None:
        async with agw.AsyncClient(stalled.url, allow_http=True, timeout=60) as client:
            awaited = client.reject_agent_conf(AGENT, "guid")
            awaited.send(None)
            await requests(stalled, 1)
            handle(awaited.close)
            with agw.Client("http://127.0.0.1:9", allow_http=True) as logging_one:
                with pytest.raises(agw.ConnectError):
                    logging_one.connect()
            await over(client)

    run(story())


class OneAtATime(agw.AsyncClient):
    MAX_CALLS = 1


async def under_way(client: agw.AsyncClient, gateway: RawGateway) -> "asyncio.Task[agw.Answer]":
    """Begins a call, which takes the client's only thread."""
    task = asyncio.ensure_future(client.reject_agent_conf(AGENT, "first"))
    await requests(gateway, 1)
    return task


@pytest.fixture
def held(handle: Callable[[Callable[[], Any]], None]) -> threading.Event:
    """Holds up the call that logs first, in its log handler, until this is set."""
    release = threading.Event()
    handle(lambda: release.wait(PATIENCE))
    return release


def test_a_call_that_is_queued_at_its_deadline_is_not_sent(
    stalled: RawGateway, held: threading.Event
) -> None:
    async def story() -> None:
        async with OneAtATime(stalled.url, allow_http=True, timeout=0.3) as client:
            first = await under_way(client, stalled)
            with takes(0.3, 5), pytest.raises(agw.TimeoutError, match="was not sent") as caught:
                await client.reject_agent_conf(AGENT, "queued")
            assert isinstance(caught.value, builtins.TimeoutError)
            assert not caught.value.maybe_sent
            held.set()
            with pytest.raises(agw.TimeoutError):
                await first
            with pytest.raises(agw.TimeoutError) as caught:
                await client.reject_agent_conf(AGENT, "next")
            assert caught.value.maybe_sent

    run(story())
    assert stalled.requests == 2


def test_it_is_not_sent_either_while_the_event_loop_is_busy(
    stalled: RawGateway, held: threading.Event
) -> None:
    async def story() -> None:
        async with OneAtATime(stalled.url, allow_http=True, timeout=0.3) as client:
            first = await under_way(client, stalled)
            second = asyncio.ensure_future(client.reject_agent_conf(AGENT, "queued"))
            await asyncio.sleep(0)
            threading.Timer(0.5, held.set).start()
            time.sleep(0.8)  # the thread gets to the second meanwhile
            for call in (first, second):
                with pytest.raises(agw.TimeoutError):
                    await call

    run(story())
    assert stalled.requests == 1


def test_a_queued_call_whose_task_is_cancelled_is_not_sent(
    stalled: RawGateway, held: threading.Event
) -> None:
    async def story() -> None:
        async with OneAtATime(stalled.url, allow_http=True, timeout=0.5) as client:
            first = await under_way(client, stalled)
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(client.reject_agent_conf(AGENT, "queued"), 0.1)
            held.set()
            for call in (first, client.reject_agent_conf(AGENT, "next")):
                with pytest.raises(agw.TimeoutError):
                    await call

    run(story())
    assert stalled.requests == 2


def test_a_call_that_was_queued_ends_at_its_deadline(raw: Start) -> None:
    def serve(connection: socket.socket) -> None:
        if gateway.requests > 1:
            stall(connection)
        time.sleep(1.5)
        connection.sendall(ACCEPTED)

    async def story() -> None:
        async with OneAtATime(gateway.url, allow_http=True, timeout=2.5) as client:
            first = await under_way(client, gateway)
            with takes(2.5, 3.9), pytest.raises(agw.TimeoutError) as caught:
                await client.reject_agent_conf(AGENT, "queued")
            assert caught.value.maybe_sent
            assert (await first).retcode == "0"

    gateway = raw(serve)
    run(story())


def own_threads() -> List[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("agw_")]


@pytest.mark.parametrize("cancelled", [False, True])
def test_use_after_close_makes_no_threads(stalled: RawGateway, cancelled: bool) -> None:
    async def story() -> None:
        client = agw.AsyncClient(stalled.url, allow_http=True, timeout=0.1)
        with pytest.raises(agw.TimeoutError):
            await client.reject_agent_conf(AGENT, "guid")
        assert own_threads()
        closing = asyncio.ensure_future(client.close())
        await asyncio.sleep(0)
        if cancelled:
            closing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await closing
        wait_until(lambda: client.closed and not own_threads())
        with pytest.raises(agw.InvalidHandleError, match="the client is closed"):
            await client.reject_agent_conf(AGENT, "guid")
        await client.close()
        assert not own_threads()

    run(story())


def test_a_forgotten_client_leaves_no_thread(stalled: RawGateway) -> None:
    async def story() -> None:
        client = agw.AsyncClient(stalled.url, allow_http=True, timeout=0.1)
        with pytest.raises(agw.TimeoutError):
            await client.reject_agent_conf(AGENT, "guid")

    def none_is_left() -> bool:
        gc.collect()  # each time: the thread may still hold the call at first
        return not own_threads()

    run(story())
    wait_until(none_is_left)


def test_a_dropped_event_loop_does_not_hold_up_the_end(raw: Start, tmp_path: Path) -> None:
    def serve(connection: socket.socket) -> None:
        asked.touch()
        stall(connection)

    program = """
import asyncio, os, sys, time, agw
client = agw.AsyncClient(sys.argv[1], allow_http=True, timeout=60)
loop = asyncio.new_event_loop()
task = loop.create_task(client.reject_agent_conf(154, "guid"))
loop.run_until_complete(asyncio.sleep(0))
while not os.path.exists(sys.argv[2]): time.sleep(0.01)
"""
    asked, gateway = tmp_path / "asked", raw(serve)
    assert run_python(program, gateway.url, str(asked)).returncode == 0
    assert gateway.requests == 1


def test_cancel_and_close_end_the_calls(stalled: RawGateway) -> None:
    async def story() -> None:
        client = agw.AsyncClient(stalled.url, allow_http=True, timeout=60)
        for number, end in enumerate((client.cancel, client.close), start=1):
            task = asyncio.ensure_future(client.reject_agent_conf(AGENT, "guid"))
            await requests(stalled, number)
            ending = end()
            if ending is not None:
                await ending
            with pytest.raises(agw.CallCancelledError):
                await task

    with takes(0, 5):
        run(story())


def test_cancel_ends_what_waits_for_a_thread(stalled: RawGateway) -> None:
    async def story() -> None:
        async with OneAtATime(stalled.url, allow_http=True, timeout=60) as client:
            first = await under_way(client, stalled)
            queued = [client.reject_agent_conf(AGENT, "queued") for _ in range(3)]
            tasks = [first, *map(asyncio.ensure_future, queued)]
            await asyncio.sleep(0.1)
            client.cancel()
            for task in tasks:
                with pytest.raises(agw.CallCancelledError):
                    await task

    with takes(0, 5):
        run(story())
    assert stalled.requests == 1


def test_the_context_goes_along(
    simulator: Simulator, handle: Callable[[Callable[[], Any]], None]
) -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")
    seen: List[str] = []

    async def story() -> None:
        variable.set("the task's")
        async with agw.AsyncClient(simulator.url, ca=simulator.ca) as client:
            with pytest.raises(agw.SessionError):
                await client.reject_agent_conf(AGENT, "wrong")

    handle(lambda: seen.append(variable.get("none")))
    run(story())
    assert "the task's" in seen


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork there")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork.*:DeprecationWarning")
def test_a_client_works_on_both_sides_of_a_fork(simulator: Simulator) -> None:
    def use() -> None:
        run(client.connect())
        run(client.close())

    client = agw.AsyncClient(simulator.url, ca=simulator.ca)
    run(client.connect())
    time.sleep(0.1)  # its thread is idle by then, and the child would count on it
    assert succeeds_in_a_child(use)
    use()
