"""Fleets of which a few devices take far longer than the others, and how long a run of one takes.

In warped time: a run of many minutes takes a moment, and the same seed gives the same figures.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

from support import warp

from collector.engine import Enter, collect_devices
from collector.errors import DeviceError
from collector.model import (
    Assignment,
    CommandResult,
    CommandStatus,
    Device,
    Expectation,
    FaultClass,
    Jump,
    Limits,
    Phase,
    Retries,
    Timeouts,
)

LOGIN = 0.5  # seconds of each device's time until it is logged in to
DEAD = 31.0  # two attempts of 15 s, and a pause between them
COMMANDS = ("show running-config",)


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """Devices, as the inventory has them, and what each takes; the ``dead`` never answer."""

    assignments: tuple[Assignment, ...]
    seconds: Mapping[str, float]
    limits: Limits
    dead: frozenset[str] = frozenset()

    def expected(self) -> Mapping[str, Expectation]:
        """What the run before has shown, if it was like this one."""
        return {
            name: Expectation(seconds=seconds, is_doubtful=name in self.dead)
            for name, seconds in self.seconds.items()
        }

    def bound(self) -> float:
        """The seconds that no order can do without."""
        shares = [(self.limits.sessions, list(self.seconds))]
        places: dict[object, int] = {}
        members: dict[object, list[str]] = {}
        for one in self.assignments:
            device = one.device
            if self.limits.per_group:
                for group in device.groups:
                    places[group] = self.limits.per_group
                    members.setdefault(group, []).append(device.name)
            if device.jump and device.jump.sessions:
                places[device.jump] = device.jump.sessions
                members.setdefault(device.jump, []).append(device.name)
        shares += [(places[key], names) for key, names in members.items()]
        busy = max(sum(self.seconds[name] for name in names) / most for most, names in shares)
        return max(busy, *self.seconds.values())


def fleet(
    count: int = 500,
    *,
    slow: float = 0.05,
    dead: float = 0.0,
    sites: int = 1,
    jumps: int = 0,
    limits: Limits | None = None,
    seed: int = 1,
) -> Fleet:
    """Make one: shares of ``slow`` devices (60 s) and dead ones, the others 4 s more or less.

    The inventory stands site by site; the first site has most of the devices, each next one fewer.
    ``jumps``: so many of the sites, the first ones, are behind a jump host with two sessions.
    """
    dice = random.Random(seed)
    weights = [1 / (site + 1) for site in range(sites)]
    of = sorted(dice.choices(range(sites), weights, k=count))
    devices = [_device(number, site, site < jumps) for number, site in enumerate(of)]
    gone = frozenset(device.name for device in devices if dice.random() < dead)
    seconds = {device.name: _seconds(dice, slow, device.name in gone) for device in devices}
    return Fleet(
        assignments=tuple(Assignment(device=each, commands=COMMANDS) for each in devices),
        seconds=seconds,
        limits=limits or Limits(sessions=50),
        dead=gone,
    )


def _device(number: int, site: int, is_behind: bool) -> Device:
    jump = Jump(name=f"jump{site}", host="h", credential="c", sessions=2)
    return Device(
        name=f"r{number}",
        host="h",
        platform="p",
        credential="c",
        groups=(f"site{site}",),
        jump=jump if is_behind else None,
    )


def _seconds(dice: random.Random, slow: float, is_dead: bool) -> float:
    usual = LOGIN + dice.lognormvariate(1.25, 0.8)
    if is_dead:
        return DEAD
    return 60.0 if dice.random() < slow else min(usual, 60.0)


@dataclass(kw_only=True)
class Took:
    """How a run went: seconds until its end, and until half of the devices that are well."""

    end: float
    half: float


def took(fleet: Fleet, order: Sequence[Assignment]) -> Took:
    """Run the engine on the fleet in that order."""

    async def main() -> Took:
        results = collect_devices(
            _stream(order),
            _Connector(fleet),
            limits=fleet.limits,
            timeouts=Timeouts(),
            retries=Retries(backoff=1.0),
            rng=random.Random(1),
        )
        good = [
            warp.loop().time() async for result in results if result.device.name not in fleet.dead
        ]
        return Took(end=warp.loop().time(), half=good[len(good) // 2])

    return warp.run(main())


async def _stream(order: Sequence[Assignment]) -> AsyncIterator[Assignment]:
    for assignment in order:
        yield assignment


class _Connector:
    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    async def open(self, device: Device, timeouts: Timeouts, enter: Enter) -> _Session:
        enter(Phase.CONNECT)
        if device.name in self._fleet.dead:
            await asyncio.sleep(timeouts.connect)
            raise DeviceError.of(FaultClass.TIMEOUT, Phase.CONNECT, "nobody is there")
        await enter.turn()
        enter(Phase.KEX)
        enter(Phase.AUTH)
        await asyncio.sleep(LOGIN)
        enter(Phase.CHANNEL)
        return _Session(self._fleet.seconds[device.name] - LOGIN)


class _Session:
    algorithms = None

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    async def run(self, command: str, *, timeout: float, least: int = 0) -> CommandResult:
        await asyncio.sleep(self._seconds)
        return CommandResult(command=command, status=CommandStatus.OK, output=b"x")

    async def finish(self) -> tuple[int, ...]:
        return ()

    async def close(self) -> None:
        pass
