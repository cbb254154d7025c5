"""The few lines a run ends with: totals, what went wrong and what to do next.

Owns how much of a bad night fits on a screen: the first twenty devices, the rest is in the
manifest. Refuses to know whether a terminal or a mail from cron shows it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from collector.log import counted, one_line
from collector.model import Change, DeviceResult, Status
from collector.views.text import describe

SHOWN = 20

_COLOURS = {
    Status.OK: "\x1b[32m",
    Status.PARTIAL: "\x1b[33m",
    Status.FAILED: "\x1b[31m",
    Status.SKIPPED: "\x1b[33m",
    Status.CANCELLED: "\x1b[33m",
}
_FAILED = {Status.FAILED, Status.PARTIAL}
_TOLD = (Change.CHANGED, Change.NEW, Change.SECRET_ONLY, Change.VOLATILE_ONLY, Change.SUSPECT)
_PLAIN = "\x1b[0m"


def totals_line(
    totals: Mapping[Status, int],
    seconds: float,
    *,
    changes: Mapping[Change, int] | None = None,
    coloured: bool = False,
) -> str:
    """Say how many devices ended how; what did not happen is not named.

    ``changes`` of their backups, None where no history is kept.

    >>> totals_line({Status.OK: 7, Status.PARTIAL: 0, Status.FAILED: 1}, 2.34)
    '8 devices in 2.3 s: 7 ok, 1 failed'
    >>> totals_line({Status.OK: 7}, 2.34, changes={Change.CHANGED: 2, Change.NEW: 1})
    '7 devices in 2.3 s: 7 ok; 2 changed, 1 new'
    >>> totals_line({Status.OK: 7}, 2.34, changes={Change.UNCHANGED: 7})
    '7 devices in 2.3 s: 7 ok; nothing changed'
    >>> totals_line({Status.PARTIAL: 1}, 0.7, changes={Change.FAILED: 1})
    '1 device in 0.7 s: 1 partial; 1 without a new copy'
    """
    named = [
        _paint(f"{totals[status]} {status}", status, coloured=coloured)
        for status in Status
        if totals.get(status)
    ]
    devices = counted(sum(totals.values()), "device")
    line = f"{devices} in {seconds:.1f} s: {', '.join(named) or 'nothing to do'}"
    return line if changes is None else f"{line}; {_changes(changes)}"


def _changes(changes: Mapping[Change, int]) -> str:
    named = [f"{changes[change]} {change}" for change in _TOLD if changes.get(change)]
    lacking = changes.get(Change.FAILED)  # nothing was compared there
    nothing = f"{lacking} without a new copy" if lacking else "nothing changed"
    return ", ".join(named) or nothing


def failure_lines(
    failures: Sequence[DeviceResult], manifest: Path, *, coloured: bool = False
) -> list[str]:
    """Name each device that failed, with class, phase, message and the next step.

    What was skipped or cancelled is counted only: the run, not the device, is the reason.
    """
    failed = [result for result in failures if result.status in _FAILED]
    shown = sorted(failed, key=lambda result: result.device.name)[:SHOWN]
    width = max((len(result.device.name) for result in shown), default=0)
    lines = [line for result in shown for line in _failure(result, width=width, coloured=coloured)]
    if more := len(failures) - len(shown):
        rest = f"… and {more} more" if shown else f"{more} not visited to the end"
        lines.append(f"  {rest}, see manifest {manifest}")
    return lines


def _failure(result: DeviceResult, *, width: int, coloured: bool) -> list[str]:
    status = _paint(result.status, result.status, coloured=coloured)
    line = f"  {result.device.name:<{width}}  {status}"
    fault = result.first_fault
    if fault is None:
        return [line]
    lines = [f"{line}  {describe(fault)}"]
    if fault.hint:
        lines.append(f"  {'':<{width}}  next: {one_line(fault.hint)}")
    return lines


def _paint(text: str, status: Status, *, coloured: bool) -> str:
    return f"{_COLOURS[status]}{text}{_PLAIN}" if coloured else text
