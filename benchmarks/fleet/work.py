"""The work that is compared: how many devices, what they are asked, how they behave.

Owns values, and their way into another process as JSON. Refuses to know who does the work.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Final

USERNAME: Final = "admin"
PASSWORD: Final = "admin"
CONFIGURATION: Final = "show running-config"
VERSION: Final = "show version"
INVENTORY: Final = "show inventory"


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One fleet and its commands.

    ``size``: the least bytes of the configuration. ``distance``: seconds there and back.
    ``think``: seconds before each answer. ``packet``: the most bytes in one SSH packet of a device,
    0 for as many as fit. ``sick``: one in ten is dead, one in fifty hangs, one in a hundred is
    slow. ``patience``: seconds of each limit. ``connecting``, ``sessions``, ``threads``: who may
    be busy at once, for the ways that have such a limit. ``host_key``: of all devices, as OpenSSH
    writes it.
    """

    name: str
    devices: int
    commands: tuple[str, ...]
    size: int = 4_000
    distance: float = 0.0
    think: float = 0.0
    packet: int = 0
    sick: bool = False
    patience: float = 60.0
    connecting: int = 25
    sessions: int = 1_000
    threads: int = 100
    host_key: str = ""

    @property
    def good(self) -> int:
        """How many devices can answer."""
        return (
            sum(is_alive(number) for number in range(self.devices)) if self.sick else self.devices
        )


class Places:
    """Who may be connecting and who may have a session, for a way without limits of its own."""

    def __init__(self, work: Work) -> None:
        self.connecting = asyncio.Semaphore(work.connecting)
        self.sessions = asyncio.Semaphore(work.sessions)


def is_dead(number: int) -> bool:
    """Tell whether a device of a sick fleet accepts TCP and then says nothing: one in ten."""
    return number % 10 == 3


def is_hung(number: int) -> bool:
    """Tell whether one echoes its commands and never answers: one in fifty."""
    return number % 50 == 7


def is_slow(number: int) -> bool:
    """Tell whether one thinks a second before each answer: one in a hundred."""
    return number % 100 == 11


def is_alive(number: int) -> bool:
    """Tell whether a device of a sick fleet answers."""
    return not (is_dead(number) or is_hung(number))


_BACKUP: Final = (CONFIGURATION, VERSION, INVENTORY)
WORKS: Final[Mapping[str, Work]] = MappingProxyType(
    {
        work.name: work
        for work in (
            Work(name="sweep", devices=100, commands=(VERSION,)),
            Work(name="backup", devices=100, commands=_BACKUP, size=51_000),
            Work(name="big", devices=100, commands=(CONFIGURATION,), size=1_000_000),
            Work(name="wan", devices=100, commands=_BACKUP, size=51_000, distance=0.08, think=1.0),
            Work(name="sick", devices=100, commands=_BACKUP, size=51_000, sick=True, patience=5.0),
        )
    }
)


def packed(work: Work, ports: list[int], folder: str) -> str:
    """Write the work down for another process, with where the devices are."""
    return json.dumps({"work": asdict(work), "ports": ports, "folder": folder})


def unpacked(text: str) -> tuple[Work, list[int], str]:
    """Read what `packed` wrote."""
    told = json.loads(text)
    work = told["work"]
    return Work(**{**work, "commands": tuple(work["commands"])}), told["ports"], told["folder"]
