"""What the engine needs of the world: a way to open a session, the session itself, a clock.

Owns the contract that a driver has to keep. Refuses to know any driver.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import Protocol, runtime_checkable

from collector.model import Algorithms, CommandResult, Device, Jump, Phase, Timeouts


class Session(Protocol):
    """One device, logged in to and ready for commands, used by one task at a time."""

    @property
    def algorithms(self) -> Algorithms | None:
        """What the connection is protected with; None over telnet."""
        ...

    async def run(self, command: str, *, timeout: float, least: int = 0) -> CommandResult:
        """Ask one command, within ``timeout`` seconds; under ``least`` bytes it is suspect.

        Returns for every end that leaves the session usable (``ok``, ``rejected``, ``incomplete``,
        ...); raises `DeviceError` when the session is of no more use.
        """
        ...

    async def finish(self) -> tuple[int, ...]:
        """Look once more before closing: tell which outputs what came later has condemned.

        Positions count the calls of `run` from zero. Bounded in time by itself, never raises
        `DeviceError`; waits for nothing when the session is of no more use.
        """
        ...

    async def close(self) -> None:
        """Let go of everything; called once, bounded in time by itself, never raises."""
        ...


class Enter(Protocol):
    """What an opening tells on its way, and asks for."""

    def __call__(self, phase: Phase, /) -> None:
        """Hear of a phase before anything of it is done; may end the opening by `DeviceError`."""
        ...

    async def turn(self, first: Awaitable[None] | None = None) -> None:
        """Wait until what costs time of the loop may begin; asked once, when the peer is there.

        ``first`` is what the connector has to wait for itself, before it takes a place. The time is
        not the device's: no limit may run meanwhile.
        """
        ...

    async def enabling(self) -> None:
        """Wait until the enable secret may be sent; asked before it is, and never without need.

        The time is not the device's either. May end the opening by `DeviceError`.
        """
        ...


class Connector(Protocol):
    """Opens sessions."""

    async def open(self, device: Device, timeouts: Timeouts, enter: Enter) -> Session:
        """Connect and log in, within ``connect`` and ``login`` seconds, or raise `DeviceError`.

        ``timeouts`` are those of this device; ``device`` in it is what is left of its limit.
        ``enter`` is told each phase before anything of it is done: ``kex`` when the peer has
        answered, ``auth`` before the credential is sent, ``channel`` once it was accepted. It may
        raise `DeviceError`, which ends the opening. Its ``turn`` is awaited between ``connect`` and
        the next phase; a connector that does not is never waited for. Its ``enabling`` is awaited
        before an enable secret is sent; class `enable` says of it that it was rejected, where it
        was sent. When cancelled it leaves nothing open and ends within a second.
        """
        ...


@runtime_checkable
class JumpConnector(Connector, Protocol):
    """Opens sessions through jump hosts that it leaves to the engine to be opened.

    `open` raises `DeviceError` of class ``jump`` in the phase ``resolve`` for a device whose jump
    host is not reached: nothing was asked of the device then. A connector without `reach` sees to
    jump hosts by itself.
    """

    def is_reached(self, jump: Jump) -> bool:
        """Tell whether a jump host is logged in to, and alive as far as is known."""
        ...

    async def reach(self, jump: Jump, timeouts: Timeouts, enter: Enter) -> None:
        """Log in to a jump host, for all devices behind it; as `open`, and nothing is asked of it.

        The one that it is itself behind has been reached. Called once at a time for each.
        """
        ...


class Clock(Protocol):
    """Tells the time of day for people, and seconds for durations."""

    def now(self) -> datetime:
        """Tell the time, in UTC."""
        ...

    def monotonic(self) -> float:
        """Count seconds that never step back."""
        ...


class SystemClock:
    """The clock of this machine."""

    def now(self) -> datetime:
        """Tell the time, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Count seconds that never step back."""
        return time.monotonic()
