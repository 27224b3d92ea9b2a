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

TYPES = {"uint32_t": "Cardinal", "int32_t": "Integer", "int64_t": "Int64", "agw_status": "Integer",
         "const char *": "PAnsiChar", "void *": "Pointer", "agw_log_fn": "TAgwLogFn",
         "agw_client **": "PPAgwClient"}
# Names that mean something else in Pascal, which does not tell capitals from small letters.
RENAMED = {"type": "type_", "AGW_VERSION_NUM": "AGW_HEADER_VERSION"}


def without_comments(text):
    return re.sub(r"/\*.*?\*/", "", text, flags=re.S)


def without_pascal_comments(text):
    return re.sub(r"\{[^$}][^}]*\}|//[^\n]*", "", text, flags=re.S)


def camel(name):
    return "".join(word.capitalize() for word in name.split("_"))


def pascal(kind):
    """A type of the header as Pascal has it."""
    return TYPES.get(kind) or "P" + camel(kind.removeprefix("const ").removesuffix(" *"))


def header_records(header):
    records = {}
    for name, body in re.findall(r"typedef struct (\w+) \{(.*?)\}", header, re.S):
        fields = []
        for kind, pointer, field, count in re.findall(
            r"((?:const )?\w+) (\*?)(\w+)(?:\[(\d+)\])?;", body
        ):
            size = f"array[0..{int(count) - 1}] of AnsiChar" if count else None
            fields.append((RENAMED.get(field, field),
                           size or pascal(f"{kind} {pointer}".strip())))
        records[f"T{camel(name)}"] = fields
    return records


def source_records(source):
    bodies = re.findall(r"(TAgw\w+) = record\n(.*?)  end;", source, re.S)
    records = {name: re.findall(r"(\w+): (.*?);", body) for name, body in bodies}
    return {name: fields for name, fields in records.items() if name != "TAgwClient"}


def header_constants(header):
    found = re.findall(r'^#define (AGW_\w+) (-?\d+|"\w*")$', header, re.M)
    return {RENAMED.get(name, name): value.replace('"', "'") for name, value in found}


def source_constants(source):
    found = re.findall(r"^  (AGW_\w+) = (.*?);", source, re.M)
    return {name: value for name, value in found if name != "AGW_LIBRARY"}


def header_functions(header):
    functions = {}
    for kind, pointer, name, arguments in re.findall(
        r"AGW_API\s+((?:const )?\w+) (\*?)AGW_CALL (\w+)\((.*?)\);", header, re.S
    ):
        types = [re.sub(r"\w+$", "", one.strip()).strip() for one in arguments.split(",")]
        types = [] if arguments == "void" else [pascal(one) for one in types]
        functions[name] = (pascal(f"{kind} {pointer}".strip()), types)
    (callback,) = re.findall(r"typedef void \(AGW_CALL \*agw_log_fn\)\((.*?)\);", header)
    types = [pascal(re.sub(r"\w+$", "", one.strip()).strip()) for one in callback.split(",")]
    return functions | {"TAgwLogFn": ("", types)}


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


def differences(what, wanted, found):
    for key in sorted(set(wanted) | set(found)):
        if wanted.get(key) != found.get(key):
            yield f"{what} {key}: {wanted.get(key)}, but in Pascal {found.get(key)}"


def compare(header_text, source_text):
    """What differs, a line each."""
    header, source = without_comments(header_text), without_pascal_comments(source_text)
    yield from differences("constant", header_constants(header), source_constants(source))
    yield from differences("record", header_records(header), source_records(source))
    yield from differences("function", header_functions(header), source_functions(source))


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


def changed(text, changes):
    for old, new in changes:
        if old not in text:
            raise ValueError(f"there is no {old!r} to change")
        yield f"{old!r} -> {new!r}", text.replace(old, new)


def unnoticed(header, source):
    """The changes that go unnoticed."""
    for change, other in changed(header, HEADER_CHANGES):
        if not list(compare(other, source)):
            yield f"unnoticed: {change}"
    for change, other in changed(source, SOURCE_CHANGES):
        if not list(compare(header, other)):
            yield f"unnoticed: {change}"


def write_layout(header, folder):
    """Programs in both languages that print: record, field, place, size."""
    text = without_comments(header)
    c = ["#include <stddef.h>", "#include <stdio.h>", '#include "agw.h"', "int main(void) {"]
    pas = ["program layout;", "{$MODE DELPHI}", "uses agw;", "var"]
    names = re.findall(r"typedef struct (\w+) \{", text)
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
    header, source = (Path(path).read_text(encoding="utf-8") for path in sys.argv[1:3])
    wrong = list(compare(header, source)) or list(unnoticed(header, source))
    for line in wrong:
        print(f"check_header: {line}", file=sys.stderr)
    if len(sys.argv) > 3:
        write_layout(header, Path(sys.argv[3]))
    if not wrong:
        refused = len(HEADER_CHANGES) + len(SOURCE_CHANGES)
        print(f"check_header: Pascal and header agree; {refused} changed copies are refused")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
