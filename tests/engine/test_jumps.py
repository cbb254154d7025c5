"""Jump hosts in the engine: opened once, waited for without a place, given up for good reasons."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from engine.script import (
    COMMANDS,
    LoopClock,
    Script,
    collected,
    device,
    fault,
    forever,
    results_of,
    source,
)
from support import warp

from collector.engine import Breaker, Connector, collect_devices
from collector.model import (
    CommandResult,
    Device,
    DeviceResult,
    FaultClass,
    Jump,
    Limits,
    Phase,
    Retries,
    Status,
    Timeouts,
)

EDGE = Jump(name="edge", host="h", credential="hop")
CORE = Jump(name="core", host="h", credential="hop", jump=EDGE)


def behind(jump: Jump, count: int, *, credential: str = "c") -> list[Device]:
    return [
        replace(device(f"{jump.name}{n}", credential=credential), jump=jump) for n in range(count)
    ]


def ends(results: list[DeviceResult]) -> set[tuple[Status, FaultClass | None]]:
    return {(one.status, one.fault.fault_class if one.fault else None) for one in results}


GOOD = {(Status.OK, None)}
BAD = {(Status.FAILED, FaultClass.JUMP)}


def test_it_is_opened_once_for_all() -> None:
    script = Script()
    results = warp.run(collected(script, *behind(CORE, 30), *behind(EDGE, 30)))
    assert ends(results) == GOOD
    assert script.reaching == {"edge": 1, "core": 1}


def test_a_connector_may_see_to_jump_hosts_by_itself() -> None:
    script = Script()
    script.reached.add(EDGE)

    class Plain:
        open = script.open

    results = warp.run(_collected(Plain(), behind(EDGE, 3)))
    assert ends(results) == GOOD
    assert not script.reaching


async def _collected(connector: Connector, devices: list[Device]) -> list[DeviceResult]:
    results = collect_devices(
        source(devices, COMMANDS),
        connector,
        limits=Limits(),
        timeouts=Timeouts(),
        retries=Retries(),
        clock=LoopClock(),
    )
    return [result async for result in results]


def test_its_places_are_kept() -> None:
    script = Script()

    async def think(device: Device, command: str) -> CommandResult | None:
        await asyncio.sleep(1)
        return None

    script.on_run = think
    devices = behind(replace(EDGE, sessions=4), 30)
    assert ends(warp.run(collected(script, *devices))) == GOOD
    assert script.most_through["edge"] == 4


def test_who_waits_for_it_holds_no_place_and_loses_no_time() -> None:
    script = Script()

    async def slow(jump: Jump, reaching: int) -> None:
        await asyncio.sleep(30)

    script.on_reach = slow
    waiting = [replace(one, timeouts={"device": 5}) for one in behind(EDGE, 10)]
    others = [device(f"r{n}") for n in range(10)]
    limits = Limits(sessions=2)
    results = warp.run(collected(script, *waiting, *others, limits=limits))
    assert ends(results) == GOOD
    assert [one.device.jump for one in results] == [None] * 10 + [EDGE] * 10
    assert max(one.duration for one in results) < 5


def test_it_is_tried_again_as_a_device_is() -> None:
    script = Script()

    async def first_fails(jump: Jump, reaching: int) -> None:
        if reaching == 1:
            raise fault(FaultClass.BUSY, Phase.KEX)

    script.on_reach = first_fails
    results = warp.run(collected(script, *behind(EDGE, 5)))
    assert ends(results) == GOOD
    assert script.reaching["edge"] == 2
    assert {one.attempts for one in results} == {1}


def test_what_it_fails_by_is_told_of_each_device_behind() -> None:
    script = Script()

    async def reject(jump: Jump, reaching: int) -> None:
        if jump.name == "edge":
            raise fault(FaultClass.AUTH, Phase.AUTH)

    script.on_reach = reject
    results = warp.run(collected(script, *behind(CORE, 20), *behind(EDGE, 20), device("r1")))
    assert ends([one for one in results if one.device.jump]) == BAD
    assert ends([one for one in results if not one.device.jump]) == GOOD
    assert script.reaching == {"edge": 1}
    assert {str(one.fault.message) for one in results if one.fault} == {
        "jump host edge: scripted auth (auth)"
    }
    assert {one.attempts for one in results if one.fault} == {0}


def test_its_rejections_count_for_its_credential() -> None:
    script, limits = Script(), Limits()
    breaker = Breaker(limits)

    async def reject(jump: Jump, reaching: int) -> None:
        raise fault(FaultClass.AUTH, Phase.AUTH)

    async def reject_too(device: Device, attempt: int) -> None:
        if device.credential == "hop":
            raise fault(FaultClass.AUTH, Phase.AUTH)

    script.on_reach, script.on_open = reject, reject_too
    jumps = [replace(EDGE, name=f"edge{n}") for n in range(10)]
    devices = [one for jump in jumps for one in behind(jump, 3)]
    devices += [device(f"hop{n}", credential="hop") for n in range(10)]
    results = warp.run(collected(script, *devices, limits=limits, breaker=breaker))
    assert sum(script.tried.values()) == 3
    assert list(breaker.opened) == ["hop"]
    assert ends([one for one in results if one.device.jump]) == BAD


def test_one_that_is_lost_is_opened_once_more_and_then_given_up() -> None:
    script = Script()
    lost: list[str] = []

    async def lose(device: Device, command: str) -> CommandResult | None:
        if device.jump and len(lost) < 2 and device.name not in lost:
            lost.append(device.name)
            script.reached.discard(device.jump)
            raise fault(FaultClass.JUMP, Phase.COMMAND)
        return None

    script.on_run = lose
    limits = Limits(sessions=1)
    devices = [*behind(EDGE, 10), *(device(f"r{n}") for n in range(5))]
    results = warp.run(collected(script, *devices, limits=limits, retries=Retries(attempts=3)))
    assert script.reaching == {"edge": 2}
    assert ends([one for one in results if not one.device.jump]) == GOOD
    there = [one for one in results if one.device.jump]
    assert {one.status for one in there if one.fault} <= {Status.FAILED, Status.PARTIAL}
    assert {one.fault.fault_class for one in there if one.fault} == {FaultClass.JUMP}
    assert any(one.fault and "lost again" in one.fault.message for one in there)


def test_who_had_set_out_when_it_was_lost_stands_in_line_again() -> None:
    script = Script()

    async def lose(device: Device, attempt: int) -> None:
        if device.name == "edge0" and attempt == 1:
            script.reached.clear()
            raise fault(FaultClass.JUMP, Phase.CONNECT)

    script.on_dial = lose
    limits = Limits(connecting=1)
    results = warp.run(collected(script, *behind(EDGE, 10), limits=limits))
    assert ends(results) == GOOD
    assert script.reaching == {"edge": 2}
    # No attempt is counted of those whose jump host was not there.
    assert sorted(one.attempts for one in results) == [1] * 9 + [2]


def test_an_interruption_ends_its_opening_too() -> None:
    script, stop = Script(), asyncio.Event()

    async def never(jump: Jump, reaching: int) -> None:
        await asyncio.sleep(1)  # all of them are in line by then
        stop.set()
        await forever()

    script.on_reach = never

    async def run() -> list[DeviceResult]:
        found = results_of(script, [*behind(CORE, 70), *behind(EDGE, 70)], stop=stop)
        first = await anext(found)
        await asyncio.sleep(1)  # the results are not read: those who wait are not yet turned away
        return [first, *[result async for result in found]]

    results = warp.run(run())
    assert len(results) == 140
    assert ends(results) == {(Status.SKIPPED, FaultClass.CANCELLED)}
