"""One opening, of a device's session or of a jump host's connection: its phase, limits and end.

Owns which limit runs in which phase, and how what went wrong becomes one `DeviceError`. Refuses to
know what is opened.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Protocol, TypeVar, runtime_checkable

from collector.driver.faults import DEVICE, translate
from collector.driver.route import Route
from collector.driver.statements import Statements
from collector.errors import DeviceError
from collector.model import Fault, FaultClass, Phase, SshProfile, Timeouts

if TYPE_CHECKING:
    from collector.driver.ssh import Client

log = logging.getLogger(__name__)

T = TypeVar("T")
Enter = Callable[[Phase], None]
"""Hears each phase; one that is `Queued` also lets the opening wait."""

SLACK: Final = 2.0
"""Seconds by which the limit of the login is longer than that of the stream, which knows more."""

_CONNECTING: Final = frozenset({Phase.RESOLVE, Phase.CONNECT, Phase.KEX, Phase.HOSTKEY})
_BY_LOSS: Final = frozenset({FaultClass.DISCONNECTED, FaultClass.BUSY, FaultClass.TIMEOUT})
"""What a peer seems to do whose jump host is lost."""


@runtime_checkable
class Queued(Protocol):
    """Whoever hears of the phases, where openings wait for each other."""

    async def turn(self, first: Awaitable[None]) -> None:
        """Wait for what comes ``first``, then until what costs time of the loop may begin."""
        ...

    async def enabling(self) -> None:
        """Wait until the enable secret may be sent, or raise `DeviceError`."""
        ...


class Opening:
    """The steps of one opening; ``hear`` is told each phase, ``whom`` names the peer in messages.

    ``client`` and ``route`` are set by whoever opens, as soon as there are any, and ``translate``
    when there may be errors of libraries. ``statements`` is what the device says of its
    authentication server on the way.
    """

    def __init__(
        self,
        timeouts: Timeouts,
        hear: Enter,
        *,
        profile: SshProfile,
        whom: str = DEVICE,
        statements: Statements | None = None,
    ) -> None:
        self.phase = Phase.CREDENTIALS
        self.statements = statements or Statements(())
        self.client: Client | None = None
        self.route: Route | None = None
        self.translate: Callable[[BaseException, Phase, str], Fault] = translate
        self._timeouts = timeouts
        self._hear = hear
        self._queue: object = hear  # a mere function knows of no queue
        self._profile = profile
        self._whom = whom
        self._limit: asyncio.Timeout | None = None

    async def whole(
        self, opened: Callable[[], Awaitable[T]], undo: Callable[[], Awaitable[None]]
    ) -> T:
        """Wait for what is opened; `undo` whatever there is of it when it fails or is cancelled."""
        try:
            async with asyncio.timeout(self._timeouts.connect) as self._limit:
                result = await opened()
                self._allow(None)
                await asyncio.sleep(0)  # a limit that is over ends the opening, not its caller
                return result
        except asyncio.CancelledError:
            await undo()
            raise
        # Every library below raises its own kinds: translated here, once.
        except Exception as error:
            fault = self._fault(error)  # before what is undone changes the picture
            fault.algorithms = self.client.algorithms if self.client else None
            await undo()
            raise fault from error

    def enter(self, phase: Phase) -> None:
        """Mark the phase; the login limit runs from authentication to the prompt."""
        self.phase = phase
        self._hear(phase)
        loop = asyncio.get_running_loop()
        if phase is Phase.AUTH:
            self._allow(loop.time() + self._timeouts.login)
        elif phase is Phase.LOGIN:
            # The stream keeps this limit by itself; this one is the second, a little later.
            self._allow(loop.time() + self._timeouts.login + SLACK)

    def hear(self, phase: Phase) -> None:
        """Tell of a phase that changes no limit."""
        self._hear(phase)

    async def turn(self, loading: Awaitable[None]) -> None:
        """Wait, now that the peer is there, until the rest is loaded and may begin.

        No limit runs meanwhile.
        """
        if isinstance(self._queue, Queued):
            loading = self._queue.turn(loading)
        await self.unhurried(loading)

    async def enabling(self) -> None:
        """Wait until the enable secret may be sent; no limit runs meanwhile."""
        if isinstance(self._queue, Queued):
            await self.unhurried(self._queue.enabling())

    async def unhurried(self, waiting: Awaitable[None]) -> None:
        """Wait for what is not the peer's doing: no limit runs meanwhile."""
        loop = asyncio.get_running_loop()
        assert self._limit  # entered before anything else
        left = (self._limit.when() or 0.0) - loop.time()
        self._allow(None)
        await waiting
        self._allow(loop.time() + left)

    def _allow(self, until: float | None) -> None:
        """Move the limit, unless it is over already: then the next wait ends by it."""
        if self._limit and not self._limit.expired():
            self._limit.reschedule(until)

    def _fault(self, error: Exception) -> DeviceError:
        return self.statements.judged(self._cause(error))

    def _cause(self, error: Exception) -> DeviceError:
        if isinstance(error, DeviceError):
            return error
        if self.client and self.client.refusal:
            return self.client.refusal
        fault = self._too_late() if self._is_late(error) else self._translated(error)
        if self.route and (loss := self.route.loss) and fault.fault_class in _BY_LOSS:
            fault = replace(
                fault, fault_class=FaultClass.JUMP, message=loss.message, hint=loss.hint
            )
        return DeviceError(fault)

    def _is_late(self, error: Exception) -> bool:
        return isinstance(error, TimeoutError) and bool(self._limit and self._limit.expired())

    def _too_late(self) -> Fault:
        limit = "connect" if self.phase in _CONNECTING else "login"
        seconds = getattr(self._timeouts, limit)
        return Fault(
            fault_class=FaultClass.TIMEOUT,
            phase=self.phase,
            message=f"nothing more came in phase {self.phase} within {seconds:g} s ({limit} limit)",
            hint=f"try {self._whom} by hand; raise timeouts.{limit} if it is slow",
        )

    def _translated(self, error: Exception) -> Fault:
        fault = self.translate(error, self.phase, self._whom)
        if self.client and self.phase is Phase.KEX:
            fault = self.client.explained(fault, self._profile, self._whom)
        if fault.fault_class is FaultClass.INTERNAL:
            log.debug("untranslated error", exc_info=error)
        return fault
