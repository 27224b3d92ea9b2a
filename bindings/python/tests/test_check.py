"""``python -m agw check``, and ``agw-check``, which is to say the same: AGW_CHECK is its file."""

import contextlib
import json
import os
import re
import socket
import ssl
import sys
import threading
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Set, Tuple
from urllib.parse import urlsplit

import pytest

from gateways import PATIENCE, RawGateway, Simulator, dead, ended, run_python, stall, takes
from test_tool import tool, tool_environment

HERE = Path(__file__).parent
FINGERPRINT = r"(?:[0-9A-F]{2}:){31}[0-9A-F]{2}"


def program(*words: str, **environment: str) -> Any:
    env = tool_environment(**environment)
    return ended(os.environ["AGW_CHECK"], *words, env=env, encoding="utf-8")


def without_times(value: Any) -> Any:
    """Of a time it remains whether there is one."""
    if isinstance(value, list):
        return [without_times(one) for one in value]
    if isinstance(value, dict):
        times = {name: value[name] for name in ("elapsed", "tcp") if name in value}
        assert all(time is None or 0 <= time < PATIENCE for time in times.values()), value
        others = {name: without_times(value[name]) for name in value if name not in times}
        return {**others, **{name: time is not None for name, time in times.items()}}
    return value


def check(*words: str, **environment: str) -> Tuple[int, Dict[str, Any], str]:
    """Exit code, JSON and text, which are the same from both."""
    told, texts, codes = [], [], set()
    for run in (lambda *more, **env: tool("check", *more, **env), program):
        as_json, as_text = run(*words, "--json", **environment), run(*words, **environment)
        assert (as_json.stderr, as_text.stderr) == ("", "")
        told.append(json.loads(as_json.stdout))
        texts.append(re.sub(r"\d+\.\d ms", "T", as_text.stdout))
        codes |= {as_json.returncode, as_text.returncode}
    assert without_times(told[0]) == without_times(told[1])
    assert texts[0] == texts[1]
    assert len(codes) == 1
    if not told[0]["verified"]:
        assert not re.search(r"verified|: it holds", texts[0])
    return codes.pop(), told[0], texts[0]


def address_of(simulator: Simulator) -> str:
    return urlsplit(simulator.url).netloc


@contextlib.contextmanager
def tls_gateway(chain: Path) -> Iterator[str]:
    """Shakes hands, and answers nothing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), connection:
                connection.settimeout(PATIENCE)
                with context.wrap_socket(connection, server_side=True) as secured:
                    secured.recv(1)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"https://127.0.0.1:{listener.getsockname()[1]}"
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
    thread.join(PATIENCE)


def tunnel(connection: socket.socket) -> None:
    """What a proxy does once it was asked for a connection."""
    asked = tunnels.pop(0)
    with socket.create_connection(asked) as other:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        back = threading.Thread(target=pump, args=(other, connection), daemon=True)
        back.start()
        pump(connection, other)
        back.join(PATIENCE)


tunnels: List[Tuple[str, int]] = []


def pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        for piece in iter(lambda: source.recv(4096), b""):
            sink.sendall(piece)
        sink.shutdown(socket.SHUT_WR)


def test_a_certificate_that_holds(simulator: Simulator) -> None:
    code, told, text = check("--url", simulator.url, "--ca", simulator.ca)
    assert (code, told["name"], told["verified"], told["advice"]) == (0, "AGW_OK", True, "")
    (one,) = told["tries"]
    assert (one["address"], one["checked"]) == (address_of(simulator), "checked against ca")
    assert one["tls"] == "TLS 1.3"
    assert one["tcp"] is not None
    certificate = one["certificate"]
    assert "127.0.0.1" in certificate["names"]
    assert certificate["issuer"] == "Agent gateway simulator CA"
    assert certificate["first_day"] < certificate["last_day"]
    assert re.fullmatch(FINGERPRINT, certificate["fingerprint"])
    assert "checked against ca: it holds\n" in text
    assert "A verified connection can be had." in text
    pinned = check("--url", simulator.url, "--pin", certificate["fingerprint"])
    assert (pinned[0], pinned[1]["tries"][0]["checked"]) == (0, "checked against pin_sha256")
    assert tool("connect", "--url", simulator.url, "--ca", simulator.ca).returncode == 0


def test_a_name_is_looked_up(simulator: Simulator) -> None:
    port = address_of(simulator).split(":")[1]
    code, told, text = check("--url", f"https://localhost:{port}/", "--ca", simulator.ca)
    assert code == 0
    assert told["look_up"]["name"] == "localhost"
    assert "127.0.0.1" in told["look_up"]["addresses"]
    assert len(told["tries"]) == len(told["look_up"]["addresses"])
    assert "look-up  localhost: " in text


def test_the_members_of_the_object_are_documented(simulator: Simulator) -> None:
    def members(value: Any) -> Set[str]:
        if isinstance(value, dict):
            return set(value).union(*map(members, value.values()))
        return set().union(*map(members, value)) if isinstance(value, list) else set()

    port = address_of(simulator).split(":")[1]
    _, told, _ = check("--url", f"https://localhost:{port}", "--ca", simulator.ca)
    page = Path(os.environ["AGW_CHECK_README"])
    rows = [row for row in page.read_text("utf-8").split("\n") if row.startswith("| `")]
    assert members(told) == {name for row in rows for name in re.findall(r"`([a-z_]+)`", row)}


def test_a_name_that_stands_for_nothing() -> None:
    code, told, text = check("--url", "https://gateway.invalid")
    assert (code, told["name"]) == (6, "AGW_E_RESOLVE")
    assert (told["look_up"]["addresses"], told["tries"]) == ([], [])
    assert "gateway.invalid: no address" in text


def test_a_ca_that_is_not_known(simulator: Simulator) -> None:
    code, told, text = check("--url", simulator.url, "--ca", str(HERE / "expired-ca.pem"))
    assert (code, told["name"]) == (6, "AGW_E_TLS")
    certificate = told["tries"][0]["certificate"]
    assert told["tries"][0]["checked"] is None
    assert f"if it is {certificate['fingerprint']}, pin_sha256 can be that" in told["advice"]
    assert "its issuer, Agent gateway simulator CA, to give as ca" in told["advice"]
    assert text.count("not among those trusted") == 1


def test_a_certificate_for_another_name(simulator: Simulator) -> None:
    to = ["--connect-to", address_of(simulator)]
    code, told, _ = check("--url", "https://gateway.test", "--ca", simulator.ca, *to)
    assert (code, told["name"]) == (6, "AGW_E_TLS")
    assert "not for gateway.test" in told["detail"]
    assert "127.0.0.1" in told["tries"][0]["certificate"]["names"]
    assert "pin_sha256" in told["advice"]
    assert "issuer" not in told["advice"]


def test_a_certificate_that_has_expired() -> None:
    with tls_gateway(HERE / "expired.pem") as url:
        code, told, text = check("--url", url, "--ca", str(HERE / "expired-ca.pem"))
    assert (code, told["name"]) == (6, "AGW_E_TLS")
    assert "it expired" in told["detail"]
    certificate = told["tries"][0]["certificate"]
    assert certificate["last_day"] == "2020-02-01"
    # A certificate may say of itself what it likes.
    named = "CA, SHA-256 fingerprint A, checked against ca, through proxy x:1"
    assert (certificate["issuer"], len(certificate["fingerprint"])) == (named, 95)
    assert certificate["names"] == "localhost, 127.0.0.1"
    assert "valid from 2020-01-01 until 2020-02-01\n" in text


def test_one_of_two_addresses_is_dead(simulator: Simulator) -> None:
    both = f"{dead()},{address_of(simulator)}"
    code, told, _ = check("--url", simulator.url, "--ca", simulator.ca, "--connect-to", both)
    assert (code, told["verified"]) == (0, True)
    assert [one["name"] for one in told["tries"]] == ["AGW_E_CONNECT", "AGW_OK"]
    assert [one["tcp"] is None for one in told["tries"]] == [True, False]
    assert told["advice"].startswith("1 of 2 addresses failed")
    code, told, _ = check("--url", simulator.url, "--connect-to", dead())
    assert (code, told["name"]) == (6, "AGW_E_CONNECT")
    port = dead().split(":")[1]
    for written, shown in (("::FFFF:127.0.0.1", "::ffff:127.0.0.1"), ("0:0::1", "::1")):
        to = ["--connect-to", f"[{written}]:0{port}"]
        for words in ([f"https://[{written}]:{port}"], ["https://gateway.test", *to]):
            _, told, _ = check("--url", *words)
            assert told["tries"][0]["address"] == f"[{shown}]:{port}"


def test_what_python_loads_only_once_is_there_before_the_threads() -> None:
    code = """
import sys
from agw import _check, __main__
class Threads(_check.ThreadPoolExecutor):
    def __init__(self, *given):
        print("encodings.idna" in sys.modules)
        super().__init__(*given)
_check.ThreadPoolExecutor = Threads
sys.exit(__main__.main())
"""
    words = ["check", "--allow-http", "--url", f"http://{dead()}"]
    ran = run_python(code, *words)
    assert ran.stdout.startswith("True\n"), ran.stdout


def test_where_nothing_is_checked_nothing_is_said_to_be(
    simulator: Simulator, raw: Callable[..., RawGateway]
) -> None:
    code, told, text = check("--url", raw(stall).url, "--allow-http")
    assert (code, told["verified"], told["tries"][0]["tls"]) == (0, False, None)
    assert "nothing was checked" in text
    assert told["advice"] == "Whoever answers is shown the Guid: take https, and ca or pin_sha256."
    code, told, _ = check("--url", simulator.url, "--danger-any")
    assert (code, told["verified"]) == (0, False)
    assert told["tries"][0]["checked"] == "nothing was checked"
    assert told["tries"][0]["certificate"]["fingerprint"] in told["advice"]


def test_a_proxy_is_the_only_way(simulator: Simulator, raw: Callable[..., RawGateway]) -> None:
    host, port = address_of(simulator).split(":")
    tunnels[:] = [(host, int(port))] * 8
    proxy = raw(tunnel)
    through = urlsplit(proxy.url).netloc
    url = ["--url", simulator.url, "--ca", simulator.ca]
    code, told, text = check(*url, "--proxy", f"http://user:secret@{through}")
    assert (code, told["proxy"], told["look_up"]) == (0, through, None)
    assert [one["address"] for one in told["tries"]] == [None]
    assert told["tries"][0]["checked"] == "checked against ca"
    assert f"proxy    {through}\n" in text
    assert "secret" not in text + json.dumps(told)
    asked = [request.split()[1].decode() for request in proxy.seen]
    assert asked == [address_of(simulator)] * 4
    _, told, _ = check(*url, "--proxy", "env", https_proxy=f"http://{through}", no_proxy="")
    assert told["proxy"] == through
    _, told, text = check(*url, "--proxy", "env", https_proxy=through, no_proxy="127.0.0.1")
    assert (told["proxy"], len(told["tries"])) == (None, 1)
    assert "proxy    none\n" in text
    nobody = dead()
    code, told, _ = check(*url, "--proxy", nobody)
    assert (code, told["name"], told["proxy"]) == (6, "AGW_E_PROXY", nobody)


def test_it_ends_in_time(raw: Callable[..., RawGateway]) -> None:
    url = raw(stall).url.replace("http:", "https:")
    for run in (lambda *words: tool("check", *words), program):
        with takes(1, 4):
            done = run("--url", url, "--timeout", "2", "--json")
        told = json.loads(done.stdout)
        assert (done.returncode, told["name"]) == (6, "AGW_E_TIMEOUT")
        (one,) = told["tries"]
        assert (one["name"], one["tcp"] is None) == ("AGW_E_TIMEOUT", False)
        text = run("--url", url, "--timeout", "0.5").stdout
        assert text.count(" passed in the TLS handshake") == 1, text


def test_options_that_cannot_be_used(simulator: Simulator) -> None:
    code, told, text = check("--url", "https://user:secret@gateway")
    assert (code, told["name"], told["url"]) == (2, "AGW_E_INVALID_URL", None)
    assert "secret" not in text
    code, told, _ = check("--url", simulator.url, "--ca", "missing.pem")
    assert (code, told["name"], told["tries"]) == (2, "AGW_E_TLS_CONFIG", [])
    for url in ("", "https://[::1"):
        assert check("--url", url)[1]["name"] == "AGW_E_INVALID_URL"
    for option in ("--ca", "--client-cert"):
        _, told, _ = check("--url", simulator.url, option, "")
        assert told["detail"].endswith(": empty; give PEM text or the path of a file"), told
    unseen = "".join(map(chr, (0xAD, 0x61C, 0x200B, 0x202E, 0x2066, 0xFFF9, 0xE0041)))
    shown = "" if sys.platform == "win32" else "話務\u3000中心\xa0"  # its encoding may lack them
    _, _, text = check("--url", simulator.url, "--ca", f"{shown}{unseen}.pem")
    assert f"'{shown}{' ' * len(unseen)}.pem'" in text
    code, told, _ = check("--url", simulator.url, "--ca", "missing.pem", "--ca", simulator.ca)
    assert (code, told["verified"]) == (0, True)
    for run in (lambda *words: tool("check", *words), program):  # a part of a millisecond is one
        assert run("--url", f"https://{dead()}", "--connect-timeout", "1e-9").returncode == 6


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--url"],
        ["--url", "https://gateway", "--timeout", "soon"],
        ["--url", "https://gateway", "--timeout", "0"],
        ["--url", "https://gateway", "--timeout", "nan"],
        ["--url", "https://gateway", "--timeout", "1_0"],
        ["--url", "https://gateway", "--timeout", " 5"],
        ["--url", "https://gateway", "--connect-timeout", "٣"],
        ["--url", "https://gateway", "--timeout", "1e19"],
        ["--url", "https://gateway", "--connect-timeout", "4294967.296"],
        ["--url", "https://gateway", "--ca", "a", "--pin", "b"],
        ["--url", "https://gateway", "--unknown"],
        ["--url", "https://gateway", "--danger"],
        ["--url", "https://gateway", "--max-agent-id", "999"],
    ],
)
def test_wrong_usage(words: List[str]) -> None:
    for run in (lambda *words: tool("check", *words), program):
        done = run(*words)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(("agw-check: ", "usage: python -m agw "))


def test_what_the_program_says_of_itself(simulator: Simulator) -> None:
    assert "exit code" in program("--help").stdout
    assert program("--version").stdout.startswith("agw-check 1.")
    logged = program("--url", simulator.url, "--ca", simulator.ca, "--log").stderr
    assert "connect: " in logged
