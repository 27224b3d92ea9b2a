"""The library's log lines, into the logger ``agw``."""

import logging
import operator
import sys
import threading
import time
from typing import Any, Callable, Dict, List, Tuple, Union

from ._abi import LOG_FN, LogLevel
from .errors import invalid

logger = logging.getLogger("agw")
logger.addHandler(logging.NullHandler())

_LEVELS: Dict[int, int] = {
    LogLevel.ERROR: logging.ERROR,
    LogLevel.WARN: logging.WARNING,
    LogLevel.INFO: logging.INFO,
    LogLevel.DEBUG: logging.DEBUG,
}

try:
    from __pypy__.thread import signals_enabled as _signals  # type: ignore[import-not-found]
except ImportError:
    _signals = None

# Others may lack sys.unraisablehook.
_CPYTHON = sys.implementation.name == "cpython"

# --- What ends a call later --------------------------------------------------------------------


class _Interrupt(threading.local):
    """What is to be raised in this thread as soon as the call has returned."""

    errors: Tuple[BaseException, ...] = ()


_interrupt = _Interrupt()


def keep(error: BaseException) -> None:
    """Keeps an exception for `raise_interrupt`."""
    _interrupt.errors += (error,)


def raise_interrupt() -> None:
    """Raises what was kept. To be called after each call of the library."""
    if _interrupt.errors:
        errors, _interrupt.errors = _interrupt.errors, ()
        # Of several the first, and rather one that ends the program.
        raise min(errors, key=lambda error: isinstance(error, Exception))


# --- The callback ------------------------------------------------------------------------------


def _log(level: int, message: bytes, _user_data: object) -> None:
    """Runs in the thread that called the library, with the GIL. Nothing crosses into C.

    An exception of a log handler goes to `sys.unraisablehook`, as ctypes has it. What signal
    handlers raise, and what a log handler raises to end the program, waits until the call has
    returned. `_sort_out` looks at the local variables.
    """
    try:
        _run_signal_handlers()
    except BaseException as error:  # noqa: BLE001 - raised again by raise_interrupt
        keep(error)
    try:
        python_level = _LEVELS.get(level, logging.DEBUG)
        logger.log(python_level, "%s", message.decode("utf-8", "replace"))
    except Exception:
        of_handler = True  # noqa: F841
        raise
    except BaseException as error:  # noqa: BLE001 - raised again by raise_interrupt
        keep(error)


def _run_signal_handlers() -> None:
    """Does nothing: Python runs those of pending signals when a function is called."""


#: One for all clients, alive as long as the module: it cannot be collected under the library.
CALLBACK = LOG_FN(_log)


class _Hook(threading.local):
    """A `sys.unraisablehook`: the former one in all threads but the one that sets ``take``.

    No function in Python, as a signal handler might raise at the beginning of that, too: Python
    gets ``take`` and calls it without entering one.
    """

    def __init__(self, former: Callable[[Any], Any]) -> None:
        self.former = self.take = former

    __call__: Any = property(operator.attrgetter("take"))


#: The last one: to make one takes longer than all the rest of `call`.
_hooks: List[_Hook] = []


def call(function: Callable[..., Any], *arguments: Any) -> None:
    """Calls a function of the library that may log."""
    # Signal handlers run in the main thread alone.
    if threading.get_ident() != threading.main_thread().ident:
        function(*arguments)
    elif _CPYTHON:
        _with_hook(function, arguments)
    elif _signals is not None:
        _without_signals(function, arguments)
    else:
        function(*arguments)


def _without_signals(function: Callable[..., Any], arguments: Tuple[Any, ...]) -> None:
    """Has PyPy run signal handlers afterwards.

    It would run them as ctypes enters the callback, and print what they raise.
    """
    try:
        _signals.__exit__(None, None, None)
    except RuntimeError:  # within a log handler: they have to wait already
        function(*arguments)
        return
    try:
        function(*arguments)
    finally:
        _signals.__enter__()
        time.sleep(0)  # else they might run much later


def _with_hook(function: Callable[..., Any], arguments: Tuple[Any, ...]) -> None:
    """Keeps what is raised as CPython enters the callback.

    From 3.11 on, it runs the handlers of pending signals as `_log` is entered, before its ``try``.
    What they raise goes to `sys.unraisablehook`, and is kept from there.
    """
    former = sys.unraisablehook
    hook = _hook(former)
    lost: List[Any] = []
    try:
        sys.unraisablehook = hook  # first: a signal handler that calls just then gets another one
        hook.take = lost.append
        function(*arguments)
    finally:
        hook.take = former
        if sys.unraisablehook is hook:
            sys.unraisablehook = former
        for unraisable in lost:
            _sort_out(unraisable, former)


def _hook(former: Callable[[Any], Any]) -> _Hook:
    """Gives the last one again if it fits."""
    for hook in _hooks:
        if hook.former is former:
            return hook
    hook = _Hook(former)
    _hooks[:] = (hook,)
    return hook


def _sort_out(unraisable: Any, former: Callable[[Any], Any]) -> None:
    """Keeps what a signal handler raised in `_log`, and hands on everything else."""
    trace, error = unraisable.exc_traceback, unraisable.exc_value
    line = trace.tb_frame.f_locals if trace and trace.tb_frame.f_code is _log.__code__ else None
    if error is None or line is None or "of_handler" in line:
        former(unraisable)
        return
    keep(error)
    if "python_level" not in line:  # not logged yet
        CALLBACK(line["level"], line["message"], None)


# --- Levels ------------------------------------------------------------------------------------


def library_level(level: Union[int, str, None]) -> LogLevel:
    """Translates a level of `logging`; None is what the logger lets through just now."""
    wanted = logger.getEffectiveLevel() if level is None else _number(level)
    for library, python in _LEVELS.items():
        if wanted >= python:
            return LogLevel(library)
    return LogLevel.DEBUG


def _number(level: Union[int, str]) -> int:
    """Takes names, too, as `logging.Logger.setLevel` does."""
    if isinstance(level, str):
        number = logging.getLevelName(level)
        if not isinstance(number, int):
            raise invalid(f"log_level is no level of logging: {level!r}")
        return number
    if isinstance(level, bool) or not isinstance(level, int):
        raise TypeError(f"log_level is to be an int or a str, not {type(level).__name__}")
    return level
