"""Compares numbers, texts, structs and functions of agw.h with the tables of the package, then
shows that changed copies are refused.

    check_header.py HEADER
"""

import ctypes
import sys
from ctypes import POINTER
from pathlib import Path
from typing import Any, Dict, Iterator

from header import constants, differences, functions, report, structs, without_comments

from agw import _abi

TYPES: Dict[str, Any] = {
    "int32_t": ctypes.c_int32,
    "agw_status": ctypes.c_int32,
    "uint32_t": ctypes.c_uint32,
    "int64_t": ctypes.c_int64,
    "const char *": ctypes.c_char_p,
    "void *": ctypes.c_void_p,
    "agw_client *": ctypes.c_void_p,
    "agw_client **": POINTER(ctypes.c_void_p),
    "agw_log_fn": _abi.LOG_FN,
    "const agw_client_options *": POINTER(_abi.ClientOptions),
    "const agw_sign_in_options *": POINTER(_abi.SignInOptions),
    "agw_result *": POINTER(_abi.Result),
    "agw_event *": POINTER(_abi.Event),
    "agw_session *": POINTER(_abi.Session),
}
STRUCTS = {
    "agw_client_options": _abi.ClientOptions,
    "agw_result": _abi.Result,
    "agw_sign_in_options": _abi.SignInOptions,
    "agw_event": _abi.Event,
    "agw_session": _abi.Session,
}
# Whose members are which numbers of the header: by its prefix.
ENUMS: Dict[str, Any] = {
    "AGW_TRUST_": _abi.Trust,
    "AGW_LOG_": _abi.LogLevel,
    "AGW_RESULT_": _abi.ResultFlag,
    "AGW_": _abi.OptionFlag,
    "AGW_SIGN_IN_": _abi.SignInFlag,
    "AGW_EVENT_": _abi.EventFlag,
}
LOG_FN = "typedef void (AGW_CALL *agw_log_fn)(int32_t level, const char *message, void *user_data);"


def python_constants() -> Dict[str, str]:
    """As the header has them: texts in quotes."""
    found = {status.c_name: f"{status:d}" for status in _abi.Status}
    for prefix, enum in ENUMS.items():
        found.update({prefix + name: f"{one:d}" for name, one in enum.__members__.items()})
    found.update({f"AGW_EVENT_{name}": f'"{text}"' for name, text in _abi.EVENT_TYPES.items()})
    return {**found, "AGW_VERSION_NUM": f"{_abi.VERSION_NUM}"}


def header_structs(header: str) -> Dict[str, Any]:
    return {
        name: [
            (field, ctypes.c_char * int(count) if count else TYPES.get(kind, kind))
            for kind, field, count in fields
        ]
        for name, fields in structs(header).items()
    }


def header_functions(header: str) -> Dict[str, Any]:
    return {
        name: (TYPES.get(kind, kind), tuple(TYPES.get(one, one) for one in taken))
        for name, (kind, taken) in functions(header).items()
    }


def compare(header_text: str) -> Iterator[str]:
    """What differs, a line each."""
    header = without_comments(header_text)
    ours = {name: list(struct._fields_) for name, struct in STRUCTS.items()}
    yield from differences("constant", constants(header), "Python", python_constants())
    yield from differences("struct", header_structs(header), "Python", ours)
    calls = {name: (returned, taken) for name, returned, taken in _abi.FUNCTIONS}
    yield from differences("function", header_functions(header), "Python", calls)
    if LOG_FN not in header:
        yield "agw_log_fn has another type"


CHANGES = (
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
)


if __name__ == "__main__":
    texts = [Path(sys.argv[1]).read_text(encoding="utf-8")]
    sys.exit(report("Python and header", compare, texts, {0: CHANGES}))
