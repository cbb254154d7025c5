"""What a figure was measured on."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version

_SHAPING = ("scrapli", "asyncssh", "cryptography")


def machine() -> dict[str, str]:
    """Name the machine, its system and the versions that shape a figure."""
    return {
        "machine": f"{os.cpu_count()} cores, {platform.machine()}",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        **{name: version(name) for name in _SHAPING},
    }
