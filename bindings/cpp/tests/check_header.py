#!/usr/bin/env python3
"""Looks whether agw.hpp has all of include/agw.h, and takes its numbers from there; then shows that
changed copies are refused.

    check_header.py HEADER AGW.HPP
"""

import re
import sys
from pathlib import Path

from header import constants, functions, report, structs, without_comments

# The flags that the binding has as functions and fields.
FLAGS = {"AGW_ALLOW_HTTP", "AGW_NO_KEEP_ALIVE", "AGW_SIGN_IN_FORCE", "AGW_EVENT_TRUNCATED"}
# How the binding writes the fields of a struct; the library fills in the others.
FIELDS = {"agw_client_options": "c.", "agw_sign_in_options": "c."}
PREFIXES = ("AGW_E_", "AGW_TRUST_", "AGW_LOG_", "AGW_")


def wanted(header):
    """What a binding is to have: a status, a trust, a level, a flag, a field, a function."""
    for name in constants(header).keys() - {"AGW_VERSION_NUM"}:
        flag = name.startswith("AGW_RESULT_") or name in FLAGS
        yield name if flag else f" = {name}"
    for struct, fields in structs(header).items():
        places = (FIELDS.get(struct, "raw_.") + name for _, name, _ in fields)
        yield from (place for place in places if not place.endswith(".reserved"))
    yield from functions(header)


def compare(header_text, source):
    """What differs, a line each."""
    for name in wanted(without_comments(header_text)):
        if not re.search(re.escape(name) + r"\b", source):
            yield f"agw.hpp lacks {name}"
    for body in re.findall(r"enum class .*?\{(.*?)\}", without_comments(source), re.S):
        for name, value in re.findall(r"(\w+) = (\w+)", body):
            # The default of log_level has no name in the header.
            known = ["0"] if name == "standard" else [one + name.upper() for one in PREFIXES]
            if value not in known:
                yield f"in agw.hpp {name} is {value}"


HEADER_CHANGES = (
    ("#define AGW_E_INTERNAL 900", "#define AGW_E_NEW 306\n#define AGW_E_INTERNAL 900"),
    ("    uint32_t elapsed_us;", "    uint32_t elapsed_us;\n    int32_t fresh;"),
    ("    const char *proxy;", "    const char *proxy;\n    const char *proxy_2;"),
    ("    const char *phone;", "    const char *phone;\n    const char *room;"),
    ("    char cookie[1776];", "    char cookie[1776];\n    char node[8];"),
)
SOURCE_CHANGES = (
    ("agw_cancel(", "agw_free("),
    ("c.ca = ", "c.proxy = "),
    ("connect = AGW_E_CONNECT", "connect = AGW_E_TLS"),
    ("pin = AGW_TRUST_PIN", "pin = 2"),
)


if __name__ == "__main__":
    files = [Path(path).read_text(encoding="utf-8") for path in sys.argv[1:]]
    changes = {0: HEADER_CHANGES, 1: SOURCE_CHANGES}
    sys.exit(report("C++ and header", compare, files, changes))
