"""The rows of platforms.txt; with QUICK=1 only those that are made always."""

import os
from pathlib import Path
from typing import NamedTuple


class Platform(NamedTuple):
    """What stands in a row."""

    name: str
    folder: str
    target: str
    libc: str
    wheel: str
    nuget: str
    when: str

    @property
    def windows(self):
        """There is a DLL, and what comes with it."""
        return self.name.startswith("windows")

    @property
    def library(self):
        """What its file is called."""
        return "agw.dll" if self.windows else "libagw.so"

    def program(self, name):
        """What the file of a program is called."""
        return f"{name}.exe" if self.windows else name

    @property
    def pointer(self):
        """The bytes of a pointer."""
        return 4 if self.target.startswith("i686") else 8


PROGRAMS = ("agw-check", "agw-simulator")
LINES = Path(__file__).with_name("platforms.txt").read_text(encoding="ascii").splitlines()
ROWS = [Platform(*line.split()) for line in LINES if not line.startswith("#")]
PLATFORMS = [row for row in ROWS if row.when == "always" or not os.environ.get("QUICK")]
