"""How long the commands of stored runs took, platform by platform, and what limit fits them.

Owns the statistics and the rule by which a limit is suggested. Refuses to change any: a limit is
set by a person, in the configuration or an inventory.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, isfinite
from statistics import median
from typing import TYPE_CHECKING, Final

from collector.errors import InputError
from collector.model import CommandStatus, Device, FaultClass, Phase, Status

if TYPE_CHECKING:
    from collector.store import CommandRow, DeviceRow, PastRun

ENOUGH: Final = 20
"""Whole answers under which nothing is suggested."""
NEAR: Final = 0.8
"""The share of its limit from which a command is near it."""
LEAST: Final = 10.0
"""Seconds; no limit under it is suggested."""
_NICE: Final = (10, 12, 15, 20, 25, 30, 40, 50, 60, 80, 100)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """How long one command took on one platform, in seconds of whole answers.

    ``command`` is empty for the opening: all of a device's time that no command took. ``limit`` is
    the one in force for the platform; ``near`` counts the answers that came near the limit of
    their device, ``late`` those that did not come within it. ``suggested``: None where there are
    too few.
    """

    platform: str
    command: str
    answers: int
    limit: float
    median: float | None = None
    p95: float | None = None
    longest: float | None = None
    near: int = 0
    late: int = 0
    suggested: float | None = None

    @property
    def is_tight(self) -> bool:
        """Whether there is a reason to look at it."""
        return self.near + self.late > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """A platform's limit for a command: that in force, and one that fits what was seen.

    ``seconds``: None where there are too few answers, or nothing would be another.
    """

    platform: str
    limit: float
    seconds: float | None


@dataclass(slots=True)
class _Samples:
    durations: list[float] = field(default_factory=list)
    near: int = 0
    late: int = 0


def timings(
    runs: Iterable[PastRun],
    devices: Iterable[Device],
    limits: Mapping[str, float],
    opening: Mapping[str, float],
) -> tuple[Timing, ...]:
    """Count what these runs tell of these devices, the tight ones first.

    The devices' own ``timeouts`` hold for their commands, else ``limits`` of their platform: both
    in seconds. ``opening`` has those for connecting and logging in together. A run that cannot be
    read is passed over.
    """
    known = {device.name: device for device in devices}
    samples: defaultdict[tuple[str, str], _Samples] = defaultdict(_Samples)
    for run in runs:
        try:
            for row in run.rows():
                if (device := known.get(row["name"])) and device.platform == row["platform"]:
                    _count(row, device.timeouts.get("command", limits[device.platform]), samples)
        except (InputError, KeyError, TypeError, ValueError, AttributeError) as error:
            logger.warning("%s: not counted: %s", run.folder, error)
    found = [
        _timing(platform, command, (limits if command else opening)[platform], each)
        for (platform, command), each in samples.items()
        if each.durations or each.late  # else it was never really asked
    ]
    return tuple(sorted(found, key=lambda one: (not one.is_tight, one.platform, one.command)))


def suggestions(found: Sequence[Timing]) -> Iterator[Suggestion]:
    """Give one for each platform; it is never under its limit where a command has too few answers.

    A limit is for all commands of a platform, so the one that needs most decides.
    """
    by_platform: defaultdict[str, list[Timing]] = defaultdict(list)
    for one in found:
        if one.command:
            by_platform[one.platform].append(one)
    for platform, each in sorted(by_platform.items()):
        limit = each[0].limit
        wanted = [one.suggested for one in each if one.suggested is not None]
        if len(wanted) < len(each) and wanted:
            wanted.append(limit)
        seconds = max(wanted, default=limit)
        yield Suggestion(
            platform=platform, limit=limit, seconds=None if seconds == limit else seconds
        )


def suggested(durations: Sequence[float]) -> float | None:
    """Say what limit fits these whole answers, in seconds; None where there are too few.

    Three times what 99 of 100 answers keep to, twice the longest of all, and 10 s at least, rounded
    up. What did not come in time tells nothing: it may have hung.

    >>> suggested([1.0] * 99 + [6.0]), suggested([1.0] * 30), suggested([50.0] * 3)
    (12.0, 10.0, None)
    """
    if len(durations) < ENOUGH:
        return None
    return _rounded_up(max(LEAST, 3 * quantile(durations, 0.99), 2 * max(durations)))


def quantile(durations: Sequence[float], share: float) -> float:
    """Give the least duration that such a share of all keeps to.

    >>> quantile([3, 1, 2, 4], 0.5), quantile([3, 1, 2, 4], 0.95)
    (2, 4)
    """
    return sorted(durations)[max(ceil(share * len(durations)) - 1, 0)]


def _rounded_up(seconds: float) -> float:
    """Give the next number that a person would write.

    >>> [_rounded_up(seconds) for seconds in (10, 10.1, 33, 61, 101, 130, 2001)]
    [10.0, 12.0, 40.0, 80.0, 120.0, 150.0, 2500.0]
    """
    scale = 1
    while seconds > _NICE[-1] * scale:
        scale *= 10
    return float(next(step * scale for step in _NICE if seconds <= step * scale))


def _count(row: DeviceRow, limit: float, samples: Mapping[tuple[str, str], _Samples]) -> None:
    platform, commands = row["platform"], row["commands"]
    for command in commands:
        _count_command(command, limit, samples[platform, command["command"]])
    # Of one that needed a second attempt, the first and the pause are in it as well.
    if row["status"] == Status.OK and row["attempts"] == 1:
        rest = row["duration_s"] - sum(command["duration_s"] for command in commands)
        if isfinite(rest):
            samples[platform, ""].durations.append(max(rest, 0.0))


def _count_command(row: CommandRow, limit: float, samples: _Samples) -> None:
    seconds = float(row["duration_s"])
    if row["status"] == CommandStatus.OK and isfinite(seconds):
        samples.durations.append(seconds)
        samples.near += seconds > limit * NEAR
    elif (row["class"], row["phase"]) == (FaultClass.TIMEOUT, Phase.COMMAND):
        samples.late += 1


def _timing(platform: str, command: str, limit: float, samples: _Samples) -> Timing:
    durations = samples.durations
    return Timing(
        platform=platform,
        command=command,
        answers=len(durations),
        limit=limit,
        median=median(durations) if durations else None,
        p95=quantile(durations, 0.95) if durations else None,
        longest=max(durations, default=None),
        near=samples.near,
        late=samples.late,
        suggested=suggested(durations) if command else None,
    )
