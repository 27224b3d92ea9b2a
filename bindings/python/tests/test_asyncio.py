"""The awaited client."""

import asyncio
import contextvars
import logging
import os
import time
from typing import Any, Coroutine, List, TypeVar

import pytest

import agw
from gateways import AGENT, PATIENCE, RawGateway, Simulator, takes

T = TypeVar("T")


def run(story: "Coroutine[Any, Any, T]") -> T:
    return asyncio.run(asyncio.wait_for(story, PATIENCE))


async def requests(gateway: RawGateway, number: int) -> None:
    while gateway.requests < number:
        await asyncio.sleep(0.005)


def test_a_rejection_is_accepted_and_the_next_too_late(simulator: Simulator) -> None:
    async def story() -> None:
        async with agw.AsyncClient(simulator.url, ca=simulator.ca) as client:
            await client.connect()
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


def test_a_cancelled_task_ends_its_call(stalled: RawGateway) -> None:
    async def story() -> None:
        async with agw.AsyncClient(stalled.url, allow_http=True, timeout=60) as client:
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(client.reject_agent_conf(AGENT, "guid"), 0.2)
            while client._calls:
                await asyncio.sleep(0.005)

    with takes(0.2, 5):
        run(story())


def test_many_cancelled_tasks_end_their_calls(stalled: RawGateway) -> None:
    async def story() -> None:
        async with agw.AsyncClient(stalled.url, allow_http=True, timeout=60) as client:
            calls = [client.reject_agent_conf(AGENT, "guid") for _ in range(5)]
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(asyncio.gather(*calls), 0.2)
            while client._calls:
                await asyncio.sleep(0.005)

    with takes(0.2, 5):
        run(story())


def test_a_cancelled_task_ends_no_other_call(stalled: RawGateway) -> None:
    async def story() -> None:
        async with agw.AsyncClient(stalled.url, allow_http=True, timeout=0.8) as client:
            tasks = [
                asyncio.ensure_future(client.reject_agent_conf(AGENT, "guid")) for _ in range(2)
            ]
            await requests(stalled, 2)
            tasks[0].cancel()
            with pytest.raises(asyncio.CancelledError):
                await tasks[0]
            with pytest.raises(agw.TimeoutError):
                await tasks[1]

    run(story())


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


def test_the_context_goes_along(simulator: Simulator) -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")
    seen: List[str] = []

    class Keeping(logging.Handler):
        def emit(self, _record: logging.LogRecord) -> None:
            seen.append(variable.get("none"))

    async def story() -> None:
        variable.set("the task's")
        async with agw.AsyncClient(simulator.url, ca=simulator.ca) as client:
            with pytest.raises(agw.SessionError):
                await client.reject_agent_conf(AGENT, "wrong")

    handler = Keeping()
    logging.getLogger("agw").addHandler(handler)
    try:
        run(story())
    finally:
        logging.getLogger("agw").removeHandler(handler)
    assert "the task's" in seen


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork there")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork.*:DeprecationWarning")
def test_a_client_works_on_both_sides_of_a_fork(simulator: Simulator) -> None:
    client = agw.AsyncClient(simulator.url, ca=simulator.ca)
    run(client.connect())
    time.sleep(0.1)  # its thread is idle by then, and the child would count on it
    child = os.fork()
    if child == 0:
        os._exit(_exit_code(client))
    _, status = os.waitpid(child, 0)
    assert os.WIFEXITED(status)
    assert os.WEXITSTATUS(status) == 0
    run(client.connect())
    run(client.close())


def _exit_code(client: agw.AsyncClient) -> int:
    try:
        run(client.connect())
        run(client.close())
    except BaseException:
        return 1
    return 0
