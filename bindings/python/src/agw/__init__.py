"""Rejects an agent conference call on an agent gateway (rejectAgentConf).

::

    with agw.Client("https://gateway:8043", ca="gateway-ca.pem") as client:
        try:
            client.reject_agent_conf(154, guid)
        except agw.NoConferenceError:
            print("too late")

Or a whole shift, with the Guid that the client keeps::

    client.sign_in(154, phone="40038", password=password)
    for event in client.events(154):
        if event.type == agw.Event.CONF_RINGING:
            with contextlib.suppress(agw.NoConferenceError):
                client.reject_agent_conf(154)
    client.sign_out(154)

`Client` blocks, `AsyncClient` is awaited; both take the same options. Whatever is not accepted is
raised as an `AgwError`, of which there is a class for each number of the library's status table.
Log lines go to the logger ``agw``.
"""

from ._abi import Status, Trust
from ._asyncio import AsyncClient
from ._cancel import CancelToken
from ._client import Client
from ._library import library_path, library_version
from ._outcome import Answer, Outcome
from ._session import Event, Session
from .errors import (
    AgwError,
    AnswerError,
    BadRequestError,
    CallCancelledError,
    ConnectError,
    ConnectionLostError,
    GatewayBusyError,
    GatewayError,
    GatewayFaultError,
    HttpError,
    InternalError,
    InvalidAgentIdError,
    InvalidArgumentError,
    InvalidGuidError,
    InvalidHandleError,
    InvalidUrlError,
    NetworkError,
    NoConferenceError,
    PollingError,
    ProtocolError,
    ProxyError,
    ReentrantError,
    ResolveError,
    ResourcesError,
    SessionError,
    StructSizeError,
    TimeoutError,
    TlsConfigError,
    TlsError,
    TooLargeError,
)

__version__ = "1.0.0"

__all__ = [
    "AgwError",
    "Answer",
    "AnswerError",
    "AsyncClient",
    "BadRequestError",
    "CallCancelledError",
    "CancelToken",
    "Client",
    "ConnectError",
    "ConnectionLostError",
    "Event",
    "GatewayBusyError",
    "GatewayError",
    "GatewayFaultError",
    "HttpError",
    "InternalError",
    "InvalidAgentIdError",
    "InvalidArgumentError",
    "InvalidGuidError",
    "InvalidHandleError",
    "InvalidUrlError",
    "NetworkError",
    "NoConferenceError",
    "Outcome",
    "PollingError",
    "ProtocolError",
    "ProxyError",
    "ReentrantError",
    "ResolveError",
    "ResourcesError",
    "Session",
    "SessionError",
    "Status",
    "StructSizeError",
    "TimeoutError",
    "TlsConfigError",
    "TlsError",
    "TooLargeError",
    "Trust",
    "__version__",
    "library_path",
    "library_version",
]
