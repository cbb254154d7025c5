"""What of a configuration is volatile and what is secret, held against its lines.

Owns how the tables of a platform are looked for in a text: in which lines, which parts of these,
and blocks of several lines. Refuses to know what is done about what is found.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from collector.platforms import Passages, Platform, needles

NOTHING: Final = Passages()
MARK: Final = re.compile(rb"<secret(?::hmac:[0-9a-f]{16})?>")
"""What stands in the place of a secret that was taken out; it may be looked for as one itself."""
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
    """Yield the places of all that single lines hold, wherever they stand."""
    for pattern in passages.lines:
        for start, end in _lines_of(text, pattern):
            for one, other in parts(text[start:end], pattern):
                yield start + one, start + other


def in_blocks(text: bytes, passages: Passages) -> Iterator[Span]:
    """Yield the places of blocks, and of what lines hold in certain places only.

    A block without an end reaches to that of the text; one without a beginning, from there.
    """
    for first, last in passages.blocks:
        yield from _between(text, first, last)
    for within in passages.within:
        for start, end in _between(text, within.first, within.last, cut=False):
            inside = Passages(lines=within.lines)
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


def _between(text: bytes, first: _Pattern, last: _Pattern, *, cut: bool = True) -> Iterator[Span]:
    """Yield what is between matches; with ``cut``, also before a last one that stands alone."""
    if not may_hold(text, first) and not (cut and may_hold(text, last)):
        return
    place = 0
    while place < len(text):
        begun = first.search(text, place)
        ended = last.search(text, place) if cut else None
        if ended and (not begun or ended.start() < begun.start()):
            yield place, ended.start()
        elif begun:
            ended = last.search(text, begun.end())
            yield begun.end(), ended.start() if ended else len(text)
        if not ended:
            return
        place = ended.end()
