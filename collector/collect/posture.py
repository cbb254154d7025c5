"""How well the devices of a stored run were protected: what was used, and what could be dropped.

Owns the judgement of a run's rows. Refuses to connect to anything: it speaks of that run alone.
"""
# ruff: noqa: PLC0415 - the rooms are imported where they are used: see the room's docstring

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from collector.errors import InputError
from collector.model import Algorithms, Device, FaultClass, Jump, SshProfile, Transport

if TYPE_CHECKING:
    from collector.store import DeviceRow, PastRun


class Standing(StrEnum):
    """What a device needs, the worst first."""

    TELNET = "telnet"
    LEGACY = "legacy"
    REFUSED = "refused"
    DATED = "dated"
    NEEDLESS = "needless"
    UNKNOWN = "unknown"
    MODERN = "modern"


GOOD = frozenset({Standing.MODERN, Standing.UNKNOWN})
"""What gives no reason to act: `UNKNOWN` gives none to believe that all is well either."""

_NEXT = {
    Standing.TELNET: "use SSH if the device has it: telnet shows the password to the network",
    Standing.LEGACY: "allow newer algorithms on the device, or renew its software",
    Standing.REFUSED: "allow newer algorithms on it, or set the ssh_profile that its failure named",
    Standing.DATED: "allow newer algorithms on the device, or renew its software",
    Standing.NEEDLESS: "take ssh_profile: legacy off: nothing that was used needs it",
    Standing.UNKNOWN: "collect from it again: no key exchange was done in this run",
    Standing.MODERN: "",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Posture:
    """One device: ``weak`` are the algorithms it used that are not modern."""

    device: Device
    standing: Standing
    algorithms: Algorithms | None = None
    weak: tuple[str, ...] = ()
    remark: str = ""

    @property
    def hint(self) -> str:
        """The next step; empty where none is needed."""
        return _NEXT[self.standing]


def posture(run: PastRun, limits: Sequence[str] = ()) -> tuple[Posture, ...]:
    """Judge the selected devices of a run, the worst first.

    A run knows all of a device but its tags and its credential: by these ``limits`` cannot select.
    Raises InputError for what cannot be read, or selects nothing.
    """
    from collector.inventory import select

    try:
        found = {row["name"]: _judged(row) for row in run.rows()}
    except (KeyError, TypeError, ValueError):
        raise InputError(f"run {run.run_id}: a row of it cannot be read") from None
    devices = [each.device for each in found.values()]
    chosen = select(devices, limits, tagged=False) if limits or found else ()
    worst = list(Standing)
    judged = (found[device.name] for device in chosen)
    return tuple(sorted(judged, key=lambda each: (worst.index(each.standing), each.device.name)))


def tally(postures: Iterable[Posture]) -> Iterator[tuple[Standing, int]]:
    """Count the devices by standing, leaving out what none has."""
    standings = [each.standing for each in postures]
    return ((each, standings.count(each)) for each in Standing if each in standings)


def _judged(row: DeviceRow) -> Posture:
    used = row.get("algorithms")
    algorithms = Algorithms(**used) if used else None
    device = _device(row)
    if device.transport is Transport.TELNET:
        return Posture(device=device, standing=Standing.TELNET)
    if algorithms is None:
        return Posture(device=device, standing=_unmet(row), remark=row["message"] or "")
    return _compared(device, algorithms)


def _compared(device: Device, used: Algorithms) -> Posture:
    from collector.driver.algorithms import weak

    dated = weak(used)
    if weak(used, SshProfile.DEFAULT):
        standing = Standing.LEGACY
    elif device.ssh_profile is SshProfile.LEGACY:
        standing = Standing.NEEDLESS
    else:
        standing = Standing.DATED if dated else Standing.MODERN
    return Posture(device=device, standing=standing, algorithms=used, weak=dated)


def _unmet(row: DeviceRow) -> Standing:
    return Standing.REFUSED if row["class"] == FaultClass.KEX else Standing.UNKNOWN


def _device(row: DeviceRow) -> Device:
    """Make a device of its row; one of before there were profiles has the usual one."""
    return Device(
        name=row["name"],
        host=row["host"],
        port=row["port"],
        platform=row["platform"],
        credential="",
        transport=Transport(row.get("transport") or Transport.SSH),
        groups=tuple(row["groups"]),
        ssh_profile=SshProfile(row.get("ssh_profile") or SshProfile.DEFAULT),
        jump=_jump(row.get("jump") or ()),
    )


def _jump(names: Iterable[str]) -> Jump | None:
    """Give the way by its names, the nearest first: no more is known of it."""
    jump: Jump | None = None
    for name in names:
        jump = Jump(name=name, host="", credential="", jump=jump)
    return jump
