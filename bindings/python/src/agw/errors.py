"""The exceptions: a class for each number of the status table, in a tree by what to do.

::

    AgwError
     +- InvalidArgumentError (ValueError)   fix the call; nothing was sent
     |   +- InvalidUrlError, InvalidAgentIdError, InvalidGuidError
     |   +- TlsConfigError                  a certificate, key or fingerprint does not fit
     +- InvalidHandleError (ValueError)     the client is closed
     +- ReentrantError (RuntimeError)       called from inside a log handler
     +- PollingError (RuntimeError)         another thread waits for the agent's events already
     +- ResourcesError, StructSizeError, InternalError
     +- CallCancelledError                  a token, cancel() or close(); not asyncio's
     +- NetworkError                        see `maybe_sent`
     |   +- ResolveError, ConnectError, ConnectionLostError, ProxyError (ConnectionError)
     |   +- TlsError                        the gateway's certificate was refused
     |   +- TimeoutError (the built-in TimeoutError)
     +- AnswerError                         something else than a gateway answered
     |   +- HttpError, ProtocolError, TooLargeError
     +- GatewayError                        the gateway refused; see `retcode` and `message`
         +- SessionError                    take the newest Guid, or sign in again
         +- NoConferenceError               too late, nothing is ringing
         +- BadRequestError, GatewayFaultError, GatewayBusyError

They can be pickled, so a worker process can raise them, too. The test of a program makes one by
``agw.NoConferenceError(agw.Outcome(status=302))``.
"""

import builtins
from typing import Any, Dict, Tuple, Type

from ._abi import Status
from ._library import sentence
from ._outcome import Outcome


class AgwError(Exception):
    """A call that the gateway did not accept.

    All that the library knows stands in `outcome`; the properties give its parts.
    """

    def __init__(self, outcome: Outcome) -> None:
        if not isinstance(outcome, Outcome):
            raise TypeError(f"outcome is to be an agw.Outcome, not {type(outcome).__name__}")
        super().__init__(_describe(outcome))
        #: Everything that the library tells about the call.
        self.outcome = outcome

    def __reduce__(self) -> Tuple[Type["AgwError"], Tuple[Outcome], Dict[str, Any]]:
        return type(self), (self.outcome,), self.__dict__  # notes, and what a program adds

    @property
    def status(self) -> int:
        """One of `Status`, or a number of a newer library."""
        return self.outcome.status

    @property
    def name(self) -> str:
        """The name of the status in the C header, such as ``AGW_E_NO_CONFERENCE``."""
        return name_of(self.outcome.status)

    @property
    def http_status(self) -> int:
        """The HTTP status; 0: no answer."""
        return self.outcome.http_status

    @property
    def os_error(self) -> int:
        """The errno or GetLastError behind the failure, or 0."""
        return self.outcome.os_error

    @property
    def retcode(self) -> str:
        """The gateway's error code as sent, such as ``100-006``; "" if none came."""
        return self.outcome.retcode

    @property
    def message(self) -> str:
        """The gateway's text; "" if none came."""
        return self.outcome.message

    @property
    def detail(self) -> str:
        """What the library adds, for a log or a support call. Never holds the Guid."""
        return self.outcome.detail

    @property
    def maybe_sent(self) -> bool:
        """The gateway may have acted all the same: do not repeat the call blindly."""
        return self.outcome.maybe_sent

    @property
    def resent(self) -> bool:
        """A kept connection proved dead before the first byte of an answer: sent once more."""
        return self.outcome.resent

    @property
    def truncated(self) -> bool:
        """A text was cut to fit."""
        return self.outcome.truncated

    @property
    def cti_code(self) -> int:
        """NNNNN of a message "Unknown ERROR._NNNNN": the platform's own code; or 0."""
        return self.outcome.cti_code

    @property
    def elapsed(self) -> float:
        """The whole call, in seconds."""
        return self.outcome.elapsed


class InvalidArgumentError(AgwError, ValueError):
    """An argument is out of range or cannot be used; `detail` names it. Nothing was sent."""


class InvalidUrlError(InvalidArgumentError):
    """``base_url``, ``connect_to`` or ``proxy``; or plain http without ``allow_http``."""


class InvalidAgentIdError(InvalidArgumentError):
    """The agent ID is not decimal or out of range. Nothing was sent."""


class InvalidGuidError(InvalidArgumentError):
    """The Guid is empty, too long, or not visible ASCII. Nothing was sent."""


class TlsConfigError(InvalidArgumentError):
    """A certificate, key or fingerprint cannot be read or does not fit; `detail` names it."""


class InvalidHandleError(AgwError, ValueError):
    """The client is closed."""


class ReentrantError(AgwError, RuntimeError):
    """A client was used or closed from inside a log handler that the library called."""


class PollingError(AgwError, RuntimeError):
    """Another thread or task waits for this agent's events already."""


class ResourcesError(AgwError):
    """Too many clients, or no thread, file descriptor or memory to be had."""


class StructSizeError(AgwError):
    """The library does not know the structs of this package: another version."""


class InternalError(AgwError):
    """A bug in the library; the client stays usable."""


class CallCancelledError(AgwError):
    """Ended by a token, ``cancel()``, ``close()``, or, of `Client.next_event`, ``sign_out()``.

    Has nothing to do with `asyncio.CancelledError`.
    """


class NetworkError(AgwError):
    """No answer came from the gateway; `maybe_sent` tells whether it may have acted."""


class _LinkError(NetworkError, ConnectionError):
    """Gives ``errno`` its place in the built-in exception."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome)
        self.errno = outcome.os_error or None


class ResolveError(_LinkError):
    """The gateway's name could not be looked up."""


class ConnectError(_LinkError):
    """No TCP connection to the gateway."""


class TlsError(NetworkError):
    """The gateway's certificate was refused, or the handshake failed.

    `detail` says why, with the certificate's fingerprint in the form that ``pin_sha256`` takes.
    """


class TimeoutError(NetworkError, builtins.TimeoutError):
    """``timeout`` or ``connect_timeout`` passed. Also a built-in `TimeoutError`."""


class ConnectionLostError(_LinkError):
    """The connection broke."""


class ProxyError(_LinkError):
    """The proxy could not be reached or refused."""


class AnswerError(AgwError):
    """Something answered that is no gateway: check ``base_url``."""


class HttpError(AnswerError):
    """An HTTP status other than 2xx without a readable retcode."""


class ProtocolError(AnswerError):
    """The answer is not the documented JSON, or not HTTP."""


class TooLargeError(AnswerError):
    """The answer is larger than 64 KiB."""


class GatewayError(AgwError):
    """The gateway refused; `retcode` and `message` say why."""


class SessionError(GatewayError):
    """Take the newest Guid, or sign in again."""


class NoConferenceError(GatewayError):
    """Nothing is ringing at the agent: too late."""


class BadRequestError(GatewayError):
    """The gateway finds a parameter or the address wrong."""


class GatewayFaultError(GatewayError):
    """The gateway or the platform behind it failed; see `cti_code`."""


class GatewayBusyError(GatewayError):
    """Try again shortly."""


#: The class of each status.
CLASSES: Dict[int, Type[AgwError]] = {
    Status.INVALID_ARGUMENT: InvalidArgumentError,
    Status.STRUCT_SIZE: StructSizeError,
    Status.INVALID_HANDLE: InvalidHandleError,
    Status.REENTRANT: ReentrantError,
    Status.RESOURCES: ResourcesError,
    Status.INVALID_URL: InvalidUrlError,
    Status.INVALID_AGENT_ID: InvalidAgentIdError,
    Status.INVALID_GUID: InvalidGuidError,
    Status.TLS_CONFIG: TlsConfigError,
    Status.POLLING: PollingError,
    Status.RESOLVE: ResolveError,
    Status.CONNECT: ConnectError,
    Status.TLS: TlsError,
    Status.TIMEOUT: TimeoutError,
    Status.IO: ConnectionLostError,
    Status.CANCELLED: CallCancelledError,
    Status.PROXY: ProxyError,
    Status.HTTP: HttpError,
    Status.PROTOCOL: ProtocolError,
    Status.TOO_LARGE: TooLargeError,
    Status.GATEWAY: GatewayError,
    Status.SESSION: SessionError,
    Status.NO_CONFERENCE: NoConferenceError,
    Status.BAD_REQUEST: BadRequestError,
    Status.GATEWAY_FAULT: GatewayFaultError,
    Status.GATEWAY_BUSY: GatewayBusyError,
    Status.INTERNAL: InternalError,
}

#: The class of a number of a newer library, by its hundreds.
_GROUPS: Dict[int, Type[AgwError]] = {1: NetworkError, 2: AnswerError, 3: GatewayError}


def error_of(outcome: Outcome) -> AgwError:
    """Makes the exception for an outcome, that of its group if a newer library made the number."""
    kind = CLASSES.get(outcome.status) or _GROUPS.get(outcome.status // 100, AgwError)
    return kind(outcome)


def invalid(detail: str, status: Status = Status.INVALID_ARGUMENT) -> AgwError:
    """Makes the exception for an argument that C cannot even be shown."""
    # A plain number, as the library gives: an enum's member prints otherwise before Python 3.11.
    return error_of(Outcome(status=int(status), detail=detail))


def name_of(status: int) -> str:
    """Gives the name of a status in the C header; for a number of a newer library, the number."""
    try:
        return Status(status).c_name
    except ValueError:
        return f"status {status}"


def _describe(outcome: Outcome) -> str:
    """Makes one line: the name, the gateway's words, the library's, or else the general ones."""
    words = " ".join(part for part in (outcome.retcode, outcome.message) if part)
    line = words
    if outcome.detail:
        # The gateway's words may be a sentence with its full stop.
        line += ("" if not words else " " if words.endswith(".") else "; ") + outcome.detail
    line = line or sentence(outcome.status)
    if outcome.maybe_sent:
        line += " (the gateway may have acted all the same)"
    return f"{name_of(outcome.status)}: {line}"
