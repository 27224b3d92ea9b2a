"""Waiting for events over and over: what ends it, and what only makes it pause."""

import time
from typing import Callable, Iterator, Optional, Tuple, Type, Union

from ._session import Event
from .errors import (
    AgwError,
    AnswerError,
    CallCancelledError,
    GatewayError,
    InternalError,
    InvalidHandleError,
    NetworkError,
    ResourcesError,
    SessionError,
)

#: After these the next poll may do better. SessionError is one of them, and ends it.
PASSING: Tuple[Type[AgwError], ...] = (
    NetworkError,
    AnswerError,
    GatewayError,
    ResourcesError,
    InternalError,
)

#: Somebody ended it.
ENDED: Tuple[Type[AgwError], ...] = (CallCancelledError, InvalidHandleError)

#: The shift is over, by whomever.
OVER: Tuple[Type[AgwError], ...] = (*ENDED, SessionError)

#: How long to pause, in ticks, and a tick, in seconds: what ends the wait ends the pause, too.
TICKS, TICK = 10, 0.1


def outcomes(
    poll: Callable[[], Optional[Event]], ended: Callable[[], bool]
) -> Iterator[Union[Event, AgwError]]:
    """Gives the events, and the failures between them. Ends by `ENDED`, or with `SessionError`."""
    while True:
        outcome: Union[Event, AgwError, None]
        try:
            outcome = poll()
        except ENDED:
            return
        except PASSING as error:
            outcome = error
        if outcome is not None:
            yield outcome
        if isinstance(outcome, SessionError):
            return
        if isinstance(outcome, AgwError):
            for _ in range(TICKS):  # piecewise; Ctrl-C ends a piece
                if ended():
                    return
                time.sleep(TICK)
