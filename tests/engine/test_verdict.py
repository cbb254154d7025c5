"""What a result may say: ``ok`` is said of nothing but a device that answered everything."""

from __future__ import annotations

import asyncio
import random

import pytest
from engine.script import (
    COMMANDS,
    Script,
    ScriptedSession,
    collected,
    device,
    fault,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from support import warp

from collector.engine import Enter, Stop, SystemClock
from collector.engine.visit import Visit
from collector.errors import DeviceError
from collector.model import (
    Assignment,
    CommandResult,
    CommandStatus,
    Device,
    DeviceResult,
    Fault,
    FaultClass,
    Limits,
    Phase,
    Retries,
    Status,
    Timeouts,
)

OTHERS = ("x", "y", "z")


def back_in_line(stop_at: float | None = None, make: type[Script] = Script) -> DeviceResult:
    """See a device whose second attempt found three others being tried with its credential."""

    async def on_dial(visited: Device, number: int) -> None:
        if visited.name == "busy" and number == 1:
            raise fault(FaultClass.BUSY, Phase.CONNECT)
        # The others come first to the password, the one that was busy while they are being tried.
        await asyncio.sleep(2 if visited.name != "busy" else 2.5)

    async def on_open(_: Device, __: int) -> None:
        await asyncio.sleep(2)
        raise fault(FaultClass.AUTH, Phase.AUTH)

    async def main() -> list[DeviceResult]:
        stop = Stop()
        if stop_at is not None:
            warp.loop().call_at(stop_at, stop.interrupt)
        devices = [device(name) for name in ("busy", *OTHERS)]
        script = make(on_dial=on_dial, on_open=on_open)
        found = await collected(script, *devices, retries=Retries(backoff=0.1), stop=stop)
        assert (script.set_out["busy"], script.tried["busy"]) == (2, 0)
        return found

    (result,) = [one for one in warp.run(main()) if one.device.name == "busy"]
    return result


@pytest.mark.parametrize("stop_at", [None, 3.5], ids=["given up", "stopped"])
def test_a_device_back_in_line_ends_as_its_last_real_attempt_did(stop_at: float | None) -> None:
    result = back_in_line(stop_at)
    assert (result.status, result.attempts, result.evidence) == (Status.FAILED, 1, b"seen")
    assert result.fault is not None
    assert (result.fault.fault_class, result.fault.phase) == (FaultClass.BUSY, Phase.CONNECT)


class Clumsy(Script):
    """A connector with a bug where it is told that its device has to wait."""

    async def open(self, device: Device, timeouts: Timeouts, enter: Enter) -> ScriptedSession:
        try:
            return await super().open(device, timeouts, enter)
        except DeviceError as error:
            if error.fault.fault_class is FaultClass.SKIPPED:
                raise RuntimeError from error
            raise


def test_a_bug_is_told_before_what_an_earlier_attempt_came_to() -> None:
    result = back_in_line(make=Clumsy)
    assert (result.status, result.attempts) == (Status.FAILED, 1)
    assert result.fault is not None
    assert result.fault.fault_class is FaultClass.INTERNAL


@pytest.mark.parametrize("commands", [COMMANDS, ()], ids=["two commands", "none"])
def test_nothing_known_to_be_wrong_is_not_enough_to_be_ok(commands: tuple[str, ...]) -> None:
    visit = Visit(
        assignment=Assignment(device=device("r1"), commands=commands), clock=SystemClock()
    )
    assert visit.result().status is Status.FAILED
    visit.begin()
    assert visit.result().status is Status.FAILED
    assert list(visit.unanswered()) == list(commands)  # asked, and none has answered
    assert visit.result().status is (Status.FAILED if commands else Status.OK)


# What an attempt comes to, and in which phase.
ENDS = {
    "refused": (FaultClass.REFUSED, Phase.CONNECT),
    "busy early": (FaultClass.BUSY, Phase.KEX),
    "busy late": (FaultClass.BUSY, Phase.AUTH),
    "auth": (FaultClass.AUTH, Phase.AUTH),
    "dropped": (FaultClass.DISCONNECTED, Phase.COMMAND),
    "rejected": (FaultClass.REJECTED, Phase.COMMAND),
    "ok": None,
}


class Scripted:
    """Devices whose attempts come to what their scripts say, in a time that the dice choose."""

    def __init__(self, scripts: dict[str, list[str]], seed: int) -> None:
        self.script = Script(
            on_dial=self.dial, on_greet=self.greet, on_open=self.judge, on_run=self.answer
        )
        self._scripts, self._dice = scripts, random.Random(seed)

    async def dial(self, visited: Device, _: int) -> None:
        await self._come_to(visited, Phase.CONNECT)

    async def greet(self, visited: Device, _: int) -> None:
        await self._come_to(visited, Phase.KEX)

    async def judge(self, visited: Device, _: int) -> None:
        await self._come_to(visited, Phase.AUTH)

    async def answer(self, visited: Device, command: str) -> CommandResult | None:
        if command == COMMANDS[0]:
            return None
        if self._end(visited) == ENDS["rejected"]:
            denial = Fault(fault_class=FaultClass.REJECTED, phase=Phase.COMMAND, message="denied")
            return CommandResult(command=command, status=CommandStatus.REJECTED, fault=denial)
        await self._come_to(visited, Phase.COMMAND)
        return None

    async def _come_to(self, visited: Device, phase: Phase) -> None:
        await asyncio.sleep(self._dice.choice((0, 0.05, 0.3, 1.5)))
        end = self._end(visited)
        if end is not None and end[1] is phase:
            raise fault(*end)

    def _end(self, visited: Device) -> tuple[FaultClass, Phase] | None:
        script = self._scripts[visited.name]
        return ENDS[script[min(self.script.set_out[visited.name], len(script)) - 1]]


@settings(max_examples=200, deadline=None)
@given(
    scripts=st.lists(
        st.tuples(
            st.lists(st.sampled_from(sorted(ENDS)), min_size=1, max_size=4),
            st.sampled_from("xy"),
        ),
        max_size=25,
    ),
    commands=st.sampled_from((COMMANDS, COMMANDS[:1], ())),
    limits=st.builds(
        Limits,
        sessions=st.sampled_from((1, 4, 40)),
        connecting=st.integers(1, 5),
        trial=st.integers(1, 3),
        rejections=st.integers(1, 3),
    ),
    stop_at=st.none() | st.floats(0, 8),
    shed=st.booleans(),
    seed=st.integers(0, 2**16),
)
def test_ok_means_that_every_command_is_ok_and_all_else_has_a_fault(
    *,
    scripts: list[tuple[list[str], str]],
    commands: tuple[str, ...],
    limits: Limits,
    stop_at: float | None,
    shed: bool,
    seed: int,
) -> None:
    devices = [device(str(n), credential=name) for n, (_, name) in enumerate(scripts)]
    fleet = Scripted({str(n): ends for n, (ends, _) in enumerate(scripts)}, seed)

    async def main() -> list[DeviceResult]:
        stop = Stop()
        ask = (lambda: stop.shed("enough")) if shed else stop.interrupt
        timer = None if stop_at is None else warp.loop().call_at(stop_at, ask)
        found = await collected(
            fleet.script,
            *devices,
            commands=commands,
            limits=limits,
            retries=Retries(attempts=3, backoff=0.3),
            stop=stop,
        )
        if timer is not None:
            timer.cancel()
        return found

    results = warp.run(main())
    assert sorted(result.device.name for result in results) == sorted(d.name for d in devices)
    for result in results:
        good = [command.status is CommandStatus.OK for command in result.commands]
        assert len(good) == len(commands)
        if result.status is Status.OK:
            assert (all(good), result.fault) == (True, None)
            assert fleet.script.opened[result.device.name] >= 1
        else:
            assert result.fault is not None
            assert (result.status is Status.SKIPPED) == (result.attempts == 0)
