"""Reads agw.h, compares it with what a binding says, and shows that changed copies are refused."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any


def without_comments(text: str) -> str:
    return re.sub(r"/\*.*?\*/|//[^\n]*", "", text, flags=re.S)


def camel(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))


def constants(header: str) -> dict[str, str]:
    """Each with its text: a number, or words in quotes."""
    return dict(re.findall(r'^#define (AGW_\w+) (-?\d+|"\w*")$', header, re.M))


def structs(header: str) -> dict[str, list[tuple[str, str, str]]]:
    """Of each the fields in order: type, name, and the length of an array as a text."""
    found = re.findall(r"typedef struct (\w+) \{(.*?)\}", header, re.S)
    field = r"((?:const )?\w+(?: \*)?) ?(\w+)(?:\[(\d+)\])?;"
    return {name: re.findall(field, body) for name, body in found}


def functions(header: str) -> dict[str, tuple[str, list[str]]]:
    """Of each the type that it returns, and those that it takes."""
    pattern = r"AGW_API\s+((?:const )?\w+(?: \*)?) ?AGW_CALL (\w+)\((.*?)\);"
    found = re.findall(pattern, header, re.S)
    return {name: (kind, parameters(arguments)) for kind, name, arguments in found}


def parameters(arguments: str) -> list[str]:
    """The types alone; of `void` none."""
    types = (re.sub(r"\w+$", "", one.strip()).strip() for one in arguments.split(","))
    return [kind for kind in types if kind]


def differences(
    what: str, wanted: Mapping[str, object], where: str, found: Mapping[str, object]
) -> Iterator[str]:
    for key in sorted(set(wanted) | set(found)):
        if wanted.get(key) != found.get(key):
            yield f"{what} {key}: {wanted.get(key)}, but in {where} {found.get(key)}"


def unnoticed(
    compare: Callable[..., Iterator[str]], texts: Sequence[str], changes: Mapping[int, Any]
) -> Iterator[str]:
    """The changes that go unnoticed: of each text, by its place, what it has and what for it."""
    for place, pairs in changes.items():
        for old, new in pairs:
            if old not in texts[place]:
                raise ValueError(f"there is no {old!r} to change")
            others = [*texts]
            others[place] = texts[place].replace(old, new)
            if not list(compare(*others)):
                yield f"unnoticed: {old!r} -> {new!r}"


def report(
    who: str,
    compare: Callable[..., Iterator[str]],
    texts: Sequence[str],
    changes: Mapping[int, Any],
) -> int:
    """Tells what differs, or that all is well; gives the exit code."""
    wrong = list(compare(*texts)) or list(unnoticed(compare, texts, changes))
    for line in wrong:
        print(f"check_header: {line}", file=sys.stderr)
    if not wrong:
        refused = sum(map(len, changes.values()))
        print(f"check_header: {who} agree; {refused} changed copies are refused")
    return 1 if wrong else 0
