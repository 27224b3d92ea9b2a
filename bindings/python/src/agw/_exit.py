"""The end of the interpreter, while daemon threads still call.

Python ends such a thread as soon as it wants to run Python again. Inside a log callback that would
abort the process: so by then none may be on its way, and none may come any more.
"""

import atexit
import contextlib
import os
import threading
import time
import weakref
from typing import Any, Iterator, Set, Tuple

_ending = threading.Event()
_making: Set[Tuple[int, object]] = set()  # one for each client that is being made
# By id: those of a program's own class may be equal, or cannot be hashed.
_clients: "weakref.WeakValueDictionary[int, Any]" = weakref.WeakValueDictionary()


@contextlib.contextmanager
def client_in_the_making() -> Iterator[bool]:
    """Tells whether the client may log. If so, it is to be given to `free_at_the_end`."""
    one = threading.get_ident(), object()
    _making.add(one)
    try:
        yield not _ending.is_set()  # asked only now: `_end` may have missed the one
    finally:
        _making.discard(one)


def free_at_the_end(client: Any) -> None:
    """Frees the client at exit, unless that has been done."""
    client._finalizer.atexit = False  # noqa: SLF001
    _clients[id(client)] = client


@atexit.register
def _end() -> None:
    _ending.set()
    # One of this thread's is not being made: a signal handler raised as it was to be discarded.
    while any(thread != threading.get_ident() for thread, _one in _making.copy()):
        time.sleep(0.001)
    for client in list(_clients.values()):
        # Called, it might do nothing: weakref may have ended first.
        detached = client._finalizer.detach()  # noqa: SLF001
        if detached is not None:
            _client, free, arguments, _keywords = detached
            free(*arguments)  # ends the client's calls, and waits for its log callbacks


if hasattr(os, "register_at_fork"):
    # The threads that were making clients are not there in the child.
    os.register_at_fork(after_in_child=_making.clear)
