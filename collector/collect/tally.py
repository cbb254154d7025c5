"""What is known of a run's results when they are gone: counts, failures, the exit status.

Owns the rule from results to exit status. Holds no output.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from collector.collect.ending import Ending
from collector.errors import Exit
from collector.log import counted
from collector.model import Change, Device, DeviceResult, FaultClass, Status

_NAMED = 5  # devices named in a remark; the manifest has all
_BAD = (Status.PARTIAL, Status.FAILED, Status.CANCELLED)


@dataclass(frozen=True, slots=True)
class Good:
    """What is remembered of a device that is ok."""

    device: Device
    started: datetime
    change: Change | None


@dataclass(slots=True)
class Tally:
    """The running count of one run.

    ``given_up``: the credentials that are not tried any more, with the devices that rejected each.
    ``fallen_back``: the credentials that took the place of others, with the devices of each.
    """

    totals: Counter[Status] = field(default_factory=Counter)
    changes: Counter[Change] = field(default_factory=Counter)
    good: list[Good] = field(default_factory=list)
    failures: list[DeviceResult] = field(default_factory=list)
    breaker: bool = False
    fallen_back: dict[str, list[str]] = field(default_factory=dict)
    given_up: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def count(self, result: DeviceResult) -> None:
        """Take one more result into account."""
        self.totals[result.status] += 1
        if result.change is not None:
            self.changes[result.change] += 1
        if result.status is Status.OK:
            self.good.append(Good(result.device, result.started, result.change))
        else:
            self.failures.append(_without_outputs(result))
        untried = result.fault is not None and result.fault.fault_class is FaultClass.AUTH_BREAKER
        if untried:
            self.breaker = True
        if result.fallback and not untried:
            self.fallen_back.setdefault(result.fallback, []).append(result.device.name)

    def remarks(self, ending: Ending) -> list[str]:
        """Say what the results are to be read with, the most urgent first."""
        lines = [self._given_up(name, by) for name, by in sorted(self.given_up.items())]
        lines += (_fallen_back(name, who) for name, who in sorted(self.fallen_back.items()))
        return [*lines, *([ending.reason] if ending.reason else [])]

    def _given_up(self, credential: str, rejected_by: Sequence[str]) -> str:
        untried = sum(
            (failure.fallback or failure.device.credential) == credential
            and failure.fault is not None
            and failure.fault.fault_class is FaultClass.AUTH_BREAKER
            for failure in self.failures
        )
        on_enable = any(
            failure.device.name in rejected_by
            and failure.fault is not None
            and failure.fault.fault_class is FaultClass.ENABLE
            for failure in self.failures
        )
        what = f"{'the enable secret of ' * on_enable}credential {credential}"
        return (
            f"{what} was rejected {len(rejected_by)} times in a row "
            f"({', '.join(rejected_by)}); not tried with it any more: {counted(untried, 'device')}"
        )

    def exit_status(self, ending: Ending, *, stored: bool) -> Exit:
        """Say how the run ended, the most urgent word first: see the table in the README."""
        if ending.signal is not None:
            return Exit(128 + ending.signal)
        if not stored:
            return Exit.STORAGE
        if self.breaker or self.given_up:
            return Exit.BREAKER
        if ending.out_of_time:
            return Exit.SOME_FAILED
        others = sum(self.totals[status] for status in Status if status is not Status.FAILED)
        if self.totals[Status.FAILED] and others == self.totals[Status.SKIPPED]:
            return Exit.ALL_FAILED
        return Exit.SOME_FAILED if any(self.totals[status] for status in _BAD) else Exit.OK


def _fallen_back(credential: str, devices: Sequence[str]) -> str:
    named = ", ".join(devices[:_NAMED]) + (", ..." if len(devices) > _NAMED else "")
    return (
        f"credential {credential} was used as fall-back for {counted(len(devices), 'device')} "
        f"({named}): the authentication server could not be reached from there"
    )


def _without_outputs(result: DeviceResult) -> DeviceResult:
    commands = tuple(replace(command, output=b"", evidence=b"") for command in result.commands)
    return replace(result, commands=commands, evidence=b"")
