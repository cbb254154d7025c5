"""A connector that follows a script, and the engine run on it in warped time."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from support import warp

from collector.engine import Breaker, Clock, Crew, Enter, collect_devices
from collector.errors import DeviceError
from collector.model import (
    Algorithms,
    Assignment,
    CommandResult,
    CommandStatus,
    Device,
    DeviceResult,
    FaultClass,
    Jump,
    Limits,
    Phase,
    Retries,
    Timeouts,
)

COMMANDS = ("show version", "show running-config")


class LoopClock:
    """The engine's clock, showing the time of the running loop."""

    def now(self) -> datetime:
        """Tell the time, in UTC."""
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        """Count the loop's seconds."""
        return asyncio.get_running_loop().time()


def device(name: str, *groups: str, credential: str = "c", **timeouts: float) -> Device:
    """Make a device of which only the name matters."""
    return Device(
        name=name, host="h", platform="p", credential=credential, groups=groups, timeouts=timeouts
    )


def fault(fault_class: FaultClass, phase: Phase = Phase.CONNECT) -> DeviceError:
    """Make an error as a driver raises it."""
    return DeviceError.of(fault_class, phase, f"scripted {fault_class}", evidence=b"seen")


def good(command: str) -> CommandResult:
    """Make the whole output of a command."""
    return CommandResult(command=command, status=CommandStatus.OK, output=command.encode())


async def forever() -> None:
    """Wait without a timer: only a cancellation ends it."""
    await asyncio.get_running_loop().create_future()


class ScriptedSession:
    """A session of the scripted connector."""

    def __init__(self, script: Script, device: Device) -> None:
        self._script = script
        self._device = device
        self.algorithms: Algorithms | None = script.algorithms

    async def run(self, command: str, *, timeout: float, least: int = 0) -> CommandResult:
        """Follow the script, else be good."""
        script = self._script
        script.asked.append((self._device.name, command))
        if least:
            script.least[self._device.name, command] = least
        if script.on_run is not None:
            result = await script.on_run(self._device, command)
            return result or good(command)
        return good(command)

    async def finish(self) -> tuple[int, ...]:
        """Follow the script; give the positions that it condemns."""
        if self._script.on_finish is not None:
            await self._script.on_finish(self._device)
        return self._script.condemned.get(self._device.name, ())

    async def close(self) -> None:
        """Follow the script and count, however it ends."""
        script = self._script
        try:
            if script.on_close is not None:
                await script.on_close(self._device)
        finally:
            script.closed[self._device.name] += 1
            script.away(-1, self._device)


class Script:
    """A connector: what to do at each step is handed in; it counts what happens."""

    def __init__(
        self,
        *,
        on_dial: Callable[[Device, int], Awaitable[None]] | None = None,
        on_greet: Callable[[Device, int], Awaitable[None]] | None = None,
        on_open: Callable[[Device, int], Awaitable[None]] | None = None,
        on_run: Callable[[Device, str], Awaitable[CommandResult | None]] | None = None,
        on_close: Callable[[Device], Awaitable[None]] | None = None,
    ) -> None:
        self.on_dial, self.on_greet = on_dial, on_greet
        self.on_open, self.on_run, self.on_close = on_open, on_run, on_close
        self.set_out: Counter[str] = Counter()
        self.tried: Counter[str] = Counter()
        self.opened: Counter[str] = Counter()
        self.closed: Counter[str] = Counter()
        self.asked: list[tuple[str, str]] = []
        self.algorithms: Algorithms | None = None
        self.limits: list[Timeouts] = []
        self.least: dict[tuple[str, str], int] = {}
        self.condemned: dict[str, tuple[int, ...]] = {}
        self.on_finish: Callable[[Device], Awaitable[None]] | None = None
        self.on_enable: Callable[[Device, int], Awaitable[None]] | None = None
        self.enabled: Counter[str] = Counter()
        self.enabling = self.most_enabling = 0
        self.connecting = self.most_connecting = 0
        self.loading = 0.0
        self.trying: Counter[str] = Counter()
        self.most_tried: Counter[str] = Counter()
        self.sessions = self.most_sessions = 0
        self.groups: Counter[str] = Counter()
        self.most_in_group: Counter[str] = Counter()
        self.on_reach: Callable[[Jump, int], Awaitable[None]] | None = None
        self.reaching: Counter[str] = Counter()
        self.reached: set[Jump] = set()
        self.through: Counter[str] = Counter()
        self.most_through: Counter[str] = Counter()

    def is_reached(self, jump: Jump) -> bool:
        """Tell what `reach` and the script have made of it."""
        return jump in self.reached

    async def reach(self, jump: Jump, timeouts: Timeouts, enter: Enter) -> None:
        """Follow the script, else be reached at once."""
        assert jump.jump is None or jump.jump in self.reached
        self.reaching[jump.name] += 1
        enter(Phase.CONNECT)
        enter(Phase.KEX)
        enter(Phase.AUTH)
        self.tried[jump.name] += 1
        if self.on_reach is not None:
            await self.on_reach(jump, self.reaching[jump.name])
        enter(Phase.CHANNEL)
        self.reached.add(jump)

    async def open(self, device: Device, timeouts: Timeouts, enter: Enter) -> ScriptedSession:
        """Follow the script, else open at once.

        The steps: it dials, it greets once the peer has answered, it opens with the credential.
        """
        self.set_out[device.name] += 1
        self.away(1, device)
        try:
            await self._reach(device, enter)
            await self._open(device, timeouts)
            enter(Phase.CHANNEL)
            if self.on_enable is not None:
                await enter.enabling()
                await self._enable(device, self.on_enable)
        except BaseException:
            self.away(-1, device)
            raise
        self.opened[device.name] += 1
        return ScriptedSession(self, device)

    async def _reach(self, device: Device, enter: Enter) -> None:
        enter(Phase.RESOLVE)
        if device.jump and device.jump not in self.reached:
            raise fault(FaultClass.JUMP, Phase.RESOLVE)
        enter(Phase.CONNECT)
        if self.on_dial is not None:
            await self.on_dial(device, self.set_out[device.name])
        await enter.turn(asyncio.sleep(self.loading) if self.loading else None)
        enter(Phase.KEX)
        self.connecting += 1
        self.most_connecting = max(self.most_connecting, self.connecting)
        try:
            if self.on_greet is not None:
                await self.on_greet(device, self.set_out[device.name])
        finally:
            self.connecting -= 1
        enter(Phase.AUTH)

    async def _open(self, device: Device, timeouts: Timeouts) -> None:
        self.tried[device.name] += 1
        self.limits.append(timeouts)
        self.connecting += 1
        self.most_connecting = max(self.most_connecting, self.connecting)
        self.trying[device.credential] += 1
        self.most_tried[device.credential] = max(
            self.most_tried[device.credential], self.trying[device.credential]
        )
        try:
            if self.on_open is not None:
                await self.on_open(device, self.tried[device.name])
        finally:
            self.connecting -= 1
            self.trying[device.credential] -= 1

    async def _enable(self, device: Device, act: Callable[[Device, int], Awaitable[None]]) -> None:
        self.enabled[device.name] += 1
        self.enabling += 1
        self.most_enabling = max(self.most_enabling, self.enabling)
        try:
            await act(device, self.enabled[device.name])
        finally:
            self.enabling -= 1

    def away(self, change: int, device: Device) -> None:
        """Count a device that holds a session place."""
        self.sessions += change
        self.most_sessions = max(self.most_sessions, self.sessions)
        if device.jump:
            name = device.jump.name
            self.through[name] += change
            self.most_through[name] = max(self.most_through[name], self.through[name])
        for group in device.groups:
            self.groups[group] += change
            self.most_in_group[group] = max(self.most_in_group[group], self.groups[group])

    def assert_all_closed(self) -> None:
        """Check that each opened session was closed, and once."""
        assert self.opened == self.closed
        assert self.sessions == 0


async def source(devices: Iterable[Device], commands: tuple[str, ...]) -> AsyncIterator[Assignment]:
    """Produce assignments as an inventory does."""
    for one in devices:
        yield Assignment(device=one, commands=commands)


def results_of(
    script: Script,
    devices: Iterable[Device],
    *,
    commands: tuple[str, ...] = COMMANDS,
    limits: Limits | None = None,
    timeouts: Timeouts | None = None,
    retries: Retries | None = None,
    stop: asyncio.Event | None = None,
    breaker: Breaker | None = None,
    crew: Crew | None = None,
    clock: Clock | None = None,
) -> AsyncGenerator[DeviceResult, None]:
    """Start the engine on the scripted connector."""
    return collect_devices(
        source(devices, commands),
        script,
        limits=limits or Limits(),
        timeouts=timeouts or Timeouts(),
        retries=retries or Retries(),
        stop=stop,
        breaker=breaker,
        crew=crew,
        rng=random.Random(1),
        clock=clock or LoopClock(),
    )


async def collected(script: Script, *devices: Device, **options: Any) -> list[DeviceResult]:
    """Run the engine to its end; the options are those of `results_of`."""
    found = [result async for result in results_of(script, devices, **options)]
    script.assert_all_closed()
    return found


def one(script: Script, visited: Device | None = None, **options: Any) -> DeviceResult:
    """Run the engine on a single device, in warped time."""
    (result,) = warp.run(collected(script, visited or device("r1"), **options))
    return result
