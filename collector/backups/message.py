"""What a commit says: how much changed in which devices, and which run found it.

Owns the words of the message and how long it may become. Refuses to know git.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from collector.backups.pending import Entry
from collector.log import counted, one_line
from collector.model import Change, Status

NAMED: Final = 100  # devices in a message; the others are counted
RUNS: Final = 20


def commit_message(entries: Sequence[Entry], totals: Mapping[Status, int]) -> str:
    """Say what is in a commit; ``totals`` of the run's devices, empty where they are not known.

    The trailers name the run that found the changes, and where it was left by a kill more than one.

    >>> entry = Entry(path="r1.cfg", device="r1", change=Change.NEW, run="2026-1", job="backup")
    >>> print(commit_message([entry], {Status.OK: 2, Status.FAILED: 1}))
    Backup: 1 new
    <BLANKLINE>
    3 devices: 2 ok, 1 failed
    <BLANKLINE>
      new      r1
    <BLANKLINE>
    Run-Id: 2026-1
    Job: backup
    """
    changes = {entry.device: entry.change for entry in entries}
    counts = Counter(changes.values())
    devices = counted(sum(totals.values()), "device")
    parts = [
        f"Backup: {_counted(counts, Change)}",
        *([f"{devices}: {_counted(totals, Status)}"] if totals else []),
        "\n".join(_lines(changes)),
        "\n".join(_trailers(entries)),
    ]
    return "\n\n".join(parts)


def departure_message(names: Sequence[str]) -> str:
    """Say whose files are removed.

    >>> print(departure_message(["r7", "r8"]))
    Prune: 2 devices have left the inventory
    <BLANKLINE>
      r7
      r8
    """
    verb = "has" if len(names) == 1 else "have"
    rest = [f"  and {len(names) - NAMED} more"] if len(names) > NAMED else []
    lines = [*(f"  {one_line(name)}" for name in names[:NAMED]), *rest]
    return f"Prune: {counted(len(names), 'device')} {verb} left the inventory\n\n" + "\n".join(
        lines
    )


def _counted(counts: Mapping[Change, int] | Mapping[Status, int], words: Iterable[str]) -> str:
    return ", ".join(f"{counts[word]} {word}" for word in words if counts.get(word))  # type: ignore[index, call-overload]  # the words are the keys


def _lines(changes: Mapping[str, Change]) -> Iterable[str]:
    names = sorted(changes)
    width = max(len(changes[name]) for name in names[:NAMED])
    for name in names[:NAMED]:
        yield f"  {changes[name]:<{max(width, 8)}} {one_line(name)}"
    if len(names) > NAMED:
        yield f"  and {len(names) - NAMED} more"


def _trailers(entries: Sequence[Entry]) -> Iterable[str]:
    runs = sorted({entry.run for entry in entries}, reverse=True)
    yield from (f"Run-Id: {one_line(run)}" for run in runs[:RUNS])
    yield from (f"Job: {one_line(job)}" for job in sorted({entry.job for entry in entries})[:RUNS])
