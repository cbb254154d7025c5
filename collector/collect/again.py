"""A run gone on with, or repeated in part: what is asked once more, and of whom.

Owns the rule who that is, from what a stored run says of itself. Refuses to know how a run is read
and written. See `prepare` for a run that begins.

A run that was killed goes on in its own folder. A device that rejected a credential there is not
asked again: one run tries a credential once. Nor is one that answered in part: what it gave is
kept. A run that has ended stands as it is, so all that was not ok there is asked in a new one.
"""
# ruff: noqa: PLC0415 - the rooms are imported where they are used: see the room's docstring

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from collector.collect.plan import (
    Again,
    Plan,
    Tie,
    check_harmless,
    checked,
    job_of,
    kept_parts,
    platforms_of,
    timed,
    with_floors,
)
from collector.errors import InputError
from collector.model import (
    Assignment,
    Change,
    CommandResult,
    CommandStatus,
    Device,
    DeviceResult,
    Fault,
    FaultClass,
    Phase,
    Redact,
    Status,
)

if TYPE_CHECKING:
    from collector.platforms import Platform
    from collector.settings import Settings
    from collector.store import CommandRow, DeviceRow, PastRun, RunFile

_TRIED = frozenset({FaultClass.AUTH, FaultClass.AUTH_BREAKER})
_STRENGTH: Mapping[str, int] = {Redact.OFF: 0, Redact.FINGERPRINT: 1, Redact.MASK: 2}


def resume(
    settings: Settings,
    name: str,
    *,
    inventory: Path | None = None,
    allow_unsafe: bool = False,
) -> Plan:
    """Plan what is missing of a run that was killed or interrupted; raises InputError.

    ``name`` is an id, a path or ``latest``. ``inventory`` stands in for the one of that run.
    """
    from collector.store import find_run

    run = find_run(settings.output, name)
    if run.state == "finished":
        raise InputError(
            f"run {run.run_id} has ended: there is nothing to resume; "
            f"--failed-of {run.run_id} repeats what failed"
        )
    is_done = _is_good if run.head else _is_settled
    tie = Tie.RESUMES if run.head else Tie.CONTINUES
    return _plan(settings, run, tie, is_done, inventory=inventory, allow_unsafe=allow_unsafe)


def repeat(
    settings: Settings,
    name: str,
    *,
    limits: Sequence[str] = (),
    inventory: Path | None = None,
    allow_unsafe: bool = False,
) -> Plan:
    """Plan a new run over what was not ok in one that has ended; raises InputError.

    The plan's ``total`` is 0 when there is nothing. ``limits`` narrow it further; see `resume`.
    """
    from collector.store import find_run

    run = find_run(settings.output, name, ended=True)
    if run.head is None:
        raise InputError(
            f"run {run.run_id} has not ended: --resume {run.run_id} goes on with what is missing"
        )
    return _plan(
        settings,
        run,
        Tie.REPEATS,
        _is_good,
        inventory=inventory,
        limits=limits,
        allow_unsafe=allow_unsafe,
    )


def _plan(
    settings: Settings,
    run: PastRun,
    tie: Tie,
    is_done: Callable[[DeviceRow], bool],
    *,
    inventory: Path | None,
    limits: Sequence[str] = (),
    allow_unsafe: bool,
) -> Plan:
    from collector.inventory import find_inventory, load_inventory, select

    row = _recorded(run)
    _check_redaction(run, row, settings)
    done = {each["name"] for each in run.rows() if is_done(each)}
    names = dict.fromkeys(name for name in row["planned"] if name not in done)
    settings = replace(settings, output=run.output, inventory=inventory or Path(row["inventory"]))
    platforms = platforms_of(settings)
    read = load_inventory(find_inventory(settings.inventory), known_platforms=platforms)
    known = {device.name for device in read.devices}
    within = select(read.devices, limits) if limits and names else read.devices
    chosen = [device for device in within if device.name in names]
    # All that the run was to ask: where it has their outputs, the commit may be missing yet.
    ever = set(row["planned"])
    asked = {
        device.name: _assignment(device, row, settings, platforms)
        for device in read.devices
        if device.name in ever
    }
    everyone = [asked[device.name] for device in chosen]
    assignments = tuple(one for one in everyone if one.commands)
    check_harmless(assignments, platforms, allow_unsafe=allow_unsafe)
    backed_up = [one for one in asked.values() if one.commands]
    kept = kept_parts(settings, row["job"], backed_up, platforms, read.devices)
    return Plan(
        settings=settings,
        inventory=read,
        platforms=platforms,
        job=row["job"],
        assignments=with_floors(assignments, settings, platforms, kept),
        kept=kept,
        idle=tuple(one.device for one in everyone if not one.commands),
        selection=_narrowed(row["selection"], limits),
        again=Again(
            run=run.folder,
            tie=tie,
            missing=len(names),
            kept=_kept(run, chosen) if tie is Tie.CONTINUES else (),
            gone=tuple(name for name in names if name not in known),
        ),
    )


def _recorded(run: PastRun) -> RunFile:
    """Read what a run was to do; a file that other hands wrote is told, not believed."""
    from collector.store import read_run

    row = read_run(run.folder)
    match row:
        case {
            "planned": list(planned),
            "commands": dict(commands),
            "inventory": str(),
            "selection": dict(),
            "job": str(),
        } if _all_text(planned) and all(map(_all_text, commands.values())):
            return row
    raise InputError(f"run {run.run_id}: its run.json does not say what was to be done")


def _check_redaction(run: PastRun, row: RunFile, settings: Settings) -> None:
    """Let nobody go on with a run in the clear: with other settings its secrets would be told."""
    job = settings.jobs.get(row["job"])
    redact, keep_raw = row.get("redact", Redact.OFF.value), row.get("keep_raw", False)
    if redact not in tuple(_STRENGTH) or keep_raw not in (True, False):  # other hands wrote it
        raise InputError(f"run {run.run_id}: its run.json does not say how it redacts")
    guarded = redact != Redact.OFF
    if row["selection"].get("commands") or not (guarded or row.get("history")):
        return
    was = f"run {run.run_id} was of job {row['job']!r} with {_redaction(redact, keep_raw)}"
    ask = "--config names the settings of that run"
    if job is None:
        raise InputError(f"{was}, which is not in these settings; {ask}")
    weaker = _STRENGTH[job.redact] < _STRENGTH[redact] or (job.keep_raw and not keep_raw)
    if guarded and weaker:
        now = _redaction(job.redact, job.keep_raw)
        raise InputError(f"{was}; it would go on with {now}; {ask}")


def _redaction(redact: str, keep_raw: bool) -> str:
    return f"redact: {redact}" + (", keep_raw: true" if keep_raw else "")


def _all_text(values: object) -> bool:
    return isinstance(values, list) and all(isinstance(value, str) for value in values)


def _assignment(
    device: Device, row: RunFile, settings: Settings, platforms: Mapping[str, Platform]
) -> Assignment:
    from collector.platforms import plan

    commands: Sequence[str]
    if device.platform in row["commands"]:
        commands = row["commands"][device.platform]
    elif isinstance(given := row["selection"].get("commands"), list) and given:
        commands = given
    else:  # a platform that the run had no device of
        commands = plan(job_of(settings, row["job"]).commands, platforms[device.platform])
    device = timed(device, platforms[device.platform])
    return Assignment(device=device, commands=tuple(checked(commands)))


def _narrowed(selection: Mapping[str, object], limits: Sequence[str]) -> dict[str, object]:
    before = selection.get("limits")
    return {**selection, "limits": [*(before if isinstance(before, list) else ()), *limits]}


def _is_good(row: DeviceRow) -> bool:
    return row["status"] == Status.OK


def _is_settled(row: DeviceRow) -> bool:
    if row["status"] in {Status.FAILED, Status.SKIPPED}:
        return row["class"] in _TRIED
    return row["status"] in {Status.OK, Status.PARTIAL}


def _kept(run: PastRun, asked: Iterable[Device]) -> tuple[DeviceResult, ...]:
    names = {device.name for device in asked}
    try:
        return tuple(_result(row) for row in run.rows() if row["name"] not in names)
    except (KeyError, TypeError, ValueError):
        raise InputError(f"run {run.run_id}: its journal has a row that cannot be read") from None


def _result(row: DeviceRow) -> DeviceResult:
    """Make a result of a row again, as far as a summary needs it."""
    device = Device(
        name=row["name"],
        host=row["host"],
        port=row["port"],
        platform=row["platform"],
        credential="",
    )
    return DeviceResult(
        device=device,
        status=Status(row["status"]),
        started=datetime.fromisoformat(row["started"]),
        duration=row["duration_s"],
        commands=tuple(_command(command) for command in row["commands"]),
        fault=_fault(row["class"], row["phase"], row["message"]),
        attempts=row["attempts"],
        change=Change(change) if (change := row.get("change")) else None,
        fallback=row.get("fallback") or "",
    )


def _command(row: CommandRow) -> CommandResult:
    return CommandResult(
        command=row["command"],
        status=CommandStatus(row["status"]),
        fault=_fault(row["class"], row["phase"], row["message"]),
    )


def _fault(fault_class: str | None, phase: str | None, message: str | None) -> Fault | None:
    if fault_class is None or phase is None:
        return None
    return Fault(
        fault_class=FaultClass(fault_class), phase=Phase(phase), message=message or fault_class
    )
