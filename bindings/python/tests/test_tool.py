"""``python -m agw``, as the support desk runs it."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from queue import Queue
from typing import Any, Callable, Dict, Iterator, List, Tuple

import pytest

from gateways import (
    AGENT,
    PATIENCE,
    Background,
    RawGateway,
    Simulator,
    SlowGateway,
    answer,
    ended,
    in_turn,
    takes,
)

NEW = 221  # signs in here


def tool_environment(**environment: str) -> Dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AGW_G")}
    return {**clean, **environment}


def tool(*words: str, stdin: str = "", **environment: str) -> Any:
    env = tool_environment(**environment)
    return ended(sys.executable, "-m", "agw", *words, input=stdin, env=env)


def gateway(simulator: Simulator) -> List[str]:
    return ["--url", simulator.url, "--ca", simulator.ca]


def reject(simulator: Simulator, *words: str, **more: str) -> Any:
    return tool("reject", *gateway(simulator), "--agent", str(AGENT), *words, **more)


def test_the_guid_comes_from_a_file_the_environment_or_standard_input(
    simulator: Simulator, tmp_path: Path
) -> None:
    file = tmp_path / "guid"
    file.write_text(f"{simulator.guid}\nanother line\n", encoding="ascii")
    marked = tmp_path / "marked"
    marked.write_text(f"{simulator.guid}\r\n", encoding="utf-8-sig")
    ways: List[Dict[str, Any]] = [
        {"words": ["--guid-file", str(marked)]},
        {"words": ["--guid-file", str(file)]},
        {"words": ["--guid-file", "-"], "stdin": f"{simulator.guid}\n"},
        {"words": [], "AGW_GUID": simulator.guid},
        {"words": ["--guid-env", "OTHER"], "OTHER": simulator.guid},
    ]
    for way in ways:
        simulator.ring()
        done = reject(simulator, *way.pop("words"), **way)
        assert (done.returncode, done.stderr) == (0, "")
        assert "0 AGW_OK" in done.stdout
        assert simulator.guid not in done.stdout


def test_json(simulator: Simulator) -> None:
    done = reject(simulator, "--json", AGW_GUID=simulator.guid)
    told = json.loads(done.stdout)
    assert done.returncode == 3
    assert (told["status"], told["name"], told["retcode"]) == (
        302,
        "AGW_E_NO_CONFERENCE",
        "101-001",
    )
    assert told["maybe_sent"] is False
    assert told["meaning"]


def test_exit_codes(simulator: Simulator, stalled: RawGateway) -> None:
    assert reject(simulator, AGW_GUID=simulator.guid).returncode == 3
    assert reject(simulator, AGW_GUID="wrong").returncode == 4
    simulator.answer_with(retcode="100-007", message="bell \a")
    done = reject(simulator, AGW_GUID=simulator.guid)
    assert done.returncode == 5
    assert "\a" not in done.stdout
    slow = ["--url", stalled.url, "--allow-http", "--timeout", "0.2", "--agent", "154"]
    done = tool("reject", *slow, AGW_GUID="guid")
    assert done.returncode == 6
    assert "maybe sent" in done.stdout
    assert tool("connect", "--url", simulator.url).returncode == 6


@pytest.mark.skipif(os.name == "nt", reason="a shell's redirections")
@pytest.mark.parametrize("output", [">&-", ">/dev/full", "| :", ">&- 2>&- <&-"])
def test_the_exit_code_tells_where_nobody_reads(simulator: Simulator, output: str) -> None:
    def ended(*words: str) -> Tuple[int, str]:
        script = f'{{ "$@"; echo $? >&3; }} {output}'  # the exit code behind whatever is redirected
        command = ["sh", "-c", f"exec 3>&1; {script}", "sh", sys.executable, "-m", "agw", *words]
        environment = tool_environment(AGW_GUID=simulator.guid)
        done = subprocess.run(
            command, env=environment, capture_output=True, timeout=PATIENCE, check=False
        )
        return int(done.stdout), done.stderr.decode()

    simulator.ring()
    agent = ["--agent", str(AGENT)]
    assert ended("reject", *gateway(simulator), *agent) == (0, "")
    assert ended("reject", *gateway(simulator), *agent, "--json") == (3, "")
    assert ended("check", *gateway(simulator)) == (0, "")
    assert ended("--version") == (0, "")


@pytest.mark.skipif(os.name == "nt", reason="a shell's redirections")
@pytest.mark.parametrize(
    "words",
    [
        ["reject", "--guid-file", "-"],
        ["watch", "--sign-in", "--password-file", "-"],
        ["watch", "--sign-in"],
    ],
)
@pytest.mark.parametrize("redirected", ["<&-", "</dev/null 0>/dev/null"])
def test_a_secret_that_cannot_be_read(words: List[str], redirected: str) -> None:
    command = ["sh", "-c", f'"$@" {redirected}', "sh", sys.executable, "-m", "agw", *words]
    command += ["--url", "https://127.0.0.1:9", "--agent", "154"]
    done = subprocess.run(
        command, env=tool_environment(), capture_output=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith(b"python -m agw: ")


def test_connect(simulator: Simulator) -> None:
    done = tool("connect", *gateway(simulator))
    assert done.returncode == 0
    assert "accepted" not in done.stdout
    assert "fingerprint" in done.stdout
    assert tool("connect", *gateway(simulator), "--log").stderr != ""


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["dance"],
        ["reject"],
        ["reject", "--url", "https://127.0.0.1", "--agent", "154", "--guid", "secret"],
        ["reject", "--url", "https://127.0.0.1", "--agent", "154"],
        ["reject", "--url", "https://127.0.0.1", "--agent", "154", "--guid-file", "missing"],
        ["reject", "--url", "https://127.0.0.1", "--agent", "154", "--guid-file", "-"],
        ["reject", "--url", "nonsense", "--agent", "154", "--guid-env", "PATH"],
        ["connect", "--url", "https://127.0.0.1", "--timeout", "soon"],
        ["connect", "--url", "https://127.0.0.1", "--ca", "a", "--pin", "b"],
        ["watch", "--url", "https://127.0.0.1"],
        ["watch", "--url", "https://127.0.0.1", "--agent", "154"],
        ["watch", "--url", "https://127.0.0.1", "--agent", "154", "--sign-in"],
        ["watch", "--url", "https://127.0.0.1", "--agent", "154", "--sign-in", "--guid-env", "A"],
        ["watch", "--url", "https://127.0.0.1", "--agent", "154", "--sign-in", "--password", "a"],
        ["watch", "--url", "https://127.0.0.1", "--agent", "154", "--phone", "4"],
    ],
)
def test_wrong_usage(words: List[str]) -> None:
    done = tool(*words)
    assert done.returncode == 2, done
    assert "Traceback" not in done.stderr


class Watch:
    """The tool, running: its lines as they come."""

    def __init__(self, gateway: List[str], *words: str, **environment: str) -> None:
        command = [sys.executable, "-m", "agw", "watch", *gateway, *words]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=tool_environment(**environment),
        )
        self.seen: List[str] = []
        self._lines: Queue[str] = Queue()
        self._reader = Background(self._read)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)

    def wait_for(self, words: str) -> str:
        while True:
            self.seen.append(self._lines.get(timeout=PATIENCE))
            if words in self.seen[-1]:
                return self.seen[-1]

    def end(self, number: int = signal.SIGINT) -> int:
        with takes(0, 5):
            self.process.send_signal(number)
            return self.result()

    def result(self) -> int:
        code = self.process.wait(PATIENCE)
        self._reader.result()
        while not self._lines.empty():
            self.seen.append(self._lines.get())
        return code

    def errors(self) -> str:
        assert self.process.stderr is not None
        return self.process.stderr.read()

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE)
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()


@pytest.fixture
def watch() -> Iterator[Callable[..., Watch]]:
    watches: List[Watch] = []

    def start(gateway: List[str], *words: str, **environment: str) -> Watch:
        watches.append(Watch(gateway, *words, **environment))
        return watches[-1]

    yield start
    for one in watches:
        one.close()


SIGN_IN = ["--agent", str(NEW), "--sign-in", "--phone", "40038"]
needs_signals = pytest.mark.skipif(sys.platform == "win32", reason="no Ctrl-C can be sent there")


@needs_signals
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_watch_signs_in_rejects_and_signs_out(
    simulator: Simulator, watch: Callable[..., Watch], tmp_path: Path, name: str
) -> None:
    file = tmp_path / "password"
    file.write_text("secret\n", encoding="ascii")
    password = ["--password-file", str(file)]
    watched = watch(gateway(simulator), *SIGN_IN, *password, "--reject", "--force")
    assert watched.wait_for("login").split()[1:] == ["login", "0", "AGW_OK", "0"]
    for _ in range(2):
        simulator.ring(NEW)
        assert '{"confId":' in watched.wait_for("AgentConf_Ringing")
        assert "0 AGW_OK" in watched.wait_for("rejectAgentConf")
        watched.wait_for("AgentOther_PhoneRelease")
        watched.wait_for("AgentState_Ready")
    assert watched.end(getattr(signal, name)) == 0
    assert "logout" in watched.seen[-1]
    assert (watched.errors(), simulator.view(NEW)["signedIn"]) == ("", False)
    assert "secret" not in "".join(watched.seen)


@needs_signals
def test_watch_takes_a_guid_and_tells_in_json(
    slow: SlowGateway, watch: Callable[..., Watch]
) -> None:
    simulator = slow  # of its own, as events of other tests may wait at the other one
    options = ["--agent", str(AGENT), "--json"]
    watched = watch(gateway(simulator), *options, AGW_GUID=simulator.guid)
    while not simulator.polling(AGENT):
        assert watched.process.poll() is None
    simulator.ring()
    told = json.loads(watched.wait_for("AgentConf_Ringing"))
    assert told["content"] == {"confId": told["conf_id"]}
    assert (told["work_no"], told["truncated"], told["time"] > 0) == (str(AGENT), False, True)
    done = reject(simulator, AGW_GUID=simulator.guid)
    assert done.returncode == 0
    watched.wait_for("AgentState_Ready")
    assert watched.end() == 0
    assert [json.loads(line)["event"] for line in watched.seen][-1] == "AgentState_Ready"
    assert simulator.view()["signedIn"] is True  # whom it did not sign in
    assert watched.errors() == ""


def test_watch_tells_of_failures_and_ends_with_the_session(
    watch: Callable[..., Watch], raw: Callable[..., RawGateway]
) -> None:
    wrong = answer(b"<html>", "502 Bad Gateway")
    ring = b'{"retcode":"0","event":{"eventType":"AgentConf_Ringing","workNo":1,"content":[7]}}'
    late, over = b'{"retcode":"101-001","message":"bell"}', b'{"retcode":"100-006"}'
    deep = b'{"retcode":"0","event":{"eventType":"Deep","content":%s0%s}}'
    deep %= (b'{"a":' * 600, b"}" * 600)
    huge = b'{"retcode":"0","event":{"eventType":"Huge","content":{"a":1e999}}}'
    answers = (answer(body) for body in (ring, late, deep, huge, over))
    plain = raw(in_turn(wrong, *answers))
    options = ["--agent", str(AGENT), "--reject", "--json", "--allow-http"]
    watched = watch(["--url", plain.url], *options, AGW_GUID="guid-of-the-test")
    assert watched.result() == 4
    told = [json.loads(line, parse_constant=pytest.fail) for line in watched.seen]
    calls = ["getAgentEvent", None, "rejectAgentConf", None, None, None]
    assert [one.get("call") for one in told] == calls
    assert [one["status"] for one in (told[0], told[2], told[5])] == [200, 302, 301]
    assert told[3]["event"] == "Deep"
    assert (told[4]["content"], told[4]["text"]) == (None, '{"a":1e999}')
    assert (told[1]["content"], told[1]["text"]) == (None, "[7]")
    assert "of-the-test" not in "".join(watched.seen) + watched.errors()


@needs_signals
def test_watch_ends_during_a_call_too(simulator: Simulator, watch: Callable[..., Watch]) -> None:
    simulator.answer_with(NEW, delayMs=60000)
    options = [*SIGN_IN, "--reject", "--timeout", "60"]
    watched = watch(gateway(simulator), *options, AGW_PASSWORD="")
    watched.wait_for("login")
    seen = simulator.rejects_seen()
    simulator.ring(NEW)
    watched.wait_for("AgentConf_Ringing")
    while simulator.rejects_seen() == seen:
        assert watched.process.poll() is None
    assert watched.end() == 0
    assert simulator.view(NEW)["signedIn"] is False


@needs_signals
def test_watch_ends_when_nobody_reads(simulator: Simulator) -> None:
    command = [sys.executable, "-m", "agw", "watch", *gateway(simulator), *SIGN_IN]
    options: Dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, env=tool_environment(AGW_PASSWORD=""), **options) as watched:
        assert watched.stdout is not None
        assert b"login" in watched.stdout.readline()
        watched.stdout.close()
        simulator.ring(NEW)
        assert watched.wait(PATIENCE) == 0
        assert watched.stderr is not None
        assert watched.stderr.read() == b""
    assert simulator.view(NEW)["signedIn"] is False


def test_watch_that_cannot_sign_in(simulator: Simulator) -> None:
    agent = ["--agent", str(AGENT), "--sign-in"]
    done = tool("watch", *gateway(simulator), *agent, "--phone", "4", AGW_PASSWORD="")
    assert done.returncode == 5
    assert "100-002" in done.stdout
    done = tool("watch", *gateway(simulator), "--agent", str(AGENT), AGW_GUID="wrong")
    assert done.returncode == 4


def test_help_and_version() -> None:
    assert "exit code" in tool("--help").stdout
    assert "password" in tool("reject", "--help").stdout
    assert "library 1." in tool("--version").stdout
