"""Compares agw.h with the tables of the package."""

import ctypes
import re
from typing import Any, Dict, List, Tuple

from agw import _abi

C_TYPES: Dict[str, Any] = {
    "int32_t": ctypes.c_int32,
    "agw_status": ctypes.c_int32,
    "uint32_t": ctypes.c_uint32,
    "const char *": ctypes.c_char_p,
    "void *": ctypes.c_void_p,
    "agw_client *": ctypes.c_void_p,
    "agw_log_fn": _abi.LOG_FN,
    "const agw_client_options *": ctypes.POINTER(_abi.ClientOptions),
    "agw_client **": ctypes.POINTER(ctypes.c_void_p),
    "agw_result *": ctypes.POINTER(_abi.Result),
    "int64_t": ctypes.c_int64,
    "const agw_sign_in_options *": ctypes.POINTER(_abi.SignInOptions),
    "agw_event *": ctypes.POINTER(_abi.Event),
    "agw_session *": ctypes.POINTER(_abi.Session),
}
STRUCTS = {
    "agw_client_options": _abi.ClientOptions,
    "agw_result": _abi.Result,
    "agw_sign_in_options": _abi.SignInOptions,
    "agw_event": _abi.Event,
    "agw_session": _abi.Session,
}
LOG_FN = "typedef void (AGW_CALL *agw_log_fn)(int32_t level, const char *message, void *user_data);"

Field = Tuple[str, Any]


def differences(header: str) -> List[str]:
    """Gives a line for each thing that differs."""
    header = re.sub(r"/\*.*?\*/", "", header, flags=re.DOTALL)
    found = _compare("number", header_numbers(header), python_numbers())
    found += _compare("text", header_texts(header), python_texts())
    for name, struct in STRUCTS.items():
        theirs, ours = header_fields(header, name), list(struct._fields_)
        if theirs != ours:
            found.append(f"struct {name}: header {theirs}, Python {ours}")
    ours_functions = {name: (returned, taken) for name, returned, taken in _abi.FUNCTIONS}
    found += _compare("function", header_functions(header), ours_functions)
    if LOG_FN not in header:
        found.append("agw_log_fn has another type")
    return found


def _compare(what: str, header: Dict[str, Any], python: Dict[str, Any]) -> List[str]:
    return [
        f"{what} {name}: header {header.get(name)}, Python {python.get(name)}"
        for name in sorted({*header, *python})
        if header.get(name) != python.get(name)
    ]


def header_numbers(header: str) -> Dict[str, int]:
    found = re.findall(r"^#define (AGW_\w+) (-?\w+)$", header, flags=re.MULTILINE)
    return {name: int(value, 0) for name, value in found if name not in ("AGW_API", "AGW_CALL")}


def header_texts(header: str) -> Dict[str, str]:
    return dict(re.findall(r'^#define (AGW_\w+) "(.*)"$', header, flags=re.MULTILINE))


def python_texts() -> Dict[str, str]:
    return {f"AGW_EVENT_{name}": text for name, text in _abi.EVENT_TYPES.items()}


def python_numbers() -> Dict[str, int]:
    numbers = {status.c_name: int(status) for status in _abi.Status}
    numbers.update({f"AGW_TRUST_{trust.name}": int(trust) for trust in _abi.Trust})
    numbers.update({f"AGW_LOG_{level.name}": int(level) for level in _abi.LogLevel})
    for flag in (_abi.ResultFlag.MAYBE_SENT, _abi.ResultFlag.RESENT, _abi.ResultFlag.TRUNCATED):
        numbers[f"AGW_RESULT_{flag.name}"] = int(flag)
    for option in (_abi.OptionFlag.ALLOW_HTTP, _abi.OptionFlag.NO_KEEP_ALIVE):
        numbers[f"AGW_{option.name}"] = int(option)
    numbers["AGW_SIGN_IN_FORCE"] = int(_abi.SignInFlag.FORCE)
    numbers["AGW_EVENT_TRUNCATED"] = int(_abi.EventFlag.TRUNCATED)
    return {**numbers, "AGW_VERSION_NUM": _abi.VERSION_NUM}


def header_fields(header: str, struct: str) -> List[Field]:
    found = re.search(rf"typedef struct {struct} {{(.*?)}} {struct};", header, flags=re.DOTALL)
    assert found, f"no struct {struct}"
    return [_field(line) for line in found[1].split(";") if line.strip()]


def _field(declaration: str) -> Field:
    words = re.fullmatch(r"\s*(.*?)(\w+)(?:\[(\d+)\])?\s*", declaration)
    assert words, declaration
    kind, name, length = words[1].strip(), words[2], words[3]
    if length:
        assert kind == "char", declaration
        return name, ctypes.c_char * int(length)
    return name, C_TYPES.get(kind, kind)


def header_functions(header: str) -> Dict[str, Any]:
    pattern = r"AGW_API\s+([\w ]+?\s*\**)\s*AGW_CALL (agw_\w+)\(([^)]*)\);"
    return {
        name: (C_TYPES.get(returned.strip(), returned), _parameters(taken))
        for returned, name, taken in re.findall(pattern, header)
    }


def _parameters(text: str) -> Tuple[Any, ...]:
    if text.strip() == "void":
        return ()
    return tuple(_field(parameter)[1] for parameter in text.split(","))
