"""A small terminal: what a person would have read of the bytes that a device sent.

Owns the cleaning of an output: carriage returns, backspaces, cursor movements and erasures act as
on a screen without a right edge; colours, bells and NULs leave no trace; line ends become ``\\n``.
Nothing else is changed. Pure: refuses to know of prompts, pagers and platforms.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from collector.driver.template import ESCAPE

_LINE_END = re.compile(rb"(?<!\r)\r++\n")
"""Begun only where a run of returns begins, and never given back: a megabyte of returns would be
looked through once from each of them otherwise."""
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f\x7f]|\r")
_CONTROLS: Final = bytes((*range(0x09), *range(0x0D, 0x20), 0x7F))
_TOKEN = re.compile(
    rb"(?P<escape>"
    + ESCAPE
    + rb")|(?P<control>[\x00-\x08\x0e-\x1f\x7f]|\r+)|(?P<text>[^\x00-\x08\x0d-\x1f\x7f]+)"
)
_CSI = re.compile(rb"\x1b\[(\d*)(?:;\d*)*([@-~])")
MARGIN: Final = 511
"""The column at which cursor movements end: as many were asked for. A device that moves by millions
would otherwise have them filled with blanks."""
SLICE: Final = 65_536
"""Bytes cleaned in one go: half a millisecond of the event loop, and as many outputs as have just
ended may each have their slice in one turn of it."""


def clean(heard: bytes) -> bytes:
    r"""Give the text as it stood on the screen, line ends as ``\n``.

    >>> clean(b"one\r\ntwo\r\n")
    b'one\ntwo\n'
    >>> clean(b"10%\r100%\r\n\x1b[1mbold\x1b[0m ab\x08c\r\n")
    b'100%\nbold ac\n'
    """
    printed = heard.translate(None, _CONTROLS)
    if printed == heard or printed.replace(b"\n", b"\r\n") == heard:
        return printed  # most outputs: nothing was left out but the returns of all line ends
    text = _LINE_END.sub(b"\n", heard)
    if not _CONTROL.search(text):
        return text
    return b"\n".join(
        _screen_line(line) if _CONTROL.search(line) else line for line in text.split(b"\n")
    )


def slices(heard: bytes, size: int = SLICE) -> Iterator[bytes]:
    r"""Cut at line ends into pieces of about ``size`` bytes, to be cleaned one by one.

    >>> list(slices(b"a\r\nbb\r\nc", 2))
    [b'a\r\n', b'bb\r\n', b'c']
    """
    start = 0
    while start < len(heard):
        end = heard.find(b"\n", start + size - 1) + 1 or len(heard)
        yield heard[start:end]
        start = end


def _screen_line(line: bytes) -> bytes:
    cells: list[str] = []
    column = 0
    for token in _TOKEN.finditer(line):
        if token.lastgroup == "text":
            text = token[0].decode("utf-8", "surrogateescape")
            cells += " " * (column - len(cells))
            cells[column : column + len(text)] = text
            column += len(text)
        elif token.lastgroup == "control":
            column = {b"\r": 0, b"\x08": max(0, column - 1)}.get(token[0][:1], column)
        elif movement := _CSI.fullmatch(token[0]):
            column = _move(cells, column, movement[1], movement[2])
    return "".join(cells).encode("utf-8", "surrogateescape")


def _move(cells: list[str], column: int, digits: bytes, final: bytes) -> int:
    count = int(digits[:5] or b"0")
    if final == b"K":
        _erase(cells, column, count)
    elif final in (b"J", b"X"):
        _erase(cells, column, 0 if final == b"J" else -max(1, count))
    elif final == b"P":
        del cells[column : column + max(1, count)]
    elif final == b"@":
        cells[column:column] = " " * min(max(1, count), MARGIN)
    elif final == b"D":
        return max(0, column - max(1, count))
    elif final == b"C":
        return max(column, min(column + max(1, count), MARGIN))
    elif final in b"GH":
        return min(max(0, count - 1), max(MARGIN, len(cells))) if final == b"G" else 0
    return column


def _erase(cells: list[str], column: int, how: int) -> None:
    """Erase in the line: 0 to its end, 1 from its start, 2 all of it, -n the next n cells."""
    if how == 0:
        del cells[column:]
    elif how == 2:
        cells.clear()
    elif how == 1:
        cells[: column + 1] = " " * min(len(cells), column + 1)
    else:
        end = min(len(cells), column - how)
        cells[column:end] = " " * (end - column)
