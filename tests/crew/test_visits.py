"""Every attempt that somebody waits for ends in exactly one report, and no bug keeps it back."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Awaitable, Callable

import pytest
from support import warp

from collector.crew.attempts import AFTER_CUT, Attempts
from collector.crew.visits import Visits
from collector.crew.wire import packed
from collector.crew.words import Answer, Done, Go, Opened, Plea
from collector.engine import Report, SystemClock, Visit
from collector.model import Assignment, Device, Fault, FaultClass, Phase

DEVICE = Device(name="r1", host="h", platform="p", credential="c")
GO = Go(number=7, assignment=Assignment(device=DEVICE, commands=("show clock",)))
CUT = Fault(fault_class=FaultClass.CANCELLED, phase=Phase.CONNECT, message="cut off: enough")

MayEnable = Callable[[], Awaitable[bool]]


async def broken(_: Assignment, __: MayEnable, ___: Callable[[bool], None]) -> Report:
    raise ZeroDivisionError("never-shown")


async def cannot_be_sent(
    assignment: Assignment, _: MayEnable, opened: Callable[[bool], None]
) -> Report:
    opened(True)
    visit = Visit(assignment=assignment, clock=SystemClock())
    visit.evidence = lambda: b""  # type: ignore[assignment]
    return Report(visit=visit)


async def cancelled_by_nobody(_: Assignment, __: MayEnable, ___: object) -> Report:
    raise asyncio.CancelledError


def said_of(perform: Callable[..., Awaitable[Report]]) -> list[object]:
    said: list[bytes] = []
    warp.run(Visits(perform, lambda word: said.append(packed(word))).make(GO))
    return [pickle.loads(word) for word in said]


@pytest.mark.parametrize("perform", [broken, cannot_be_sent, cancelled_by_nobody])
def test_a_bug_is_reported(
    perform: Callable[..., Awaitable[Report]], caplog: pytest.LogCaptureFixture
) -> None:
    *others, done = said_of(perform)
    assert not [word for word in others if isinstance(word, Done)]
    assert isinstance(done, Done)
    fault = done.report.visit.fault
    assert (done.number, done.report.tried) == (7, True)
    assert fault is not None
    assert fault.fault_class is FaultClass.INTERNAL
    assert fault.message.startswith("internal error: ")
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "never-shown" not in caplog.text


def test_leave_that_comes_after_the_end_is_for_nobody() -> None:
    async def run() -> list[bool]:
        got: list[bool] = []

        async def ask(assignment: Assignment, may_enable: MayEnable, _: object) -> Report:
            got.append(await may_enable())
            return Report.failed(assignment, CUT)

        said: list[object] = []
        visits = Visits(ask, said.append)
        visit = asyncio.create_task(visits.make(GO))
        await asyncio.sleep(0)
        assert said == [Plea(number=7)]
        visits.answer(Answer(number=8, may=False))
        visits.answer(Answer(number=7, may=True))
        visits.answer(Answer(number=7, may=False))
        await visit
        visits.answer(Answer(number=7, may=False))
        return got

    assert warp.run(run()) == [True]


class Permit:
    """Leave that is given, refused, or has a bug."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.heard: list[bool] = []

    def session(self, *, tried: bool) -> None:
        self.heard.append(tried)

    async def enabling(self) -> None:
        if self.error is not None:
            raise self.error


def test_a_bug_in_giving_leave_leaves_nobody_waiting() -> None:
    async def run() -> list[object]:
        said: list[object] = []
        attempts = Attempts(said.append)
        waiting = asyncio.create_task(attempts.perform(GO.assignment, Permit(ZeroDivisionError())))
        await asyncio.sleep(0)
        attempts.hear(Plea(number=1))
        with pytest.raises(ZeroDivisionError):
            await waiting
        return said

    # What waits at the device is told, too: it is logged in.
    assert warp.run(run())[1:] == [Answer(number=1, may=False)]


def test_what_does_not_report_after_a_cut_is_answered_for() -> None:
    async def run() -> float:
        attempts = Attempts(lambda _: None)
        early = asyncio.create_task(attempts.perform(GO.assignment, Permit()))
        await asyncio.sleep(0)
        attempts.cut(CUT)
        assert (await early).visit.cancelled
        # One that another end was lost with comes after the cut; the engine says it once more.
        late = asyncio.create_task(attempts.perform(GO.assignment, Permit()))
        await asyncio.sleep(0)
        attempts.cut(CUT)
        assert (await late).visit.cancelled
        assert len(attempts) == 0
        return asyncio.get_running_loop().time()

    assert warp.run(run()) == pytest.approx(2 * AFTER_CUT)


def test_a_session_is_heard_of_while_the_attempt_lasts() -> None:
    async def run() -> list[bool]:
        attempts, permit = Attempts(lambda _: None), Permit()
        waiting = asyncio.create_task(attempts.perform(GO.assignment, permit))
        await asyncio.sleep(0)
        attempts.hear(Opened(number=1, tried=True))
        attempts.hear(Done(number=1, report=Report.failed(GO.assignment, CUT)))
        await waiting
        attempts.hear(Opened(number=1, tried=False))
        return permit.heard

    assert warp.run(run()) == [True]
