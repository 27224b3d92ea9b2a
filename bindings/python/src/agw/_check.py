"""``python -m agw check``: every step to a gateway, and what to do where one fails.

All that is told of TLS and of certificates is told by the library: a client for each address.
`bindings/check` of the project is the same in Rust, with the same words.
"""

import argparse
import codecs
import json
import re
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Iterator, List, Optional, Sequence, Tuple
from urllib.parse import urlsplit

from . import AgwError, Outcome, Status
from ._library import sentence
from ._tool import make_client, printable
from .errors import name_of

Row = Tuple[str, str]

_MOST_ADDRESSES = 16
_SHORTEST = 0.01  # seconds, for what has no time left
_PORTS = {"https": 443, "http": 80}

_CONNECTED = re.compile(
    r"(?P<tls>TLS [\d.]+), (?:certificate for (?P<names>.*?)|a certificate that cannot be read), "
    r"SHA-256 fingerprint (?P<fingerprint>[0-9A-F:]+)"
    r"(?:, valid from (?P<first_day>[\d-]+) until (?P<last_day>[\d-]+), issued by (?P<issuer>.*))?"
    r", (?P<checked>checked against .*?|nothing was checked)(?:, through proxy .*)?"
)
_PROXY = re.compile(r"^(?:through )?proxy (\S+): |, through proxy (\S+)$")


@dataclass(frozen=True)
class Certificate:
    """What the library says of a gateway's."""

    fingerprint: str
    names: Optional[str] = None
    first_day: Optional[str] = None
    last_day: Optional[str] = None
    issuer: Optional[str] = None


@dataclass(frozen=True)
class LookUp:
    """What the name stands for. The time is in seconds, as all times here."""

    name: str
    addresses: List[str]
    elapsed: float


@dataclass(frozen=True)
class Try:
    """One way to the gateway."""

    #: None: through the proxy, which looks the name up.
    address: Optional[str]
    status: int
    name: str
    detail: str
    #: Whether the certificate was checked, and is as it should be.
    verified: bool
    #: TCP alone; None where there is none, or a proxy is between.
    tcp: Optional[float]
    #: TCP and TLS, by the library.
    elapsed: float
    tls: Optional[str] = None
    #: What the certificate was checked against, in the library's words.
    checked: Optional[str] = None
    certificate: Optional[Certificate] = None


@dataclass(frozen=True)
class Report:
    """What came of it all. The status is that of a client as it was asked for."""

    status: int
    name: str
    meaning: str
    detail: str
    advice: str
    verified: bool
    elapsed: float
    #: None: it cannot be used, and may hold a password.
    url: Optional[str]
    proxy: Optional[str] = None
    look_up: Optional[LookUp] = None
    tries: Sequence[Try] = ()


# --- The steps ---------------------------------------------------------------------------------


def checked(arguments: argparse.Namespace) -> Report:
    """Connects as a program would, for half of the time; then to each address by itself."""
    begin = time.monotonic()
    end = begin + arguments.timeout
    try:
        make_client(arguments).close()  # which says what is wrong with the options
    except AgwError as error:
        return _report(arguments, error.outcome)
    outcome = _connected(arguments, begin + arguments.timeout / 2)
    found = _PROXY.search(outcome.detail)
    if found:
        only = _try_of(arguments, outcome, end)
        return _report(arguments, outcome, found[1] or found[2], tries=[only])
    codecs.lookup("idna")  # for addresses: two threads at once may not find it
    look_up, addresses = _addresses(arguments, end)
    with ThreadPoolExecutor(_MOST_ADDRESSES) as threads:
        tries = threads.map(lambda one: _try(arguments, one, end), addresses[:_MOST_ADDRESSES])
        return _report(arguments, outcome, None, look_up, list(tries))


def _connected(arguments: argparse.Namespace, end: float) -> Outcome:
    left = max(end - time.monotonic(), _SHORTEST)
    options = {"timeout": left, "connect_timeout": min(arguments.connect_timeout, left)}
    try:
        with make_client(_changed(arguments, **options)) as client:
            begin = time.monotonic()
            detail = client.connect()
    except AgwError as error:
        return error.outcome
    return Outcome(status=int(Status.OK), elapsed=time.monotonic() - begin, detail=detail)


def _changed(arguments: argparse.Namespace, **changes: object) -> argparse.Namespace:
    return argparse.Namespace(**{**vars(arguments), **changes})


def _addresses(arguments: argparse.Namespace, end: float) -> Tuple[Optional[LookUp], List[str]]:
    if arguments.connect_to is not None:
        listed = [one.strip().rpartition(":") for one in arguments.connect_to.split(",")]
        return None, [_written_out(host.strip("[]"), int(port)) for host, _, port in listed]
    parts = urlsplit(arguments.url)
    name, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    try:
        return None, [_written_out(name, port)]
    except (OSError, ValueError):
        look_up = _look_up(name, end)
    return look_up, [_with_port(one, port) for one in look_up.addresses]


def _written_out(address: str, port: int) -> str:
    """Writes an address in its one usual form, as the library does."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return _with_port(socket.inet_ntop(family, socket.inet_pton(family, address)), port)


def _with_port(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _look_up(name: str, end: float) -> LookUp:
    """In a thread, as nothing can end a look-up. The client has said why one fails."""
    found: List[str] = []

    def look() -> None:
        try:
            infos = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            return
        found.extend(dict.fromkeys(str(info[4][0]) for info in infos))

    begin = time.monotonic()
    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    thread.join(max(end - begin, 0))
    return LookUp(name, list(found), time.monotonic() - begin)


def _try(arguments: argparse.Namespace, address: str, end: float) -> Try:
    tcp = _tcp(address, min(arguments.connect_timeout, (end - time.monotonic()) / 2))
    options = _changed(arguments, connect_to=address)
    outcome = _connected(options, end)
    return _try_of(options, outcome, end, address, tcp)


def _tcp(address: str, most: float) -> Optional[float]:
    host, _, port = address.rpartition(":")
    begin = time.monotonic()
    try:
        with socket.create_connection((host.strip("[]"), int(port)), max(most, _SHORTEST)):
            return time.monotonic() - begin
    except OSError:
        return None


def _try_of(
    arguments: argparse.Namespace,
    outcome: Outcome,
    end: float,
    address: Optional[str] = None,
    tcp: Optional[float] = None,
) -> Try:
    tls, checked, certificate = _told(outcome.detail)
    if outcome.status == Status.TLS:
        certificate = _refused(arguments, outcome.detail, end)
    return Try(
        address=address,
        status=outcome.status,
        name=name_of(outcome.status),
        detail=outcome.detail,
        verified=_is_verified(arguments, outcome),
        tcp=tcp,
        elapsed=outcome.elapsed,
        tls=tls,
        checked=checked,
        certificate=certificate,
    )


def _told(detail: str) -> Tuple[Optional[str], Optional[str], Optional[Certificate]]:
    """TLS version, what was checked, certificate: nothing of it where the sentence was cut."""
    if detail.startswith("plain http, nothing was checked"):
        return None, "nothing was checked", None
    found = _CONNECTED.fullmatch(detail)
    if found is None:
        return None, None, None
    parts = found.groupdict()
    return parts.pop("tls"), parts.pop("checked"), Certificate(**parts)


def _refused(arguments: argparse.Namespace, detail: str, end: float) -> Optional[Certificate]:
    """The certificate that was refused, which a client that checks nothing gets to see.

    It sends no request, and shows no certificate of its own.
    """
    nothing = dict.fromkeys(("ca", "pin", "client_cert", "client_key"))
    outcome = _connected(_changed(arguments, danger_any=True, **nothing), end)
    certificate = _told(outcome.detail)[2] if outcome.status == Status.OK else None
    return certificate if certificate and certificate.fingerprint in detail else None


def _is_verified(arguments: argparse.Namespace, outcome: Outcome) -> bool:
    if outcome.status != Status.OK or arguments.danger_any:  # there may be no URL to be split
        return False
    return str(urlsplit(arguments.url).scheme) == "https"


# --- The words ---------------------------------------------------------------------------------


def _report(
    arguments: argparse.Namespace,
    outcome: Outcome,
    proxy: Optional[str] = None,
    look_up: Optional[LookUp] = None,
    tries: Sequence[Try] = (),
) -> Report:
    verified = _is_verified(arguments, outcome)
    meaning = sentence(outcome.status)
    if outcome.status == Status.OK:
        meaning = "A verified connection can be had." if verified else _UNCHECKED
    return Report(
        status=outcome.status,
        name=name_of(outcome.status),
        meaning=meaning,
        detail=outcome.detail,
        advice=" ".join(_advice(outcome, verified, tries)),
        verified=verified,
        elapsed=outcome.elapsed,
        url=None if Status.OK < outcome.status < Status.RESOLVE else arguments.url,
        proxy=proxy,
        look_up=look_up,
        tries=tries,
    )


_UNCHECKED = "A connection can be had, but nothing was checked: anybody may have answered."


def _advice(outcome: Outcome, verified: bool, tries: Sequence[Try]) -> Iterator[str]:
    connected = outcome.status == Status.OK
    failed = sum(one.status != Status.OK for one in tries)
    certificate = next((one.certificate for one in tries if one.certificate), None)
    if connected and failed:
        yield (
            f"{failed} of {len(tries)} addresses failed, which costs time wherever they are tried:"
            " have them mended, or taken out of the DNS or of connect_to."
        )
    if connected and not verified:
        yield "Whoever answers is shown the Guid: take https, and ca or pin_sha256."
    can_be_pinned = connected or "pin_sha256" in outcome.detail
    if certificate is None or verified or not can_be_pinned:
        return
    yield (
        f"Ask those who run the gateway for its fingerprint; if it is {certificate.fingerprint},"
        " pin_sha256 can be that."
    )
    if certificate.issuer and (connected or "among those trusted" in outcome.detail):
        yield f"Or ask for the certificate of its issuer, {certificate.issuer}, to give as ca."


def as_json(report: Report) -> str:
    """One object."""
    return json.dumps(asdict(report))


def as_text(report: Report) -> str:
    """A row for each step, a summary at the end."""
    rows = list(_way(report))
    certificate, details = None, {""}
    for one in report.tries:
        rows.append(("address", f"{one.address or 'through the proxy'}: {_in_short(one)}"))
        if one.certificate and one.certificate != certificate:
            certificate = one.certificate
            rows += (("", line) for line in _lines(certificate))
        if one.checked:
            rows.append(("", one.checked + (": it holds" if one.verified else "")))
        elif one.detail not in details:
            rows.append(("", one.detail))
        details.add(one.detail)
    rows.append(("result", f"{report.status} {report.name}: {report.meaning}"))
    if report.status not in {int(Status.OK), *(one.status for one in report.tries)}:
        rows.append(("", report.detail))
    if report.advice:
        rows.append(("to do", report.advice))
    return "\n".join(f"{label:<9}{printable(text)}" for label, text in rows)


def _way(report: Report) -> Iterator[Row]:
    if report.url is not None:
        yield "gateway", report.url
        yield "proxy", report.proxy or "none"
    if report.look_up:
        found = ", ".join(report.look_up.addresses) or "no address"
        yield "look-up", f"{report.look_up.name}: {found} ({_ms(report.look_up.elapsed)})"


def _in_short(one: Try) -> str:
    """How far it came, and in what time."""
    tcp = f"TCP {_ms(one.tcp)}, " if one.tcp is not None else ""
    if one.status != Status.OK:
        return f"{tcp}failed after {_ms(one.elapsed)}: {one.name}"
    if one.tls is None:
        return f"{tcp}connected in {_ms(one.elapsed)}"
    return f"{tcp}with TLS {_ms(one.elapsed)}, {one.tls}"


def _lines(certificate: Certificate) -> Iterator[str]:
    yield f"certificate for {certificate.names}" if certificate.names else "certificate"
    if certificate.first_day:
        yield f"valid from {certificate.first_day} until {certificate.last_day}"
        yield f"issued by {certificate.issuer}"
    yield f"SHA-256 fingerprint {certificate.fingerprint}"


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"
