"""Attempts made elsewhere: whatever the first process decides holds for them, too."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from engine.script import LoopClock, Script, collected, device, fault
from support import warp

from collector.engine import Breaker, Errands, NobodyLeft, Permit, Report, Stop
from collector.errors import DeviceError
from collector.model import (
    Assignment,
    CommandResult,
    CommandStatus,
    Device,
    DeviceResult,
    Fault,
    FaultClass,
    Jump,
    Limits,
    Phase,
    Retries,
    Status,
    Timeouts,
)


class Elsewhere:
    """A crew that does as another process would, in this one, some seconds away."""

    def __init__(self, script: Script, *, away: float = 0.0, timeouts: Timeouts | None = None):
        self.errands = Errands(script, Limits(), timeouts or Timeouts(), LoopClock())
        self.away = away
        self.performed: Counter[str] = Counter()
        self.commands: list[tuple[str, ...]] = []
        self.fails: Callable[[str, int], Exception | None] = lambda _, __: None

    def takes(self, device: Device, *, proven: bool) -> bool:
        return proven and device.jump is None

    async def perform(self, assignment: Assignment, permit: Permit) -> Report:
        async def may_enable() -> bool:
            await asyncio.sleep(self.away)
            try:
                await permit.enabling()
            except DeviceError:
                return False
            return True

        name = assignment.device.name
        self.performed[name] += 1
        self.commands.append(assignment.commands)
        if error := self.fails(name, self.performed[name]):
            raise error
        await asyncio.sleep(self.away)
        return await self.errands.perform(assignment, may_enable)

    def cut(self, fault: Fault) -> None:
        self.errands.cut(fault)


def fleet(count: int, *groups: str) -> list[Device]:
    return [device(f"c{number}", *groups) for number in range(count)]


def ends(results: list[DeviceResult]) -> Counter[tuple[Status, FaultClass | None]]:
    return Counter((r.status, r.fault.fault_class if r.fault else None) for r in results)


async def slow(_: Device, __: str) -> None:
    await asyncio.sleep(1)


def test_the_first_are_visited_here_until_the_credential_is_proven() -> None:
    script = Script()
    crew = Elsewhere(script)
    results = warp.run(collected(script, *fleet(50), crew=crew))
    assert ends(results) == {(Status.OK, None): 50}
    assert crew.performed.total() >= 40
    assert len(script.tried) == 50
    assert max(script.tried.values()) == 1


def test_a_result_tells_what_it_would_have_told_here() -> None:
    def told(crew: bool) -> list[DeviceResult]:
        script = Script(on_run=slow)
        return warp.run(
            collected(script, *fleet(20), crew=Elsewhere(script, away=5) if crew else None)
        )

    def known(results: list[DeviceResult]) -> list[object]:
        results = sorted(results, key=lambda result: result.device.name)
        return [(r.device, r.status, r.commands, r.fault, r.attempts, r.duration) for r in results]

    assert known(told(crew=True)) == known(told(crew=False))


def test_only_what_is_not_answered_is_asked_again() -> None:
    asked: Counter[tuple[str, str]] = Counter()

    async def lose(one: Device, command: str) -> CommandResult | None:
        asked[one.name, command] += 1
        await asyncio.sleep(1)
        if one.name == "c9" and command == "show running-config" and asked[one.name, command] == 1:
            raise fault(FaultClass.DISCONNECTED, Phase.COMMAND)
        return None

    script = Script(on_run=lose)
    crew = Elsewhere(script)
    results = warp.run(collected(script, *fleet(10), crew=crew, retries=Retries(attempts=2)))
    (result,) = (result for result in results if result.device.name == "c9")
    assert crew.performed["c9"] == 2
    assert crew.commands[-1] == ("show running-config",)
    assert asked["c9", "show version"] == 1
    assert result.status is Status.OK
    assert result.attempts == 2
    assert [(one.command, one.attempts) for one in result.commands] == [
        ("show version", 1),
        ("show running-config", 2),
    ]


def test_the_limit_of_a_device_holds_over_its_attempts() -> None:
    async def hang(one: Device, _: str) -> None:
        await asyncio.sleep(8 if one.name == "c9" else 0.1)
        if one.name == "c9" and script.opened["c9"] == 1:
            raise fault(FaultClass.DISCONNECTED, Phase.COMMAND)

    script = Script(on_run=hang)
    timeouts = Timeouts(device=10, command=60)
    crew = Elsewhere(script, timeouts=timeouts)
    results = warp.run(collected(script, *fleet(10), crew=crew, timeouts=timeouts))
    (result,) = (result for result in results if result.device.name == "c9")
    assert crew.performed["c9"] == 2
    assert result.fault is not None
    assert result.fault.fault_class is FaultClass.TIMEOUT
    assert result.duration == pytest.approx(11, abs=0.6)  # 8, a pause of 0.5 to 1.5, and 2 of 10


def test_a_rejection_between_accepted_ones_gives_nothing_up() -> None:
    async def every_third(one: Device, _: int) -> None:
        if int(one.name[1:]) % 3 == 2:
            raise fault(FaultClass.AUTH, Phase.AUTH)

    script = Script(on_open=every_third)
    limits = Limits(sessions=2)
    results = warp.run(collected(script, *fleet(60), limits=limits, crew=Elsewhere(script)))
    assert ends(results) == {(Status.OK, None): 40, (Status.FAILED, FaultClass.AUTH): 20}


def test_who_was_withheld_stands_in_line_again() -> None:
    class Full(Elsewhere):
        async def perform(self, assignment: Assignment, permit: Permit) -> Report:
            report = await super().perform(assignment, permit)
            first = self.performed[assignment.device.name] == 1
            return replace(report, withheld=True) if first else report

    script = Script()
    crew = Full(script)
    results = warp.run(collected(script, *fleet(20), crew=crew))
    assert ends(results) == {(Status.OK, None): 20}
    assert set(crew.performed.values()) == {2}
    assert {result.attempts for result in results} == {1}


async def take(_: Device, __: int) -> None:
    await asyncio.sleep(0.3)


async def reject(_: Device, __: int) -> None:
    await asyncio.sleep(0.3)
    raise fault(FaultClass.ENABLE, Phase.LOGIN)


def test_a_wrong_enable_secret_is_sent_to_three_devices() -> None:
    script = Script()
    script.on_enable = reject
    limits = Limits()
    breaker = Breaker(limits)
    crew = Elsewhere(script, away=0.01)
    results = warp.run(collected(script, *fleet(500), limits=limits, breaker=breaker, crew=crew))
    assert crew.performed.total() > 100
    assert script.enabled.total() == 3
    assert ends(results) == {
        (Status.FAILED, FaultClass.ENABLE): 3,
        (Status.SKIPPED, FaultClass.AUTH_BREAKER): 497,
    }
    assert sorted(breaker.opened["c"]) == sorted(script.enabled)


def test_an_enable_secret_that_is_taken_is_sent_to_all() -> None:
    script = Script()
    script.on_enable = take
    crew = Elsewhere(script)
    results = warp.run(collected(script, *fleet(100), crew=crew))
    assert ends(results) == {(Status.OK, None): 100}
    assert script.most_enabling > 3


def test_a_credential_that_is_rejected_later_is_given_up() -> None:
    accepted = 20

    async def expire(_: Device, __: int) -> None:
        if script.opened.total() >= accepted:
            raise fault(FaultClass.AUTH, Phase.AUTH)

    script = Script(on_open=expire)
    limits = Limits(sessions=5)
    results = warp.run(collected(script, *fleet(200), limits=limits, crew=Elsewhere(script)))
    counted = ends(results)
    assert counted[Status.OK, None] == accepted
    assert 3 <= counted[Status.FAILED, FaultClass.AUTH] <= 3 + limits.sessions
    assert counted[Status.SKIPPED, FaultClass.AUTH_BREAKER] >= 170


def test_the_places_of_a_group_are_those_of_all_processes() -> None:
    script = Script(on_run=slow)
    limits = Limits(per_group=4, sessions=100)
    crew = Elsewhere(script)
    warp.run(collected(script, *fleet(60, "ams"), *fleet(0), limits=limits, crew=crew))
    assert script.most_in_group["ams"] == 4


def test_who_is_behind_a_jump_host_stays_here() -> None:
    script = Script()
    crew = Elsewhere(script)
    jump = Jump(name="edge", host="h", credential="c")
    behind = Device(name="deep", host="h", platform="p", credential="c", jump=jump)
    results = warp.run(collected(script, *fleet(9), behind, crew=crew))
    assert ends(results) == {(Status.OK, None): 10}
    assert "deep" not in crew.performed


@pytest.mark.parametrize("error", [NobodyLeft(), None])
def test_where_nobody_is_left_the_rest_is_visited_here(error: Exception | None) -> None:
    script = Script()
    crew = Elsewhere(script)

    def fail(_: str, __: int) -> Exception | None:
        crew.takes = lambda device, *, proven: False  # type: ignore[method-assign]
        return error

    crew.fails = fail
    results = warp.run(collected(script, *fleet(30), crew=crew))
    assert ends(results) == {(Status.OK, None): 30}
    assert max(script.tried.values()) == 1
    assert {result.attempts for result in results} == {1}


def test_an_attempt_that_is_lost_is_told_of() -> None:
    script = Script()
    crew = Elsewhere(script)
    lost = DeviceError.of(FaultClass.INTERNAL, Phase.COMMAND, "the process died")
    crew.fails = lambda name, _: lost if name == "c20" else None
    results = warp.run(collected(script, *fleet(30), crew=crew))
    assert ends(results) == {(Status.OK, None): 29, (Status.FAILED, FaultClass.INTERNAL): 1}
    assert crew.performed["c20"] == 1


def stopping(script: Script, crew: Elsewhere, end: Callable[[Stop], None]) -> list[DeviceResult]:
    async def run() -> list[DeviceResult]:
        stop = Stop()
        asyncio.get_running_loop().call_later(3.5, end, stop)
        return await collected(script, *fleet(40), crew=crew, stop=stop, limits=Limits(sessions=10))

    return warp.run(run())


def test_a_cut_ends_what_runs_elsewhere_and_keeps_what_it_had() -> None:
    script = Script(on_run=slow)
    results = stopping(script, Elsewhere(script), lambda stop: stop.interrupt("enough"))
    counted = Counter(result.status for result in results)
    assert counted[Status.CANCELLED] == 10
    assert counted[Status.SKIPPED] == 20
    cut = [result for result in results if result.status is Status.CANCELLED]
    assert {result.fault.message for result in cut if result.fault} == {"cut off: enough"}
    kept = [one for result in cut for one in result.commands if one.status is CommandStatus.OK]
    assert [one.output for one in kept] == [b"show version"] * 10


def test_shedding_lets_what_runs_elsewhere_finish() -> None:
    script = Script(on_run=slow)
    results = stopping(script, Elsewhere(script), lambda stop: stop.shed("too many"))
    assert Counter(result.status for result in results) == {Status.OK: 20, Status.SKIPPED: 20}


def test_an_attempt_that_comes_after_the_cut_is_not_made() -> None:
    script = Script()
    crew = Elsewhere(script, away=5)
    results = stopping(script, crew, lambda stop: stop.interrupt("enough"))
    assert script.opened.total() < 10
    assert Counter(result.status for result in results)[Status.CANCELLED] > 0


async def no(*_: object) -> bool:
    return False


def perform(script: Script, ask: Callable[[], Awaitable[bool]]) -> Report:
    errands = Errands(script, Limits(), Timeouts(), LoopClock())
    assignment = Assignment(device=device("r1"), commands=("show version",))

    async def run() -> Report:
        return await errands.perform(assignment, ask)

    return warp.run(run())


def test_a_bug_in_an_attempt_becomes_a_report() -> None:
    async def trip(_: Device, __: int) -> None:
        raise ZeroDivisionError

    report = perform(Script(on_open=trip), no)
    assert report.visit.fault is not None
    assert report.visit.fault.message == "internal error: ZeroDivisionError"


def test_without_leave_no_enable_secret_is_sent() -> None:
    script = Script()
    script.on_enable = take
    report = perform(script, no)
    assert (report.withheld, report.opened) == (True, False)
    assert not script.enabled


@pytest.mark.parametrize("elsewhere", [True, False])
def test_a_cancellation_that_nobody_has_asked_for_is_a_bug(elsewhere: bool) -> None:
    async def trip(one: Device, __: str) -> None:
        if one.name == "c9":
            raise asyncio.CancelledError

    script = Script(on_run=trip)
    crew = Elsewhere(script) if elsewhere else None
    results = warp.run(collected(script, *fleet(10), crew=crew))
    assert ends(results) == {(Status.OK, None): 9, (Status.FAILED, FaultClass.INTERNAL): 1}
