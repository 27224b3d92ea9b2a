"""``python -m agw``: rejects a call, tries the connection, watches events: for the support desk."""

import argparse
import contextlib
import dataclasses
import getpass
import json
import logging
import os
import signal
import sys
import time
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Optional, TextIO, Union

from . import (
    AgwError,
    Answer,
    Client,
    Event,
    Outcome,
    SessionError,
    Status,
    Trust,
    __version__,
    library_path,
    library_version,
)
from ._client import agent_bytes
from ._library import sentence
from .errors import name_of

# 1 is Python's own: also when there is no package agw to run.
ACCEPTED, CANNOT_RUN, WRONG_USAGE, TOO_LATE, RENEW_SESSION, REFUSED, NO_ANSWER = range(7)

_EPILOG = """\
exit code  0  accepted (connect: the connection stands; watch: ended by Ctrl-C)
           1  the tool cannot run: no shared library, for one
           2  wrong usage or wrong options
           3  too late, nothing is ringing at the agent
           4  take the newest Guid or sign in again (watch: the session is over)
           5  the gateway refused for another reason
           6  no answer from the gateway: network, certificate, time-out, ...
"""

_GUID_HELP = """\
The Guid is as good as a password, and every user of a machine can see the command lines of all
its processes. So it is taken from a file, from standard input, or from the environment.
"""

_WATCH_HELP = """\
Prints the events of an agent, one a line, until Ctrl-C. With --sign-in it signs the agent in, and
out at the end. Otherwise it takes a Guid, and only one program may wait for an agent's events.

Passwords and Guids are not for the command line, which every user of a machine can see. So they
are taken from a file, from standard input, or from the environment; a password is else asked for.
"""

_Value = Union[str, int, float, bool]
_GATEWAY_NUMBERS = range(300, 400)
_LINE_MAX = 512  # what is longer is no Guid or password: the library takes 256 bytes


class _WrongUsageError(Exception):
    """Says what the user has to do otherwise."""


# --- The command line --------------------------------------------------------------------------


def _parser() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="python -m agw", description=__doc__, formatter_class=raw, epilog=_EPILOG
    )
    parser.add_argument("--version", action="store_true", help="versions, and the library's path")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    reject = commands.add_parser(
        "reject",
        help="reject the conference call that rings at an agent",
        description=_GUID_HELP,
        formatter_class=raw,
        epilog=_EPILOG,
    )
    reject.add_argument("--agent", required=True, metavar="ID", help="the agent")
    _add_guid(reject)
    connect = commands.add_parser(
        "connect",
        help="see whether a verified connection can be had; sends no request",
        formatter_class=raw,
        epilog=_EPILOG,
    )
    watch = commands.add_parser(
        "watch",
        help="print an agent's events, and reject what rings if so wanted",
        description=_WATCH_HELP,
        formatter_class=raw,
        epilog=_EPILOG,
    )
    watch.add_argument("--agent", required=True, metavar="ID", help="the agent")
    watch.add_argument("--reject", action="store_true", help="reject every conference that rings")
    _add_guid(watch)
    _add_sign_in(watch)
    for command in (reject, connect, watch):
        _add_gateway(command)
        _add_trust(command)
        _add_rest(command)
    return parser


def _add_guid(parser: argparse.ArgumentParser) -> None:
    guid = parser.add_mutually_exclusive_group()
    guid.add_argument("--guid-file", metavar="FILE", help="first line of FILE; - is standard input")
    guid.add_argument("--guid-env", metavar="NAME", help="environment variable (default AGW_GUID)")


def _add_sign_in(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--sign-in", action="store_true", help="sign in, instead of a Guid")
    parser.add_argument("--phone", metavar="NUMBER", help="the agent's phone")
    parser.add_argument("--force", action="store_true", help="sign in although signed in already")
    password = parser.add_mutually_exclusive_group()
    password.add_argument(
        "--password-file", metavar="FILE", help="first line of FILE; - is standard input"
    )
    password.add_argument(
        "--password-env", metavar="NAME", help="environment variable (default AGW_PASSWORD)"
    )


def _add_gateway(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--url", required=True, help="the gateway, as in https://gateway:8043")
    parser.add_argument("--connect-to", metavar="IP:PORT", help="dial this instead")
    parser.add_argument("--proxy", help="http://host:port, or env: from the environment")
    parser.add_argument("--allow-http", action="store_true", help="take a URL with plain http")


def _add_trust(parser: argparse.ArgumentParser) -> None:
    trust = parser.add_mutually_exclusive_group()
    trust.add_argument("--ca", metavar="FILE", help="trust these certificates, and no others")
    trust.add_argument(
        "--pin", metavar="SHA256", help="trust the certificate with this fingerprint"
    )
    trust.add_argument("--danger-any", action="store_true", help="trust anybody (laboratory)")
    parser.add_argument("--client-cert", metavar="FILE", help="client certificate chain, PEM")
    parser.add_argument("--client-key", metavar="FILE", help="its private key, PEM")


def _add_rest(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--timeout", type=float, default=10.0, metavar="S", help="whole call (10)")
    parser.add_argument("--connect-timeout", type=float, default=5.0, metavar="S", help="(5)")
    parser.add_argument("--max-agent-id", type=int, default=59999, metavar="N", help="(59999)")
    parser.add_argument("--log", action="store_true", help="log lines to standard error")
    parser.add_argument(
        "--json", action="store_true", help="one JSON object instead of text, of watch one a line"
    )


# --- Secrets -----------------------------------------------------------------------------------


def _read_guid(arguments: argparse.Namespace) -> str:
    if arguments.guid_file is not None:
        guid = _from_file("--guid-file", arguments.guid_file).strip()
        if not guid:
            raise _WrongUsageError("no Guid in the first line of --guid-file")
        return guid
    name = arguments.guid_env or "AGW_GUID"
    if name not in os.environ:
        raise _WrongUsageError(f"no Guid: neither --guid-file nor the variable {name}")
    return os.environ[name]


def _read_password(arguments: argparse.Namespace) -> str:
    """It may be empty, and may have blanks around it."""
    if arguments.password_file is not None:
        return _from_file("--password-file", arguments.password_file)
    name = arguments.password_env or "AGW_PASSWORD"
    if name in os.environ:
        return os.environ[name]
    if arguments.password_env is None and sys.stdin.isatty():
        with _interruptible(), contextlib.suppress(EOFError):  # the terminal is to show text again
            return getpass.getpass(f"Password of agent {arguments.agent}: ")
    raise _WrongUsageError(f"no password: neither --password-file nor the variable {name}")


def _from_file(option: str, name: str) -> str:
    if name == "-":
        return _first_line(option, sys.stdin)
    try:
        with Path(name).open(encoding="utf-8") as file:
            return _first_line(option, file)
    except OSError as error:
        raise _WrongUsageError(f"cannot read {option} {name}: {error.strerror}") from None


def _first_line(option: str, file: TextIO) -> str:
    """Reads no more than a secret can be. A decoding error would show what was read."""
    try:
        line = file.readline(_LINE_MAX)
    except UnicodeDecodeError:
        raise _WrongUsageError(f"the first line of {option} is not UTF-8") from None
    # Windows' editors put a byte-order mark in front.
    return line.lstrip("\ufeff").rstrip("\r\n")


# --- The call ----------------------------------------------------------------------------------


def _make_client(arguments: argparse.Namespace) -> Client:
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


def _path(name: Optional[str]) -> Optional[Path]:
    return None if name is None else Path(name)


def _reject(arguments: argparse.Namespace) -> Outcome:
    guid = _read_guid(arguments)
    with _make_client(arguments) as client:
        answer = client.reject_agent_conf(arguments.agent, guid)
    return Outcome(status=Status.OK, **dataclasses.asdict(answer))


def _connect(arguments: argparse.Namespace) -> Outcome:
    with _make_client(arguments) as client:
        begin = time.monotonic()
        detail = client.connect()
        return Outcome(status=Status.OK, elapsed=time.monotonic() - begin, detail=detail)


# --- The watch ---------------------------------------------------------------------------------

_GUID = ("guid_file", "guid_env")
_SIGN_IN = ("phone", "force", "password_file", "password_env")


def _watch(arguments: argparse.Namespace) -> Optional[Outcome]:
    """Gives no outcome where Ctrl-C, or whoever reads the lines, has ended it."""
    _check_watch(arguments)
    with _make_client(arguments) as client:
        try:
            with _on_shift(client, arguments):
                _follow(client, arguments)
        except KeyboardInterrupt:
            pass
        except BrokenPipeError:
            # Python writes what is left at the end, and would complain.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return None


def _check_watch(arguments: argparse.Namespace) -> None:
    out_of_place = _GUID if arguments.sign_in else _SIGN_IN
    for name in out_of_place:
        if getattr(arguments, name):
            option, rule = name.replace("_", "-"), "not " if arguments.sign_in else "only "
            raise _WrongUsageError(f"--{option} goes {rule}with --sign-in")


@contextlib.contextmanager
def _on_shift(client: Client, arguments: argparse.Namespace) -> Iterator[None]:
    """Signs in, and in the end out, whatever ends it. Or takes the Guid, and leaves it at that."""
    agent, shows = arguments.agent, arguments.json
    if not arguments.sign_in:
        client.set_session(agent, _read_guid(arguments))
        with _interruptible():
            yield
        return
    password, phone = _read_password(arguments), arguments.phone
    answer = client.sign_in(agent, phone=phone, password=password, force=arguments.force)
    try:
        with _interruptible():
            _show_call("login", answer, shows)
            yield
    finally:
        with contextlib.suppress(SessionError):  # it is over already
            answer = client.sign_out(agent)
            with contextlib.suppress(BrokenPipeError):
                _show_call("logout", answer, shows)


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Has Ctrl-C and SIGTERM end what is inside, and the next Ctrl-C the program."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        for number in kept:
            signal.signal(number, signal.default_int_handler)
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


def _follow(client: Client, arguments: argparse.Namespace) -> None:
    """Shows events and failures. Raises what ends the session."""
    agent = agent_bytes(arguments.agent)
    for outcome in client._outcomes(agent):  # noqa: SLF001
        if isinstance(outcome, SessionError):
            raise outcome
        if isinstance(outcome, AgwError):
            _show_call("getAgentEvent", outcome.outcome, arguments.json)
            continue
        _show_event(outcome, arguments.json)
        if arguments.reject and outcome.type == Event.CONF_RINGING:
            _show_call("rejectAgentConf", _rejected(client, agent), arguments.json)


def _rejected(client: Client, agent: bytes) -> Union[Answer, Outcome]:
    """Ctrl-C ends this call, too."""
    try:
        return client._run(None, client._reject, agent, None, interruptible=True)  # noqa: SLF001
    except AgwError as error:
        return error.outcome


def _show_event(event: Event, as_json: bool) -> None:
    if as_json:
        fields = dataclasses.asdict(event)
        if event.content is not None or not event.text:
            del fields["text"]
        _print(json.dumps({"time": time.time(), "event": fields.pop("type"), **fields}))
    else:
        cut = " (cut)" if event.truncated else ""
        _print_line(event.type, event.text + cut)


def _show_call(name: str, outcome: Union[Answer, Outcome], as_json: bool) -> None:
    if isinstance(outcome, Answer):
        outcome = Outcome(status=int(Status.OK), **dataclasses.asdict(outcome))
    if as_json:
        fields = {"name": name_of(outcome.status), **dataclasses.asdict(outcome)}
        _print(json.dumps({"time": time.time(), "call": name, **fields}))
        return
    words = [str(outcome.status), name_of(outcome.status), outcome.retcode]
    if outcome.status != Status.OK:
        words += [outcome.message, outcome.detail]
    _print_line(name, " ".join(word for word in words if word))


def _print_line(what: str, words: str) -> None:
    _print(_printable(f"{time.strftime('%H:%M:%S')}  {what:<28} {words}".rstrip()))


_COMMANDS: Dict[str, Callable[[argparse.Namespace], Optional[Outcome]]] = {
    "reject": _reject,
    "connect": _connect,
    "watch": _watch,
}


def exit_code(status: int) -> int:
    """Tells by classes, so that a status of a newer library finds its place, too."""
    known = {
        Status.OK: ACCEPTED,
        Status.NO_CONFERENCE: TOO_LATE,
        Status.SESSION: RENEW_SESSION,
    }
    if status in known:
        return known[Status(status)]
    if status in _GATEWAY_NUMBERS:
        return REFUSED
    return WRONG_USAGE if status < Status.RESOLVE else NO_ANSWER


# --- The result --------------------------------------------------------------------------------


def _meaning(command: str, status: int) -> str:
    """The library's sentence for OK is about a rejection."""
    if command == "connect" and status == Status.OK:
        return "A verified connection can be had."
    return sentence(status)


def _as_json(outcome: Outcome, meaning: str) -> str:
    fields: Dict[str, _Value] = {"name": name_of(outcome.status)}
    fields["meaning"] = meaning
    fields.update(dataclasses.asdict(outcome))
    return json.dumps(fields)


def _as_text(outcome: Outcome, meaning: str) -> str:
    flags = [
        name.replace("_", " ")
        for name in ("maybe_sent", "resent", "truncated")
        if getattr(outcome, name)
    ]
    rows = {
        "status": f"{outcome.status} {name_of(outcome.status)}",
        "meaning": meaning,
        "retcode": outcome.retcode,
        "message": outcome.message,
        "detail": outcome.detail,
        "http": str(outcome.http_status or ""),
        "flags": ", ".join(flags),
        "os error": str(outcome.os_error or ""),
        "cti code": str(outcome.cti_code or ""),
        "time": f"{outcome.elapsed * 1000:.1f} ms",
    }
    lines: List[str] = [f"{label:<9}{_printable(text)}" for label, text in rows.items() if text]
    return "\n".join(lines)


def _printable(text: str) -> str:
    """The gateway's text may hold anything, but a terminal should obey nobody else."""
    return "".join(character if character.isprintable() else " " for character in text)


def _run(arguments: argparse.Namespace) -> int:
    try:
        outcome = _COMMANDS[arguments.command](arguments)
        if outcome is None:
            return ACCEPTED
    except AgwError as error:
        outcome = error.outcome
    except _WrongUsageError as error:
        return _complain(error, WRONG_USAGE)
    meaning = _meaning(arguments.command, outcome.status)
    _print((_as_json if arguments.json else _as_text)(outcome, meaning))
    return exit_code(outcome.status)


def _print(text: str) -> None:
    """Escapes what the terminal's encoding cannot show."""
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)


def _complain(error: Exception, code: int) -> int:
    print(f"python -m agw: {error}", file=sys.stderr)
    return code


def main(words: Optional[List[str]] = None) -> int:
    """Runs the tool and gives its exit code."""
    parser = _parser()
    arguments = parser.parse_args(words)
    if arguments.command is None and not arguments.version:
        parser.error("a command is needed: reject, connect or watch; see --help")
    try:
        version = library_version()
    except ImportError as error:
        return _complain(error, CANNOT_RUN)
    if arguments.version:
        print(f"agw {__version__}, library {version} at {library_path()}")
        return ACCEPTED
    if arguments.log:
        logging.basicConfig(level=logging.DEBUG, format="%(levelname)-7s %(message)s")
    return _run(arguments)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C also ends a call that is waiting
    sys.exit(main())
