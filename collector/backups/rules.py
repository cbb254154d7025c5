"""What of a configuration is volatile and what is secret, held against its lines.

Owns how the tables of a platform are looked for in a text: in which lines, which parts of these,
and blocks of several lines. Refuses to know what is done about what is found.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from collector.platforms import Passages, Platform, needle

NOTHING: Final = Passages()
Span = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The tables by which two configurations are compared, and secrets are found in one."""

    volatile: Passages = NOTHING
    secrets: Passages = NOTHING

    @classmethod
    def of(cls, platform: Platform) -> Rules:
        """Give a platform's, with what the user has added to it."""
        return cls(volatile=platform.volatile, secrets=platform.secrets)


def parts(line: bytes, pattern: re.Pattern[bytes]) -> Iterator[Span]:
    """Yield what a pattern means in a line without its end: its groups, the line without any.

    Groups that overlap are given as they are.
    """
    for match in pattern.finditer(line):
        if not pattern.groups:
            yield 0, len(line)
            return
        for group in range(1, pattern.groups + 1):
            start, end = match.span(group)
            if start < end:
                yield start, end


def blocks(text: bytes, passages: Passages) -> Iterator[Span]:
    """Yield the places of blocks: what is between a first line's match and a last line's.

    Where one has no end it reaches to that of the text; where it has no beginning, from there.
    """
    for first, last in passages.blocks:
        if needle(first) not in text and needle(last) not in text:
            continue
        place = 0
        while True:
            begun, ended = first.search(text, place), last.search(text, place)
            if ended and (not begun or ended.start() < begun.start()):
                yield place, ended.start()
                place = ended.end()
            elif begun:
                ended = last.search(text, begun.end())
                yield begun.end(), ended.start() if ended else len(text)
                if not ended:
                    break
                place = ended.end()
            else:
                break


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
