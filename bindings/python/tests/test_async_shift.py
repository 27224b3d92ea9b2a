"""A shift with the awaited client: polls in threads of their own, ended by their tasks."""

import asyncio
import logging
import threading
from typing import Any, Callable, Coroutine, Dict, List, TypeVar

import pytest

import agw
from gateways import PATIENCE, Simulator, Start, answer, in_turn, takes

T = TypeVar("T")
NEW = 211  # signs in here
PHONE = "40038"


def run(story: "Coroutine[Any, Any, T]") -> T:
    return asyncio.run(asyncio.wait_for(story, PATIENCE * 2))


async def holds(condition: Callable[[], bool]) -> None:
    """Waits without holding up the event loop, where the calls' answers arrive."""
    loop = asyncio.get_running_loop()
    while not await loop.run_in_executor(None, condition):
        await asyncio.sleep(0.01)


async def polls(simulator: Simulator, *agents: int) -> None:
    await holds(lambda: simulator.polling(*agents))


async def listed(client: agw.AsyncClient, agent: int) -> List[agw.Event]:
    return [event async for event in client.events(agent)]


def test_a_whole_shift(simulator: Simulator) -> None:
    async def story() -> List[agw.Event]:
        seen = []
        async with agw.AsyncClient(simulator.url, ca=simulator.ca) as client:
            answered = await client.sign_in(NEW, phone=PHONE, password="")
            assert answered.retcode == "0"
            simulator.ring(NEW)
            events = client.events(NEW)
            async for event in events:
                seen.append(event)
                if event.type == agw.Event.CONF_RINGING:
                    assert (await client.reject_agent_conf(NEW)).retcode == "0"
                if event.type == agw.Event.READY:
                    await events.aclose()
            with pytest.raises(agw.GatewayError, match="100-002"):
                await client.sign_in(NEW, phone=PHONE)
            await client.sign_in(NEW, force=True, fields={"phonenum": PHONE})
            kept = await client.session(NEW)
            await client.set_session(NEW, kept.guid, cookie="NODE=a")
            assert await client.session(NEW) == agw.Session(guid=kept.guid, cookie="NODE=a")
            assert (await client.sign_out(NEW)).retcode == "0"
            with pytest.raises(agw.SessionError):
                await client.next_event(NEW)
            assert await listed(client, NEW) == []
        with pytest.raises(agw.InvalidHandleError):
            client.events(NEW)
        with pytest.raises(agw.InvalidHandleError):
            await client.next_event(NEW)
        return seen

    types = [event.type for event in run(story())]
    assert types == [agw.Event.CONF_RINGING, agw.Event.PHONE_RELEASE, agw.Event.READY]


async def signed_in(client: agw.AsyncClient, *agents: int) -> None:
    await asyncio.gather(*(client.sign_in(agent, phone=PHONE, force=True) for agent in agents))


def test_a_cancelled_task_ends_its_poll_on_the_wire_and_no_other(simulator: Simulator) -> None:
    async def story() -> None:
        async with agw.AsyncClient(simulator.url, ca=simulator.ca) as client:
            await signed_in(client, NEW, NEW + 1)
            other = asyncio.ensure_future(client.next_event(NEW + 1))
            for poll in (client.next_event, lambda agent: listed(client, agent)):
                for _ in range(3):
                    task = asyncio.ensure_future(poll(NEW))
                    await polls(simulator, NEW, NEW + 1)
                    task.cancel()
                    with pytest.raises(asyncio.CancelledError):
                        await task
                task = asyncio.ensure_future(poll(NEW))
                await polls(simulator, NEW)  # at once again: none is in the way
                task.cancel()
                await holds(lambda: not simulator.polling(NEW))
            for _ in range(3):
                with pytest.raises(asyncio.TimeoutError):
                    await asyncio.wait_for(client.next_event(NEW), 0.05)
            simulator.ring(NEW)
            event = await client.next_event(NEW)
            assert event is not None
            assert event.type == agw.Event.CONF_RINGING
            assert not other.done()
            await client.sign_out(NEW)
            await client.sign_out(NEW + 1)
            with pytest.raises(agw.CallCancelledError):
                await other

    with takes(0, 9):
        run(story())


@pytest.mark.parametrize("behind_another", [False, True])
def test_a_poll_waits_for_one_of_its_agent_that_is_still_ending(
    simulator: Simulator,
    handle: Callable[[Callable[[], Any]], None],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    behind_another: bool,
) -> None:
    caplog.set_level(logging.DEBUG, "agw")

    async def story() -> None:
        options: Dict[str, Any] = {"ca": simulator.ca, "keep_alive": False}
        async with agw.AsyncClient(simulator.url, **options) as client:
            await signed_in(client, NEW)
            if behind_another:  # which the library knows no more, but the client does
                monkeypatch.setattr(client, "_next_event", slowly(client._next_event))
                task = asyncio.ensure_future(client.next_event(NEW))
                await polls(simulator, NEW)
                task.cancel()
                await holds(lambda: not simulator.polling(NEW))
            handle(hold)  # when it has a connection
            task = asyncio.ensure_future(client.next_event(NEW))
            await holds(held.is_set)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            task = asyncio.ensure_future(client.next_event(NEW))
            await asyncio.sleep(0.3)
            release.set()
            await polls(simulator, NEW)
            await client.sign_out(NEW)
            with pytest.raises((agw.CallCancelledError, agw.SessionError)):  # no PollingError
                await task

    def hold() -> None:
        held.set()
        release.wait(PATIENCE)

    def slowly(poll: Callable[..., T]) -> Callable[..., T]:
        def polled(*arguments: Any) -> T:
            try:
                return poll(*arguments)
            finally:
                held.wait(PATIENCE)

        return polled

    held, release = threading.Event(), threading.Event()
    run(story())


def test_one_task_waits_for_an_agent(simulator: Simulator) -> None:
    async def story() -> None:
        async with agw.AsyncClient(simulator.url, ca=simulator.ca) as client:
            await signed_in(client, NEW)
            task = asyncio.ensure_future(listed(client, NEW))
            await polls(simulator, NEW)
            with pytest.raises(agw.PollingError):
                await client.next_event(NEW)
            with pytest.raises(agw.PollingError):
                await listed(client, NEW)
            await client.sign_out(NEW)
            assert await task == []

    run(story())


def test_polls_take_no_thread_that_a_rejection_needs(simulator: Simulator) -> None:
    agents = range(400, 400 + agw.AsyncClient.MAX_CALLS + 16)

    async def story() -> None:
        client = agw.AsyncClient(simulator.url, ca=simulator.ca)
        await signed_in(client, *agents)
        tasks = [asyncio.ensure_future(listed(client, agent)) for agent in agents]
        await polls(simulator, *agents)
        with takes(0, 5):
            for agent in agents[:3]:
                with pytest.raises(agw.NoConferenceError):
                    await client.reject_agent_conf(agent)
        assert not any(task.done() for task in tasks)
        with takes(0, 5):
            await client.close()
            assert await asyncio.gather(*tasks) == [[]] * len(agents)

    run(story())


class OneAtATime(agw.AsyncClient):
    MAX_POLLS = 1


@pytest.mark.parametrize("timeout", [0.7, 3])
def test_a_poll_waits_its_turn_for_no_longer_than_its_deadline(timeout: float) -> None:
    """If it comes in time, the poll is not given up."""

    async def story(gateway: Simulator) -> None:
        async with OneAtATime(gateway.url, ca=gateway.ca, timeout=timeout) as client:
            first, second = gateway.guids
            for agent in (first, second):
                await client.set_session(agent, gateway.guids[agent])
            task = asyncio.ensure_future(client.next_event(first))
            await polls(gateway, first)
            with takes(timeout, timeout * 3):
                if timeout > 2:
                    assert await client.next_event(second) is None
                else:
                    with pytest.raises(agw.TimeoutError, match="was not sent") as caught:
                        await client.next_event(second)
                    assert not caught.value.maybe_sent
            assert await task is None

    with Simulator("--quiet", "--poll-wait", "2") as gateway:
        run(story(gateway))


def test_a_failure_makes_a_pause_and_the_end_of_the_session_the_end(raw: Start) -> None:
    ring = b'{"retcode":"0","event":{"eventType":"AgentConf_Ringing","workNo":154,"content":{}}}'
    over = answer(b'{"retcode":"100-006"}')
    gateway = raw(in_turn(answer(b"<html>", "502 Bad Gateway"), answer(ring), over, answer(ring)))

    async def story() -> List[agw.Event]:
        async with agw.AsyncClient(gateway.url, allow_http=True) as client:
            await client.set_session(NEW, "guid")
            return await listed(client, NEW)

    with takes(1, PATIENCE):
        assert len(run(story())) == 1
    assert gateway.requests == 3


@pytest.mark.parametrize("end", ["cancel", "close"])
def test_what_ends_a_wait_ends_a_pause(raw: Start, end: str) -> None:
    gateway = raw(lambda connection: connection.sendall(answer(b"<html>", "502 Bad Gateway")))

    async def story() -> None:
        client = agw.AsyncClient(gateway.url, allow_http=True)
        await client.set_session(NEW, "guid")
        task = asyncio.ensure_future(listed(client, NEW))
        await holds(lambda: gateway.requests > 0)
        with takes(0, 0.9):
            ending = getattr(client, end)()
            if ending is not None:
                await ending
            assert await task == []
        await client.close()

    run(story())
