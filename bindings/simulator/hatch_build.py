"""Puts the simulator's program into the wheel, and tags the wheel for its platform.

Reads three environment variables:

AGW_WHEEL_SIMULATOR  the program to put inside. There is no wheel without one.
AGW_WHEEL_PLATFORM   the platform tag, such as `manylinux_2_17_x86_64.manylinux2014_x86_64` or
                     `win_amd64`. Default: this machine's, as in `linux_x86_64`.
AGW_WHEEL_LICENCES   a folder with the licences of what is linked into it. Default: none.
"""

import os
import re
import sysconfig
from pathlib import Path
from typing import Any, Dict

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ProgramHook(BuildHookInterface[Any]):
    """The hook that hatchling calls before it builds."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: Dict[str, Any]) -> None:
        """Adds the program and the tag. An editable install is told the program elsewhere."""
        if version == "editable":
            return
        program = Path(os.environ.get("AGW_WHEEL_SIMULATOR", "")).resolve()
        if not program.is_file():
            raise FileNotFoundError(f"no program {program}: set AGW_WHEEL_SIMULATOR to one")
        # A dot stands between tags: sysconfig has them in version numbers, too.
        own = sysconfig.get_platform().replace(".", "_")
        platform = os.environ.get("AGW_WHEEL_PLATFORM") or own
        name = f"agw-simulator{'.exe' if program.suffix == '.exe' else ''}"
        build_data["pure_python"] = False
        build_data["tag"] = "py3-none-" + re.sub(r"[^0-9A-Za-z_.]", "_", platform)
        build_data["force_include"][str(program)] = f"agw_simulator/{name}"
        licences = os.environ.get("AGW_WHEEL_LICENCES")
        if licences:
            build_data["force_include"][licences] = "agw_simulator/licences"
