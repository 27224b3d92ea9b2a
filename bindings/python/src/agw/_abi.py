"""The header agw.h, in Python: numbers, structs, functions. A test compares the two."""

import ctypes
from ctypes import POINTER, c_char, c_char_p, c_int32, c_int64, c_uint32, c_void_p
from enum import IntEnum, IntFlag

#: The version of the header that these tables were made for: 0x010203 is 1.2.3.
VERSION_NUM = 0x010000


class Status(IntEnum):
    """What a call came to. A newer library may give numbers that are not here."""

    OK = 0
    INVALID_ARGUMENT = 1
    STRUCT_SIZE = 2
    INVALID_HANDLE = 3
    REENTRANT = 4
    RESOURCES = 5
    INVALID_URL = 6
    INVALID_AGENT_ID = 7
    INVALID_GUID = 8
    TLS_CONFIG = 9
    POLLING = 10
    RESOLVE = 100
    CONNECT = 101
    TLS = 102
    TIMEOUT = 103
    IO = 104
    CANCELLED = 105
    PROXY = 106
    HTTP = 200
    PROTOCOL = 201
    TOO_LARGE = 202
    GATEWAY = 300
    SESSION = 301
    NO_CONFERENCE = 302
    BAD_REQUEST = 303
    GATEWAY_FAULT = 304
    GATEWAY_BUSY = 305
    INTERNAL = 900

    @property
    def c_name(self) -> str:
        """The name in the header, such as ``AGW_E_NO_CONFERENCE``."""
        return "AGW_OK" if self is Status.OK else f"AGW_E_{self.name}"


class Trust(IntEnum):
    """What the gateway's certificate is checked against."""

    #: The system's certificate store, plus ``ca`` if given.
    SYSTEM = 0
    #: ``ca`` alone.
    CA = 1
    #: ``pin_sha256`` alone: names, dates and chains are not looked at, the handshake's signature
    #: is.
    PIN = 2
    #: Nothing: whoever is on the network path can read the Guid. For a laboratory.
    DANGER_ANY = 3


class ResultFlag(IntFlag):
    """Bits of `Result.flags`."""

    MAYBE_SENT = 1
    RESENT = 2
    TRUNCATED = 4


class OptionFlag(IntFlag):
    """Bits of `ClientOptions.flags`."""

    ALLOW_HTTP = 1
    NO_KEEP_ALIVE = 2


class SignInFlag(IntFlag):
    """Bits of `SignInOptions.flags`."""

    FORCE = 1


class EventFlag(IntFlag):
    """Bits of `Event.flags`."""

    TRUNCATED = 1


#: AGW_EVENT_*: what `Event.type` may be.
EVENT_TYPES = {
    "CONF_RINGING": "AgentConf_Ringing",
    "PHONE_RELEASE": "AgentOther_PhoneRelease",
    "READY": "AgentState_Ready",
    "CONF_PARTICIPANT_CHANGED": "AgentConf_ParticipantChanged",
}


class LogLevel(IntEnum):
    """The levels of the library's log lines."""

    ERROR = 1
    WARN = 2
    INFO = 3
    DEBUG = 4


#: agw_log_fn. The bytes are copied before the Python function sees them.
LOG_FN = ctypes.CFUNCTYPE(None, c_int32, c_char_p, c_void_p)


class ClientOptions(ctypes.Structure):
    """agw_client_options. Keeps the bytes objects that its pointers point to."""

    _fields_ = (
        ("struct_size", c_uint32),
        ("flags", c_uint32),
        ("timeout_ms", c_uint32),
        ("connect_timeout_ms", c_uint32),
        ("max_agent_id", c_uint32),
        ("tls_trust", c_int32),
        ("base_url", c_char_p),
        ("connect_to", c_char_p),
        ("ca", c_char_p),
        ("pin_sha256", c_char_p),
        ("client_cert", c_char_p),
        ("client_key", c_char_p),
        ("proxy", c_char_p),
        ("log", LOG_FN),
        ("log_user_data", c_void_p),
        ("log_level", c_int32),
        ("reserved", c_uint32),
    )


class Result(ctypes.Structure):
    """agw_result. Holds no pointer."""

    _fields_ = (
        ("struct_size", c_uint32),
        ("status", c_int32),
        ("http_status", c_int32),
        ("os_error", c_int32),
        ("flags", c_uint32),
        ("elapsed_us", c_uint32),
        ("cti_code", c_int32),
        ("call_id", c_uint32),
        ("retcode", c_char * 32),
        ("message", c_char * 512),
        ("detail", c_char * 512),
    )


class SignInOptions(ctypes.Structure):
    """agw_sign_in_options. Keeps the bytes objects that its pointers point to."""

    _fields_ = (
        ("struct_size", c_uint32),
        ("flags", c_uint32),
        ("agent_id", c_char_p),
        ("password", c_char_p),
        ("phone", c_char_p),
        ("fields", c_char_p),
    )


class Event(ctypes.Structure):
    """agw_event. Holds no pointer."""

    _fields_ = (
        ("struct_size", c_uint32),
        ("flags", c_uint32),
        ("conf_id", c_int64),
        ("generated_ms", c_int64),
        ("type", c_char * 64),
        ("work_no", c_char * 32),
        ("content", c_char * 3976),
    )


class Session(ctypes.Structure):
    """agw_session. Holds secrets."""

    _fields_ = (
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("guid", c_char * 264),
        ("cookie", c_char * 1776),
    )


#: The functions: name, what they return, what they take. A client's handle is a c_void_p.
FUNCTIONS = (
    (
        "agw_client_new",
        c_int32,
        (POINTER(ClientOptions), POINTER(c_void_p), POINTER(Result)),
    ),
    ("agw_reject_agent_conf", c_int32, (c_void_p, c_char_p, c_char_p, POINTER(Result))),
    ("agw_sign_in", c_int32, (c_void_p, POINTER(SignInOptions), POINTER(Result))),
    ("agw_next_event", c_int32, (c_void_p, c_char_p, POINTER(Event), POINTER(Result))),
    ("agw_sign_out", c_int32, (c_void_p, c_char_p, POINTER(Result))),
    ("agw_set_session", c_int32, (c_void_p, c_char_p, c_char_p, c_char_p, POINTER(Result))),
    ("agw_get_session", c_int32, (c_void_p, c_char_p, POINTER(Session), POINTER(Result))),
    ("agw_connect", c_int32, (c_void_p, POINTER(Result))),
    ("agw_cancel", c_int32, (c_void_p,)),
    ("agw_cancel_call", c_int32, (c_void_p, c_uint32)),
    ("agw_free", c_int32, (c_void_p,)),
    ("agw_strerror", c_char_p, (c_int32,)),
    ("agw_version", c_char_p, ()),
    ("agw_version_num", c_uint32, ()),
)


def declare(library: ctypes.CDLL) -> None:
    """Tells ctypes what the functions take and return."""
    for name, returned, taken in FUNCTIONS:
        function = getattr(library, name)
        function.restype = returned
        function.argtypes = taken
