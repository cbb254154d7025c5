"""The way of one attempt up to its session: its place for connecting, and its credential's trial.

Owns what the phases of an opening mean for others: who may connect next, and whether this
credential may be sent. Refuses to know how a device is reached.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from types import TracebackType
from typing import TypeVar

from collector.engine.deadline import Deadline
from collector.engine.gate import Gate
from collector.engine.places import Places
from collector.engine.trial import Trial
from collector.engine.visit import Visit
from collector.errors import DeviceError
from collector.model import Fault, FaultClass, Phase, Transport

T = TypeVar("T")

# A peer that answers by then, from wherever on earth, still counts as a scout of its credential.
SCOUTING = 0.25
# A handshake takes some tens of milliseconds; one that takes longer waits for its peer.
HANDSHAKE = 1.0
# The same over telnet, where there is nothing to compute.
GREETING = 0.1


class Approach:
    """One attempt's standing with the others, for the length of an ``async with`` block.

    Whoever dials holds no place for connecting: a peer that keeps us waiting costs nothing.
    ``withheld`` tells that nothing was asked of the device: others are being tried with its
    credential, or its jump host has to be opened first. ``is_tried``: the credential was
    about to be sent. ``is_open``: there was a session. ``trial`` and ``gate`` are those of its
    credential. ``deadlines`` are those of this attempt. ``on_news`` is called whenever others
    might set out.
    """

    def __init__(
        self,
        visit: Visit,
        places: Places,
        trial: Trial,
        gate: Gate,
        on_news: Callable[[Visit], None],
    ) -> None:
        self.withheld = False
        self.is_open = False
        self.deadlines: list[Deadline] = []
        self._visit = visit
        self._places = places
        self._trial = trial
        self._gate = gate
        self._on_news = on_news
        self._has_place = False
        self.is_tried = False
        self._is_judged = False
        self._is_enabling = False
        self._has_left = False
        self._timers: list[asyncio.TimerHandle] = []

    async def __aenter__(self) -> Approach:
        if not self._trial.is_proven:
            self._after(SCOUTING, self._fall_out_of_sight)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._leave()

    def __call__(self, phase: Phase, /) -> None:
        """Hear of the phase that the opening comes to; raises `DeviceError` where it has to end."""
        self._visit.phase = phase
        if phase is Phase.KEX:
            self._answered()
        elif phase is Phase.AUTH:
            self._ask_leave()
        elif phase is Phase.CHANNEL:
            self._judge(self._trial.accept)

    async def turn(self, first: Awaitable[None] | None = None) -> None:
        """Wait for a place, now that the peer is there: what follows costs time of the loop."""
        self._sight()
        if first is not None:
            await self._unhurried(first)
        await self._unhurried(self._places.take())
        self._has_place = True
        self._keep_place()

    async def enabling(self) -> None:
        """Wait until the enable secret may be sent; raises `DeviceError` where it is given up.

        A device that asks for it has accepted the login; who waits keeps nobody from connecting.
        """
        if self._is_enabling:  # asked once more, from where the attempt is made anew
            return
        if self.is_tried:
            self._judge(self._trial.accept)
        self._give_back()
        admitted = await self._unhurried(self._gate.admits(self._visit))
        if admitted and self._has_left:  # nobody else would give the place back
            self._gate.leave(self._visit)
            admitted = False
        if not admitted:
            self.withheld = True
            raise DeviceError.of(
                FaultClass.SKIPPED, Phase.LOGIN, "the enable secret is not tried any more"
            )
        self._is_enabling = True

    def opened(self) -> None:
        """Hear that there is a session; one that asked for no credential says nothing of it."""
        self.is_open = True
        if self._is_enabling:
            self._gate.accept(self._visit)
        if self.is_tried:
            self._judge(self._trial.accept)
        self._leave()

    def session(self, *, tried: bool) -> None:
        """Hear of a session that was opened elsewhere; see `opened`, which may follow."""
        self.is_tried = tried
        self.opened()

    def failed(self, fault: Fault) -> None:
        """Hear that there is none: a rejection counts, all else says nothing of the credential.

        A credential that was sent because the authentication server is away is taken to be rejected
        where the device says that once more: it was meant for that, and must not be spent on all.
        """
        is_before_it = (fault.fault_class, fault.phase) == (FaultClass.JUMP, Phase.RESOLVE)
        if is_before_it and self._visit.device.jump is not None:
            self.withheld = True  # its jump host was lost since it had set out
        is_away = fault.fault_class is FaultClass.AUTH_UNREACHABLE
        is_rejected = fault.fault_class is FaultClass.AUTH or (
            is_away and self._visit.has_fallen_back
        )
        if is_rejected and fault.phase is Phase.AUTH:
            self._judge(self._trial.reject)
        if self._is_enabling and fault.fault_class is FaultClass.ENABLE:
            self._gate.reject(self._visit)
            self._on_news(self._visit)

    def lost(self) -> None:
        """Hear that nothing will be known of what was sent: a secret on trial may be rejected."""
        if self.is_tried and not self._trial.is_proven:
            self._judge(self._trial.miss)
        if self._is_enabling and not self._gate.trial.is_proven:
            self._gate.miss(self._visit)

    async def _unhurried(self, waiting: Awaitable[T]) -> T:
        """Wait for others' sake: the time is not the device's."""
        loop = asyncio.get_running_loop()
        since = loop.time()
        with ExitStack() as stack:
            for deadline in self.deadlines:
                stack.enter_context(deadline.held())
            got = await waiting
        self._visit.excuse(loop.time() - since)
        return got

    def _answered(self) -> None:
        self._sight()
        if not self._has_place:  # a connector that does not ask for its turn
            self._places.take_again()
            self._has_place = True
        self._keep_place()

    def _sight(self) -> None:
        self._stop_timers()
        if not self._trial.is_proven:
            self._trial.sight(self._visit)

    def _keep_place(self) -> None:
        """Give it back after a while: who takes longer keeps us waiting."""
        is_ssh = self._visit.device.transport is Transport.SSH
        self._after(HANDSHAKE if is_ssh else GREETING, self._give_back)
        if not self._trial.is_proven:
            self._after(HANDSHAKE, self._fall_out_of_sight)

    def _ask_leave(self) -> None:
        if not self._trial.admit(self._visit):
            self.withheld = True
            raise DeviceError.of(
                FaultClass.SKIPPED, Phase.AUTH, "others are being tried with this credential"
            )
        self.is_tried = True

    def _judge(self, verdict: Callable[[Visit], None]) -> None:
        """Pass it on once, when it is known: what is said later may be older than others' news."""
        if not self._is_judged:
            self._is_judged = True
            verdict(self._visit)
            self._on_news(self._visit)

    def _leave(self) -> None:
        """Stand in nobody's way any more."""
        self._has_left = True
        self._stop_timers()
        self._give_back()
        if self._is_enabling:
            self._gate.leave(self._visit)
        if not self._is_judged:
            self._trial.leave(self._visit)
            self._on_news(self._visit)

    def _fall_out_of_sight(self) -> None:
        self._trial.lose(self._visit)
        self._on_news(self._visit)

    def _give_back(self) -> None:
        if self._has_place:
            self._has_place = False
            self._places.give_back()

    def _after(self, seconds: float, act: Callable[[], None]) -> None:
        self._timers.append(asyncio.get_running_loop().call_later(seconds, act))

    def _stop_timers(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
