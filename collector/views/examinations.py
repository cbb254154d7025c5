"""Examinations of devices: what works, step by step, and what to do about what does not.

Owns their layout. Refuses to know how a device is examined.
"""

from __future__ import annotations

from collections.abc import Mapping

from collector.log import counted, one_line
from collector.model import Examination, Fault, Status, StepResult
from collector.views.table import columns
from collector.views.text import describe

HEADINGS = ("device", "status", "step", "seconds", "message", "next")


def examination_text(examination: Examination) -> str:
    """Give a line for each step, and the next step to take below the one that failed."""
    device = examination.device
    where = f"{device.host}:{device.port}, {device.platform}, {device.transport}"
    if device.jump:
        where += f", jump={'>'.join(jump.name for jump in device.jumps)}"
    lines = [line for step in examination.steps for line in _lines(step)]
    return f"{device.name} ({where}): {examination.status}\n" + "".join(lines)


def examination_row(examination: Examination) -> dict[str, object]:
    """Give the device and its steps as a JSON object."""
    device = examination.device
    return {
        "name": device.name,
        "host": device.host,
        "port": device.port,
        "platform": device.platform,
        "transport": device.transport,
        "jump": [jump.name for jump in device.jumps],
        "status": examination.status,
        "steps": [_step_row(step) for step in examination.steps],
    }


def examination_table(examinations: list[Examination]) -> str:
    """Give a line for each device: how far it came, and why no further."""
    return columns(HEADINGS, sorted(map(_cells, examinations)))


def examined_line(totals: Mapping[Status, int]) -> str:
    """Say how many devices ended how.

    >>> examined_line({Status.OK: 2, Status.FAILED: 1, Status.SKIPPED: 0})
    '3 devices: 2 ok, 1 failed'
    """
    named = ", ".join(f"{count} {status}" for status, count in totals.items() if count)
    return f"{counted(sum(totals.values()), 'device')}: {named}"


def _lines(step: StepResult) -> list[str]:
    fault = step.fault
    told = _told(step)
    line = f"  {step.step:<11}  {'failed' if fault else 'ok':<6}  {step.duration:>6.3f} s  {told}"
    lines = [f"{line.rstrip()}\n"]
    if fault and fault.hint:
        lines.append(f"{'next: ':>33}{one_line(fault.hint)}\n")
    return lines


def _told(step: StepResult) -> str:
    said = [one_line(step.detail)] if step.detail else []
    return ": ".join([*said, *([describe(step.fault)] if step.fault else [])])


def _step_row(step: StepResult) -> dict[str, object]:
    fault = step.fault
    return {
        "step": step.step,
        "ok": fault is None,
        "duration_s": round(step.duration, 3),
        "detail": step.detail or None,
        **_fault_row(fault),
    }


def _fault_row(fault: Fault | None) -> dict[str, object]:
    if fault is None:
        return {"class": None, "phase": None, "message": None, "hint": None}
    return {
        "class": fault.fault_class,
        "phase": fault.phase,
        "message": fault.message,
        "hint": fault.hint or None,
    }


def _cells(examination: Examination) -> tuple[str, ...]:
    last = examination.steps[-1]
    return (
        examination.device.name,
        examination.status,
        last.step,
        f"{sum(step.duration for step in examination.steps):.1f}",
        describe(last.fault) if last.fault else "",
        last.fault.hint if last.fault else "",
    )
