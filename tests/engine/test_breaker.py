"""The lockout breaker: a wrong password costs three attempts, at any size and concurrency."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from contextlib import aclosing
from dataclasses import replace
from itertools import chain, pairwise

import pytest
from engine.script import (
    Script,
    collected,
    device,
    fault,
    results_of,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from support import warp

from collector.engine import Breaker, Stop
from collector.model import Device, DeviceResult, FaultClass, Limits, Phase, Retries, Status


def fleet(count: int, credential: str = "c", *groups: str) -> list[Device]:
    return [device(f"{credential}{n}", *groups, credential=credential) for n in range(count)]


def classes(results: list[DeviceResult]) -> Counter[tuple[Status, FaultClass | None]]:
    """Count the ends: status and class."""
    return Counter((r.status, r.fault.fault_class if r.fault else None) for r in results)


async def reject(_: Device, __: int) -> None:
    await asyncio.sleep(0.3)
    raise fault(FaultClass.AUTH, Phase.AUTH)


async def dead(_: Device, __: int) -> None:
    await asyncio.sleep(15)
    raise fault(FaultClass.TIMEOUT, Phase.CONNECT)


NOT_TRIED = (Status.SKIPPED, FaultClass.AUTH_BREAKER)
REJECTED = (Status.FAILED, FaultClass.AUTH)


@pytest.mark.parametrize("sessions", [1, 2, 500])
def test_a_wrong_password_costs_three_attempts(sessions: int) -> None:
    script = Script(on_open=reject)
    limits = Limits(sessions=sessions)
    breaker = Breaker(limits)
    results = warp.run(collected(script, *fleet(2000), limits=limits, breaker=breaker))
    assert script.tried.total() == 3
    assert classes(results) == {REJECTED: 3, NOT_TRIED: 1997}
    assert {name: sorted(by) for name, by in breaker.opened.items()} == {"c": ["c0", "c1", "c2"]}


def test_those_that_are_not_tried_are_told_why() -> None:
    limits = Limits(sessions=1)
    results = warp.run(collected(Script(on_open=reject), *fleet(4), limits=limits))
    (left,) = [result for result in results if result.status is Status.SKIPPED]
    assert left.fault is not None
    assert left.fault.message == "not tried: credential c was rejected by c0, c1, c2, in a row"
    assert left.attempts == 0
    assert left.duration == 0


def test_a_device_that_waits_for_the_trial_holds_no_session() -> None:
    script = Script(on_open=slow_rejection)
    results = warp.run(
        collected(
            script,
            *fleet(100, "bad"),
            *fleet(50, "good"),
            limits=Limits(sessions=4, connecting=4),
        )
    )
    assert classes(results) == {REJECTED: 3, NOT_TRIED: 97, (Status.OK, None): 50}
    assert {r.device.credential for r in results if r.status is Status.OK} == {"good"}
    assert max(r.started.minute * 60 + r.started.second for r in results[:50]) < 20


async def slow_rejection(visited: Device, number: int) -> None:
    if visited.credential == "bad":
        await asyncio.sleep(20)
        raise fault(FaultClass.AUTH, Phase.AUTH)


def test_a_credential_that_was_accepted_is_not_held_back() -> None:
    async def slow(_: Device, __: int) -> None:
        await asyncio.sleep(1)

    script = Script(on_open=slow)

    async def main() -> float:
        await collected(script, *fleet(203), limits=Limits(connecting=200))
        return warp.loop().time()

    assert warp.run(main()) == 2  # three on trial, then all the rest at once
    assert script.most_tried["c"] == 200


def test_an_accepted_credential_is_given_up_after_three_rejections_in_a_row() -> None:
    ends = "gbbgbbbgggg"

    async def by_number(visited: Device, _: int) -> None:
        if ends[int(visited.name[1:])] == "b":
            raise fault(FaultClass.AUTH, Phase.AUTH)

    results = warp.run(
        collected(Script(on_open=by_number), *fleet(len(ends)), limits=Limits(sessions=1))
    )
    assert classes(results) == {(Status.OK, None): 2, REJECTED: 5, NOT_TRIED: 4}


def test_what_else_goes_wrong_says_nothing_of_the_credential() -> None:
    async def drop(_: Device, __: int) -> None:
        await asyncio.sleep(0.3)
        raise fault(FaultClass.DISCONNECTED, Phase.AUTH)

    script = Script(on_open=drop)
    results = warp.run(collected(script, *fleet(50)))
    assert classes(results) == {(Status.FAILED, FaultClass.DISCONNECTED): 50}
    assert script.most_tried["c"] == 3


def test_a_key_that_cannot_be_read_is_no_rejection() -> None:
    async def unreadable(_: Device, __: int) -> None:
        raise fault(FaultClass.AUTH, Phase.CREDENTIALS)

    results = warp.run(collected(Script(on_dial=unreadable), *fleet(50)))
    assert classes(results) == {REJECTED: 50}


def test_a_device_is_not_tried_again_with_a_credential_that_was_given_up() -> None:
    async def busy_first(visited: Device, number: int) -> None:
        if visited.name == "c0":
            raise fault(FaultClass.BUSY, Phase.AUTH)
        await reject(visited, number)

    script = Script(on_open=busy_first)
    retries = Retries(attempts=2, backoff=60)
    results = warp.run(collected(script, *fleet(20), retries=retries))
    assert classes(results) == {REJECTED: 3, NOT_TRIED: 16, (Status.FAILED, FaultClass.BUSY): 1}
    assert script.tried["c0"] == 1


async def is_dead(visited: Device, number: int) -> None:
    if visited.name.startswith("dead"):
        await dead(visited, number)


async def last_live(*devices: Device, script: Script) -> float:
    """Collect; tell when the last that is not of the dead site was done."""
    last = 0.0
    async for result in results_of(script, devices, retries=Retries(attempts=1)):
        if not result.device.name.startswith("dead"):
            assert result.status is Status.OK
            last = warp.loop().time()
    return last


LIVE = tuple(device(f"live{number}", "live") for number in range(200))
DEAD = tuple(device(f"dead{number}", "dead") for number in range(200))


@pytest.mark.parametrize(
    "mixed",
    [
        pytest.param((*DEAD, *LIVE), id="the dead first"),
        pytest.param((*LIVE, *DEAD), id="the dead last"),
        pytest.param(tuple(chain(*zip(DEAD, LIVE, strict=True))), id="in turn"),
        pytest.param(
            (*(replace(one, credential="d") for one in DEAD), *LIVE), id="with another credential"
        ),
    ],
)
def test_a_dead_site_delays_the_others_by_nothing(mixed: tuple[Device, ...]) -> None:
    def script() -> Script:
        return Script(on_dial=is_dead, on_greet=live, on_open=live, on_run=live)

    alone = warp.run(last_live(*LIVE, script=script()))
    assert warp.run(last_live(*mixed, script=script())) == pytest.approx(alone)


def test_dead_devices_of_no_site_delay_the_others_by_a_moment() -> None:
    script = Script(on_dial=is_dead, on_open=live, on_run=live)
    live_ones, dead_ones = ([replace(one, groups=()) for one in each] for each in (LIVE, DEAD))
    alone = warp.run(last_live(*live_ones, script=Script(on_open=live, on_run=live)))
    mixed = warp.run(last_live(*dead_ones, *live_ones, script=script))
    assert mixed == pytest.approx(alone + 0.25)  # until the first scouts are given up


def test_the_living_are_found_among_the_dead() -> None:
    async def mostly_dead(visited: Device, number: int) -> None:
        if not 100 <= int(visited.name[1:]) < 110:
            await dead(visited, number)

    async def main() -> float:
        limits = Limits(connecting=500)
        results = results_of(Script(on_dial=mostly_dead), fleet(210), limits=limits)
        async with aclosing(results):
            async for result in results:
                if result.status is Status.OK:
                    break
        return warp.loop().time()

    assert warp.run(main()) <= 1.5  # twice as many set out with each quarter of a second


async def live(_: Device, __: object) -> None:
    await asyncio.sleep(0.3)


def test_devices_that_hang_before_they_ask_do_not_hold_up_the_trial() -> None:
    async def hang(visited: Device, number: int) -> None:
        if int(visited.name[1:]) < 50:
            await dead(visited, number)

    async def main() -> float:
        script = Script(on_greet=hang)
        results = results_of(script, fleet(60), retries=Retries(attempts=1))
        async with aclosing(results):
            async for result in results:
                if result.status is Status.OK:
                    break
        return warp.loop().time()

    assert warp.run(main()) <= 1.1  # the first wave is out of sight after a second


def test_a_run_that_ends_leaves_nobody_waiting_for_a_trial() -> None:
    stop = Stop()

    async def end(visited: Device, number: int) -> None:
        warp.loop().call_later(1, stop.shed, "enough")
        await asyncio.sleep(5)

    results = warp.run(collected(Script(on_open=end), *fleet(30), stop=stop))
    assert classes(results) == {(Status.OK, None): 3, (Status.SKIPPED, FaultClass.SKIPPED): 27}


def test_a_credential_has_no_more_sessions_than_it_may() -> None:
    script = Script(on_open=live, on_run=live)
    results = warp.run(
        collected(
            script,
            *fleet(40, "a", "with a"),
            *fleet(40, "b", "with b"),
            limits=Limits(per_credential=5),
        )
    )
    assert classes(results) == {(Status.OK, None): 80}
    assert script.most_in_group == {"with a": 5, "with b": 5}


def test_a_slow_authentication_server_holds_up_its_own_devices_only() -> None:
    async def slow(visited: Device, __: int) -> None:
        await asyncio.sleep(18 if visited.credential == "slow" else 0.3)

    async def main() -> dict[str, float]:
        ended: dict[str, float] = {}
        script = Script(on_open=slow, on_run=live)
        devices = [*fleet(300, "slow"), *fleet(100, "quick")]
        limits = Limits(sessions=20, per_credential=10)
        async for result in results_of(script, devices, limits=limits):
            assert result.status is Status.OK
            ended[result.device.credential] = warp.loop().time()
        assert script.most_tried["slow"] == 10
        return ended

    ended = warp.run(main())
    assert ended["quick"] < 100 / 10 * 1.5  # as if the slow ones were not there
    assert ended["slow"] > 300 / 10 * 18


@pytest.mark.parametrize(("per_second", "seconds"), [(10.0, 9.9), (0.5, 198.0)])
def test_connections_are_begun_at_no_higher_rate(per_second: float, seconds: float) -> None:
    begun: list[float] = []

    async def note(_: Device, __: int) -> None:
        begun.append(warp.loop().time())

    warp.run(
        collected(Script(on_dial=note), *fleet(100), limits=Limits(connects_per_second=per_second))
    )
    assert begun[-1] == pytest.approx(seconds)
    gaps = [later - earlier for earlier, later in pairwise(begun)]
    assert min(gaps) == pytest.approx(1 / per_second)


def test_a_rate_lets_a_tenth_of_a_second_come_at_once() -> None:
    begun: list[float] = []

    async def note(_: Device, __: int) -> None:
        begun.append(warp.loop().time())

    limits = Limits(connects_per_second=100.0, trial=1000, rejections=1000)
    warp.run(collected(Script(on_dial=note), *fleet(500), limits=limits))
    for start in range(5):
        assert len([when for when in begun if start <= when < start + 1]) <= 110
    assert begun[-1] == pytest.approx(4.9)


WAYS = st.sampled_from(("good", "bad", "refused", "dead", "silent", "dropped", "busy"))


class Guarded:
    """Devices that do as their name's last word says, and see that nobody asks too often."""

    def __init__(self, limits: Limits, wrong: set[str], seed: int) -> None:
        self.rows: Counter[str] = Counter()
        self.proven: set[str] = set()
        self.too_many: list[str] = []  # an assertion in here would end as a device's result
        self.script = Script(on_dial=self.dial, on_greet=self.greet, on_open=self.judge)
        self._limits, self._wrong, self._dice = limits, wrong, random.Random(seed)

    async def dial(self, visited: Device, _: int) -> None:
        await asyncio.sleep(self._dice.choice((0, 0.05, 0.4)))
        if visited.name.endswith("dead"):
            await asyncio.sleep(15)
        if visited.name.endswith(("dead", "refused")):
            raise fault(FaultClass.TIMEOUT, Phase.CONNECT)

    async def greet(self, visited: Device, _: int) -> None:
        await asyncio.sleep(self._dice.choice((0, 0.2, 1.3)))
        if visited.name.endswith("silent"):
            await asyncio.sleep(15)
            raise fault(FaultClass.TIMEOUT, Phase.KEX)

    async def judge(self, visited: Device, attempt: int) -> None:
        if not self._may_be_tried(visited.credential):
            self.too_many.append(visited.name)
        await asyncio.sleep(self._dice.choice((0, 0.1, 3)))
        if visited.name.endswith("dropped"):
            raise fault(FaultClass.DISCONNECTED, Phase.AUTH)
        if visited.name.endswith("busy") and attempt == 1:
            raise fault(FaultClass.BUSY, Phase.AUTH)
        bad = visited.credential in self._wrong or visited.name.endswith("bad")
        self._count(visited.credential, rejected=bad)
        if bad:
            raise fault(FaultClass.AUTH, Phase.AUTH)

    def _may_be_tried(self, credential: str) -> bool:
        trying = self.script.trying[credential]
        if credential in self.proven:
            return not self.is_over(credential)
        # All that are being tried may reject: together not more than the credential may bear.
        bearable = self._limits.rejections - self.rows[credential]
        return trying <= min(self._limits.trial, bearable)

    def _count(self, credential: str, *, rejected: bool) -> None:
        if self.is_over(credential):
            return
        self.rows[credential] = self.rows[credential] + 1 if rejected else 0
        if not rejected:
            self.proven.add(credential)

    def is_over(self, credential: str) -> bool:
        return self.rows[credential] >= self._limits.rejections


@settings(max_examples=150, deadline=None)
@given(
    ways=st.lists(st.tuples(WAYS, st.sampled_from("xyz"), st.sampled_from("ab")), max_size=60),
    limits=st.builds(
        Limits,
        sessions=st.integers(1, 40),
        connecting=st.integers(1, 5),
        per_group=st.integers(0, 3),
        per_credential=st.integers(0, 4),
        connects_per_second=st.sampled_from((0.0, 7.0)),
        trial=st.integers(1, 4),
        rejections=st.integers(1, 4),
    ),
    wrong=st.sets(st.sampled_from("xyz")),
    seed=st.integers(0, 2**16),
)
def test_no_schedule_tries_a_wrong_password_more_often(
    ways: list[tuple[str, str, str]], limits: Limits, wrong: set[str], seed: int
) -> None:
    devices = [
        device(f"{number} {way}", group, credential=credential)
        for number, (way, credential, group) in enumerate(ways)
    ]
    fleet, breaker = Guarded(limits, wrong, seed), Breaker(limits)
    results = warp.run(collected(fleet.script, *devices, limits=limits, breaker=breaker))
    assert fleet.too_many == []
    assert sorted(r.device.name for r in results) == sorted(d.name for d in devices)
    assert set(breaker.opened) == {name for name in fleet.rows if fleet.is_over(name)}
    rejected: Counter[str] = Counter()
    for result in results:
        end = result.fault and result.fault.fault_class
        assert (end is FaultClass.AUTH_BREAKER) == (result.status is Status.SKIPPED)
        if end is FaultClass.AUTH_BREAKER:
            assert result.device.credential in breaker.opened
            assert result.device.name not in fleet.script.tried
        rejected[result.device.credential] += end is FaultClass.AUTH
    assert all(rejected[credential] <= limits.rejections for credential in wrong)
