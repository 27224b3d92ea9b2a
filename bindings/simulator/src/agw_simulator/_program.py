"""The program inside the wheel."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path


def program_path() -> str:
    """Tells where it is: the environment's AGW_SIMULATOR, or else the one inside the wheel."""
    given = os.environ.get("AGW_SIMULATOR")
    name = "agw-simulator.exe" if sys.platform == "win32" else "agw-simulator"
    path = Path(given) if given else Path(__file__).with_name(name)
    if not path.is_file():
        raise FileNotFoundError(f"no program {path}; AGW_SIMULATOR may name one")
    return str(path)


def main() -> None:
    """Runs it in the place of this process, as the command agw-simulator."""
    command = [program_path(), *sys.argv[1:]]
    if sys.platform == "win32":
        with subprocess.Popen(command) as process:  # noqa: S603
            while process.poll() is None:
                with contextlib.suppress(KeyboardInterrupt):  # it was told, too, and ends
                    process.wait()
        sys.exit(process.returncode)
    else:
        os.execv(command[0], command)  # noqa: S606 - nothing of a shell is wanted
