"""The client for asyncio: the same calls, awaited, in threads of its own."""

import asyncio
import math
import os
from types import TracebackType
from typing import Callable, Optional, Type, TypeVar, Union

from ._client import ClientBase, agent_bytes, closed_error, guid_bytes, now_or_later
from ._outcome import Answer
from ._threads import Call, Threads

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
    """

    #: How many calls are under way at once. May be set before the first call.
    MAX_CALLS = 64

    _threads: Optional[Threads] = None

    async def reject_agent_conf(self, agent_id: Union[int, str], guid: str) -> Answer:
        """Rejects the conference call that rings at an agent; see `Client.reject_agent_conf`."""
        return await self._run(self._reject, agent_bytes(agent_id), guid_bytes(guid))

    async def connect(self) -> str:
        """Makes sure that a verified connection stands ready; see `Client.connect`."""
        return await self._run(self._connect)

    async def close(self) -> None:
        """Frees the client; calls in progress end soon with `CallCancelledError`.

        Closing twice does nothing.
        """
        if self.closed:
            return
        # In a thread more, as the others may all be busy; not here, as it may have to wait for a
        # log handler, which may wait for the event loop.
        closing = Call(math.inf, lambda _call_id: self._close(), ())
        Threads(1).run(closing)
        await closing.answer
        threads, self._threads = self._threads, None
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

    async def _run(self, function: Callable[..., _T], *arguments: bytes) -> _T:
        if self.closed:
            raise closed_error()
        threads, call = self._own_threads(), Call(self._timeout, function, arguments)
        late: Optional[asyncio.TimerHandle] = None
        if threads.run(call):
            # Only then: of one that begins at once the library knows whether a byte was sent.
            loop = asyncio.get_running_loop()
            late = loop.call_later(self._timeout, self._is_late, threads, call)
        try:
            answer: _T = await call.answer
            return answer
        except (asyncio.CancelledError, GeneratorExit):  # the latter: its event loop was dropped
            self._give_up(threads, call)
            raise
        finally:
            if late is not None:
                late.cancel()

    def _own_threads(self) -> Threads:
        """Makes them on first use, and once more in the child after a fork."""
        if self._threads is None or self._threads.process != os.getpid():
            self._threads = Threads(self.MAX_CALLS)
        return self._threads

    def _is_late(self, threads: Threads, call: Call) -> None:
        """Ends the wait for a call that had to wait its turn."""
        if call not in threads.calls:
            return  # the answer is there
        call.settle(None, call.too_late(begun=self._give_up(threads, call)))

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
