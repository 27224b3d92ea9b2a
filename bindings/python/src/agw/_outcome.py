"""What a call came to, as plain values."""

from dataclasses import dataclass

from ._abi import Result, ResultFlag

# Arithmetic with plain numbers: with flags it takes longer than all the rest here.
_MAYBE_SENT = int(ResultFlag.MAYBE_SENT)
_RESENT = int(ResultFlag.RESENT)
_TRUNCATED = int(ResultFlag.TRUNCATED)


@dataclass(frozen=True)
class Outcome:
    """Everything that the library tells about a call. Never holds the Guid."""

    #: One of `Status`, or a number of a newer library.
    status: int
    #: The HTTP status; 0: no answer.
    http_status: int = 0
    #: errno or GetLastError behind a failure, or 0.
    os_error: int = 0
    #: A failure, but the gateway may have acted all the same.
    maybe_sent: bool = False
    #: A kept connection proved dead before the first byte of an answer: sent once more.
    resent: bool = False
    #: A text was cut to fit.
    truncated: bool = False
    #: The whole call, in seconds.
    elapsed: float = 0.0
    #: NNNNN of a message "Unknown ERROR._NNNNN": the platform's own code; or 0.
    cti_code: int = 0
    #: The gateway's error code as sent: "0", "100-006"; "" if none came.
    retcode: str = ""
    #: The gateway's text; "" if none came.
    message: str = ""
    #: What the library adds, for a log or a support call.
    detail: str = ""


@dataclass(frozen=True)
class Answer:
    """The gateway accepted. What comes of a reject shows as events."""

    #: The gateway's error code as sent: "0".
    retcode: str
    #: The gateway's text.
    message: str
    #: What the library adds; as a rule "".
    detail: str
    #: The HTTP status.
    http_status: int
    #: The whole call, in seconds.
    elapsed: float
    #: A kept connection proved dead before the first byte of an answer: sent once more.
    resent: bool
    #: A text was cut to fit.
    truncated: bool


def outcome_of(result: Result) -> Outcome:
    """Reads the C struct."""
    flags: int = result.flags
    return Outcome(
        status=result.status,
        http_status=result.http_status,
        os_error=result.os_error,
        maybe_sent=bool(flags & _MAYBE_SENT),
        resent=bool(flags & _RESENT),
        truncated=bool(flags & _TRUNCATED),
        elapsed=result.elapsed_us / 1e6,
        cti_code=result.cti_code,
        retcode=text_of(result.retcode),
        message=text_of(result.message),
        detail=text_of(result.detail),
    )


def answer_of(result: Result) -> Answer:
    """Picks what matters when the gateway has accepted."""
    flags: int = result.flags
    return Answer(  # by position: with names it takes twice as long
        text_of(result.retcode),
        text_of(result.message),
        text_of(result.detail),
        result.http_status,
        result.elapsed_us / 1e6,
        bool(flags & _RESENT),
        bool(flags & _TRUNCATED),
    )


def text_of(raw: bytes) -> str:
    """Reads a text of a C struct."""
    return raw.decode("utf-8", "replace")
