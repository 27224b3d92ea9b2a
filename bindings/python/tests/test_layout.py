"""The tables of the package; check_header.py compares them with the header."""

import ctypes

import agw
from agw import _abi, errors


def test_the_sizes_are_the_headers() -> None:
    assert ctypes.sizeof(_abi.ClientOptions) == 32 + 9 * ctypes.sizeof(ctypes.c_void_p)
    assert ctypes.sizeof(_abi.Result) == 1088
    assert ctypes.sizeof(_abi.SignInOptions) == 8 + 4 * ctypes.sizeof(ctypes.c_void_p)
    assert ctypes.sizeof(_abi.Event) == 4096
    assert ctypes.sizeof(_abi.Session) == 2048


def test_each_status_has_its_exception() -> None:
    assert set(errors.CLASSES) == set(agw.Status) - {agw.Status.OK}
    assert len(set(errors.CLASSES.values())) == len(errors.CLASSES)


def test_each_event_of_the_header_has_its_name() -> None:
    assert {name: getattr(agw.Event, name) for name in _abi.EVENT_TYPES} == _abi.EVENT_TYPES


def test_the_versions_agree() -> None:
    number = _abi.VERSION_NUM
    assert agw.__version__ == f"{number >> 16}.{number >> 8 & 0xFF}.{number & 0xFF}"
    assert agw.library_version() == agw.__version__
