"""The attempts that are made here for somebody else: given by number, and reported by it.

Owns that each ends in exactly one report, whatever happens, and the asking before an enable secret
is sent. Refuses to know how words come here and go back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Protocol

from collector import log
from collector.crew.words import Answer, Done, Go, Opened, Plea
from collector.engine import Report, internal
from collector.model import Assignment, Phase


class Perform(Protocol):
    """Makes an attempt; see `engine.Errands`."""

    def __call__(
        self,
        assignment: Assignment,
        may_enable: Callable[[], Awaitable[bool]],
        opened: Callable[[bool], None],
        /,
    ) -> Awaitable[Report]:
        """Make it."""
        ...


class Visits:
    """Those of one process, or one worker.

    ``say`` passes a word on and does not wait; it raises where the word cannot be packed, and has
    said nothing then.
    """

    def __init__(self, perform: Perform, say: Callable[[object], None]) -> None:
        self._perform, self._say = perform, say
        self._pleas: dict[int, asyncio.Future[bool]] = {}

    async def make(self, go: Go) -> None:
        """Make an attempt and report it; a bug on the way is what is reported then."""
        number, device = go.number, go.assignment.device
        with log.bound(device=device.name):
            try:
                report = await self._perform(
                    go.assignment,
                    partial(self._may_enable, number),
                    lambda tried: self._say(Opened(number=number, tried=tried)),
                )
                self._say(Done(number=number, report=report))
            except (Exception, asyncio.CancelledError) as error:
                task = asyncio.current_task()
                if isinstance(error, asyncio.CancelledError) and task and task.cancelling():
                    raise
                fault = internal(Phase.COMMAND, error)
                report = Report.failed(go.assignment, fault, tried=True)
                self._say(Done(number=number, report=report))

    def answer(self, word: Answer) -> None:
        """Take what was asked for; of an attempt that has ended, nothing."""
        if (plea := self._pleas.get(word.number)) and not plea.done():
            plea.set_result(word.may)

    async def _may_enable(self, number: int) -> bool:
        plea: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._pleas[number] = plea
        self._say(Plea(number=number))
        try:
            return await plea
        finally:
            del self._pleas[number]
