"""Calls that wait for a thread, run in it, and are awaited in an event loop."""

import asyncio
import contextlib
import contextvars
import os
import threading
import time
from queue import SimpleQueue
from typing import Any, Callable, Optional, Set, Tuple

from ._abi import Status
from ._cancel import next_call_id
from ._outcome import Outcome
from .errors import AgwError, error_of, invalid

_BOOTTIME: Optional[int] = getattr(time, "CLOCK_BOOTTIME", None)


class Call:
    """One call. Either a thread claims it, to run it, or its event loop, to give it up."""

    def __init__(
        self, timeout: float, function: Callable[..., Any], arguments: Tuple[Any, ...]
    ) -> None:
        self._timeout = timeout
        self._deadline = _now() + timeout
        self._sends = bool(arguments)  # connect() has none
        #: By which it is ended once it runs.
        self.call_id = next_call_id()
        self._work = (contextvars.copy_context(), function, (self.call_id, *arguments))
        self._claimed = threading.Lock()
        self._loop = asyncio.get_running_loop()
        #: What is awaited.
        self.answer: asyncio.Future[Any] = self._loop.create_future()

    def claim(self) -> bool:
        """Tells whether nobody else has claimed it, nor ever will."""
        return self._claimed.acquire(blocking=False)

    def run(self, calls: "Set[Call]") -> None:
        """Runs it in this thread, takes it out of the calls, and hands over the answer."""
        # The event loop may have been busy, or the machine asleep.
        late = _now() >= self._deadline
        outcome = (None, self.too_late(begun=False)) if late else _outcome(*self._work)
        calls.discard(self)
        with contextlib.suppress(RuntimeError):  # its event loop is closed
            self._loop.call_soon_threadsafe(self.settle, *outcome)

    def settle(self, value: Any, error: Optional[BaseException]) -> None:
        """Gives the answer, in the event loop, unless nobody awaits it any more."""
        if self.answer.done():
            return
        if error is None:
            self.answer.set_result(value)
        else:
            self.answer.set_exception(error)

    def too_late(self, *, begun: bool) -> AgwError:
        """Makes the exception for one that had to wait its turn for too long."""
        detail = "too many calls at once: this one had to wait for others to end"
        outcome = Outcome(
            status=int(Status.TIMEOUT),
            maybe_sent=begun and self._sends,
            elapsed=self._timeout,
            detail=detail if begun else f"{detail}, and was not sent",
        )
        return error_of(outcome)


def _now() -> float:
    """Reads the clock, one that goes on while the machine sleeps, where there is one."""
    return time.monotonic() if _BOOTTIME is None else time.clock_gettime(_BOOTTIME)


def _outcome(
    context: contextvars.Context, function: Callable[..., Any], arguments: Tuple[Any, ...]
) -> Tuple[Any, Optional[BaseException]]:
    try:
        return context.run(function, *arguments), None
    except BaseException as error:  # noqa: BLE001 - raised where it is awaited
        return None, error


class Threads:
    """Up to so many threads, started as calls need them, and the calls that they have.

    They are daemons, which Python does not wait for when it ends: nobody awaits a call then.
    """

    def __init__(self, most: int) -> None:
        self.process = os.getpid()  # that they live in
        #: Waiting for a thread, or in one.
        self.calls: Set[Call] = set()
        self._most = most
        self._started = 0
        self._queue: SimpleQueue[Optional[Call]] = SimpleQueue()

    def run(self, call: Call) -> bool:
        """Has a thread run it. Tells whether it has to wait for others to end."""
        if self._started < min(len(self.calls) + 1, self._most):
            self._start()
        self.calls.add(call)
        self._queue.put(call)
        return len(self.calls) > self._started

    def _start(self) -> None:
        name, arguments = f"agw_{self._started}", (self._queue, self.calls)
        thread = threading.Thread(target=_work, args=arguments, name=name, daemon=True)
        try:
            thread.start()
            self._started += 1
        except RuntimeError as error:
            if not self._started:
                raise invalid("no thread can be started", Status.RESOURCES) from error

    def stop(self) -> None:
        """Ends the threads, each as soon as it has no call to run."""
        while self._started:
            self._started -= 1
            self._queue.put(None)

    __del__ = stop


def _work(queue: "SimpleQueue[Optional[Call]]", calls: Set[Call]) -> None:
    for call in iter(queue.get, None):
        if call.claim():
            call.run(calls)
        del call  # until the next one comes
