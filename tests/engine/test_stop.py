"""A run that is asked to end: what ran is cut off and closed, what waited is skipped."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing

import pytest
from engine.script import (
    COMMANDS,
    Script,
    device,
    fault,
    forever,
    results_of,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from support import warp

from collector.engine import Stop, collect_devices
from collector.model import (
    Assignment,
    CommandStatus,
    Device,
    DeviceResult,
    FaultClass,
    Limits,
    Retries,
    Status,
    Timeouts,
)

STOPPED_AT = 10.0


async def hang(_: Device, __: object) -> None:
    await forever()


async def hang_on_close(_: Device) -> None:
    await forever()


async def refuse(_: Device, __: object) -> None:
    raise fault(FaultClass.REFUSED)


async def hang_second(_: Device, command: str) -> None:
    if command == COMMANDS[1]:
        await forever()


def stopped(
    script: Script,
    count: int = 1,
    stop: asyncio.Event | None = None,
    ask: Callable[[], None] | None = None,
    retries: Retries | None = None,
) -> list[DeviceResult]:
    """Run ``count`` devices, stop the run after ten seconds, and see that it ends in five."""

    async def main() -> list[DeviceResult]:
        event = stop or asyncio.Event()
        warp.loop().call_at(STOPPED_AT, ask or event.set)
        found = [
            result
            async for result in results_of(
                script,
                (device(f"r{number}") for number in range(count)),
                limits=Limits(sessions=2, connecting=1),
                timeouts=Timeouts(device=60, connect=50),
                retries=retries or Retries(attempts=2, backoff=1000),
                stop=event,
            )
        ]
        assert warp.loop().time() <= STOPPED_AT + 5
        script.assert_all_closed()
        return found

    return warp.run(main())


def test_a_device_that_is_being_opened_is_cut_off() -> None:
    (result,) = stopped(Script(on_open=hang))
    assert (result.status, result.attempts) == (Status.CANCELLED, 1)
    assert result.fault is not None
    assert result.fault.fault_class is FaultClass.CANCELLED
    assert result.fault.message == "cut off: the run was interrupted"
    assert result.duration == pytest.approx(STOPPED_AT)


def test_a_device_in_a_command_is_cut_off_and_keeps_what_was_good() -> None:
    script = Script(on_run=hang_second)
    (result,) = stopped(script)
    assert result.status is Status.CANCELLED
    assert [command.status for command in result.commands] == [
        CommandStatus.OK,
        CommandStatus.CANCELLED,
    ]
    assert result.commands[0].output == COMMANDS[0].encode()
    assert script.closed == {"r0": 1}


def test_a_device_that_is_being_closed_is_left_to_close() -> None:
    closed_at = []

    async def slow_close(_: Device) -> None:
        await asyncio.sleep(1.5)
        closed_at.append(warp.loop().time())

    async def answer_just_before(_: Device, command: str) -> None:
        await asyncio.sleep(STOPPED_AT / 2 - 0.25)

    (result,) = stopped(Script(on_run=answer_just_before, on_close=slow_close))
    assert result.status is Status.OK
    assert closed_at == [pytest.approx(STOPPED_AT + 1)]


def test_a_device_that_hangs_in_its_close_is_left_in_time() -> None:
    (result,) = stopped(Script(on_run=hang, on_close=hang_on_close))
    assert result.status is Status.CANCELLED


def test_a_device_that_waits_for_its_retry_tells_what_its_last_attempt_came_to() -> None:
    (result,) = stopped(Script(on_open=refuse))
    assert (result.status, result.attempts) == (Status.FAILED, 1)
    assert result.fault is not None
    assert result.fault.fault_class is FaultClass.REFUSED


def test_devices_that_wait_for_a_place_are_skipped_and_all_are_told_of() -> None:
    script = Script(on_open=hang)
    results = stopped(script, count=300)
    assert len({result.device.name for result in results}) == 300
    # Two were being opened: the first had given its place up as slow.
    assert Counter(result.status for result in results) == {
        Status.CANCELLED: 2,
        Status.SKIPPED: 298,
    }
    skipped = next(result for result in results if result.status is Status.SKIPPED)
    assert skipped.attempts == 0
    assert skipped.fault is not None
    assert skipped.fault.fault_class is FaultClass.CANCELLED
    assert skipped.fault.message == "not started: the run was interrupted"
    assert {command.status for command in skipped.commands} == {CommandStatus.SKIPPED}


def test_a_stop_that_was_set_before_skips_everything() -> None:
    async def main() -> list[Status]:
        stop = asyncio.Event()
        stop.set()
        script = Script()
        devices = [device(f"r{number}") for number in range(200)]
        found = [result.status async for result in results_of(script, devices, stop=stop)]
        assert not script.tried
        return found

    assert warp.run(main()) == [Status.SKIPPED] * 200


def test_a_device_whose_turn_comes_as_the_run_ends_is_not_begun() -> None:
    async def main() -> None:
        stop = asyncio.Event()
        script = Script()

        async def source() -> AsyncIterator[Assignment]:
            # Heard of by the engine in the very turn of the loop in which the worker is made.
            asyncio.get_running_loop().call_soon(stop.set)
            yield Assignment(device=device("r0"), commands=COMMANDS)

        results = collect_devices(
            source(),
            script,
            limits=Limits(),
            timeouts=Timeouts(),
            retries=Retries(),
            stop=stop,
        )
        assert [result.status async for result in results] == [Status.SKIPPED]
        assert not script.tried

    warp.run(main())


def test_the_skipped_are_told_of_while_the_running_still_close() -> None:
    async def main() -> None:
        stop = asyncio.Event()
        warp.loop().call_at(STOPPED_AT, stop.set)
        script = Script(on_run=hang, on_close=hang_on_close)
        devices = [device(f"r{number}") for number in range(100)]
        limits = Limits(sessions=2)
        async for result in results_of(script, devices, limits=limits, stop=stop):
            closing = 2 if result.status is Status.CANCELLED else 0
            assert warp.loop().time() == pytest.approx(STOPPED_AT + closing)

    warp.run(main())


def test_shedding_lets_the_running_finish_and_begins_nothing_more() -> None:
    async def think(_: Device, __: str) -> None:
        await asyncio.sleep(6)

    stop = Stop()
    script = Script(on_run=think)
    results = stopped(
        script, count=9, stop=stop, ask=lambda: stop.shed("the run reached its limit of 10 s")
    )
    assert Counter(result.status for result in results) == {Status.OK: 2, Status.SKIPPED: 7}
    skipped = next(result for result in results if result.status is Status.SKIPPED)
    assert skipped.fault is not None
    assert skipped.fault.fault_class is FaultClass.SKIPPED
    assert skipped.fault.message == "not started: the run reached its limit of 10 s"


def test_an_interruption_overtakes_a_shedding() -> None:
    stop = Stop()

    def ask() -> None:
        stop.shed("enough")
        warp.loop().call_later(1, stop.interrupt)

    results = stopped(Script(on_run=hang), count=3, stop=stop, ask=ask)
    assert Counter(result.status for result in results) == {Status.CANCELLED: 2, Status.SKIPPED: 1}


def test_a_session_deaf_to_the_first_cancellation_is_asked_again() -> None:
    async def deaf(_: Device, __: str) -> None:
        try:
            await forever()
        except asyncio.CancelledError:
            await forever()

    (result,) = stopped(Script(on_run=deaf))
    assert result.status is Status.CANCELLED


def test_a_source_that_hangs_does_not_hold_up_the_end() -> None:
    async def hanging() -> AsyncIterator[Assignment]:
        yield Assignment(device=device("r0"), commands=COMMANDS)
        await forever()

    async def main() -> list[Status]:
        stop = asyncio.Event()
        warp.loop().call_at(STOPPED_AT, stop.set)
        found = [
            result.status
            async for result in collect_devices(
                hanging(),
                Script(),
                limits=Limits(),
                timeouts=Timeouts(),
                retries=Retries(),
                stop=stop,
            )
        ]
        assert warp.loop().time() <= STOPPED_AT + 5
        return found

    assert warp.run(main()) == [Status.OK]


def test_results_that_were_ready_are_still_read_after_a_stop() -> None:
    async def main() -> Counter[Status]:
        stop = asyncio.Event()
        devices = [device(f"r{number}") for number in range(500)]
        found: Counter[Status] = Counter()
        async for result in results_of(Script(), devices, limits=Limits(sessions=10), stop=stop):
            if not found:
                await asyncio.sleep(1)  # all that can be ready is ready
                stop.set()
            found[result.status] += 1
            await asyncio.sleep(0.01)  # a slow disk
        return found

    found = warp.run(main())
    assert found.total() == 500
    assert found[Status.OK] >= 64
    assert found[Status.SKIPPED] >= 200


@settings(max_examples=60, deadline=None)
@given(
    moment=st.floats(0, 12),
    leave=st.booleans(),
    opening=st.sampled_from((0.0, 0.5, 3.0)),
    thinking=st.sampled_from((0.0, 1.0, 5.0)),
    closing=st.sampled_from((0.0, 0.5, 9.0)),
    reading=st.sampled_from((0.0, 0.2)),
    sessions=st.integers(1, 5),
    seed=st.integers(0, 2**16),
)
def test_whenever_a_run_ends_each_session_is_closed_once_and_each_device_told_of(
    *,
    moment: float,
    leave: bool,
    opening: float,
    thinking: float,
    closing: float,
    reading: float,
    sessions: int,
    seed: int,
) -> None:
    dice = random.Random(seed)

    async def on_open(_: Device, __: int) -> None:
        await asyncio.sleep(opening)
        if dice.random() < 0.3:
            raise fault(FaultClass.BUSY)

    async def on_run(_: Device, __: str) -> None:
        await asyncio.sleep(thinking)

    async def on_close(_: Device) -> None:
        await asyncio.sleep(closing)

    script = Script(on_open=on_open, on_run=on_run, on_close=on_close)
    devices = [device(f"r{number}", dice.choice("abc")) for number in range(20)]
    found: list[str] = []

    async def read(stop: asyncio.Event) -> None:
        limits = Limits(sessions=sessions, connecting=2, per_group=2)
        async with aclosing(results_of(script, devices, limits=limits, stop=stop)) as results:
            async for result in results:
                found.append(result.device.name)
                await asyncio.sleep(reading)

    async def main() -> None:
        stop = asyncio.Event()
        reader = asyncio.create_task(read(stop))
        timer = warp.loop().call_later(moment, reader.cancel if leave else stop.set)
        await asyncio.wait({reader})
        timer.cancel()
        assert warp.loop().time() <= moment + 5 + len(devices) * reading or len(found) == 20
        script.assert_all_closed()

    warp.run(main())
    assert len(found) == len(set(found))
    assert leave or sorted(found) == sorted(one.name for one in devices)
