"""What a run will do, before anything is done: who is asked what.

Owns the step from settings and words of selection to assignments. Touches no network and no
secret, so a dry run can show all of it. What it reads, it reads blocking.
"""
# ruff: noqa: PLC0415 - the rooms are imported where they are used: see the room's docstring

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from math import ceil
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from collector.errors import InputError
from collector.model import Assignment, Device, DeviceResult, is_one_line

if TYPE_CHECKING:
    from collector.inventory import Inventory
    from collector.platforms import Platform
    from collector.settings import Job, Settings


class Tie(StrEnum):
    """How a run is tied to an earlier one: the same, or a new one that names it by this word."""

    CONTINUES = "continues"
    RESUMES = "resume_of"
    REPEATS = "failed_of"


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """The earlier run, by its folder, that a plan goes on with or repeats a part of.

    ``missing`` counts the devices to be asked, of any selection; ``gone`` are those of them that
    are not in the inventory any more. ``kept`` are the results that stay where the run goes on in
    its own folder, without their outputs.
    """

    run: Path
    tie: Tie
    missing: int
    kept: tuple[DeviceResult, ...] = ()
    gone: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A run to be done.

    ``idle`` are the selected devices for which the job has no command. ``selection`` is what was
    asked for, as it stands in the manifest. ``kept`` names by platform the commands whose outputs
    are the backup of a device; it is empty where the run is no backup.
    """

    settings: Settings
    inventory: Inventory
    platforms: Mapping[str, Platform]
    job: str
    assignments: tuple[Assignment, ...]
    kept: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    idle: tuple[Device, ...] = ()
    selection: Mapping[str, object] = field(default_factory=dict)
    again: Again | None = None

    @property
    def total(self) -> int:
        """The number of devices that will have a result."""
        return len(self.assignments) + len(self.idle)


def prepare(
    settings: Settings,
    *,
    limits: Sequence[str] = (),
    commands: Sequence[str] | None = None,
    job: str | None = None,
    allow_unsafe: bool = False,
) -> Plan:
    """Read the inventory, select, and plan every device's commands.

    ``commands`` for all devices alike, or else the job of that name (the settings' default when
    None). ``allow_unsafe`` lets through commands that are not known to be read-only. Raises
    InputError for all that is wrong with what the user gave.
    """
    from collector.inventory import find_inventory, load_inventory, select

    platforms = platforms_of(settings)
    inventory = load_inventory(find_inventory(settings.inventory), known_platforms=platforms)
    chosen = select(inventory.devices, limits)
    assignments, idle = assign(chosen, settings, platforms, commands=commands, job=job)
    check_harmless(assignments, platforms, allow_unsafe=allow_unsafe)
    devices = inventory.devices
    kept = {} if commands else kept_parts(settings, job, assignments, platforms, devices)
    return Plan(
        settings=settings,
        inventory=inventory,
        platforms=platforms,
        job="ad-hoc" if commands else job or settings.job,
        assignments=with_floors(assignments, settings, platforms, kept),
        kept=kept,
        idle=idle,
        selection={"limits": list(limits), "commands": list(commands or ())},
    )


def platforms_of(settings: Settings) -> Mapping[str, Platform]:
    """Give the platforms, the user's own among them; a problem of these is told with its place."""
    from collector.platforms import load_platforms

    return load_platforms(settings.platforms, document=settings.document)


def assign(
    devices: Iterable[Device],
    settings: Settings,
    platforms: Mapping[str, Platform],
    *,
    commands: Sequence[str] | None = None,
    job: str | None = None,
) -> tuple[tuple[Assignment, ...], tuple[Device, ...]]:
    """Give each device its commands; the second part are those for which there is none."""
    from collector.platforms import plan

    asked = tuple(checked(commands or ()))
    work = None if asked else job_of(settings, job)
    everyone = [
        Assignment(
            device=timed(device, platforms[device.platform]),
            commands=asked if work is None else plan(work.commands, platforms[device.platform]),
        )
        for device in devices
    ]
    busy = tuple(assignment for assignment in everyone if assignment.commands)
    idle = tuple(assignment.device for assignment in everyone if not assignment.commands)
    if idle and not busy:
        raise InputError(f"job {job or settings.job!r} has no command for any selected device")
    return busy, idle


def timed(device: Device, platform: Platform) -> Device:
    """Lay the device's own time limits over those of its platform."""
    if not platform.timeouts:
        return device
    timeouts = MappingProxyType({**platform.timeouts, **device.timeouts})
    return replace(device, timeouts=timeouts)


def check_harmless(
    assignments: Iterable[Assignment],
    platforms: Mapping[str, Platform],
    *,
    allow_unsafe: bool = False,
) -> None:
    """Raise InputError for every command that may change a device of its platform.

    What configures is refused whatever is allowed: a collector never writes.
    """
    from collector.platforms import Permission, permission_of

    pairs = {(one.device.platform, command) for one in assignments for command in one.commands}
    problems = []
    for name, command in sorted(pairs):
        ruling = permission_of(command, platforms[name])
        if ruling.permission is Permission.REFUSED:
            problems.append(f"command {command!r} on {name}: never sent: {ruling.reason}")
        elif ruling.permission is Permission.UNSAFE and not allow_unsafe:
            problems.append(
                f"command {command!r} on {name}: not known to be harmless: {ruling.reason}; "
                "--allow-unsafe sends it all the same"
            )
    if problems:
        raise InputError(*problems)


def with_floors(
    assignments: tuple[Assignment, ...],
    settings: Settings,
    platforms: Mapping[str, Platform],
    kept: Mapping[str, tuple[str, ...]],
) -> tuple[Assignment, ...]:
    """Say under how many bytes an output is suspect, where a last good one is stored.

    Of configurations, and of all that has a history: an empty output must not go over a good one.
    """
    from collector.store import last_good_sizes

    wanted = {
        one.device.name: [
            command
            for command in one.commands
            if command in platforms[one.device.platform].backup
            or command in kept.get(one.device.platform, ())
        ]
        for one in assignments
    }
    if not settings.suspect_below or not any(wanted.values()):
        return assignments
    sizes = last_good_sizes(settings.output, wanted)
    return tuple(
        replace(
            one,
            least={
                command: ceil(settings.suspect_below * size)
                for command, size in sizes.get(one.device.name, {}).items()
            },
        )
        for one in assignments
    )


def kept_parts(
    settings: Settings,
    job: str | None,
    assignments: Iterable[Assignment],
    platforms: Mapping[str, Platform],
    devices: Sequence[Device],
) -> Mapping[str, tuple[str, ...]]:
    """Say by platform which outputs are the backup; raises InputError where two share a file.

    ``devices`` are all of the inventory: two share a file when they are asked in two runs, too. A
    platform's own backup commands, or all that a job of other commands asks. A job that is not in
    the settings (any more) is no backup.
    """
    from collector.backups.paths import shared_paths
    from collector.platforms import plan

    work = settings.jobs.get(job or settings.job)
    if work is None or not work.backup or not settings.backups.enabled:
        return {}
    asked = {one.device.platform: one.commands for one in assignments}
    names = asked.keys() | {device.platform for device in devices}
    used = {name: platforms[name] for name in names}  # to make all of them takes half a second
    if work.commands == "backup":
        parts = {name: each.backup for name, each in used.items()}
    else:
        parts = {name: plan(work.commands, each) for name, each in used.items()} | asked
    owned = ((device, parts[device.platform]) for device in devices)
    if problem := shared_paths(settings.backups.path, (each for each in owned if each[1])):
        raise InputError(f"backups.path: {problem}")
    return {name: parts[name] for name in asked if parts[name]}


def job_of(settings: Settings, name: str | None) -> Job:
    """Give the job of that name, the settings' default when None."""
    wanted = name or settings.job
    if wanted not in settings.jobs:
        known = ", ".join(sorted(settings.jobs))
        raise InputError(f"job: expected one of {known}; found {wanted!r}")
    return settings.jobs[wanted]


def checked(commands: Sequence[str]) -> Iterator[str]:
    """Let through what is one line of text: a line end inside would be a second command unseen."""
    for command in commands:
        if not is_one_line(command):
            found = repr(command) if command.strip() else "nothing"
            raise InputError(f"command: expected one line of printable text, found {found}")
        yield command.strip()
