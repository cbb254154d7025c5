"""The attempts that one process, or one worker, is at: given by number, and answered by it.

Owns what is awaited, the leave to send an enable secret, and what becomes of all of it when the
other end is cut or lost. Refuses to know how words go there and come back.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final, NoReturn

from collector.crew.words import Answer, Begun, Cut, Done, Go, Opened, Plea
from collector.engine import Lost, Permit, Report, SystemClock, Visit
from collector.errors import DeviceError
from collector.model import Assignment, Device, Fault, FaultClass, Phase

AFTER_CUT = 2.5  # seconds for the attempts to report after a cut
VISITS: Final = 2  # processes, or workers, that an attempt may be lost with


@dataclass(slots=True, eq=False)
class _Attempt:
    """One of them; ``answering`` lasts while it waits for leave."""

    assignment: Assignment
    permit: Permit
    report: asyncio.Future[Report]
    is_begun: bool = False
    answering: asyncio.Task[None] | None = field(default=None)

    def fail(self, error: Exception) -> None:
        if not self.report.done():
            self.report.set_exception(error)


class Attempts:
    """What one other end is at; ``say`` passes a word on to it, and does not wait."""

    def __init__(self, say: Callable[[object], None]) -> None:
        self._say = say
        self._loop = asyncio.get_running_loop()
        self._numbers = 0
        self._under_way: dict[int, _Attempt] = {}

    def __len__(self) -> int:
        """Count them."""
        return len(self._under_way)

    @property
    def is_begun(self) -> bool:
        """Whether one of them is being made, as far as is known."""
        return any(attempt.is_begun for attempt in self._under_way.values())

    @property
    def is_asking(self) -> bool:
        """Whether one of them waits for leave to send an enable secret."""
        return any(attempt.answering for attempt in self._under_way.values())

    def number(self) -> int:
        """Give a number that no other word has."""
        self._numbers += 1
        return self._numbers

    async def perform(self, assignment: Assignment, permit: Permit) -> Report:
        """Have an attempt made; raises what `lose` says."""
        number = self.number()
        attempt = _Attempt(assignment, permit, self._loop.create_future())
        self._under_way[number] = attempt
        try:
            self._say(Go(number=number, assignment=assignment))
            return await attempt.report
        finally:
            del self._under_way[number]
            # Nobody is there any more for whom the secret could be sent.
            if attempt.answering is not None:
                attempt.answering.cancel()

    def hear(self, word: Done | Begun | Opened | Plea) -> None:
        """Take what is said of an attempt; of one that nobody awaits any more, nothing."""
        attempt = self._under_way.get(word.number)
        if attempt is None:
            return
        match word:
            case Done(report=report):
                if not attempt.report.done():
                    attempt.report.set_result(report)
            case Begun():
                attempt.is_begun = True
            case Opened(tried=tried):
                attempt.permit.session(tried=tried)
            case Plea(number=number):
                attempt.answering = self._loop.create_task(self._answer(number, attempt))

    def cut(self, fault: Fault) -> None:
        """Have all of them end; may be called again, for a word may be lost."""
        self._say(Cut(fault=fault))
        self._loop.call_later(AFTER_CUT, self.give_up, fault)

    def give_up(self, fault: Fault) -> None:
        """Answer for those that have not reported after a cut."""
        for attempt in self._under_way.values():
            if not attempt.report.done():
                visit = Visit(assignment=attempt.assignment, clock=SystemClock())
                visit.cancel(replace(fault, phase=Phase.COMMAND))
                attempt.report.set_result(Report(visit=visit, tried=True))

    def lose(self, error: Callable[[bool], Exception]) -> None:
        """End all of them by ``error``, which is told whether an attempt had begun."""
        for attempt in self._under_way.values():
            attempt.fail(error(attempt.is_begun))
        self.close()

    def close(self) -> None:
        """Give no leave any more."""
        for attempt in self._under_way.values():
            if attempt.answering is not None:
                attempt.answering.cancel()

    async def _answer(self, number: int, attempt: _Attempt) -> None:
        may = False
        try:
            await attempt.permit.enabling()
            may = True
        except DeviceError:
            pass
        except Exception as error:  # noqa: BLE001  a bug: raised where the report is awaited
            attempt.fail(error)
        attempt.answering = None
        self._say(Answer(number=number, may=may))


class Losses:
    """How often each device was visited by somebody who was lost; ``message`` is for the last."""

    def __init__(self, message: str, hint: str) -> None:
        self._message, self._hint = message, hint
        self._of: Counter[str] = Counter()

    def give_back(self, device: Device) -> NoReturn:
        """Have a device visited once more, by `Lost`; raises `DeviceError` when that was done."""
        self._of[device.name] += 1
        if self._of[device.name] < VISITS:
            raise Lost
        raise DeviceError.of(FaultClass.INTERNAL, Phase.COMMAND, self._message, hint=self._hint)
