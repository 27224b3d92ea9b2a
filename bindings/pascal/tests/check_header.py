#!/usr/bin/env python3
"""Compares numbers, texts, records and functions of agw.pas with include/agw.h, then shows that
changed copies are refused.

    check_header.py HEADER AGW.PAS [FOLDER]

Into FOLDER it writes layout.c and layout.pas, which print the place and size of every field: as the
two compilers have it.
"""

import re
import sys
from pathlib import Path

from header import (
    camel,
    constants,
    differences,
    functions,
    parameters,
    report,
    structs,
    without_comments,
)

TYPES = {"uint32_t": "Cardinal", "int32_t": "Integer", "int64_t": "Int64", "agw_status": "Integer",
         "const char *": "PAnsiChar", "void *": "Pointer", "agw_log_fn": "TAgwLogFn",
         "agw_client **": "PPAgwClient"}
# Names that mean something else in Pascal, which does not tell capitals from small letters.
RENAMED = {"type": "type_", "AGW_VERSION_NUM": "AGW_HEADER_VERSION"}


def without_pascal_comments(text):
    return re.sub(r"\{[^$}][^}]*\}|//[^\n]*", "", text, flags=re.S)


def pascal(kind):
    """A type of the header as Pascal has it."""
    return TYPES.get(kind) or "P" + camel(kind.removeprefix("const ").removesuffix(" *"))


def header_records(header):
    records = {}
    for name, fields in structs(header).items():
        records[f"T{camel(name)}"] = [
            (RENAMED.get(field, field),
             f"array[0..{int(count) - 1}] of AnsiChar" if count else pascal(kind))
            for kind, field, count in fields
        ]
    return records


def source_records(source):
    bodies = re.findall(r"(TAgw\w+) = record\n(.*?)  end;", source, re.S)
    records = {name: re.findall(r"(\w+): (.*?);", body) for name, body in bodies}
    return {name: fields for name, fields in records.items() if name != "TAgwClient"}


def header_constants(header):
    return {RENAMED.get(name, name): value.replace('"', "'")
            for name, value in constants(header).items()}


def source_constants(source):
    found = re.findall(r"^  (AGW_\w+) = (.*?);", source, re.M)
    return {name: value for name, value in found if name != "AGW_LIBRARY"}


def header_functions(header):
    found = {name: (pascal(kind), [pascal(one) for one in taken])
             for name, (kind, taken) in functions(header).items()}
    (callback,) = re.findall(r"typedef void \(AGW_CALL \*agw_log_fn\)\((.*?)\);", header)
    return found | {"TAgwLogFn": ("", [pascal(one) for one in parameters(callback)])}


def source_functions(source):
    functions = {}
    for name, arguments, kind, external in re.findall(
        r"function (agw_\w+)(?:\(([^)]*)\))?: (\w+);\s+"
        r"cdecl; external AGW_LIBRARY name '(\w+)';", source, re.S
    ):
        types = [one.split(":")[1].strip() for one in arguments.split(";") if one]
        functions[name] = (kind, types if external == name else f"is {external}")
    (callback,) = re.findall(r"TAgwLogFn = procedure\((.*?)\); cdecl;", source) or [""]
    types = [one.split(":")[1].strip() for one in callback.split(";") if one]
    return functions | {"TAgwLogFn": ("", types)}


def compare(header_text, source_text):
    """What differs, a line each."""
    header, source = without_comments(header_text), without_pascal_comments(source_text)
    yield from differences("constant", header_constants(header), "Pascal", source_constants(source))
    yield from differences("record", header_records(header), "Pascal", source_records(source))
    yield from differences("function", header_functions(header), "Pascal", source_functions(source))


HEADER_CHANGES = (
    ("#define AGW_E_TLS 102", "#define AGW_E_TLS 107"),
    ("#define AGW_LOG_DEBUG 4", "#define AGW_LOG_DEBUG 4\n#define AGW_LOG_TRACE 5"),
    ("#define AGW_VERSION_NUM 65536", "#define AGW_VERSION_NUM 65792"),
    ('"AgentState_Ready"', '"AgentState_Steady"'),
    ("uint32_t timeout_ms;", "int32_t timeout_ms;"),
    ("const char *phone;", "const char *phone;\n    const char *line;"),
    ("int64_t conf_id;", "int32_t conf_id;"),
    ("char message[512];", "char message[1024];"),
    ("agw_connect(agw_client *client,", "agw_connect(agw_client *client, uint32_t flags,"),
    ("(int32_t level, const char *message,", "(int32_t level, int32_t more, const char *message,"),
)
SOURCE_CHANGES = (
    ("cdecl; external AGW_LIBRARY name 'agw_free'", "external AGW_LIBRARY name 'agw_free'"),
    ("name 'agw_cancel';", "name 'agw_free';"),
    ("user_data: Pointer); cdecl;", "user_data: Pointer);"),
    ("    os_error: Integer;\n", ""),
    ("    guid: array[0..263] of AnsiChar;", "    guid: array[0..264] of AnsiChar;"),
    ("  AGW_E_POLLING = 10;\n", ""),
)


def write_layout(header, folder):
    """Programs in both languages that print: record, field, place, size."""
    text = without_comments(header)
    c = ["#include <stddef.h>", "#include <stdio.h>", '#include "agw.h"', "int main(void) {"]
    pas = ["program layout;", "{$MODE DELPHI}", "uses agw;", "var"]
    names = list(structs(text))
    pas += [f"  {camel(name)}: T{camel(name)};" for name in names] + ["begin"]
    for name, fields in zip(names, header_records(text).values(), strict=True):
        record = camel(name)
        c.append(f'printf("{name} %d\\n", (int)sizeof({name}));')
        pas.append(f"  WriteLn('{name} ', SizeOf({record}));")
        for field, kind in fields:
            at = "@@" if kind == "TAgwLogFn" else "@"
            member = field.removesuffix("_")
            c.append(f'printf("{field} %d %d\\n", (int)offsetof({name}, {member}), '
                     f"(int)sizeof((({name} *)0)->{member}));")
            pas.append(f"  WriteLn('{field} ', PtrUInt({at}{record}.{field}) - PtrUInt(@{record}),"
                       f" ' ', SizeOf({record}.{field}));")
    (folder / "layout.c").write_text("\n".join([*c, "return 0; }", ""]), encoding="utf-8")
    (folder / "layout.pas").write_text("\n".join([*pas, "end.", ""]), encoding="utf-8")


def main():
    texts = [Path(path).read_text(encoding="utf-8") for path in sys.argv[1:3]]
    if len(sys.argv) > 3:
        write_layout(texts[0], Path(sys.argv[3]))
    return report("Pascal and header", compare, texts, {0: HEADER_CHANGES, 1: SOURCE_CHANGES})


if __name__ == "__main__":
    sys.exit(main())
