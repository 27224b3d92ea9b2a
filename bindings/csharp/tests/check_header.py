#!/usr/bin/env python3
"""Compares numbers, struct fields and functions of include/agw.h with the C# sources, and the tree
of exceptions with that of Python. Then it is shown that changed copies are refused.

    check_header.py HEADER SOURCE-FOLDER PYTHON-ERRORS
"""

import re
import sys
from pathlib import Path

from header import camel, constants, differences, functions, report, structs, without_comments

# Whose values are which C# members: prefix of the header, enum; the longest prefix first.
ENUMS = (
    ("AGW_SIGN_IN_", "SignInFlags"),
    ("AGW_RESULT_", "ResultFlags"),
    ("AGW_TRUST_", "AgwTrust"),
    ("AGW_LOG_", "AgwLogLevel"),
    ("AGW_E_", "AgwStatus"),
)
SINGLE = {
    "AGW_OK": "AgwStatus.Ok",
    "AGW_ALLOW_HTTP": "OptionFlags.AllowHttp",
    "AGW_NO_KEEP_ALIVE": "OptionFlags.NoKeepAlive",
    "AGW_EVENT_TRUNCATED": "EventFlags.Truncated",
    "AGW_VERSION_NUM": "HeaderVersion",
}
# Members that are not in the header: the zero of an enum.
EXTRA = {"AgwLogLevel.Default": 0} | {
    f"{enum}Flags.None": 0 for enum in ("Option", "Result", "SignIn", "Event")
}

# Exceptions that have another name in Python, where the short one means something else.
RENAMED = {"Agw": "", "ConnectionLost": "IO", "CallCancelled": "Cancelled"}

# The size of a field in C, and of the same in C#; a pointer is "p".
C_SIZES = {"uint32_t": 4, "int32_t": 4, "int64_t": 8, "agw_log_fn": "p"}
CS_SIZES = {"uint": 4, "int": 4, "long": 8, "IntPtr": "p"}
NUMBERS = ("uint32_t", "int32_t", "int64_t", "uint", "int", "long")
SIGNED = {kind: kind[0] != "u" for kind in NUMBERS}
STRUCTS = {
    "agw_client_options": "NativeOptions",
    "agw_result": "NativeResult",
    "agw_sign_in_options": "NativeSignIn",
    "agw_event": "NativeEvent",
    "agw_session": "NativeSession",
}
CS_TYPES = {
    "agw_status": "int",
    "int32_t": "int",
    "uint32_t": "uint",
    "const char *": "IntPtr",
    "agw_client *": "IntPtr",
    "agw_client **": "out IntPtr",
    "agw_result *": "ref NativeResult",
    "agw_event *": "ref NativeEvent",
    "agw_session *": "ref NativeSession",
    "const agw_client_options *": "ref NativeOptions",
    "const agw_sign_in_options *": "ref NativeSignIn",
}


def member(name):
    """The C# name of a number of the header."""
    if name in SINGLE:
        return SINGLE[name]
    for prefix, enum in ENUMS:
        if name.startswith(prefix):
            return f"{enum}.{camel(name[len(prefix):])}"
    return name


def header_numbers(header):
    found = constants(header).items()
    return {member(name): int(value) for name, value in found if '"' not in value} | EXTRA


def source_numbers(source):
    numbers = {}
    for enum, body in re.findall(r"enum (\w+) : u?int\s*\{(.*?)\}", source, re.S):
        for name, value in re.findall(r"(\w+) = (-?\d+)", body):
            numbers[f"{enum}.{name}"] = int(value)
    version = re.search(r"const uint HeaderVersion = (\d+);", source)
    return numbers | {"HeaderVersion": int(version[1])}


def header_texts(header):
    """The types of events that have a name."""
    return {camel(name.removeprefix("AGW_EVENT_")): value.strip('"')
            for name, value in constants(header).items() if '"' in value}


def source_texts(source):
    event = re.search(r"class AgwEvent\s*\{(.*?)\n    \}", source, re.S)[1]
    return dict(re.findall(r'const string (\w+) = "(\w+)";', event))


def header_fields(header, struct):
    fields = []
    for kind, name, count in structs(header)[struct]:
        size = int(count) if count else "p" if kind.endswith("*") else C_SIZES[kind]
        fields.append((name, size, SIGNED.get(kind)))
    return fields


def source_fields(source, struct):
    """Name, size and signedness in order; and the FieldOffsets, where there are any."""
    body = re.search(rf"struct {struct}\s*\{{(.*?)\n    \}}", source, re.S)[1]
    constants = dict(re.findall(r"const int (\w+) = (\d+);", body))
    underlying = dict(re.findall(r"enum (\w+) : (u?int)", source))
    fields, offsets = [], []
    for offset, fixed, declared, name, count in re.findall(
        r"^ {8}(?:\[FieldOffset\((\d+)\)\] )?internal (fixed )?(\w+) (\w+)(?:\[(\w+)\])?;",
        body,
        re.M,
    ):
        kind = underlying.get(declared, declared)
        size = int(constants[count]) if fixed else CS_SIZES[kind]
        fields.append((name, size, SIGNED.get(kind)))
        offsets += [int(offset)] if offset else []
    return fields, offsets


def running_offsets(fields):
    total, offsets = 0, []
    for _, size, _ in fields:
        offsets.append(total)
        total += size
    return offsets


def header_functions(header):
    return {name: (CS_TYPES[kind], [CS_TYPES[one] for one in taken])
            for name, (kind, taken) in functions(header).items()}


def source_functions(source):
    functions = {}
    for kind, name, arguments in re.findall(
        r"CallingConvention\.Cdecl, ExactSpelling = true\)\]\s+"
        r"internal static extern (\w+) (\w+)\((.*?)\);",
        source,
        re.S,
    ):
        types = [one.strip().rsplit(" ", 1)[0] for one in arguments.split(",") if one.strip()]
        functions[name] = (kind, types)
    return functions


def tree(parents, classes):
    """For each status its class, then those above it up to the root, which has no name here."""
    chains = {}
    for status, name in classes:
        chain = [name]
        while chain[-1] in parents:
            chain.append(parents[chain[-1]])
        names = [RENAMED.get(one, one) for one in chain if not one.startswith("_")]
        chains[status] = " < ".join(names)
    return chains


def python_tree(source):
    parents = re.findall(r"^class (\w+)Error\((\w+?)Error\b", source, re.M)
    classes = re.findall(r"Status\.(\w+): (\w+)Error,", source)
    return tree(dict(parents), [(camel(status), name) for status, name in classes])


def source_tree(source):
    parents = re.findall(r"class Agw(\w+)Exception : Agw(\w*)Exception", source)
    classes = re.findall(r"case AgwStatus\.(\w+): return new Agw(\w+)Exception\(", source)
    return tree(dict(parents), classes)


def compare(header_text, source_text, python_text):
    """What differs, a line each."""
    header, source = without_comments(header_text), without_comments(source_text)
    yield from differences("number", header_numbers(header), "C#", source_numbers(source))
    yield from differences("text", header_texts(header), "C#", source_texts(source))
    yield from differences("function", header_functions(header), "C#", source_functions(source))
    yield from differences("exception", python_tree(python_text), "C#", source_tree(source))
    for c_name, cs_name in STRUCTS.items():
        wanted = header_fields(header, c_name)
        found, offsets = source_fields(source, cs_name)
        if wanted != found:
            yield f"struct {c_name}: header {wanted}, C# {found}"
        elif offsets and offsets != running_offsets(wanted):
            yield f"struct {c_name}: offsets {offsets}"
    if re.search(r"\[DllImport(?!\(Library, CallingConvention = CallingConvention\.Cdecl)", source):
        yield "a DllImport without CallingConvention.Cdecl"


CHANGES = (
    ("#define AGW_E_TLS 102", "#define AGW_E_TLS 107"),
    ("#define AGW_LOG_DEBUG 4", "#define AGW_LOG_DEBUG 4\n#define AGW_LOG_TRACE 5"),
    ("#define AGW_RESULT_TRUNCATED 4", ""),
    ("#define AGW_SIGN_IN_FORCE 1", "#define AGW_SIGN_IN_FORCE 2"),
    ("#define AGW_EVENT_TRUNCATED 1", "#define AGW_EVENT_TRUNCATED 1\n#define AGW_EVENT_LOST 2"),
    ('"AgentConf_Ringing"', '"AgentConf_Rings"'),
    ('#define AGW_EVENT_READY "AgentState_Ready"', ""),
    ("#define AGW_VERSION_NUM 65536", "#define AGW_VERSION_NUM 65792"),
    ("uint32_t timeout_ms;", "int32_t timeout_ms;"),
    ("const char *proxy;", "const char *proxy;\n    const char *proxy_password;"),
    ("int32_t os_error;\n", "\n"),
    ("char message[512];", "char message[1024];"),
    ("agw_connect(agw_client *client,", "agw_connect(agw_client *client, uint32_t flags,"),
    ("int32_t http_status;", "int32_t http_code;"),
    ("const char *phone;", "uint32_t phone;"),
    ("int64_t conf_id;", "int32_t conf_id;"),
    ("char cookie[1776];", "char cookie[2032];"),
    ("agw_session *session,", ""),
)
TREE_CHANGES = (
    ("class TlsError(NetworkError)", "class TlsError(AgwError)"),
    ("class TooLargeError(AnswerError)", "class TooLargeError(ProtocolError)"),
    ("Status.SESSION: SessionError,", "Status.SESSION: GatewayError,"),
    ("    Status.PROXY: ProxyError,\n", ""),
)


def main():
    header, folder, python = (Path(argument) for argument in sys.argv[1:])
    sources = "\n".join(file.read_text(encoding="utf-8") for file in sorted(folder.glob("*.cs")))
    texts = header.read_text(encoding="utf-8"), sources, python.read_text(encoding="utf-8")
    return report("C#, header and Python", compare, texts, {0: CHANGES, 2: TREE_CHANGES})


if __name__ == "__main__":
    sys.exit(main())
