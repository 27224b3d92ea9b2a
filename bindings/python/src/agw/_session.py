"""A shift: what an agent signs in with, what happens to it, what is kept for it."""

import ctypes
import json
from dataclasses import dataclass, field
from typing import Any, ClassVar, Dict, Optional

from . import _abi
from ._outcome import text_of
from .errors import invalid


@dataclass(frozen=True)
class Event:
    """What happened to an agent."""

    #: A conference rings at the agent.
    CONF_RINGING: ClassVar[str] = _abi.EVENT_TYPES["CONF_RINGING"]
    #: The agent's phone was hung up, by the agent or the platform.
    PHONE_RELEASE: ClassVar[str] = _abi.EVENT_TYPES["PHONE_RELEASE"]
    #: The agent is ready.
    READY: ClassVar[str] = _abi.EVENT_TYPES["READY"]
    #: Somebody joined a conference, or left it.
    CONF_PARTICIPANT_CHANGED: ClassVar[str] = _abi.EVENT_TYPES["CONF_PARTICIPANT_CHANGED"]

    #: As sent: one of the above, or another.
    type: str
    #: The agent, as sent.
    work_no: str = ""
    #: What else the gateway tells; None if that is nothing, or no JSON object, or was cut.
    content: Optional[Dict[str, Any]] = field(default=None, hash=False)
    #: The content as JSON text, as sent; "" if there is none or it is null.
    text: str = ""
    #: The conference; or 0.
    conf_id: int = 0
    #: Milliseconds since 1970, by the gateway's clock; or 0.
    generated_ms: int = 0
    #: A text was cut to fit.
    truncated: bool = False


@dataclass(frozen=True)
class Session:
    """What a client keeps for an agent. As good as a password: its repr does not show it."""

    #: The newest Guid.
    guid: str = field(repr=False)
    #: A load balancer's cookies, ``name=value; name=value``; "" if there are none.
    cookie: str = field(default="", repr=False)


def event_of(event: _abi.Event) -> Optional[Event]:
    """Reads the C struct; None if nothing happened."""
    kind = text_of(event.type)
    if not kind:
        return None
    content = text_of(event.content)
    return Event(
        type=kind,
        work_no=text_of(event.work_no),
        content=_object(content),
        text=content,
        conf_id=event.conf_id,
        generated_ms=event.generated_ms,
        truncated=bool(event.flags & _abi.EventFlag.TRUNCATED),
    )


def session_of(session: _abi.Session) -> Session:
    """Reads the C struct, and clears it."""
    read = Session(guid=text_of(session.guid), cookie=text_of(session.cookie))
    ctypes.memset(ctypes.byref(session), 0, ctypes.sizeof(session))
    return read


def json_object(name: str, fields: Dict[str, Any]) -> str:
    """Makes JSON. Never shows a value: it may be a secret."""
    if not isinstance(fields, dict):
        raise TypeError(f"{name} is to be a dict, not {type(fields).__name__}")
    try:
        return json.dumps(fields, allow_nan=False, ensure_ascii=False)
    except TypeError:
        raise TypeError(f"{name} holds something that JSON has not") from None
    except (ValueError, RecursionError):
        raise invalid(f"{name} holds a number that JSON has not, or too deep a nesting") from None


def _object(text: str) -> Optional[Dict[str, Any]]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None
