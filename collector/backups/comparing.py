r"""Whether a configuration has changed, and how: really, in secrets only, or not worth a word.

Owns the comparison of two texts under a platform's tables. Refuses to know where they are kept; no
I/O. Two texts are walked side by side, and a table is only asked about lines that differ: what a
fleet costs is what has changed in it.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

from collector.backups.rules import (
    LONGEST,
    MARK,
    Rules,
    Span,
    in_blocks,
    joined,
    may_hold,
    parts,
)
from collector.model import Change
from collector.platforms import Passages

__all__ = ["Rules", "compare"]

# Stand for what is not looked at; no configuration has one. A mark in the place of a secret is told
# from the secret where only what is volatile is passed over: else what has to be written anew, now
# that secrets are taken out, would be taken for volatile and stay as it is.
_HOLE = b"\0"
_MASKED_HOLE = b"\1"
_FINGERPRINT_HOLE = b"\2"


def compare(before: bytes | None, after: bytes, rules: Rules) -> Change:
    r"""Say what has become of a configuration; ``before`` None where there was none.

    >>> import re
    >>> rules = Rules(volatile=Passages(lines=(re.compile(rb"^! Time: "),)))
    >>> compare(b"! Time: 1\nhostname a\n", b"hostname a\n", rules)
    <Change.VOLATILE_ONLY: 'volatile-only'>
    >>> compare(b"! Time: 1\nhostname a\n", b"! Time: 1\nhostname b\n", rules)
    <Change.CHANGED: 'changed'>
    """
    if before is None:
        return Change.NEW
    if before == after:
        return Change.UNCHANGED
    if _alike(before, after, (rules.volatile,)):
        return Change.VOLATILE_ONLY
    if _alike(before, after, (rules.volatile, rules.secrets)):
        return Change.SECRET_ONLY
    return Change.CHANGED


def _alike(before: bytes, after: bytes, tables: tuple[Passages, ...]) -> bool:
    """Say whether nothing is left of the difference when these tables are not looked at.

    Lines that are the same are left out alike, and so need no look at: what is compared is exactly
    what is left of the one with what is left of the other, in order.
    """
    one, other = (_without_blocks(text, tables).split(b"\n") for text in (before, after))
    here = there = 0
    while here < len(one) and there < len(other):
        if one[here] == other[there]:
            here, there = here + 1, there + 1
            continue
        left, right = _rest(one[here], tables), _rest(other[there], tables)
        if left is not None and right is not None and left != right:
            return False
        here += left is None or right is not None
        there += right is None or left is not None
    return all(_rest(line, tables) is None for line in chain(one[here:], other[there:]))


def _rest(line: bytes, tables: tuple[Passages, ...]) -> bytes | None:
    """Give what is to be compared of a line; None where a volatile line is left out whole."""
    text = line.removesuffix(b"\r")
    if len(text) > LONGEST:
        return line
    if any(not each.groups and each.search(text) for each in tables[0].lines):
        return _hole(text, tables).replace(_HOLE, b"") or None
    spans = [
        span
        for table in tables
        for each in table.lines
        if may_hold(text, each)
        for span in parts(text, each)
    ]
    return _without(line, spans, tables) if spans else line


def _without_blocks(text: bytes, tables: tuple[Passages, ...]) -> bytes:
    spans = [span for table in tables for span in in_blocks(text, table)]
    return _without(text, spans, tables) if spans else text


def _without(text: bytes, spans: Iterable[Span], tables: tuple[Passages, ...]) -> bytes:
    kept, done = [], 0
    for start, end in joined(spans):
        kept += [text[done:start], _hole(text[start:end], tables)]
        done = end
    return b"".join([*kept, text[done:]])


def _hole(text: bytes, tables: tuple[Passages, ...]) -> bytes:
    mark = MARK.search(text) if len(tables) == 1 else None
    if mark is None:
        return _HOLE
    return _MASKED_HOLE if b":" not in mark[0] else _FINGERPRINT_HOLE
