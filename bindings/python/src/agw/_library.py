"""Finds and loads the shared library: the wheel's, that of AGW_LIBRARY, the system's."""

import ctypes
import functools
import os
import sys
from pathlib import Path

from . import _abi

_IN_WHEEL = {"win32": "agw.dll", "darwin": "libagw.dylib"}.get(sys.platform, "libagw.so")
_IN_SYSTEM = {"win32": "agw.dll", "darwin": "libagw.1.dylib"}.get(sys.platform, "libagw.so.1")


def library_path() -> str:
    """Tells which library is used: a path, or a bare name that the system looks up.

    In this order: the one inside the installed package, the one that the environment variable
    ``AGW_LIBRARY`` names, the system's.
    """
    inside = Path(__file__).resolve().parent / _IN_WHEEL
    if inside.is_file():
        return str(inside)
    return os.environ.get("AGW_LIBRARY") or _IN_SYSTEM


@functools.lru_cache(maxsize=None)
def load() -> ctypes.CDLL:
    """Loads the library once. ctypes releases the GIL during its calls.

    Raises ImportError if there is none, or one that does not fit.
    """
    path = library_path()
    try:
        library = ctypes.CDLL(path)
        _check_version(path, library)
        _abi.declare(library)
    except (OSError, AttributeError) as error:
        text = f"cannot use agw's shared library {path} ({error}); AGW_LIBRARY can name another"
        raise ImportError(text) from error
    return library


def _check_version(path: str, library: ctypes.CDLL) -> None:
    """Refuses an older one, which may lack functions, and another major version."""
    library.agw_version_num.restype = ctypes.c_uint32
    number: int = library.agw_version_num()
    wanted = _abi.VERSION_NUM
    if number >> 16 != wanted >> 16 or number < wanted:
        text = f"agw's library {path} is {_dotted(number)}; needed is {_dotted(wanted)} or a newer"
        raise ImportError(f"{text} {wanted >> 16}.x")


def _dotted(number: int) -> str:
    return f"{number >> 16}.{number >> 8 & 0xFF}.{number & 0xFF}"


def library_version() -> str:
    """Gives the version of the shared library that is running, such as ``1.0.0``."""
    version: bytes = load().agw_version()
    return version.decode()


def sentence(status: int) -> str:
    """Says in an English sentence what a status means and what to do."""
    text: bytes = load().agw_strerror(status)
    return text.decode("utf-8", "replace")
