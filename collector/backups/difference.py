r"""What is different between two copies of a configuration, line by line.

Owns the unified form, which `patch` and `git apply` read, with the sections that enclose a change
in the head of its hunk. Refuses to know where the copies are from, and how a difference is shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import chain
from typing import Final

from collector.backups.rules import NOTHING, in_blocks, in_lines, joined
from collector.backups.sections import parents, path
from collector.model import DiffKind, DiffLine
from collector.platforms import Passages

BETWEEN: Final = b" > "
"""Stands between the sections of a hunk's head, the outermost first."""

_HEAD: Final = 200  # bytes of it
_MANY: Final = 500
"""Lines; from there on those that are everywhere are no anchors: to try them all takes seconds."""
_HOLE: Final = b"\0"  # no configuration has one
_NOTE: Final = b"\\ No newline at end of file\n"
_Change = tuple[str, int, int, int, int]  # as SequenceMatcher has them


@dataclass(frozen=True, slots=True)
class _Side:
    lines: list[bytes]
    parents: list[int]
    known: list[bytes]  # what each line is compared by

    @classmethod
    def of(cls, text: bytes, openers: Sequence[re.Pattern[bytes]], volatile: Passages) -> _Side:
        lines = _lines(text)
        known = _lines(_without(text, volatile)) if volatile != NOTHING else lines
        return cls(lines, parents(lines, openers), known)

    def section(self, place: int) -> bytes:
        names = (self.lines[each].strip() for each in path(place, self.parents))
        return re.sub(rb"[\x00-\x1f\x7f]", b" ", BETWEEN.join(names))[:_HEAD]


def difference(
    before: bytes,
    after: bytes,
    *,
    from_label: str,
    to_label: str,
    context: int = 3,
    openers: Sequence[re.Pattern[bytes]] = (),
    volatile: Passages = NOTHING,
) -> Iterator[DiffLine]:
    r"""Yield the lines of a unified difference; none where both are the same.

    A label is a path, or what else stands for a copy; ``git apply`` takes one folder off its front;
    behind a tab it may tell a time. ``openers`` are the platform's `section_lines`. What is
    ``volatile`` is not looked at: such lines are shown as they were before, and hunks in which
    nothing else differs are left out.

    >>> lines = difference(b"a\n b\n", b"a\n c\n", from_label="a/r1.cfg", to_label="b/r1.cfg")
    >>> print(b"".join(line.text for line in lines).decode(), end="")
    --- a/r1.cfg
    +++ b/r1.cfg
    @@ -1,2 +1,2 @@ a
     a
    - b
    + c
    """
    if before == after:
        return
    old, new = _Side.of(before, openers, volatile), _Side.of(after, openers, volatile)
    hunks = _hunks(_changes(old.known, new.known), context)
    hunks = (hunk for hunk in hunks if _is_worth_it(hunk, old, new))
    first = next(hunks, None)
    if first is None:
        return
    yield DiffLine(kind=DiffKind.FILE, text=_label(b"--- ", from_label))
    yield DiffLine(kind=DiffKind.FILE, text=_label(b"+++ ", to_label))
    for hunk in chain([first], hunks):
        yield DiffLine(kind=DiffKind.HUNK, text=_hunk_head(hunk, old, new))
        for tag, start, end, begin, stop in hunk:
            if tag == "equal":
                yield from _marked(DiffKind.SAME, b" ", old.lines[start:end])
            else:
                yield from _marked(DiffKind.REMOVED, b"-", old.lines[start:end])
                yield from _marked(DiffKind.ADDED, b"+", new.lines[begin:stop])


def _lines(text: bytes) -> list[bytes]:
    return re.findall(rb"[^\n]*\n|[^\n]+", text)


def _without(text: bytes, volatile: Passages) -> bytes:
    """Put a mark in the place of what is volatile; the lines stay as many."""
    kept, done = [], 0
    for start, end in joined([*in_lines(text, volatile), *in_blocks(text, volatile)]):
        kept += [text[done:start], re.sub(rb"[^\n]+", _HOLE, text[start:end])]
        done = end
    return b"".join([*kept, text[done:]])


def _is_worth_it(hunk: list[_Change], old: _Side, new: _Side) -> bool:
    """Say whether anything in a hunk differs but lines that are volatile as a whole."""
    return any(
        line.strip() != _HOLE
        for tag, a, b, c, d in hunk
        if tag != "equal"
        for line in chain(old.known[a:b], new.known[c:d])
    )


def _changes(old: list[bytes], new: list[bytes]) -> list[_Change]:
    """Match the lines; what both begin and end with is out of the question, and most of it."""
    least = min(len(old), len(new))
    head = next((at for at in range(least) if old[at] != new[at]), least)
    most = least - head
    tail = next((at for at in range(most) if old[-1 - at] != new[-1 - at]), most)
    inner = old[head : len(old) - tail], new[head : len(new) - tail]
    matcher = SequenceMatcher(None, *inner, autojunk=max(map(len, inner)) > _MANY)
    changes = [
        (tag, a + head, b + head, c + head, d + head) for tag, a, b, c, d in matcher.get_opcodes()
    ]
    before = [("equal", 0, head, 0, head)] if head else []
    behind = ("equal", len(old) - tail, len(old), len(new) - tail, len(new))
    return [*before, *changes, *([behind] if tail else [])]


def _hunks(changes: list[_Change], context: int) -> Iterator[list[_Change]]:
    """Put changes into hunks: those with no more between them than the context of both."""
    hunk: list[_Change] = []
    for number, (tag, a, b, c, d) in enumerate(changes):
        if tag != "equal":
            hunk.append((tag, a, b, c, d))
            continue
        is_last = number == len(changes) - 1
        if hunk and not is_last and b - a <= 2 * context:
            hunk.append((tag, a, b, c, d))
            continue
        if hunk:
            kept = min(context, b - a)
            yield [*hunk, (tag, a, a + kept, c, c + kept)] if kept else hunk
        kept = min(context, b - a)
        hunk = [(tag, b - kept, b, d - kept, d)] if kept and not is_last else []
    if hunk:
        yield hunk


def _hunk_head(hunk: list[_Change], old: _Side, new: _Side) -> bytes:
    (_, a, _, c, _), (_, _, b, _, d) = hunk[0], hunk[-1]
    tag, first, _, begin, _ = next(change for change in hunk if change[0] != "equal")
    section = new.section(begin) if tag == "insert" else old.section(first)
    head = b"@@ -%b +%b @@" % (_range(a, b), _range(c, d))
    return head + (b" " + section if section else b"") + b"\n"


def _range(start: int, end: int) -> bytes:
    length = end - start
    if length == 1:
        return b"%d" % (start + 1)
    return b"%d,%d" % (start + 1 if length else start, length)


def _marked(kind: DiffKind, mark: bytes, lines: Sequence[bytes]) -> Iterator[DiffLine]:
    for line in lines:
        if line.endswith(b"\n"):
            yield DiffLine(kind=kind, text=mark + line)
        else:
            yield DiffLine(kind=kind, text=mark + line + b"\n")
            yield DiffLine(kind=DiffKind.NOTE, text=_NOTE)


def _label(mark: bytes, label: str) -> bytes:
    return (
        mark
        + "".join(c if c.isprintable() or c == "\t" else "?" for c in label).encode(
            "utf-8", "replace"
        )
        + b"\n"
    )
