"""Where the shared library is looked for: the wheel, AGW_LIBRARY, the system."""

import ctypes
import os
import shutil
import sys
import types
from pathlib import Path
from typing import Any

import pytest

import agw
from gateways import ended

SHOW = "import agw; print(agw.library_path(), agw.library_version())"
PACKAGE = Path(agw.__file__).parent
LIBRARY = Path(agw.library_path())


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A copy of the package without the library."""
    ignored = shutil.ignore_patterns(LIBRARY.name, "__pycache__")
    shutil.copytree(PACKAGE, tmp_path / "agw", ignore=ignored)
    return tmp_path


def show(place: Path, **environment: str) -> Any:
    return python(place, "-c", SHOW, **environment)


def python(place: Path, *words: str, **environment: str) -> Any:
    clean = {name: value for name, value in os.environ.items() if name != "AGW_LIBRARY"}
    environment["PYTHONPATH"] = str(place)
    return ended(sys.executable, *words, env={**clean, **environment})


def test_the_wheels_comes_first() -> None:
    assert LIBRARY.parent == PACKAGE
    assert (PACKAGE / "py.typed").is_file()
    done = show(PACKAGE.parent, AGW_LIBRARY="missing.so")
    assert done.stdout.split() == [str(LIBRARY), agw.__version__]


def test_then_that_of_the_variable(bare: Path) -> None:
    done = show(bare, AGW_LIBRARY=str(LIBRARY))
    assert done.stdout.split() == [str(LIBRARY), agw.__version__]


@pytest.mark.skipif(sys.platform != "linux", reason="another search path")
def test_then_the_systems(bare: Path, tmp_path: Path) -> None:
    shutil.copy(LIBRARY, tmp_path / "libagw.so.1")
    done = show(bare, LD_LIBRARY_PATH=str(tmp_path))
    assert done.stdout.split() == ["libagw.so.1", agw.__version__]


def test_a_library_that_does_not_fit_is_an_import_error(bare: Path) -> None:
    (bare / "text.so").write_text("no library", encoding="ascii")
    for library in ("missing.so", str(bare / "text.so")):
        done = show(bare, AGW_LIBRARY=library)
        assert done.returncode == 1
        assert f"ImportError: cannot use agw's shared library {library}" in done.stderr


def test_the_tool_says_that_there_is_no_library(bare: Path) -> None:
    for words in (["--version"], ["connect", "--url", "https://127.0.0.1:9"]):
        done = python(bare, "-m", "agw", *words, AGW_LIBRARY="missing.so")
        assert done.returncode == 1
        assert done.stderr.startswith("python -m agw: cannot use agw's shared library missing.so")
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("number", [0x020000, 0x00FFFF])
def test_a_version_that_does_not_fit_is_refused(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if it lacks the other functions: what to do about it comes first."""

    def version_num() -> int:
        return number

    other = types.SimpleNamespace(agw_version_num=version_num)
    monkeypatch.setattr(ctypes, "CDLL", lambda _path: other)
    with pytest.raises(ImportError, match=r"needed is 1\.0\.0 or a newer 1\.x"):
        agw._library.load.__wrapped__()


def test_what_is_tested_is_what_was_installed() -> None:
    assert Path(os.environ["AGW_INSTALLED"]).resolve() in PACKAGE.resolve().parents
