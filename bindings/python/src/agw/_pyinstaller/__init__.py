"""For PyInstaller, which finds this by the package's entry point: the library is frozen, too."""

from pathlib import Path
from typing import List


def hook_dirs() -> List[str]:
    """Tells where ``hook-agw.py`` is."""
    return [str(Path(__file__).parent)]
