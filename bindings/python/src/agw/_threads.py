"""Calls that wait for a thread, run in it, and are awaited in an event loop."""

import asyncio
import contextlib
import contextvars
import os
import threading
import time
from queue import SimpleQueue
from typing import Any, Callable, Dict, List, Optional, Set, Tuple, TypeVar

from ._abi import Status
from ._cancel import next_call_id
from ._outcome import Outcome
from .errors import AgwError, ResourcesError, error_of, invalid

_T = TypeVar("_T")

_BOOTTIME: Optional[int] = getattr(time, "CLOCK_BOOTTIME", None)
_TICK = 0.1  # seconds; on Windows a lock that is waited for lets no signal handler run


class Call:
    """One call. Either a thread claims it, to run it, or its event loop, to give it up."""

    def __init__(
        self,
        timeout: float,
        function: Callable[..., Any],
        arguments: Tuple[Any, ...],
        *,
        sends: bool = True,
    ) -> None:
        self._timeout = timeout
        self._deadline = _now() + timeout
        self._sends = sends
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
        self.hand_over(*outcome)

    def hand_over(self, value: Any, error: Optional[BaseException]) -> None:
        """Gives the answer, from any thread."""
        with contextlib.suppress(RuntimeError):  # its event loop is closed
            self._loop.call_soon_threadsafe(self.settle, value, error)

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

    def __init__(self, most: int, name: str = "agw", stack: Optional[int] = None) -> None:
        self.process = os.getpid()  # that they live in
        #: Waiting for a thread, or in one.
        self.calls: Set[Call] = set()
        #: What nobody awaits any more, by what it is about. Some may be among the calls yet.
        self.given_up: Dict[bytes, List[Call]] = {}
        self._most = most
        self._name = name
        self._stack = stack
        self._started = 0
        self._queue: SimpleQueue[Optional[Call]] = SimpleQueue()

    def run(self, call: Call) -> bool:
        """Has a thread run it. Tells whether it has to wait for others to end."""
        if self._started < min(len(self.calls) + 1, self._most):
            self._start()
        self.calls.add(call)
        self._queue.put(call)
        return len(self.calls) > self._started

    def are_ending(self, about: bytes) -> bool:
        """Tells whether a call about it that nobody awaits any more has not ended yet."""
        left = [call for call in self.given_up.pop(about, ()) if call in self.calls]
        if left:
            self.given_up[about] = left
        return bool(left)

    def _start(self) -> None:
        name, arguments = f"{self._name}_{self._started}", (self._queue, self.calls)
        thread = threading.Thread(target=_work, args=arguments, name=name, daemon=True)
        try:
            start(thread, self._stack)
            self._started += 1
        except ResourcesError:
            if not self._started:
                raise

    def stop(self) -> None:
        """Ends the threads, each as soon as it has no call to run."""
        while self._started:
            self._started -= 1
            self._queue.put(None)

    __del__ = stop


# --- Threads for what waits long ---------------------------------------------------------------

#: The stack of a thread that waits for events. The library needs little of it. But where a handler
#: of log lines recurses, by way of C, as deep as Python lets it, 512 KiB is too little on x86-64.
POLL_STACK = 1 << 20

_stack_sizes = threading.RLock()

if hasattr(os, "register_at_fork"):  # neither taken nor a stack too small in the child
    os.register_at_fork(
        before=_stack_sizes.acquire,
        after_in_parent=_stack_sizes.release,
        after_in_child=_stack_sizes.release,
    )


def start(thread: threading.Thread, stack: Optional[int]) -> None:
    """Starts it with a stack of so many bytes, where the system lets one choose."""
    try:
        _start(thread, stack)
    except RuntimeError as error:
        raise invalid("no thread can be started", Status.RESOURCES) from error


def _start(thread: threading.Thread, stack: Optional[int]) -> None:
    if stack is None:
        thread.start()
        return
    with _stack_sizes:  # Python has one size, for all threads that are started
        try:
            former = threading.stack_size(stack)
        except (ValueError, RuntimeError):
            thread.start()
            return
        try:
            thread.start()
        finally:
            threading.stack_size(former)


def in_main_thread() -> bool:
    """Tells whether Python runs signal handlers in this thread."""
    return threading.get_ident() == threading.main_thread().ident


def run_interruptibly(
    end: Callable[[], object], function: Callable[..., _T], *arguments: Any
) -> _T:
    """Runs it in a thread more, and ends it by ``end`` if a signal handler raises meanwhile.

    Python runs signal handlers between its own instructions, not in the midst of a call of C.
    """
    done = threading.Event()
    kept: List[Tuple[Any, Optional[BaseException]]] = []
    context = contextvars.copy_context()

    def work() -> None:
        kept.append(_outcome(context, function, arguments))
        done.set()

    try:
        thread = threading.Thread(target=work, name="agw_poll", daemon=True)
        start(thread, POLL_STACK)
        while not done.wait(_TICK):
            pass
    except BaseException:
        end()
        done.wait(_TICK * 10)  # so that the agent's next call meets none that is still ending
        raise
    value, error = kept.pop()
    if error is None:
        result: _T = value
        return result
    try:
        raise error
    finally:
        del error  # its traceback has this frame


def _work(queue: "SimpleQueue[Optional[Call]]", calls: Set[Call]) -> None:
    while True:  # iter(queue.get, None) keeps the last one on PyPy
        call = queue.get()
        if call is None:
            return
        if call.claim():
            call.run(calls)
        del call  # until the next one comes
