"""How long devices took in earlier runs of the same work.

Owns the walk back through the manifests, newest first, until most devices are known, and its
bounds: it is done before each run, and one of ten thousand devices must not wait for it. Refuses to
know what the durations are used for.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from collector.errors import InputError
from collector.model import Expectation, FaultClass, Status
from collector.store.manifest import brief_rows, read_head
from collector.store.past import newest_first

LOOKED_AT: Final = 50
"""Runs whose heads are read at most; those of other work are among them."""
READ: Final = 3
"""Runs whose devices are read at most, of 15 MB each where they have ten thousand devices. One that
had less than a tenth of the devices in it does not count."""
ENOUGH: Final = 0.95
"""The share of the devices with which the walk ends: some are new, some have never answered."""

_WELL = (Status.OK, Status.PARTIAL)
_REJECTED = (FaultClass.AUTH, FaultClass.ENABLE)
_UNREADABLE = (InputError, KeyError, TypeError, ValueError, AttributeError)  # or by other hands

_ABSURD: Final = 1e7  # seconds: a third of a year, which no run has spent on a device
logger = logging.getLogger(__name__)


def last_durations(
    output: Path, devices: Collection[str], *, job: str, commands: Sequence[str] = ()
) -> Mapping[str, Expectation]:
    """Say of each device how long it took when a run of this job last asked it.

    ``commands``: those of an ad-hoc run, for which only runs of the same ones count. What failed
    counts by the time that its end took, or that of the run before in which it did not fail where
    that was longer. Left out is of whom no run that is looked at tells anything.
    """
    well: dict[str, float] = {}
    failed: dict[str, float] = {}
    rejected: set[str] = set()
    read = 0
    for folder, had in _runs(output, job, commands):
        if read == READ or len(well) >= ENOUGH * len(devices):
            break
        read += had * 10 >= len(devices)
        for name, fault_class, seconds in _durations(folder):
            if name not in devices or name in well:
                continue
            if fault_class is None:
                well[name] = seconds
            elif name not in failed:
                failed[name] = seconds
                if fault_class in _REJECTED:
                    rejected.add(name)
    sure = {name: Expectation(seconds=each) for name, each in well.items() if name not in failed}
    return sure | {
        name: Expectation(
            seconds=max(each, well.get(name, 0.0)),
            is_doubtful=True,
            has_rejected=name in rejected,
        )
        for name, each in failed.items()
    }


def _runs(output: Path, job: str, commands: Sequence[str]) -> Iterator[tuple[Path, int]]:
    """Give the runs of the same work that have ended, the newest first, and how many they asked."""
    for folder in newest_first(output)[:LOOKED_AT]:
        try:
            head = read_head(folder)
            if head and (head["job"], head["selection"]["commands"]) == (job, list(commands)):
                yield folder, sum(map(int, head["totals"].values()))
        except _UNREADABLE as error:
            logger.info("%s: no durations are taken from it: %s", folder, error)


def _durations(folder: Path) -> Iterator[tuple[str, str | None, float]]:
    """Give of each device that was asked why it failed, None where it did not, and its seconds.

    A run that cannot be read says nothing, and keeps no other back.
    """
    try:
        for row in brief_rows(folder):
            name, status, seconds = str(row["name"]), row["status"], float(row["duration_s"])
            asked = status in _WELL or (status == Status.FAILED and row["attempts"] > 0)
            if asked and 0 <= seconds < _ABSURD:
                yield name, None if status in _WELL else str(row["class"]), seconds
    except _UNREADABLE as error:
        logger.info("%s: no durations are taken from it: %s", folder, error)
