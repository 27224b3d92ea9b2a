"""What the commands of ``python -m agw`` share: secrets, the client, what is printed."""

import argparse
import contextlib
import getpass
import logging
import os
import re
import signal
import sys
from pathlib import Path
from typing import Any, Dict, Iterator, Optional, TextIO

from . import Client, Trust
from ._client import Pem

_LINE_MAX = 512  # what is longer is no Guid or password: the library takes 256 bytes


class WrongUsageError(Exception):
    """Says what the user has to do otherwise."""


class NobodyReadsError(Exception):
    """Standard output takes no more: its reader has gone, or its disk is full."""


def read_guid(arguments: argparse.Namespace) -> str:
    if arguments.guid_file is not None:
        guid = _from_file("--guid-file", arguments.guid_file).strip()
        if not guid:
            raise WrongUsageError("no Guid in the first line of --guid-file")
        return guid
    name = arguments.guid_env or "AGW_GUID"
    if name not in os.environ:
        raise WrongUsageError(f"no Guid: neither --guid-file nor the variable {name}")
    return os.environ[name]


def read_password(arguments: argparse.Namespace) -> str:
    """It may be empty, and may have blanks around it."""
    if arguments.password_file is not None:
        return _from_file("--password-file", arguments.password_file)
    name = arguments.password_env or "AGW_PASSWORD"
    if name in os.environ:
        return os.environ[name]
    if arguments.password_env is None and sys.stdin is not None and sys.stdin.isatty():
        with interruptible(), contextlib.suppress(EOFError):  # the terminal is to show text again
            return getpass.getpass(f"Password of agent {arguments.agent}: ")
    raise WrongUsageError(f"no password: neither --password-file nor the variable {name}")


def _from_file(option: str, name: str) -> str:
    try:
        if name != "-":
            with Path(name).open(encoding="utf-8") as file:
                return _first_line(option, file)
        if sys.stdin is None:
            raise WrongUsageError(f"cannot read {option} -: standard input is closed")
        return _first_line(option, sys.stdin)
    except OSError as error:
        raise WrongUsageError(f"cannot read {option} {name}: {error.strerror or error}") from None


def _first_line(option: str, file: TextIO) -> str:
    """Reads no more than a secret can be. A decoding error would show what was read."""
    try:
        line = file.readline(_LINE_MAX)
    except UnicodeDecodeError:
        raise WrongUsageError(f"the first line of {option} is not UTF-8") from None
    # Windows' editors put a byte-order mark in front.
    return line.lstrip("\ufeff").rstrip("\r\n")


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Has Ctrl-C, SIGTERM and SIGHUP end what is inside, and the next Ctrl-C the program."""
    handlers: Dict[int, Any] = dict.fromkeys(
        (signal.SIGINT, signal.SIGTERM), signal.default_int_handler
    )
    hang_up = getattr(signal, "SIGHUP", None)
    if hang_up is not None and signal.getsignal(hang_up) != signal.SIG_IGN:  # as under nohup
        handlers[hang_up] = _hang_up
    kept = {number: signal.getsignal(number) for number in handlers}
    try:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        yield
    finally:
        for number, handler in kept.items():
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, handler)


def _hang_up(number: int, _frame: object) -> None:
    """A terminal that is closed says so twice: by its shell, and by the end of that."""
    signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def make_client(arguments: argparse.Namespace) -> Client:
    return Client(
        arguments.url,
        ca=_path(arguments.ca),
        pin_sha256=arguments.pin,
        client_cert=_path(arguments.client_cert),
        client_key=_path(arguments.client_key),
        trust=Trust.DANGER_ANY if arguments.danger_any else None,
        timeout=arguments.timeout,
        connect_timeout=arguments.connect_timeout,
        max_agent_id=arguments.max_agent_id,
        connect_to=arguments.connect_to,
        proxy=arguments.proxy,
        allow_http=arguments.allow_http,
        log_level=None if arguments.log else logging.CRITICAL,
    )


def _path(name: Optional[str]) -> Optional[Pem]:
    return Path(name) if name else name  # an empty one would become the folder "."


# What a terminal obeys or does not show, the same as in agw-check; and what no encoding has.
_OBEYED = re.compile(
    "[\0-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e007f\ud800-\udfff]"
)


def printable(text: str) -> str:
    """The gateway's text may hold anything, but a terminal should obey nobody else."""
    return _OBEYED.sub(" ", text)


def print_text(text: str) -> None:
    """Escapes what the terminal's encoding cannot show. Without a standard output says nothing."""
    if sys.stdout is None:
        return
    encoding = sys.stdout.encoding or "utf-8"
    try:
        print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)
    except OSError:
        # Python writes what is left at the end, and would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise NobodyReadsError from None


def tell(text: str) -> None:
    """Prints what a call came to. Where nobody reads it, the exit code tells that alone."""
    with contextlib.suppress(NobodyReadsError):
        print_text(text)
