"""For the support desk: rejects a conference, checks the way to a gateway, watches events."""

import argparse
import contextlib
import dataclasses
import json
import logging
import re
import signal
import sys
from typing import Any, Callable, Dict, List, Optional

from . import AgwError, Outcome, Status, __version__, library_path, library_version
from ._check import as_json, as_text, checked
from ._client import UINT32_MAX
from ._library import sentence
from ._tool import WrongUsageError, make_client, printable, read_guid, tell
from ._watch import watch
from .errors import name_of

# 1 is Python's own: also when there is no package agw to run.
ACCEPTED, CANNOT_RUN, WRONG_USAGE, TOO_LATE, RENEW_SESSION, REFUSED, NO_ANSWER = range(7)

_EPILOG = """\
exit code  0  accepted (check: a connection can be had; watch: ended by Ctrl-C)
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

_CHECK_HELP = """\
Looks the gateway up, connects to each of its addresses, or through the proxy, and tells what each
step came to: TCP, TLS, the certificate, what that is checked against, and what to do if it does
not hold. Half of --timeout is for a connection as a program makes it, the rest for the addresses.
"""

_WATCH_HELP = """\
Prints the events of an agent, one a line, until Ctrl-C. With --sign-in it signs the agent in, and
out at the end. Otherwise it takes a Guid, and only one program may wait for an agent's events.

Passwords and Guids are not for the command line, which every user of a machine can see. So they
are taken from a file, from standard input, or from the environment. Where there is none, the
password is asked for.
"""

_GATEWAY_NUMBERS = range(300, 400)


# --- The command line --------------------------------------------------------------------------


def _parser() -> argparse.ArgumentParser:
    # Without abbreviations: one of today could be two options' tomorrow, and agw-check has none.
    common: Dict[str, Any] = {
        "formatter_class": argparse.RawDescriptionHelpFormatter,
        "epilog": _EPILOG,
        "allow_abbrev": False,
    }
    parser = argparse.ArgumentParser(prog="python -m agw", description=__doc__, **common)
    parser.add_argument("--version", action="store_true", help="versions, and the library's path")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    reject = commands.add_parser(
        "reject",
        help="reject the conference that rings at an agent",
        description=_GUID_HELP,
        **common,
    )
    _add_agent(reject)
    check = commands.add_parser(
        "check",
        aliases=["connect"],
        help="try every address of the gateway, and say what is wrong; sends no request",
        description=_CHECK_HELP,
        **common,
    )
    watch = commands.add_parser(
        "watch",
        help="print an agent's events, and reject what rings if so wanted",
        description=_WATCH_HELP,
        **common,
    )
    watch.add_argument("--reject", action="store_true", help="reject every conference that rings")
    _add_agent(watch)
    _add_sign_in(watch)
    for command in (reject, check, watch):
        _add_gateway(command)
        _add_trust(command)
        _add_rest(command)
    check.set_defaults(max_agent_id=59999)
    return parser


def _add_agent(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--agent", required=True, metavar="ID", help="the agent")
    parser.add_argument(
        "--max-agent-id", type=int, default=59999, metavar="N", help="largest agent ID (59999)"
    )
    guid = parser.add_mutually_exclusive_group()
    guid.add_argument(
        "--guid-file", metavar="FILE", help="the Guid: first line of FILE; - is standard input"
    )
    guid.add_argument(
        "--guid-env", metavar="NAME", help="the Guid: environment variable (default AGW_GUID)"
    )


def _add_sign_in(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--sign-in", action="store_true", help="sign in, instead of taking a Guid")
    parser.add_argument("--phone", metavar="NUMBER", help="the agent's phone")
    parser.add_argument("--force", action="store_true", help="sign in although signed in already")
    password = parser.add_mutually_exclusive_group()
    password.add_argument(
        "--password-file",
        metavar="FILE",
        help="the password: first line of FILE; - is standard input",
    )
    password.add_argument(
        "--password-env",
        metavar="NAME",
        help="the password: environment variable (default AGW_PASSWORD)",
    )


def _add_gateway(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--url", required=True, help="the gateway, as in https://gateway:8043")
    parser.add_argument("--connect-to", metavar="IP:PORT", help="connect to this instead")
    parser.add_argument("--proxy", help="http://host:port, or env: from the environment")
    parser.add_argument("--allow-http", action="store_true", help="take a URL with plain http")


def _add_trust(parser: argparse.ArgumentParser) -> None:
    trust = parser.add_mutually_exclusive_group()
    trust.add_argument("--ca", metavar="FILE", help="trust these certificates, and no others")
    trust.add_argument(
        "--pin", metavar="SHA256", help="trust the certificate with this fingerprint"
    )
    trust.add_argument("--danger-any", action="store_true", help="check nothing (laboratory)")
    parser.add_argument("--client-cert", metavar="FILE", help="client certificate chain")
    parser.add_argument("--client-key", metavar="FILE", help="its private key, if not in that")


def _add_rest(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--timeout", type=_seconds, default=10.0, metavar="S", help="all of it, in seconds (10)"
    )
    parser.add_argument(
        "--connect-timeout",
        type=_seconds,
        default=5.0,
        metavar="S",
        help="TCP and TLS, in seconds (5)",
    )
    parser.add_argument("--log", action="store_true", help="log lines to standard error")
    parser.add_argument(
        "--json", action="store_true", help="one JSON object instead of text, of watch one a line"
    )


def _seconds(text: str) -> float:
    """Reads what agw-check reads: float() takes underscores and the digits of any script, too."""
    if not re.fullmatch(r"\+?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", text, re.ASCII | re.IGNORECASE):
        raise argparse.ArgumentTypeError(f"not a number of seconds: {text!r}")
    if not 0 < float(text) * 1000 <= UINT32_MAX:
        raise argparse.ArgumentTypeError(f"not a time that can be waited for: {text!r}")
    return float(text)


# --- The call ----------------------------------------------------------------------------------


def _reject(arguments: argparse.Namespace) -> int:
    guid = read_guid(arguments)
    with make_client(arguments) as client:
        answer = client.reject_agent_conf(arguments.agent, guid)
    return _told(Outcome(status=Status.OK, **dataclasses.asdict(answer)), arguments)


def _check(arguments: argparse.Namespace) -> int:
    report = checked(arguments)
    tell(as_json(report) if arguments.json else as_text(report))
    return exit_code(report.status)


def _watch(arguments: argparse.Namespace) -> int:
    watch(arguments)
    return ACCEPTED


_COMMANDS: Dict[str, Callable[[argparse.Namespace], int]] = {
    "reject": _reject,
    "check": _check,
    "connect": _check,  # what it was called before
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


def _told(outcome: Outcome, arguments: argparse.Namespace) -> int:
    tell(_as_json(outcome) if arguments.json else _as_text(outcome))
    return exit_code(outcome.status)


def _as_json(outcome: Outcome) -> str:
    words = {"name": name_of(outcome.status), "meaning": sentence(outcome.status)}
    return json.dumps({**words, **dataclasses.asdict(outcome)})


def _as_text(outcome: Outcome) -> str:
    flags = [
        name.replace("_", " ")
        for name in ("maybe_sent", "resent", "truncated")
        if getattr(outcome, name)
    ]
    rows = {
        "status": f"{outcome.status} {name_of(outcome.status)}",
        "meaning": sentence(outcome.status),
        "retcode": outcome.retcode,
        "message": outcome.message,
        "detail": outcome.detail,
        "http": str(outcome.http_status or ""),
        "flags": ", ".join(flags),
        "os error": str(outcome.os_error or ""),
        "cti code": str(outcome.cti_code or ""),
        "time": f"{outcome.elapsed * 1000:.1f} ms",
    }
    lines: List[str] = [f"{label:<9}{printable(text)}" for label, text in rows.items() if text]
    return "\n".join(lines)


def _run(arguments: argparse.Namespace) -> int:
    try:
        return _COMMANDS[arguments.command](arguments)
    except AgwError as error:
        return _told(error.outcome, arguments)
    except WrongUsageError as error:
        return _complain(error, WRONG_USAGE)


def _complain(error: Exception, code: int) -> int:
    with contextlib.suppress(AttributeError, OSError):  # there may be no standard error
        sys.stderr.write(f"python -m agw: {error}\n")
    return code


def main(words: Optional[List[str]] = None) -> int:
    """Runs the tool and gives its exit code."""
    parser = _parser()
    arguments = parser.parse_args(words)
    if arguments.command is None and not arguments.version:
        parser.error("a command is needed: reject, check or watch; see --help")
    try:
        version = library_version()
    except ImportError as error:
        return _complain(error, CANNOT_RUN)
    if arguments.version:
        tell(f"agw {__version__}, library {version} at {library_path()}")
        return ACCEPTED
    if arguments.log:
        logging.basicConfig(level=logging.DEBUG, format="%(levelname)-7s %(message)s")
    return _run(arguments)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C also ends a call that is waiting
    sys.exit(main())
