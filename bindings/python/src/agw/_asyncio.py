"""The client for asyncio: the same calls, awaited, in threads of its own."""

import asyncio
import contextlib
import contextvars
import os
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, Callable, Optional, Set, Type, TypeVar, Union

from ._client import ClientBase, agent_bytes, guid_bytes
from ._outcome import Answer

_T = TypeVar("_T")
_Self = TypeVar("_Self", bound="AsyncClient")

#: How long until a call that is to end is looked at again, in seconds.
_LOOK_AGAIN = 0.05


class AsyncClient(ClientBase):
    """A client of one gateway for asyncio. Takes the options of `Client`, and raises the same.

    Each call waits in a thread of the client's own, not in the event loop nor in its default
    executor: up to `MAX_CALLS` calls are under way at once, further ones wait their turn, and
    ``timeout`` counts from then. Use one client in one event loop. To make one reads
    certificate files, which takes some milliseconds.

    When a task that awaits a call is cancelled, asyncio.wait_for included, the task ends at once.
    The call behind it is ended, too, as soon as nobody awaits another one of this client: the
    library cannot end one call among several, and others are not ended for its sake. Until then
    it goes on unobserved, ``timeout`` at most. Either way the gateway may have acted.
    """

    #: How many calls are under way at once. May be set before the first call.
    MAX_CALLS = 64

    _executor: Optional[ThreadPoolExecutor] = None
    _process = 0  # that the executor's threads live in
    _calls: "Set[Future[Any]]"  # in progress; made with the executor
    _unawaited: "Set[Future[Any]]"  # those of them whose task was cancelled

    async def reject_agent_conf(self, agent_id: Union[int, str], guid: str) -> Answer:
        """Rejects the conference call that rings at an agent; see `Client.reject_agent_conf`."""
        return await self._run(self._reject, agent_bytes(agent_id), guid_bytes(guid))

    async def connect(self) -> None:
        """Makes sure that a verified connection stands ready; see `Client.connect`."""
        await self._run(self._connect)

    async def close(self) -> None:
        """Frees the client; calls in progress end soon with `CallCancelledError`.

        Closing twice does nothing.
        """
        # Not in the client's own threads, which may all be busy; not here, as it may have to
        # wait for a log handler, which may wait for the event loop.
        await asyncio.get_running_loop().run_in_executor(None, self._close)
        executor, self._executor = self._executor, None
        if executor is not None and self._process == os.getpid():
            executor.shutdown(wait=False)

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
        executor = self._threads()
        context = contextvars.copy_context()
        call = executor.submit(context.run, function, *arguments)
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)
        try:
            return await asyncio.wrap_future(call)
        except asyncio.CancelledError:
            self._unawaited.add(call)
            call.add_done_callback(self._unawaited.discard)
            self._end(call)
            raise

    def _threads(self) -> ThreadPoolExecutor:
        """Makes the threads on first use, and once more in the child after a fork."""
        if self._executor is None or self._process != os.getpid():
            self._executor = ThreadPoolExecutor(self.MAX_CALLS, thread_name_prefix="agw")
            self._process = os.getpid()
            self._calls, self._unawaited = set(), set()
        return self._executor

    def _end(self, call: "Future[Any]") -> None:
        """Ends a call that nobody awaits any more, as soon as that hurts no other.

        All calls begin in the event loop's thread, and so does this: none can come in between.
        The call may not have reached the library yet, hence the second look.
        """
        if call.done():
            return
        if self._calls <= self._unawaited:
            self.cancel()
        with contextlib.suppress(RuntimeError):  # no event loop any more: its time-out will do
            asyncio.get_running_loop().call_later(_LOOK_AGAIN, self._end, call)
