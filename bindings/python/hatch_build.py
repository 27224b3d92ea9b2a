"""Puts the shared library into the wheel, and tags the wheel for its platform.

Reads three environment variables:

AGW_WHEEL_LIBRARY   the shared library to put inside; `none` for a wheel without one, which then
                    looks for the system's. Default: what `make stage` has built.
AGW_WHEEL_PLATFORM  the platform tag, such as `manylinux_2_17_x86_64.manylinux2014_x86_64` or
                    `win_amd64`. Default: this machine's, as in `linux_x86_64`.
AGW_WHEEL_LICENCES  a folder with the licences of what is linked into the library. Default: none.
"""

import os
import re
import sys
import sysconfig
from pathlib import Path
from typing import Any, Dict

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

# By the suffix, so that a wheel for another system can be made, too.
NAMES = {".dll": "agw.dll", ".dylib": "libagw.dylib"}
OWN_NAME = {"win32": "agw.dll", "darwin": "libagw.dylib"}.get(sys.platform, "libagw.so")


def staged(root: Path) -> Path:
    """Tells where `make stage` puts the library."""
    project = root.parent.parent
    return project / os.environ.get("CARGO_TARGET_DIR", "target") / "stage" / "lib" / OWN_NAME


class LibraryHook(BuildHookInterface[Any]):
    """The hook that hatchling calls before it builds."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: Dict[str, Any]) -> None:
        """Adds the library and the tag. An editable install looks for the library elsewhere."""
        wanted = os.environ.get("AGW_WHEEL_LIBRARY", "")
        if version == "editable" or wanted == "none":
            return
        library = Path(wanted).resolve() if wanted else staged(Path(self.root))
        if not library.is_file():
            raise FileNotFoundError(
                f"no shared library {library}: set AGW_WHEEL_LIBRARY to one, or to `none`"
            )
        # A dot stands between tags: sysconfig has them in version numbers, too.
        own = sysconfig.get_platform().replace(".", "_")
        platform = os.environ.get("AGW_WHEEL_PLATFORM") or own
        name = NAMES.get(library.suffix, "libagw.so")
        build_data["pure_python"] = False
        build_data["tag"] = "py3-none-" + re.sub(r"[^0-9A-Za-z_.]", "_", platform)
        build_data["force_include"][str(library.resolve())] = f"agw/{name}"
        licences = os.environ.get("AGW_WHEEL_LICENCES")
        if licences:
            build_data["force_include"][licences] = "agw/licences"
