"""What is different between two copies of a configuration, in short and without its secrets.

Owns how much is told: counts, sections, and so many lines. Refuses to know who is told.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from collector.backups.difference import difference
from collector.backups.redacting import redact
from collector.backups.rules import Rules
from collector.model import DiffKind, DiffLine, Edit, Redact

LINES: Final = 200
BYTES: Final = 16_384
"""Of a difference as it is told; the whole of it is in the history."""

_HUNK: Final = re.compile(rb"@@ [^@]* @@ (.+)")


def edit(
    before: bytes,
    after: bytes,
    *,
    label: str,
    rules: Rules,
    openers: Sequence[re.Pattern[bytes]] = (),
) -> Edit:
    r"""Say what is different; ``label`` is the path of both copies.

    >>> told = edit(b"router ospf\n area 0\n", b"router ospf\n", label="r1.cfg", rules=Rules())
    >>> told.added, told.removed, told.sections
    (0, 1, ('router ospf',))
    """
    kinds = Counter(line.kind for line in _difference(before, after, label, context=0))
    old, new = (redact(text, rules.secrets, Redact.MASK) for text in (before, after))
    heads = (
        match[1]
        for line in _difference(old, new, label, openers, context=0)
        if line.kind is DiffKind.HUNK and (match := _HUNK.match(line.text))
    )
    return Edit(
        added=kinds[DiffKind.ADDED],
        removed=kinds[DiffKind.REMOVED],
        sections=tuple(dict.fromkeys(head.decode("utf-8", "replace") for head in heads)),
        text=_cut(_difference(old, new, label, openers, context=3)),
    )


def joined(edits: Sequence[Edit]) -> Edit:
    """Make one of those of a device that has several files."""
    return Edit(
        added=sum(each.added for each in edits),
        removed=sum(each.removed for each in edits),
        sections=tuple(dict.fromkeys(name for each in edits for name in each.sections)),
        text="".join(each.text for each in edits),
    )


def _difference(
    before: bytes,
    after: bytes,
    label: str,
    openers: Sequence[re.Pattern[bytes]] = (),
    *,
    context: int,
) -> Iterable[DiffLine]:
    return difference(
        before,
        after,
        from_label=f"a/{label}",
        to_label=f"b/{label}",
        context=context,
        openers=openers,
    )


def _cut(lines: Iterable[DiffLine]) -> str:
    kept: list[str] = []
    size = 0
    for line in lines:
        size += len(line.text)
        if len(kept) == LINES or size > BYTES:
            return "".join([*kept, "…\n"])
        kept.append(line.text.decode("utf-8", "replace"))
    return "".join(kept)
