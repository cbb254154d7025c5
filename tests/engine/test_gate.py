"""The enable secret on trial: who waits is logged in, and few ever see a wrong one."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest
from engine.script import Script, collected, device, fault
from support import warp

from collector.engine import Breaker, Stop
from collector.model import Device, DeviceResult, FaultClass, Limits, Phase, Status, Timeouts

SECONDS = 0.3


def fleet(count: int) -> list[Device]:
    return [device(f"c{number}") for number in range(count)]


def ends(results: list[DeviceResult]) -> Counter[tuple[Status, FaultClass | None]]:
    return Counter((r.status, r.fault.fault_class if r.fault else None) for r in results)


def script_of(act: Callable[[Device, int], Awaitable[None]]) -> Script:
    script = Script()
    script.on_enable = act
    return script


async def take(_: Device, __: int) -> None:
    await asyncio.sleep(SECONDS)


async def reject(_: Device, __: int) -> None:
    await asyncio.sleep(SECONDS)
    raise fault(FaultClass.ENABLE, Phase.LOGIN)


@pytest.mark.parametrize("sessions", [1, 2, 500])
def test_a_wrong_secret_is_sent_to_three_devices(sessions: int) -> None:
    script = script_of(reject)
    limits = Limits(sessions=sessions)
    breaker = Breaker(limits)
    results = warp.run(collected(script, *fleet(1000), limits=limits, breaker=breaker))
    assert script.enabled.total() == 3
    assert max(script.tried.values()) == 1
    assert ends(results) == {
        (Status.FAILED, FaultClass.ENABLE): 3,
        (Status.SKIPPED, FaultClass.AUTH_BREAKER): 997,
    }
    by = breaker.opened["c"]
    assert sorted(by) == sorted(script.enabled)
    left = next(r for r in results if r.status is Status.SKIPPED)
    assert left.fault is not None
    words = "not tried: the enable secret of credential c was rejected by"
    assert left.fault.message == f"{words} {', '.join(by)}, in a row"


def test_one_that_was_accepted_is_sent_to_all_the_rest_at_once() -> None:
    script = script_of(take)

    async def main() -> float:
        await collected(script, *fleet(203), limits=Limits(sessions=500))
        return warp.loop().time()

    assert warp.run(main()) == 2 * SECONDS
    assert script.most_enabling == 200


def test_what_else_goes_wrong_holds_nobody_up_for_good() -> None:
    async def drop(_: Device, __: int) -> None:
        await asyncio.sleep(SECONDS)
        raise fault(FaultClass.TIMEOUT, Phase.LOGIN)

    script = script_of(drop)
    results = warp.run(collected(script, *fleet(50), limits=Limits(sessions=500)))
    assert ends(results) == {(Status.FAILED, FaultClass.TIMEOUT): 50}
    assert script.most_enabling == 3


def test_waiting_for_others_is_no_part_of_a_devices_limit() -> None:
    async def slow(_: Device, __: int) -> None:
        await asyncio.sleep(4)

    limits = Timeouts(connect=3, login=3, device=6)
    results = warp.run(collected(script_of(slow), *fleet(6), timeouts=limits))
    assert ends(results) == {(Status.OK, None): 6}


def test_a_secret_that_nobody_is_asked_for_is_not_on_trial() -> None:
    script = Script()
    warp.run(collected(script, *fleet(203), limits=Limits(sessions=500)))
    assert script.opened.total() == 203


def test_a_stop_ends_those_that_wait() -> None:
    async def never(_: Device, __: int) -> None:
        await asyncio.get_running_loop().create_future()

    stop = Stop()

    async def main() -> list[DeviceResult]:
        warp.loop().call_later(1, stop.set)
        return await collected(script_of(never), *fleet(9), stop=stop)

    assert {r.status for r in warp.run(main())} == {Status.CANCELLED}
