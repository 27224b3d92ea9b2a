"""How one call is ended: by its number, and by a token that knows the numbers of its calls."""

import contextlib
import ctypes
import itertools
from typing import Dict, Iterator, NoReturn, Tuple

from ._abi import Status
from ._library import load
from ._outcome import Outcome
from .errors import error_of

_numbers = itertools.count()


def next_call_id() -> int:
    """Gives the next number for a call, counted upward in this process; never 0, which is none."""
    return next(_numbers) % 0xFFFFFFFF + 1


def refuse_inside_log_handlers() -> None:
    """Raises `ReentrantError` there, as the library does."""
    if load().agw_cancel(None) == Status.REENTRANT:
        raise error_of(Outcome(status=int(Status.REENTRANT)))


class CancelToken:
    """Ends the calls of `Client` that it is given to, and no others.

    ::

        token = agw.CancelToken()
        # in one thread:
        client.reject_agent_conf(154, guid, cancel=token)
        # in another:
        token.cancel()

    One token may be given to any number of calls, on whatever clients, in whatever threads. For
    `AsyncClient` none is needed: there a task is cancelled.
    """

    # Without a lock: a signal handler may cancel in the thread that has just taken it. Of a call
    # that begins and a cancel, at least one sees the other.

    def __init__(self) -> None:
        self._cancelled = False
        self._calls: Dict[int, Tuple[ctypes.CDLL, int]] = {}

    @property
    def cancelled(self) -> bool:
        """Whether ``cancel()`` has been called."""
        return self._cancelled

    def cancel(self) -> None:
        """Makes its calls in progress end soon with `CallCancelledError`.

        Those to come end at once, before anything is sent: there is no way back. Any thread; does
        not block. Inside a log handler it raises `ReentrantError`, and nothing is done.
        """
        refuse_inside_log_handlers()  # where the library would end no call
        self._cancelled = True
        for call_id, (library, handle) in self._calls.copy().items():
            library.agw_cancel_call(handle, call_id)

    @contextlib.contextmanager
    def _ends(self, library: ctypes.CDLL, handle: int) -> Iterator[int]:
        """Gives a call its number, by which it can be ended meanwhile."""
        call_id = next_call_id()
        try:
            self._calls[call_id] = library, handle
            if self._cancelled:  # comes before its call
                library.agw_cancel_call(handle, call_id)
            yield call_id
        finally:
            self._calls.pop(call_id, None)

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{type(self).__name__} cannot be pickled or copied: threads share it")
