"""A difference for people: the lines as they are, coloured where a terminal shows it.

Owns the colours, and that no byte of a device reaches a terminal as a command to it. Refuses to
touch a line that goes to a file or another program: `patch` reads that.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from collector.model import DiffKind, DiffLine

_COLOURS: Final = {
    DiffKind.FILE: b"\x1b[1m",
    DiffKind.HUNK: b"\x1b[36m",
    DiffKind.REMOVED: b"\x1b[31m",
    DiffKind.ADDED: b"\x1b[32m",
}
_PLAIN: Final = b"\x1b[0m"
_HUNK: Final = re.compile(rb"(@@ [^@]* @@)(.*)", re.DOTALL)
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]")


def show(lines: Iterable[DiffLine], *, terminal: bool, coloured: bool = True) -> Iterator[bytes]:
    r"""Yield each line as it is to be printed; on a ``terminal`` harmless, and ``coloured`` or not.

    >>> added = DiffLine(kind=DiffKind.ADDED, text=b"+banner \x1b[2J\n")
    >>> list(show([added], terminal=True))
    [b'\x1b[32m+banner \\x1b[2J\x1b[0m\n']
    """
    for line in lines:
        yield _shown(line, coloured=coloured) if terminal else line.text


def _shown(line: DiffLine, *, coloured: bool) -> bytes:
    text = _CONTROL.sub(_told, line.text.removesuffix(b"\n"))
    colour = _COLOURS.get(line.kind) if coloured else None
    if colour is None:
        return text + b"\n"
    if line.kind is DiffKind.HUNK and (parts := _HUNK.fullmatch(text)):
        return colour + parts[1] + _PLAIN + parts[2] + b"\n"
    return colour + text + _PLAIN + b"\n"


def _told(control: re.Match[bytes]) -> bytes:
    return b"".join(b"\\x%02x" % byte for byte in control[0])
