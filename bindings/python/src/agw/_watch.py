"""``python -m agw watch``: an agent's events, a line each."""

import argparse
import contextlib
import dataclasses
import json
import time
from typing import Iterator, Union

from . import AgwError, Answer, Client, Event, Outcome, SessionError, Status
from ._client import agent_bytes
from ._tool import (
    NobodyReadsError,
    WrongUsageError,
    interruptible,
    make_client,
    print_text,
    printable,
    read_guid,
    read_password,
)
from .errors import name_of

_GUID = ("guid_file", "guid_env")
_SIGN_IN = ("phone", "force", "password_file", "password_env")


def watch(arguments: argparse.Namespace) -> None:
    """Ends with the session, by Ctrl-C, or when nobody reads the lines any more."""
    _check_options(arguments)
    with make_client(arguments) as client:
        try:
            with _on_shift(client, arguments):
                _follow(client, arguments)
        except (KeyboardInterrupt, NobodyReadsError):
            pass


def _check_options(arguments: argparse.Namespace) -> None:
    out_of_place = _GUID if arguments.sign_in else _SIGN_IN
    for name in out_of_place:
        if getattr(arguments, name):
            option, rule = name.replace("_", "-"), "not " if arguments.sign_in else "only "
            raise WrongUsageError(f"--{option} goes {rule}with --sign-in")


@contextlib.contextmanager
def _on_shift(client: Client, arguments: argparse.Namespace) -> Iterator[None]:
    """Signs in, and in the end out, whatever ends it. Or takes the Guid, and leaves it at that."""
    agent, shows = arguments.agent, arguments.json
    if not arguments.sign_in:
        client.set_session(agent, read_guid(arguments))
        with interruptible():
            yield
        return
    password, phone = read_password(arguments), arguments.phone
    answer = client.sign_in(agent, phone=phone, password=password, force=arguments.force)
    try:
        with interruptible():
            _show_call("login", answer, shows)
            yield
    finally:
        with contextlib.suppress(SessionError):  # it is over already
            answer = client.sign_out(agent)
            with contextlib.suppress(NobodyReadsError):
                _show_call("logout", answer, shows)


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
        print_text(_as_json(event))
    else:
        cut = " (cut)" if event.truncated else ""
        _print_line(event.type, event.text + cut)


def _as_json(event: Event) -> str:
    # Not asdict(), which copies: what is nested deeply has been read with less of the stack.
    fields = {"time": time.time(), "event": event.type, **vars(event)}
    del fields["type"]
    if event.content is not None or not event.text:
        del fields["text"]
    try:
        return json.dumps(fields, allow_nan=False)
    except ValueError:  # Python reads 1e999 as an infinity, which JSON has not
        return json.dumps({**fields, "content": None, "text": event.text})


def _show_call(name: str, outcome: Union[Answer, Outcome], as_json: bool) -> None:
    if isinstance(outcome, Answer):
        outcome = Outcome(status=int(Status.OK), **dataclasses.asdict(outcome))
    if as_json:
        fields = {"name": name_of(outcome.status), **dataclasses.asdict(outcome)}
        print_text(json.dumps({"time": time.time(), "call": name, **fields}))
        return
    words = [str(outcome.status), name_of(outcome.status), outcome.retcode]
    if outcome.status != Status.OK:
        words += [outcome.message, outcome.detail]
    _print_line(name, " ".join(word for word in words if word))


def _print_line(what: str, words: str) -> None:
    print_text(printable(f"{time.strftime('%H:%M:%S')}  {what:<28} {words}".rstrip()))
