"""Where something stands: a place in a file, and the path of keys that leads there.

Refuses to know YAML.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

Loc = tuple[str | int, ...]

_BARE = re.compile(r"[^\s.'\[\]]+")


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Place:
    """A position in a file; ``line`` and ``column`` count from 1, in characters."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


def dotted(loc: Sequence[str | int]) -> str:
    """Write a path of keys as people do.

    >>> dotted(("devices", "r1", "groups", 0))
    'devices.r1.groups[0]'
    >>> dotted(("devices", "r1.example.net", "port"))
    "devices.'r1.example.net'.port"
    """
    text = ""
    for part in loc:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            name = part if _BARE.fullmatch(part) else repr(part)
            text += f".{name}" if text else name
    return text
