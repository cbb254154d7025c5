"""The other end of a crew: an attempt is made here that somebody else has decided on.

Owns what a process needs for that besides a connector: the places for connecting, which ration the
time of its own event loop. Refuses to know how an assignment comes here and a report goes back.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace

from collector.engine.approach import Approach
from collector.engine.attempt import attempt, guarded
from collector.engine.crew import Report
from collector.engine.gate import Gate
from collector.engine.places import Places
from collector.engine.session import Clock, Connector, SystemClock
from collector.engine.trial import Trial
from collector.engine.visit import Visit
from collector.log import bound
from collector.model import Assignment, Fault, Limits, Timeouts

logger = logging.getLogger(__name__)


class Errands:
    """Makes attempts, any number at the same time; the cut is for all of them."""

    def __init__(
        self,
        connector: Connector,
        limits: Limits,
        timeouts: Timeouts,
        clock: Clock | None = None,
    ) -> None:
        self._connector, self._timeouts = connector, timeouts
        self._clock = clock or SystemClock()
        self._connecting = Places(limits.connecting)
        self._cut: Fault | None = None
        self._running: dict[Visit, asyncio.Task[None]] = {}

    async def perform(
        self,
        assignment: Assignment,
        may_enable: Callable[[], Awaitable[bool]],
        opened: Callable[[bool], None] = lambda _: None,
    ) -> Report:
        """Make one attempt; a device's failure is in the report.

        ``may_enable`` is asked before the enable secret is sent, while no limit runs. ``opened``
        hears of the session, and whether the credential was asked for.
        """
        visit = Visit(assignment=assignment, clock=self._clock)
        approach = _Telling(visit, self._connecting, _decided(), _Asking(may_enable), _unheard)
        approach.tell = opened
        with bound(device=assignment.device.name):
            if self._cut is None:
                # In a task of its own: a cut must end the attempt, and not what sends the report.
                task = self._running[visit] = asyncio.create_task(self._attempt(visit, approach))
                try:
                    await asyncio.wait([task])
                except asyncio.CancelledError:
                    task.cancel()
                    raise
                finally:
                    del self._running[visit]
                await task
            else:
                visit.cancel(replace(self._cut, phase=visit.phase))
        return Report(
            visit=visit,
            tried=approach.is_tried,
            opened=approach.is_open,
            withheld=approach.withheld,
        )

    def cut(self, fault: Fault) -> None:
        """End what runs, and begin no more; may be called again, for one may be lost."""
        self._cut = fault
        for visit, task in self._running.items():
            if visit.underway:
                task.cancel()

    async def _attempt(self, visit: Visit, approach: Approach) -> None:
        work = attempt(visit, self._connector, self._timeouts, approach)
        await guarded(visit, approach, work, lambda: self._cut)


class _Telling(Approach):
    """Passes on that there is a session."""

    tell: Callable[[bool], None]

    def opened(self) -> None:
        super().opened()
        self.tell(self.is_tried)


class _Asking(Gate):
    """Has the enable secret's trial kept by somebody else."""

    def __init__(self, may_enable: Callable[[], Awaitable[bool]]) -> None:
        super().__init__(_decided())
        self._may_enable = may_enable

    async def admits(self, visit: Visit) -> bool:
        """Ask whoever knows of all devices."""
        return await self._may_enable()


def _decided() -> Trial:
    """Give the trial of a credential that was let through already: it is counted elsewhere."""
    return Trial(places=1, rejections=1, is_proven=True)


def _unheard(_visit: Visit) -> None:
    """Nobody waits here."""
