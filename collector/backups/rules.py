"""What of a configuration is volatile and what is secret, held against its lines.

Owns how the tables of a platform are looked for in a text: in which lines, which parts of these,
and blocks of several lines. Refuses to know what is done about what is found.

An expression cannot be stopped, and nothing else runs while it is looked for. So all of this takes
time with the length of a text, and no longer; and no expression is tried on a line of `LONGEST`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from collector.backups import armour
from collector.platforms import Passages, Platform, needles

NOTHING: Final = Passages()
MARK: Final = re.compile(rb"<secret(?::hmac:[0-9a-f]{16})?>")
"""What stands in the place of a secret that was taken out; it may be looked for as one itself."""
LONGEST: Final = 16 * 1024
"""Bytes of a line that expressions are tried on: a user's own may go with the square of them."""
_MARKED: Final = re.compile(b"(%b)" % MARK.pattern)
Span = tuple[int, int]
_Pattern = re.Pattern[bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The tables by which two configurations are compared, and secrets are found in one."""

    volatile: Passages = NOTHING
    secrets: Passages = NOTHING

    @classmethod
    def of(cls, platform: Platform) -> Rules:
        """Give a platform's, with what the user has added to it."""
        known = platform.secrets
        return cls(
            volatile=platform.volatile,
            secrets=replace(known, lines=(*known.lines, _MARKED)),
        )


def parts(line: bytes, pattern: _Pattern) -> Iterator[Span]:
    """Yield what a pattern means in a line without its end: its groups, the line without any."""
    for match in pattern.finditer(line):
        if not pattern.groups:
            yield 0, len(line)
            return
        for group in range(1, pattern.groups + 1):
            start, end = match.span(group)
            if start < end:
                yield start, end


def in_lines(text: bytes, passages: Passages) -> Iterator[Span]:
    """Yield the places of all that single lines hold, wherever they stand; not of `long_lines`."""
    for pattern in passages.lines:
        for start, end in _lines_of(text, pattern):
            if end - start > LONGEST:
                continue
            for one, other in parts(text[start:end], pattern):
                yield start + one, start + other


def long_lines(text: bytes, passages: Passages) -> Iterator[Span]:
    """Yield the lines that are too long to be looked into, and may hold what is looked for."""
    inside = (each for within in passages.within for each in within.lines)
    for pattern in (*passages.lines, *inside):
        for start, end in _lines_of(text, pattern):
            if end - start > LONGEST:
                yield start, end


def in_blocks(text: bytes, passages: Passages, *, cut: bool = False) -> Iterator[Span]:
    """Yield the places of blocks, and of what lines hold in certain places only.

    A block has both its ends. With ``cut``, for what is the rest of a longer text, one without an
    end reaches to that of the text, and one without a beginning, from there.
    """
    for first, last in passages.blocks:
        yield from _blocks(text, first, last, cut=cut)
    for within in passages.within:
        inside = Passages(lines=within.lines)
        for begun, ended in _between(text, within.first, within.last):
            start, end = begun.end(), ended.start() if ended else len(text)
            yield from ((start + a, start + b) for a, b in in_lines(text[start:end], inside))


def may_hold(text: bytes, pattern: _Pattern) -> bool:
    """Say whether a text may hold a match: quickly, and wrong only where it says so."""
    return any(each in text for each in needles(pattern))


def joined(spans: Iterable[Span]) -> list[Span]:
    """Put spans in order, and those that overlap together.

    >>> joined([(5, 9), (0, 2), (1, 3), (2, 3)])
    [(0, 3), (5, 9)]
    """
    apart: list[Span] = []
    for start, end in sorted(spans):
        if apart and start < apart[-1][1]:
            apart[-1] = (apart[-1][0], max(end, apart[-1][1]))
        else:
            apart.append((start, end))
    return apart


def _lines_of(text: bytes, pattern: _Pattern) -> Iterator[Span]:
    """Yield the lines that a pattern may be found in: to look for its needle is a hundred times
    faster than to try it on each, and most of a table is about what a text does not have."""
    starts: set[int] = set()
    for wanted in needles(pattern):
        place = 0
        while place < len(text) and (found := text.find(wanted, place)) >= 0:
            start = text.rfind(b"\n", 0, found) + 1
            end = text.find(b"\n", found)
            end = len(text) if end < 0 else end
            if start not in starts:
                starts.add(start)
                yield start, end - (end > start and text[end - 1 : end] == b"\r")
            place = end + 1


@dataclass(slots=True)
class _Ahead:
    """The next match in a text, looked for once: places are asked for in order."""

    text: bytes
    pattern: _Pattern
    _next: re.Match[bytes] | None = field(init=False)

    def __post_init__(self) -> None:
        self._next = self.pattern.search(self.text) if may_hold(self.text, self.pattern) else None

    def of(self, place: int) -> re.Match[bytes] | None:
        """Give the first match that begins there or later."""
        if self._next and self._next.start() < place:
            self._next = self.pattern.search(self.text, place)
        return self._next


def _between(
    text: bytes, first: _Pattern, last: _Pattern
) -> Iterator[tuple[re.Match[bytes], re.Match[bytes] | None]]:
    """Yield each match of the one with the next of the other; None where there is none left."""
    beginnings, ends = _Ahead(text, first), _Ahead(text, last)
    place = 0
    while place <= len(text) and (begun := beginnings.of(place)):
        ended = ends.of(begun.end())
        yield begun, ended
        if not ended:
            return
        place = max(ended.end(), place + 1)


def _blocks(text: bytes, first: _Pattern, last: _Pattern, *, cut: bool) -> Iterator[Span]:
    begins = ends = None
    if cut:
        begins, ends = _Ahead(text, first).of(0), _Ahead(text, last).of(0)
    if ends and (not begins or ends.start() < begins.start()):
        yield 0, ends.start()
    for begun, ended in _between(text, first, last):
        end = ended.start() if ended else len(text)
        if armour.is_armour(begun[0]) and not (cut and not ended):
            yield from armour.keys(text, begun, end, closed=ended is not None)
        elif ended or cut:
            yield begun.end(), end
