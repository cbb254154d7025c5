"""Attempts that nobody tells of any more, and credentials that are proven elsewhere."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace

import pytest
from engine.script import LoopClock, Script, collected, device, fault
from support import warp

from collector.engine import Breaker, Errands, Lost, Permit, Report
from collector.model import (
    Assignment,
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


class Away:
    """A crew that makes every attempt, in this process; it loses those in ``losing``, once."""

    def __init__(self, script: Script, *losing: str) -> None:
        self.errands = Errands(script, Limits(), Timeouts(), LoopClock())
        self.losing = {*losing}
        self.performed: Counter[str] = Counter()
        self.most = self.now = 0

    def takes(self, device: Device, *, proven: bool) -> bool:
        return True

    async def perform(self, assignment: Assignment, permit: Permit) -> Report:
        name = assignment.device.name
        self.performed[name] += 1
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            return await self._performed(assignment, permit)
        finally:
            self.now -= 1

    async def _performed(self, assignment: Assignment, permit: Permit) -> Report:
        name = assignment.device.name
        if name in self.losing:
            self.losing.remove(name)
            await asyncio.sleep(1)
            raise Lost

        async def may_enable() -> bool:
            await permit.enabling()
            return True

        return await self.errands.perform(
            assignment, may_enable, lambda tried: permit.session(tried=tried)
        )

    def cut(self, fault: Fault) -> None:
        self.errands.cut(fault)


def fleet(count: int) -> list[Device]:
    return [device(f"c{number}") for number in range(count)]


def ends(results: list[DeviceResult]) -> Counter[tuple[Status, FaultClass | None]]:
    return Counter((r.status, r.fault.fault_class if r.fault else None) for r in results)


async def slow(_: Device, __: str) -> None:
    await asyncio.sleep(10)


async def take(_: Device, __: int) -> None:
    await asyncio.sleep(0.1)


def test_what_was_lost_stands_in_line_again() -> None:
    script = Script()
    crew = Away(script, "c3", "c7")
    results = warp.run(collected(script, *fleet(20), crew=crew))
    assert ends(results) == {(Status.OK, None): 20}
    assert {name for name, times in crew.performed.items() if times == 2} == {"c3", "c7"}
    again = {result.device.name for result in results if result.attempts == 2}
    assert again == {"c3", "c7"}


def test_what_was_lost_is_not_sent_again_with_a_credential_that_was_given_up() -> None:
    async def reject(_: Device, __: int) -> None:
        await asyncio.sleep(0.3)
        raise fault(FaultClass.AUTH, Phase.AUTH)

    script = Script(on_open=reject)
    crew = Away(script, "c0")
    limits = Limits()
    breaker = Breaker(limits)
    results = warp.run(collected(script, *fleet(20), crew=crew, limits=limits, breaker=breaker))
    # What the one that was lost made of it will never be known: it counts as one of the three.
    assert script.tried.total() == 2
    assert ends(results) == {
        (Status.FAILED, FaultClass.AUTH): 2,
        (Status.FAILED, FaultClass.INTERNAL): 1,
        (Status.SKIPPED, FaultClass.AUTH_BREAKER): 17,
    }


def test_a_credential_on_trial_is_sent_to_three_though_all_of_them_are_lost() -> None:
    class Losing(Away):
        async def perform(self, assignment: Assignment, permit: Permit) -> Report:
            await super().perform(assignment, permit)
            raise Lost

    async def reject(_: Device, __: int) -> None:
        raise fault(FaultClass.AUTH, Phase.AUTH)

    script = Script(on_open=reject)
    limits = Limits()
    breaker = Breaker(limits)
    crew = Losing(script)
    warp.run(collected(script, *fleet(20), crew=crew, limits=limits, breaker=breaker))
    assert script.tried.total() == 3
    assert len(breaker.opened["c"]) == 3


def timed(script: Script, crew: Away) -> float:
    """Visit thirty devices, two commands of 10 s each; gives the seconds that it takes."""

    async def run() -> float:
        loop = asyncio.get_running_loop()
        before = loop.time()
        assert ends(await collected(script, *fleet(30), crew=crew)) == {(Status.OK, None): 30}
        return loop.time() - before

    return warp.run(run())


def test_others_set_out_when_the_first_session_stands_and_not_when_it_ends() -> None:
    script = Script(on_run=slow)
    crew = Away(script)
    assert timed(script, crew) < 25
    assert crew.most == 30


def test_so_it_is_with_the_enable_secret() -> None:
    script = Script(on_run=slow)
    script.on_enable = take
    assert timed(script, Away(script)) < 25
    assert script.most_enabling > 3


def test_the_limit_of_a_device_holds_over_what_was_lost() -> None:
    class Late(Away):
        async def _performed(self, assignment: Assignment, permit: Permit) -> Report:
            if self.performed["c0"] == 1:
                await asyncio.sleep(6)
            return await super()._performed(assignment, permit)

    async def hang(_: Device, __: str) -> None:
        await asyncio.sleep(60)

    script = Script(on_run=hang)
    timeouts = Timeouts(device=10, command=60)
    crew = Late(script, "c0")
    (result,) = warp.run(collected(script, device("c0"), crew=crew, timeouts=timeouts))
    assert crew.performed["c0"] == 2
    assert result.fault is not None
    assert result.fault.fault_class is FaultClass.TIMEOUT
    assert result.duration == pytest.approx(10, abs=0.6)  # 7 with who was lost, 3 of 10 left


def test_a_secret_that_is_lost_with_a_jump_host_is_not_sent_again_and_again() -> None:
    async def lose(_: Jump, __: int) -> None:
        raise Lost

    script = Script()
    script.on_reach = lose
    edge = Jump(name="edge", host="h", credential="hop")
    behind = [replace(one, jump=edge) for one in fleet(9)]
    limits = Limits()
    retries = Retries(attempts=9)
    results = warp.run(collected(script, *behind, limits=limits, retries=retries))
    # Each may have been a rejection: it is sent as often as a wrong one.
    assert script.tried["edge"] == limits.rejections
    assert ends(results) == {(Status.FAILED, FaultClass.JUMP): 9}
