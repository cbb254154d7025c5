r"""Which section of a configuration a line is in.

Owns the hierarchy that a text shows by its indentation: IOS and all that took over its form,
braces, ``config``/``edit``/``next``/``end``. Where sections are not indented a platform's data
tells which lines open one. Refuses to know what a section means.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

_SEPARATORS: Final = frozenset({b"!", b"#", b"exit", b"end", b"next", b"}", b"};", b"quit"})
"""Lines that end a section and are in none: what is deeper after them is not below them."""


def parents(lines: Sequence[bytes], openers: Sequence[re.Pattern[bytes]] = ()) -> list[int]:
    r"""Return for each line the place of the one whose section it is in; -1 for none.

    ``openers`` are searched for in a line: all that follows is in its section, up to the next.

    >>> parents([b"interface Gi1", b" ip address 10.0.0.1/24", b"!", b"router ospf 1", b" area 0"])
    [-1, 0, -1, -1, 3]
    """
    found: list[int] = []
    open_now: list[tuple[int, int]] = []  # depth and place of what encloses the line
    for place, line in enumerate(lines):
        text = line.strip()
        opens = any(each.search(line) for each in openers)
        depth = -1 if opens else _depth(line)
        if text:
            while open_now and open_now[-1][0] >= depth:
                open_now.pop()
        found.append(open_now[-1][1] if open_now else -1)
        if text and text not in _SEPARATORS:
            open_now.append((depth, place))
    return found


def path(place: int, parents_of: Sequence[int]) -> tuple[int, ...]:
    """Return the places of all lines that enclose one, the outermost first."""
    found: list[int] = []
    while (place := parents_of[place]) >= 0:
        found.append(place)
    return tuple(reversed(found))


def _depth(line: bytes) -> int:
    text = line.expandtabs(8)
    return len(text) - len(text.lstrip(b" "))
