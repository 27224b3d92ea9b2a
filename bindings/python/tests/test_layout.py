"""The tables of the package are the header's; and the comparison does find what differs."""

import ctypes
import os
from pathlib import Path

import pytest

import agw
from agw import _abi, errors
from layout import differences

HEADER = Path(os.environ["AGW_HEADER"]).read_text(encoding="utf-8")


def test_the_tables_are_the_headers() -> None:
    assert differences(HEADER) == []


def test_the_sizes_are_the_headers() -> None:
    assert ctypes.sizeof(_abi.ClientOptions) == 32 + 9 * ctypes.sizeof(ctypes.c_void_p)
    assert ctypes.sizeof(_abi.Result) == 1088
    assert ctypes.sizeof(_abi.SignInOptions) == 8 + 4 * ctypes.sizeof(ctypes.c_void_p)
    assert ctypes.sizeof(_abi.Event) == 4096
    assert ctypes.sizeof(_abi.Session) == 2048


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("#define AGW_E_TLS 102", "#define AGW_E_TLS 103"),
        ("#define AGW_E_GATEWAY_BUSY 305", "#define AGW_E_GATEWAY_BUSY 305\n#define AGW_E_NEW 306"),
        ("#define AGW_TRUST_PIN 2", ""),
        ("#define AGW_RESULT_RESENT 2", "#define AGW_RESULT_RESENT 8"),
        ("#define AGW_VERSION_NUM 65536", "#define AGW_VERSION_NUM 65792"),
        ("uint32_t timeout_ms;", "int32_t timeout_ms;"),
        ("uint32_t timeout_ms;", "uint64_t timeout_ms;"),
        ("char retcode[32];", "char retcode[64];"),
        ("const char *ca;", "const char *extra;\n    const char *ca;"),
        ("int32_t http_status;", "int32_t os_error;"),
        ("const char *ca;", "const char *swapped;"),
        ("agw_cancel(agw_client *client)", "agw_cancel(agw_client *client, agw_result *result)"),
        ("AGW_API uint32_t AGW_CALL agw_version_num", "AGW_API int32_t AGW_CALL agw_version_num"),
        ("AGW_API agw_status AGW_CALL agw_free(agw_client *client);", ""),
        ("(int32_t level, const", "(int64_t level, const"),
        ('"AgentConf_Ringing"', '"AgentConf_Rings"'),
        ("#define AGW_EVENT_READY", '#define AGW_EVENT_NEW "New"\n#define AGW_EVENT_READY'),
        ("#define AGW_SIGN_IN_FORCE 1", "#define AGW_SIGN_IN_FORCE 2"),
        ("#define AGW_EVENT_TRUNCATED 1", "#define AGW_EVENT_TRUNCATED 2"),
        ("const char *phone;", "const char *room;"),
        ("int64_t generated_ms;", "uint64_t generated_ms;"),
        ("char cookie[1776];", "char cookie[1777];"),
    ],
)
def test_a_changed_header_is_noticed(old: str, new: str) -> None:
    assert old in HEADER
    assert differences(HEADER.replace(old, new, 1)) != []


def test_each_status_has_its_exception() -> None:
    assert set(errors.CLASSES) == set(agw.Status) - {agw.Status.OK}
    assert len(set(errors.CLASSES.values())) == len(errors.CLASSES)


def test_each_event_of_the_header_has_its_name() -> None:
    assert {name: getattr(agw.Event, name) for name in _abi.EVENT_TYPES} == _abi.EVENT_TYPES


def test_the_versions_agree() -> None:
    number = _abi.VERSION_NUM
    assert agw.__version__ == f"{number >> 16}.{number >> 8 & 0xFF}.{number & 0xFF}"
    assert agw.library_version() == agw.__version__
