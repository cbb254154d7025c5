"""Many devices: limits, queues, a reader that is slow or leaves, a source that fails."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest
from engine.script import (
    COMMANDS,
    Script,
    collected,
    device,
    fault,
    forever,
    results_of,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from support import warp

from collector.engine import collect_devices
from collector.engine.collection import ASIDE, QUEUED
from collector.errors import InputError
from collector.model import (
    Assignment,
    Device,
    FaultClass,
    Limits,
    Phase,
    Retries,
    Status,
    Timeouts,
)


async def think(_: Device, __: object) -> None:
    await asyncio.sleep(1)


def fleet(count: int, *groups: str) -> list[Device]:
    return [device(f"{'-'.join(groups) or 'r'}{number}", *groups) for number in range(count)]


def test_every_device_has_one_result() -> None:
    results = warp.run(collected(Script(), *fleet(1000)))
    assert sorted(r.device.name for r in results) == sorted(d.name for d in fleet(1000))
    assert {result.status for result in results} == {Status.OK}


def test_no_devices_no_results() -> None:
    assert warp.run(collected(Script())) == []


def test_the_limits_are_used_up_and_never_exceeded() -> None:
    async def main() -> None:
        started = warp.loop().time()
        limits = Limits(sessions=20, connecting=4)
        script = Script(on_open=short, on_run=think)
        await collected(script, *fleet(200), limits=limits)
        assert (script.most_sessions, script.most_connecting) == (20, 4)
        # 200 devices, 2.1 s each, 20 at once: 21 s; and a little for the first to connect.
        assert warp.loop().time() - started < 22

    async def short(_: Device, __: int) -> None:
        await asyncio.sleep(0.1)

    warp.run(main())


def test_few_devices_take_few_tasks() -> None:
    tasks = []

    async def count(_: Device, __: object) -> None:
        tasks.append(len(asyncio.all_tasks()))

    warp.run(collected(Script(on_run=count), *fleet(3), limits=Limits(sessions=500)))
    assert max(tasks) <= 3 + 5  # the reader, the owner, the source and two watchers


def test_a_group_is_not_overrun() -> None:
    script = Script(on_run=think)
    devices = [*fleet(20, "ams"), *fleet(20, "bru"), *fleet(20, "ams", "bru"), *fleet(20)]
    warp.run(collected(script, *devices, limits=Limits(per_group=3)))
    assert script.most_in_group == {"ams": 3, "bru": 3}


def test_a_dead_site_at_the_head_of_the_line_does_not_hold_up_the_others() -> None:
    done: dict[str, float] = {}

    async def dead(visited: Device, __: int) -> None:
        if "dead" in visited.groups:
            await asyncio.sleep(15)
            raise fault(FaultClass.TIMEOUT)

    async def main() -> None:
        devices = [*fleet(300, "dead"), *fleet(300, "live")]
        limits = Limits(sessions=20, connecting=15, per_group=10)
        async for result in results_of(Script(on_dial=dead, on_run=think), devices, limits=limits):
            done[result.device.name] = warp.loop().time()

    warp.run(main())
    assert len(done) == 600
    last_live = max(when for name, when in done.items() if name.startswith("live"))
    assert last_live <= 300 / 10 * 2 + 1  # as if the dead site were not there


def test_dead_devices_have_no_place_for_connecting() -> None:
    async def dead(_: Device, attempt: int) -> None:
        await asyncio.sleep(15)
        raise fault(FaultClass.TIMEOUT)

    async def main() -> float:
        await collected(
            Script(on_dial=dead),
            *fleet(100),
            limits=Limits(connecting=10),
            retries=Retries(attempts=1),
        )
        return warp.loop().time()

    assert warp.run(main()) == pytest.approx(1.25 + 15)  # until all are sought for


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_ten_thousand_devices_cost_what_is_done_at_once_and_the_dead_hold_up_nobody() -> None:
    tasks = [0]

    async def sick(visited: Device, _: int) -> None:
        number = int(visited.name[1:])
        if number % 10 == 3:
            await asyncio.sleep(15)
            raise fault(FaultClass.TIMEOUT)
        if number % 100 == 7:
            await asyncio.sleep(300)  # hung: until the limit of its opening

    async def count(visited: Device, __: str) -> None:
        if visited.name.endswith("00"):  # not at each: counting costs more than all the rest
            tasks.append(len(asyncio.all_tasks()))
        await asyncio.sleep(1)

    async def main() -> float:
        devices = (device(f"r{number}") for number in range(10_000))
        script, limits = Script(on_dial=sick, on_run=count), Limits(connecting=500)
        ends = Counter(
            [
                (result.status, result.fault.fault_class if result.fault else None)
                async for result in results_of(
                    script,
                    devices,
                    commands=COMMANDS[:1],
                    limits=limits,
                    retries=Retries(attempts=1),
                )
            ]
        )
        assert ends == {
            (Status.OK, None): 8_900,
            (Status.FAILED, FaultClass.TIMEOUT): 1_100,
        }
        assert script.most_sessions == limits.sessions
        return warp.loop().time()

    took = warp.run(main())
    assert max(tasks) <= 500 + 5  # and those of the run
    # 8,900 live ones for 1 s, 1,000 dead for 15, 100 hung for 36, in 500 places; and the last one.
    assert took <= (8_900 + 1_000 * 15 + 100 * 36) / 500 + 36 + 2


def test_waiting_for_a_place_is_no_part_of_the_limit_of_a_device() -> None:
    script = Script(on_open=think, on_run=think)
    limits = Limits(sessions=10, connecting=1)
    results = warp.run(collected(script, *fleet(30), limits=limits, timeouts=Timeouts(device=3.5)))
    assert {result.status for result in results} == {Status.OK}
    assert max(result.duration for result in results) == pytest.approx(3)


def test_a_device_that_waits_for_its_retry_holds_no_place() -> None:
    order = []

    async def refuse_first(visited: Device, attempt: int) -> None:
        order.append(visited.name)
        if visited.name == "r0" and attempt == 1:
            raise fault(FaultClass.BUSY)

    warp.run(collected(Script(on_open=refuse_first), *fleet(3), limits=Limits(sessions=1)))
    assert order == ["r0", "r1", "r2", "r0"]


def test_a_reader_that_stops_reading_stops_the_workers() -> None:
    async def main() -> None:
        script = Script()
        limits = Limits(sessions=10)
        async with aclosing(results_of(script, fleet(1000), limits=limits)) as results:
            await anext(results)
            await asyncio.sleep(3600)
            assert script.opened.total() <= 1 + QUEUED + 10
        script.assert_all_closed()

    warp.run(main())


def test_the_source_is_not_read_far_ahead() -> None:
    read = 0

    async def endless() -> AsyncIterator[Assignment]:
        nonlocal read
        while True:
            read += 1
            yield Assignment(device=device(f"r{read}"), commands=COMMANDS)

    async def main() -> None:
        script = Script(on_run=lambda _, __: forever())
        async with aclosing(
            collect_devices(
                endless(),
                script,
                limits=Limits(sessions=5),
                timeouts=Timeouts(device=10),
                retries=Retries(),
            )
        ) as results:
            await anext(results)
        script.assert_all_closed()

    warp.run(main())
    assert read < 3 * QUEUED


def test_no_more_than_so_many_wait_aside() -> None:
    read = 0

    async def endless() -> AsyncIterator[Assignment]:
        nonlocal read
        while True:
            read += 1
            yield Assignment(device=device(f"r{read}", "dead"), commands=COMMANDS)

    async def main() -> None:
        async with aclosing(
            collect_devices(
                endless(),
                Script(on_run=lambda _, __: forever()),
                limits=Limits(per_group=1),
                timeouts=Timeouts(),
                retries=Retries(),
            )
        ) as results:
            await anext(results)

    warp.run(main())
    assert ASIDE <= read <= ASIDE + 2 * QUEUED


def test_a_reader_that_leaves_early_closes_everything() -> None:
    async def main() -> None:
        script = Script(on_run=think)
        async with aclosing(results_of(script, fleet(500), limits=Limits(sessions=50))) as results:
            async for _ in results:
                break
        script.assert_all_closed()
        assert script.opened.total() >= 50

    warp.run(main())


def test_a_reader_that_never_reads_starts_nothing() -> None:
    async def main() -> None:
        script = Script()
        await results_of(script, fleet(5)).aclose()
        assert not script.tried

    warp.run(main())


def test_a_reader_that_is_cancelled_closes_everything() -> None:
    async def read(script: Script) -> None:
        async for _ in results_of(script, fleet(5)):
            pass

    async def main() -> None:
        script = Script(on_run=lambda _, __: forever())
        reader = asyncio.create_task(read(script))
        await asyncio.sleep(1)
        reader.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reader
        script.assert_all_closed()
        assert script.opened.total() == 5

    warp.run(main())


def test_an_error_of_the_source_comes_after_the_results_of_what_it_gave() -> None:
    seen: list[Status] = []

    async def broken() -> AsyncIterator[Assignment]:
        for one in fleet(3):
            yield Assignment(device=one, commands=COMMANDS)
        raise InputError("inventory.yaml:4:1: cut short")

    async def read() -> None:
        results = collect_devices(
            broken(), Script(on_run=think), limits=Limits(), timeouts=Timeouts(), retries=Retries()
        )
        while True:
            seen.append((await anext(results)).status)

    with pytest.raises(InputError, match="cut short"):
        warp.run(read())
    assert seen == [Status.OK] * 3


def test_a_slow_source_is_worked_on_as_it_comes() -> None:
    async def slow() -> AsyncIterator[Assignment]:
        for one in fleet(3):
            yield Assignment(device=one, commands=())
            await asyncio.sleep(60)

    async def main() -> list[float]:
        return [
            warp.loop().time()
            async for _ in collect_devices(
                slow(), Script(), limits=Limits(), timeouts=Timeouts(), retries=Retries()
            )
        ]

    assert warp.run(main()) == [0, 60, 120]


ENDS = st.sampled_from(("good", "auth", "refused", "dropped", "silent", "broken", "deny"))


@settings(max_examples=60, deadline=None)
@given(
    ends=st.lists(
        st.tuples(ENDS, st.lists(st.sampled_from("abc"), max_size=2, unique=True)), max_size=30
    ),
    limits=st.builds(
        Limits,
        sessions=st.integers(1, 6),
        connecting=st.integers(1, 3),
        per_group=st.integers(0, 2),
    ),
    attempts=st.integers(1, 3),
    seed=st.integers(0, 2**16),
)
def test_no_schedule_loses_or_doubles_a_result(
    ends: list[tuple[str, list[str]]], limits: Limits, attempts: int, seed: int
) -> None:
    dice = random.Random(seed)
    devices = [device(f"{i} {end}", *groups) for i, (end, groups) in enumerate(ends)]

    async def on_open(visited: Device, _: int) -> None:
        await asyncio.sleep(dice.choice((0, 0, 0.5)))
        end = visited.name.split()[1]
        if end in {"auth", "refused"}:
            raise fault(FaultClass(end), Phase.CONNECT)

    async def on_run(visited: Device, _: str) -> None:
        await asyncio.sleep(dice.choice((0, 0.1, 2)))
        end = visited.name.split()[1]
        if end == "dropped" and dice.random() < 0.7:
            raise fault(FaultClass.DISCONNECTED, Phase.COMMAND)
        if end == "broken":
            raise RuntimeError
        if end == "silent":
            await forever()

    script = Script(on_open=on_open, on_run=on_run)
    results = warp.run(
        collected(
            script,
            *devices,
            limits=limits,
            retries=Retries(attempts=attempts),
            timeouts=Timeouts(device=9, command=5),
        )
    )
    assert sorted(r.device.name for r in results) == sorted(d.name for d in devices)
    assert script.most_sessions <= limits.sessions
    assert script.most_connecting <= limits.connecting
    if limits.per_group:
        assert all(most <= limits.per_group for most in script.most_in_group.values())
    for result in results:
        assert (result.status is Status.OK) >= result.device.name.endswith("good")
        assert tuple(command.command for command in result.commands) == COMMANDS
