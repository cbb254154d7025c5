"""The attempts that one process, or one worker, is at: given by number, and answered by it.

Owns what is awaited, the leave to send an enable secret, and what becomes of all of it when the
other end is cut or lost. Refuses to know how words go there and come back.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Final, NoReturn

from collector.crew.words import Answer, Begun, Done, Go, Plea
from collector.engine import Lost, Permit, Report, SystemClock, Visit
from collector.errors import DeviceError
from collector.model import Assignment, Device, Fault, FaultClass, Phase

VISITS: Final = 2  # processes, or workers, that an attempt may be lost with


class Attempts:
    """What one other end is at; ``say`` passes a word on to it, and does not wait."""

    def __init__(self, say: Callable[[object], None]) -> None:
        self._say = say
        self._loop = asyncio.get_running_loop()
        self._numbers = 0
        self._awaited: dict[int, asyncio.Future[Report]] = {}
        self._given: dict[int, tuple[Assignment, Permit]] = {}
        self._begun: set[int] = set()
        self._answers: dict[int, asyncio.Task[None]] = {}

    def __len__(self) -> int:
        """Count them."""
        return len(self._awaited)

    @property
    def is_begun(self) -> bool:
        """Whether one of them is being made, as far as is known."""
        return bool(self._begun)

    @property
    def is_asking(self) -> bool:
        """Whether one of them waits for leave to send an enable secret."""
        return bool(self._answers)

    def number(self) -> int:
        """Give a number that no other word has."""
        self._numbers += 1
        return self._numbers

    def permit(self, number: int) -> Permit | None:
        """Give the permit of an attempt that is still under way."""
        return self._given[number][1] if number in self._given else None

    async def perform(self, assignment: Assignment, permit: Permit) -> Report:
        """Have an attempt made; raises what `lose` says."""
        number = self.number()
        awaited = self._awaited[number] = self._loop.create_future()
        self._given[number] = assignment, permit
        try:
            self._say(Go(number=number, assignment=assignment))
            report: Report = await awaited
            return report
        finally:
            del self._awaited[number], self._given[number]
            self._begun.discard(number)
            # Nobody is there any more for whom the secret could be sent.
            if answer := self._answers.pop(number, None):
                answer.cancel()

    def hear(self, word: Done | Begun | Plea) -> None:
        """Take what is said of an attempt; of one that nobody awaits any more, nothing."""
        number = word.number
        if number not in self._given:
            return
        assignment, permit = self._given[number]
        match word:
            case Done(report=report):
                assert report.visit.device.name == assignment.device.name
                if not self._awaited[number].done():
                    self._awaited[number].set_result(report)
            case Begun():
                self._begun.add(number)
            case Plea():
                self._answers[number] = self._loop.create_task(self._answer(number, permit))

    def give_up(self, fault: Fault) -> None:
        """Answer for those that have not reported after a cut."""
        for number, awaited in self._awaited.items():
            if not awaited.done():
                visit = Visit(assignment=self._given[number][0], clock=SystemClock())
                visit.cancel(replace(fault, phase=Phase.COMMAND))
                awaited.set_result(Report(visit=visit, tried=True))

    def lose(self, error: Callable[[bool], Exception]) -> None:
        """End all of them by ``error``, which is told whether an attempt had begun."""
        for number, awaited in self._awaited.items():
            if not awaited.done():
                awaited.set_exception(error(number in self._begun))

    def close(self) -> None:
        """Give no leave any more."""
        for answer in self._answers.values():
            answer.cancel()

    async def _answer(self, number: int, permit: Permit) -> None:
        try:
            await permit.enabling()
        except DeviceError:
            self._say(Answer(number=number, may=False))
        else:
            self._say(Answer(number=number, may=True))


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
