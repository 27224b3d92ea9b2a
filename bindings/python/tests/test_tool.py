"""``python -m agw``, as the support desk runs it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List

import pytest

from gateways import AGENT, PATIENCE, RawGateway, Simulator


def tool(*words: str, stdin: str = "", **environment: str) -> Any:
    clean = {name: value for name, value in os.environ.items() if name != "AGW_GUID"}
    return subprocess.run(
        [sys.executable, "-m", "agw", *words],
        input=stdin,
        env={**clean, **environment},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


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
    ],
)
def test_wrong_usage(words: List[str]) -> None:
    done = tool(*words)
    assert done.returncode == 2, done
    assert "Traceback" not in done.stderr


def test_help_and_version() -> None:
    assert "exit code" in tool("--help").stdout
    assert "password" in tool("reject", "--help").stdout
    assert "library 1." in tool("--version").stdout
