"""The client for asyncio: the same calls, awaited, in threads of its own."""

import asyncio
import math
import os
from types import TracebackType
from typing import Any, AsyncGenerator, Callable, Dict, Optional, Type, TypeVar, Union

from ._abi import Status
from ._cancel import refuse_inside_log_handlers
from ._client import (
    ClientBase,
    agent_bytes,
    now_or_later,
    optional_guid,
    session_bytes,
    sign_in_options,
)
from ._events import OVER, PASSING, TICK, TICKS
from ._outcome import Answer, Outcome
from ._session import Event, Session
from ._threads import POLL_STACK, Call, Threads
from .errors import PollingError, ResourcesError, error_of

_T = TypeVar("_T")
_Self = TypeVar("_Self", bound="AsyncClient")


class AsyncClient(ClientBase):
    """A client of one gateway for asyncio. Takes the options of `Client`, and raises the same.

    Each call waits in a thread of the client's own, not in the event loop nor in its default
    executor: up to `MAX_CALLS` calls are under way at once, further ones wait their turn.
    ``timeout`` counts from the await, that wait included: a call whose turn has not come by then
    is not sent, and fails with `TimeoutError`. Use one client in one event loop. To make one
    reads certificate files, which takes some milliseconds.

    When a task that awaits a call is cancelled, asyncio.wait_for included, the task ends at once,
    and the call behind it soon after; no other call is disturbed. The gateway may have acted. The
    same holds for a call that had to wait its turn and has no answer when ``timeout`` is over.

    What waits for events has threads of its own, up to `MAX_POLLS`, and takes none from the calls.
    """

    #: How many calls are under way at once. May be set before the first call.
    MAX_CALLS = 64
    #: How many agents' events are waited for at once. May be set before the first wait.
    MAX_POLLS = 1000

    _threads: Optional[Threads] = None
    _polls: Optional[Threads] = None

    async def reject_agent_conf(
        self, agent_id: Union[int, str], guid: Optional[str] = None
    ) -> Answer:
        """Rejects the conference that rings at an agent; see `Client.reject_agent_conf`."""
        return await self._run(self._reject, agent_bytes(agent_id), optional_guid(guid))

    async def sign_in(
        self,
        agent_id: Union[int, str],
        *,
        phone: Optional[str] = None,
        password: Optional[str] = None,
        force: bool = False,
        fields: Optional[Dict[str, Any]] = None,
    ) -> Answer:
        """Signs an agent in, and keeps its Guid and cookies; see `Client.sign_in`."""
        options = sign_in_options(agent_id, phone, password, force, fields)
        return await self._run(self._sign_in, options)

    async def next_event(self, agent_id: Union[int, str]) -> Optional[Event]:
        """Waits for the next event of an agent, for about ten seconds; see `Client.next_event`.

        ``timeout`` counts on top of the ten seconds, and for the wait for a thread alone. A poll
        that has begun is not given up because it had to wait its turn: it might bring an event.
        """
        return await self._poll(agent_bytes(agent_id))

    def events(self, agent_id: Union[int, str]) -> AsyncGenerator[Event, None]:
        """Gives the events of an agent that is signed in, by ``async for``.

        It ends, and pauses, as `Client.events` does. A cancelled task ends it at once.
        """
        agent = agent_bytes(agent_id)
        if self.closed:
            raise self._gone()
        return self._events(agent)

    async def sign_out(self, agent_id: Union[int, str]) -> Answer:
        """Signs an agent out, and ends what waits for its events; see `Client.sign_out`."""
        return await self._run(self._sign_out, agent_bytes(agent_id))

    async def set_session(
        self, agent_id: Union[int, str], guid: Optional[str], cookie: Optional[str] = None
    ) -> None:
        """Keeps a Guid and cookies for an agent; see `Client.set_session`."""
        kept = session_bytes(agent_id, guid, cookie)
        await self._run(self._set_session, *kept, sends=False)

    async def session(self, agent_id: Union[int, str]) -> Session:
        """Shows what is kept for an agent; see `Client.session`."""
        return await self._run(self._session, agent_bytes(agent_id), sends=False)

    async def connect(self) -> str:
        """Makes sure that a verified connection stands ready; see `Client.connect`."""
        return await self._run(self._connect, sends=False)

    def cancel(self) -> None:
        """Makes the calls that are awaited end soon; see `Client.cancel`."""
        refuse_inside_log_handlers()  # where the library would end none
        for threads in filter(None, map(self._own, (self._threads, self._polls))):
            for call in threads.calls.copy():
                if not self._give_up(threads, call):
                    call.hand_over(None, error_of(Outcome(status=int(Status.CANCELLED))))
        super().cancel()

    async def close(self) -> None:
        """Frees the client; calls in progress end soon with `CallCancelledError`.

        Closing twice does nothing.
        """
        if self.closed:
            return
        # In a thread more, as the others may all be busy; not here, as it may have to wait for a
        # log handler, which may wait for the event loop.
        closing = Call(math.inf, lambda _call_id: self._close(), (), sends=False)
        closer = Threads(1)
        try:
            closer.run(closing)
        except ResourcesError:  # then here after all
            self._close()
            closing.settle(None, None)
        closer.stop()
        try:
            await closing.answer
        finally:  # whoever is cancelled here may keep the client
            pools, self._threads, self._polls = (self._threads, self._polls), None, None
            for threads in pools:
                if threads is not None and threads.process == os.getpid():
                    threads.stop()

    async def __aenter__(self: _Self) -> _Self:
        return self

    async def __aexit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        await self.close()

    async def _run(self, function: Callable[..., _T], *arguments: Any, sends: bool = True) -> _T:
        if self.closed:
            raise self._gone()
        call = Call(self._timeout, function, arguments, sends=sends)
        self._threads = self._own(self._threads) or Threads(self.MAX_CALLS)
        answer: _T = await self._answer(self._threads, call, self._is_late)
        return answer

    async def _poll(self, agent_id: bytes) -> Optional[Event]:
        """Polls; once more if one of the agent's, whose task was cancelled, was still ending."""
        while True:
            if self.closed:
                raise self._gone()
            self._polls = self._own(self._polls) or Threads(self.MAX_POLLS, "agw_poll", POLL_STACK)
            polls = self._polls
            ending = polls.are_ending(agent_id)
            call = Call(self._timeout, self._next_event, (agent_id,))
            try:
                event: Optional[Event] = await self._answer(polls, call, self._is_late_poll)
            except PollingError:
                if not ending:
                    raise
            except (asyncio.CancelledError, GeneratorExit):
                polls.given_up.setdefault(agent_id, []).append(call)
                raise
            else:
                return event
            await asyncio.sleep(TICK / 10)

    async def _events(self, agent_id: bytes) -> AsyncGenerator[Event, None]:
        while True:
            before = self._cancels
            try:
                event = await self._poll(agent_id)
            except OVER:
                return
            except PASSING:
                for _ in range(TICKS):
                    if self.closed or self._cancels != before:
                        return
                    await asyncio.sleep(TICK)
                continue
            if event is not None:
                yield event

    async def _answer(
        self, threads: Threads, call: Call, is_late: Callable[[Threads, Call], None]
    ) -> Any:
        late: Optional[asyncio.TimerHandle] = None
        if threads.run(call):
            # Only then: of one that begins at once the library knows whether a byte was sent.
            loop = asyncio.get_running_loop()
            late = loop.call_later(self._timeout, is_late, threads, call)
        try:
            return await call.answer
        except (asyncio.CancelledError, GeneratorExit):  # the latter: its event loop was dropped
            self._give_up(threads, call)
            raise
        finally:
            if late is not None:
                late.cancel()

    @staticmethod
    def _own(threads: Optional[Threads]) -> Optional[Threads]:
        """Gives none before the first use, and once more in the child after a fork."""
        return threads if threads is not None and threads.process == os.getpid() else None

    def _is_late(self, threads: Threads, call: Call) -> None:
        """Ends the wait for a call that had to wait its turn."""
        if call not in threads.calls:
            return  # the answer is there
        call.settle(None, call.too_late(begun=self._give_up(threads, call)))

    def _is_late_poll(self, threads: Threads, call: Call) -> None:
        """Ends the wait for a thread, and nothing else: the gateway hands out an event once."""
        if call.claim():
            threads.calls.discard(call)
            call.settle(None, call.too_late(begun=False))

    def _give_up(self, threads: Threads, call: Call) -> bool:
        """Takes a call back, or ends it if it has begun. Tells whether it had.

        One that has not reached the library yet ends there, before anything is sent.
        """
        if call.claim():
            threads.calls.discard(call)
            return False
        if call in threads.calls:
            now_or_later(self._library.agw_cancel_call, self._handle, call.call_id)
        return True
