"""The client: options in, calls, outcomes out."""

import ctypes
import functools
import math
import operator
import os
import weakref
from collections import deque
from types import TracebackType
from typing import (
    Any,
    Callable,
    Deque,
    Dict,
    Generator,
    Iterator,
    NoReturn,
    Optional,
    Tuple,
    Type,
    TypeVar,
    Union,
)

from . import _abi, _log
from ._abi import OptionFlag, SignInFlag, Status, Trust
from ._cancel import CancelToken, refuse_inside_log_handlers
from ._events import outcomes
from ._exit import client_in_the_making, free_at_the_end
from ._library import load
from ._outcome import Answer, Outcome, answer_of, outcome_of
from ._session import Event, Session, event_of, json_object, session_of
from ._threads import in_main_thread, run_interruptibly
from .errors import AgwError, error_of, invalid

#: PEM text, or the path of a file in PEM (UTF-8 or UTF-16) or DER.
Pem = Union[str, "os.PathLike[str]"]

UINT32_MAX = 0xFFFFFFFF
_T = TypeVar("_T")
_Self = TypeVar("_Self", bound="Client")

# What the library is yet to do: inside a log handler it frees no client and ends no call.
_left_over: Deque[Tuple[Callable[..., int], Tuple[int, ...]]] = deque()


class ClientBase:
    """Owns the library's handle. What `Client` and `AsyncClient` have in common."""

    # Of one whose `__init__` failed or was not called: to the library it is no client.
    _handle = 0
    _timeout = 0.0
    _cancels = 0
    _finalizer: "Optional[weakref.finalize[Any, Any]]" = None

    def __init__(
        self,
        base_url: str,
        *,
        ca: Optional[Pem] = None,
        pin_sha256: Optional[str] = None,
        client_cert: Optional[Pem] = None,
        client_key: Optional[Pem] = None,
        trust: Optional[Trust] = None,
        timeout: float = 10.0,
        connect_timeout: float = 5.0,
        max_agent_id: int = 59999,
        connect_to: Optional[str] = None,
        proxy: Optional[str] = None,
        allow_http: bool = False,
        keep_alive: bool = True,
        log_level: Union[int, str, None] = None,
    ) -> None:
        options = _abi.ClientOptions(
            struct_size=ctypes.sizeof(_abi.ClientOptions),
            flags=_option_flags(allow_http, keep_alive),
            timeout_ms=_milliseconds("timeout", timeout),
            connect_timeout_ms=_milliseconds("connect_timeout", connect_timeout),
            max_agent_id=_uint32("max_agent_id", max_agent_id),
            tls_trust=_choose_trust(trust, ca, pin_sha256),
            base_url=_bytes("base_url", base_url),
            connect_to=_optional("connect_to", connect_to),
            ca=_optional("ca", _path(ca)),
            pin_sha256=_optional("pin_sha256", pin_sha256),
            client_cert=_optional("client_cert", _path(client_cert)),
            client_key=_optional("client_key", _path(client_key)),
            proxy=_optional("proxy", proxy),
            log_level=_log.library_level(log_level),
        )
        self._base_url = base_url
        self._timeout = options.timeout_ms / 1000
        self._library = load()
        try:
            with client_in_the_making() as may_log:
                if may_log:
                    options.log = _log.CALLBACK
                self._handle = _new(self._library, options)
                free = self._library.agw_free
                self._finalizer = weakref.finalize(self, now_or_later, free, self._handle)
                free_at_the_end(self)
        finally:
            _after_call()

    @property
    def closed(self) -> bool:
        """Whether ``close()`` has been called, or the client was never made."""
        return self._finalizer is None or not self._finalizer.alive

    @functools.cached_property
    def _library(self) -> ctypes.CDLL:
        # For one that was never made. Elsewhere `__init__` sets it: a fork might hit the lock here.
        return load()

    def cancel(self) -> None:
        """Makes the calls now in progress on this client end soon with `CallCancelledError`.

        That is all of them, in whatever thread or task. Calls that begin afterwards are not
        touched. Any thread; does not block. On a closed client there is nothing to do.
        """
        self._check(self._library.agw_cancel(self._handle))
        self._cancels += 1

    def _close(self) -> None:
        status = self._library.agw_free(self._handle)
        if status != Status.REENTRANT and self._finalizer is not None:
            self._finalizer.detach()
        self._check(status)

    def _check(self, status: int) -> None:
        """Takes a closed client as nothing to do."""
        _after_call()
        if status not in (Status.OK, Status.INVALID_HANDLE):
            raise error_of(Outcome(status=status))

    def _call(self, call_id: int, function: Any, *arguments: Any) -> _abi.Result:
        """Calls with the GIL released; raises what is not OK."""
        result = _new_result(call_id)
        try:
            _log.call(function, self._handle, *arguments, result)
        finally:
            _after_call()
        if result.status == Status.OK:
            return result
        if result.status == Status.INVALID_HANDLE:
            raise self._gone()
        raise error_of(outcome_of(result))

    def _gone(self) -> AgwError:
        """Makes the exception for a client whose handle the library does not know."""
        why = "was never made" if self._finalizer is None else "is closed"
        return invalid(f"the client {why}", Status.INVALID_HANDLE)

    # The calls; first the number by which another thread can end them, or 0.

    def _reject(self, call_id: int, agent_id: bytes, guid: Optional[bytes]) -> Answer:
        reject = self._library.agw_reject_agent_conf
        return answer_of(self._call(call_id, reject, agent_id, guid))

    def _sign_in(self, call_id: int, options: _abi.SignInOptions) -> Answer:
        sign_in = self._library.agw_sign_in
        return answer_of(self._call(call_id, sign_in, options))

    def _next_event(self, call_id: int, agent_id: bytes) -> Optional[Event]:
        event = _abi.Event(struct_size=ctypes.sizeof(_abi.Event))
        self._call(call_id, self._library.agw_next_event, agent_id, event)
        return event_of(event)

    def _sign_out(self, call_id: int, agent_id: bytes) -> Answer:
        return answer_of(self._call(call_id, self._library.agw_sign_out, agent_id))

    def _set_session(
        self, call_id: int, agent_id: bytes, guid: Optional[bytes], cookie: Optional[bytes]
    ) -> None:
        self._call(call_id, self._library.agw_set_session, agent_id, guid, cookie)

    def _session(self, call_id: int, agent_id: bytes) -> Session:
        session = _abi.Session(struct_size=ctypes.sizeof(_abi.Session))
        self._call(call_id, self._library.agw_get_session, agent_id, session)
        return session_of(session)

    def _connect(self, call_id: int) -> str:
        return outcome_of(self._call(call_id, self._library.agw_connect)).detail

    def __repr__(self) -> str:
        if self._finalizer is None:  # a URL that was refused may hold a password
            state = "never made"
        else:
            state = f"{self._base_url} {'closed' if self.closed else 'open'}"
        return f"<{type(self).__module__}.{type(self).__name__} {state}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            f"{type(self).__name__} cannot be pickled or copied: it owns connections and keys. "
            "Threads may share it; another process makes its own"
        )


class Client(ClientBase):
    """A client of one gateway, for any number of agents and threads.

    Opens no connection when it is made, but reads and checks every option there and then. Make
    one for each gateway, share it between threads, and close it, best by ``with``; one that is
    forgotten is freed when it is collected, or when the program ends.

    It also works in the child after `os.fork`: neither process disturbs the other's connections.
    It cannot be pickled or copied.

    :param base_url: ``https://host:port``, and a path prefix if there is one; agw adds
        ``/agentgateway``. Without a port: 443.
    :param ca: certificates to trust, and no others: PEM text, or the path of a file in PEM (UTF-8
        or UTF-16) or DER. Each must be good.
    :param pin_sha256: SHA-256 fingerprints of the gateway's certificate, to trust that alone: hex,
        colons allowed, comma between several. Names, dates and chains are then not looked at.
    :param client_cert: client certificate chain, text or path as ``ca``, the client's own first,
        if the gateway wants one.
    :param client_key: its private key, text or path as ``ca``, not encrypted; by default looked
        for in ``client_cert``.
    :param trust: by default `Trust.PIN` with ``pin_sha256``, `Trust.CA` with ``ca``, otherwise
        `Trust.SYSTEM`. Give `Trust.SYSTEM` with ``ca`` to trust both; `Trust.DANGER_ANY` checks
        nothing and is for a laboratory.
    :param timeout: for a whole call, name look-up included, in seconds; None is refused. A wait
        for an event has 10 seconds more.
    :param connect_timeout: for setting up TCP and TLS, in seconds.
    :param max_agent_id: the largest agent ID taken; gateways documented since late 2025 have
        agents up to 999999.
    :param connect_to: ``ip:port`` to connect to instead, or several of one service, comma between,
        in order of preference; the certificate must still be for the host of ``base_url``.
    :param proxy: ``http://user:password@host:port``; or ``env``: from https_proxy and the like,
        unless no_proxy names the gateway's host.
    :param allow_http: take a ``base_url`` with plain http.
    :param keep_alive: keep connections for the next call, 30 seconds at most.
    :param log_level: the least level of `logging` that the library makes lines for, a number or a
        name; by default what the logger ``agw`` lets through when the client is made.
    :raises InvalidArgumentError: an option cannot be used; ``detail`` names it. Among them
        `InvalidUrlError` and `TlsConfigError`.
    :raises TypeError: an option is of a wrong type.
    :raises ResourcesError: too many clients.
    :raises ImportError: no shared library is found.
    """

    def reject_agent_conf(
        self,
        agent_id: Union[int, str],
        guid: Optional[str] = None,
        *,
        cancel: Optional[CancelToken] = None,
    ) -> Answer:
        """Rejects the conference that rings at an agent.

        Blocks this thread, without the GIL, until the gateway's answer, the time-out, or a
        cancel. Any thread, also many at once, but not from inside a log handler.

        In the main thread Python runs signal handlers, Ctrl-C among them, only then, or while a
        line is logged, which is inside a log handler. What they raise is raised after the call.
        They may use a client outside of log handlers; a signal handler in C may never.

        The request names no conference: the gateway takes whatever rings just then. So a call
        that failed with ``maybe_sent`` is not to be repeated blindly.

        :param agent_id: agent ID, from 101 to ``max_agent_id``.
        :param guid: the agent's Guid, bare or as the whole value of a ``Set-GUID`` header. It is
            as good as a password; it shows in no log line, exception or result. None: the one
            that the client keeps for the agent, from `sign_in` or `set_session`.
        :param cancel: ends this call, from another thread.
        :return: that the gateway accepted; the outcome comes as events.
        :raises NoConferenceError: nothing is ringing, too late.
        :raises SessionError: take the newest Guid, or sign in again; with ``http_status`` 0: no
            session is kept, nothing was sent.
        :raises AgwError: whatever else it came to; see `agw.errors`.
        """
        return self._run(cancel, self._reject, agent_bytes(agent_id), optional_guid(guid))

    def sign_in(
        self,
        agent_id: Union[int, str],
        *,
        phone: Optional[str] = None,
        password: Optional[str] = None,
        force: bool = False,
        fields: Optional[Dict[str, Any]] = None,
        cancel: Optional[CancelToken] = None,
    ) -> Answer:
        """Signs an agent in, and keeps its Guid and a load balancer's cookies for its calls.

        An accepted sign-in takes the place of the session that was kept before, a refused one
        leaves it.

        :param phone: the agent's phone; by default left out, which a gateway may refuse (100-001).
        :param password: by default an empty one. It shows in no log line, exception or result.
        :param force: where the agent is signed in already (100-002), sign in all the same and end
            that session.
        :param fields: further members of the body. They replace those above, and
            ``"autoanswer": false``, which agw sends because with true nothing rings.
        :param cancel: ends this call, from another thread.
        :raises GatewayError: see its ``retcode``, such as 100-004: wrong name or password.
        :raises AgwError: whatever else it came to; see `agw.errors`.
        """
        options = sign_in_options(agent_id, phone, password, force, fields)
        return self._run(cancel, self._sign_in, options)

    def next_event(
        self, agent_id: Union[int, str], *, cancel: Optional[CancelToken] = None
    ) -> Optional[Event]:
        """Waits for the next event of an agent that is signed in: for about ten seconds.

        A newer Guid that comes along is kept. A loop needs no pause of its own, but after a
        failure wait a second, and after `SessionError` sign in again: `events` does so.

        In the main thread it runs in a thread of its own, and ends as soon as a signal handler
        raises, as that of Ctrl-C does.

        :param cancel: ends the wait, from another thread. `sign_out` ends it, too.
        :return: None if nothing happened meanwhile.
        :raises PollingError: another thread waits for this agent's events.
        :raises SessionError: the session is over, or, with ``http_status`` 0, none is kept.
        :raises AgwError: whatever else it came to. With ``maybe_sent``, or where a kept
            connection died and the request was sent again, an event may be missing: the gateway
            hands out each one once.
        """
        return self._run(cancel, self._next_event, agent_bytes(agent_id), interruptible=True)

    def events(
        self, agent_id: Union[int, str], *, cancel: Optional[CancelToken] = None
    ) -> Generator[Event, None, None]:
        """Gives the events of an agent that is signed in, one after the other.

        ::

            client.sign_in(154, phone="40038", password=password)
            for event in client.events(154):
                if event.type == agw.Event.CONF_RINGING:
                    with contextlib.suppress(agw.NoConferenceError):
                        client.reject_agent_conf(154)

        It ends when the session is over, or was never there; when the agent signs out, the client
        is closed, or ``cancel`` or the client's `cancel` ends the wait; at once by what a signal
        handler raises, as by Ctrl-C. After another failure, which the logger ``agw`` tells of, it
        waits a second and goes on.

        :raises PollingError: another thread waits for this agent's events.
        """
        gone_through = self._outcomes(agent_bytes(agent_id), cancel)
        return (outcome for outcome in gone_through if isinstance(outcome, Event))

    def sign_out(
        self, agent_id: Union[int, str], *, cancel: Optional[CancelToken] = None
    ) -> Answer:
        """Signs an agent out, and forgets its session where that is over.

        What waits for the agent's events ends. The session is kept where the gateway was busy,
        failed, or was not reached, so that it can be tried again.

        :raises SessionError: there is nothing to sign out of; or `GatewayError` with ``retcode``
            100-008.
        :raises AgwError: whatever else it came to; see `agw.errors`.
        """
        return self._run(cancel, self._sign_out, agent_bytes(agent_id))

    def set_session(
        self, agent_id: Union[int, str], guid: Optional[str], cookie: Optional[str] = None
    ) -> None:
        """Keeps a Guid and cookies for an agent whom the program signs in by itself.

        Sends nothing. Behind a load balancer its cookies go along with each call of the agent. A
        Guid that is handed to a call is used instead of the one kept.

        :param guid: the newest, bare or as the whole value of a ``Set-GUID`` header. None forgets
            the session.
        :param cookie: ``name=value``, ``;`` between several: at most 32, of 1775 bytes together.
            None: those that are kept stay; "": they are dropped.
        """
        self._run(None, self._set_session, *session_bytes(agent_id, guid, cookie))

    def session(self, agent_id: Union[int, str]) -> Session:
        """Shows the newest Guid and the cookies that are kept for an agent.

        For a program that calls other interfaces of the gateway by its own client. The one place
        that shows them.

        :raises SessionError: none is kept.
        """
        return self._run(None, self._session, agent_bytes(agent_id))

    def connect(self, *, cancel: Optional[CancelToken] = None) -> str:
        """Makes sure that a verified connection stands ready; sends no request.

        At sign-in it finds a wrong address or certificate before a phone rings. When
        ``AgentConf_Ringing`` arrives, it makes the reject that follows one round trip instead of
        three. A kept connection counts only if it was made, or an answer came over it, within the
        last two seconds. Blocks and raises as a call does, and is cancelled like one.

        :return: what the connection is, in words for a log: the TLS version, the gateway's
            certificate, what that was checked against, and the proxy if there is one.
        """
        return self._run(cancel, self._connect)

    def close(self) -> None:
        """Frees the client; calls in progress end soon with `CallCancelledError`.

        Afterwards no log line comes for it any more; waits for a log handler that is running
        in another thread. Closing twice does nothing.
        """
        self._close()

    def __enter__(self: _Self) -> _Self:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.close()

    def _run(
        self,
        cancel: Optional[CancelToken],
        function: Callable[..., _T],
        *arguments: Any,
        interruptible: bool = False,
    ) -> _T:
        """Every call goes through here. An interruptible one ends when a signal handler raises."""
        if cancel is not None and not isinstance(cancel, CancelToken):
            raise TypeError(f"cancel is to be an agw.CancelToken, not {type(cancel).__name__}")
        if interruptible and in_main_thread():
            refuse_inside_log_handlers()
            token = cancel or CancelToken()
            with token._ends(self._library, self._handle) as call_id:  # noqa: SLF001
                end = self._library.agw_cancel_call, self._handle, call_id
                return run_interruptibly(lambda: now_or_later(*end), function, call_id, *arguments)
        if cancel is None:
            return function(0, *arguments)
        with cancel._ends(self._library, self._handle) as call_id:  # noqa: SLF001
            return function(call_id, *arguments)

    def _outcomes(
        self, agent_id: bytes, cancel: Optional[CancelToken] = None
    ) -> Iterator[Union[Event, AgwError]]:
        """Gives the events, and the failures between them."""
        if self.closed:
            raise self._gone()

        before = self._cancels

        def poll() -> Optional[Event]:
            nonlocal before
            before = self._cancels
            return self._run(cancel, self._next_event, agent_id, interruptible=True)

        def ended() -> bool:
            token = cancel is not None and cancel.cancelled
            return token or self.closed or self._cancels != before

        return outcomes(poll, ended)


# --- The library's side ------------------------------------------------------------------------


def _new_result(call_id: int = 0) -> _abi.Result:
    return _abi.Result(struct_size=ctypes.sizeof(_abi.Result), call_id=call_id)


def _new(library: ctypes.CDLL, options: _abi.ClientOptions) -> int:
    handle = ctypes.c_void_p()
    result = _new_result()
    _log.call(library.agw_client_new, options, handle, result)
    if handle.value is None:
        raise error_of(outcome_of(result))
    return handle.value


def now_or_later(function: Callable[..., int], *arguments: int) -> None:
    """Frees a client or ends a call; inside a log handler, when that has returned."""
    if function(*arguments) == Status.REENTRANT:
        _left_over.append((function, arguments))


def _after_call() -> None:
    """Does what could not be done while a log handler ran."""
    for _ in range(len(_left_over)):
        try:
            function, arguments = _left_over.popleft()
        except IndexError:  # another thread has taken it
            break
        now_or_later(function, *arguments)
    _log.raise_interrupt()


# --- Arguments, as C takes them ----------------------------------------------------------------


def agent_bytes(agent_id: Union[int, str]) -> bytes:
    """Checks the type; the library checks the number."""
    if isinstance(agent_id, str):
        return _bytes("agent_id", agent_id)
    number = _integer("agent_id", agent_id, "an int or a str")
    if not 0 <= number <= UINT32_MAX:  # some have more digits than Python makes a text of
        raise invalid("agent_id is out of range", Status.INVALID_AGENT_ID)
    return str(number).encode()


def optional_guid(guid: Optional[str]) -> Optional[bytes]:
    """Checks the type; the library checks the characters."""
    return None if guid is None else _bytes("guid", guid)


def session_bytes(
    agent_id: Union[int, str], guid: Optional[str], cookie: Optional[str]
) -> Tuple[bytes, Optional[bytes], Optional[bytes]]:
    """Checks the types of what is to be kept."""
    return agent_bytes(agent_id), optional_guid(guid), _optional("cookie", cookie)


def sign_in_options(
    agent_id: Union[int, str],
    phone: Optional[str],
    password: Optional[str],
    force: bool,
    fields: Optional[Dict[str, Any]],
) -> _abi.SignInOptions:
    """Checks the types of what an agent signs in with."""
    return _abi.SignInOptions(
        struct_size=ctypes.sizeof(_abi.SignInOptions),
        flags=int(SignInFlag.FORCE if _truth("force", force) else 0),
        agent_id=agent_bytes(agent_id),
        password=_optional("password", password),
        phone=_optional("phone", phone),
        fields=None if fields is None else _bytes("fields", json_object("fields", fields)),
    )


def _bytes(name: str, value: str) -> bytes:
    """Makes UTF-8. Never shows the value: it may be a Guid, a key or a password.

    Lone surrogates become bytes that the library refuses: Python's own exception for them would
    carry the value.
    """
    if not isinstance(value, str):
        raise TypeError(f"{name} is to be a str, not {type(value).__name__}")
    if "\0" in value:
        raise invalid(f"{name}: holds a NUL")
    return value.encode("utf-8", "surrogatepass")


def _optional(name: str, value: Optional[str]) -> Optional[bytes]:
    return None if value is None else _bytes(name, value)


def _path(value: Optional[Pem]) -> Optional[str]:
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def _milliseconds(name: str, seconds: float) -> int:
    """Rounds up: a positive time stays one. Zero would be C's default, and is no time here."""
    if isinstance(seconds, bool) or not hasattr(type(seconds), "__float__"):
        kind = type(seconds).__name__
        raise TypeError(f"{name} is to be a number of seconds, as 5 or 0.5, not {kind}")
    try:
        milliseconds = float(seconds) * 1000
    except (OverflowError, ValueError):
        milliseconds = math.inf
    if not 0 < milliseconds <= UINT32_MAX:
        raise invalid(f"{name} is to be a positive number of seconds, {UINT32_MAX} ms at most")
    return math.ceil(milliseconds)


def _integer(name: str, value: int, wanted: str = "an int") -> int:
    if isinstance(value, bool) or not hasattr(type(value), "__index__"):
        raise TypeError(f"{name} is to be {wanted}, not {type(value).__name__}")
    return int(operator.index(value))  # of a plain int: the text of an enum's member is its name


def _uint32(name: str, value: int) -> int:
    number = _integer(name, value)
    if not 0 < number <= UINT32_MAX:
        raise invalid(f"{name} is to be from 101 to {UINT32_MAX}")
    return number


def _truth(name: str, value: object) -> bool:
    """Takes no text, which a settings file or the environment gives: "false" would be true."""
    if isinstance(value, (str, bytes)):
        raise TypeError(f"{name} is to be a bool, not {type(value).__name__}")
    return bool(value)


def _option_flags(allow_http: bool, keep_alive: bool) -> int:
    flags = OptionFlag(0)
    if _truth("allow_http", allow_http):
        flags |= OptionFlag.ALLOW_HTTP
    if not _truth("keep_alive", keep_alive):
        flags |= OptionFlag.NO_KEEP_ALIVE
    return int(flags)


def _choose_trust(trust: Optional[Trust], ca: Optional[Pem], pin: Optional[str]) -> int:
    """Trusts exactly what was named. The library refuses what does not go together."""
    if trust is not None:
        try:
            return Trust(_integer("trust", trust, "an agw.Trust"))
        except ValueError:
            # Without it: some have more digits than Python makes a text of.
            raise invalid("trust is to be an agw.Trust") from None
    if pin is not None:
        return Trust.PIN
    return Trust.SYSTEM if ca is None else Trust.CA
