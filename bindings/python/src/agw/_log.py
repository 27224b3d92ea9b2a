"""The library's log lines, into the logger ``agw``."""

import logging
import threading
from typing import Dict, Optional

from ._abi import LOG_FN, LogLevel

logger = logging.getLogger("agw")
logger.addHandler(logging.NullHandler())

_LEVELS: Dict[int, int] = {
    LogLevel.ERROR: logging.ERROR,
    LogLevel.WARN: logging.WARNING,
    LogLevel.INFO: logging.INFO,
    LogLevel.DEBUG: logging.DEBUG,
}


class _Interrupt(threading.local):
    """What a log handler raised in this thread to end it, until the call has returned."""

    error: Optional[BaseException] = None


_interrupt = _Interrupt()


def _log(level: int, message: bytes, _user_data: object) -> None:
    """Runs in the thread that called the library, with the GIL.

    Nothing crosses into C. An exception of a handler goes to `sys.unraisablehook`, as ctypes has
    it. KeyboardInterrupt and the like would be lost that way, just where Python gets round to
    them: they wait until the call has returned.
    """
    try:
        python_level = _LEVELS.get(level, logging.DEBUG)
        logger.log(python_level, "%s", message.decode("utf-8", "replace"))
    except Exception:
        raise
    except BaseException as error:  # noqa: BLE001 - raised again by raise_interrupt
        _interrupt.error = error


#: One for all clients, alive as long as the module: it cannot be collected under the library.
CALLBACK = LOG_FN(_log)


def raise_interrupt() -> None:
    """Raises what `_log` has kept. To be called after each call of the library."""
    error, _interrupt.error = _interrupt.error, None
    if error is not None:
        raise error


def library_level(level: Optional[int]) -> LogLevel:
    """Translates a level of `logging`; None is what the logger lets through just now."""
    wanted = logger.getEffectiveLevel() if level is None else level
    for library, python in _LEVELS.items():
        if wanted >= python:
            return LogLevel(library)
    return LogLevel.DEBUG
