"""How one device ends: statuses, limits, attempts."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import socket
import time
from datetime import datetime, timedelta

import pytest
from engine.script import (
    COMMANDS,
    LoopClock,
    Script,
    collected,
    device,
    fault,
    forever,
    one,
)
from support import warp

from collector.engine import RETRIED, SystemClock
from collector.engine.deadline import GRACE, Deadline
from collector.model import (
    EVIDENCE_KEPT,
    Algorithms,
    CommandResult,
    CommandStatus,
    Device,
    Fault,
    FaultClass,
    Phase,
    Retries,
    Status,
    Timeouts,
)


def statuses(commands: tuple[CommandResult, ...]) -> list[CommandStatus]:
    return [command.status for command in commands]


def denied(command: str) -> CommandResult:
    denial = Fault(fault_class=FaultClass.REJECTED, phase=Phase.COMMAND, message="denied")
    return CommandResult(command=command, status=CommandStatus.REJECTED, fault=denial)


def test_a_device_that_answers_everything_is_ok() -> None:
    script = Script()
    result = one(script)
    assert (result.status, result.fault, result.attempts) == (Status.OK, None, 1)
    assert [command.output for command in result.commands] == [c.encode() for c in COMMANDS]
    assert script.asked == [("r1", command) for command in COMMANDS]


USED = Algorithms(kex="k", host_key="h", cipher="c", mac="m")


def test_what_a_session_is_protected_with_is_told() -> None:
    script = Script()
    script.algorithms = USED
    assert one(script).algorithms is USED
    assert one(Script()).algorithms is None


def test_what_was_used_is_told_also_of_a_failure_and_is_not_forgotten_for_a_later_one() -> None:
    async def open_(device: Device, attempt: int) -> None:
        error = fault(FaultClass.BUSY if attempt == 1 else FaultClass.REFUSED)
        error.algorithms = USED if attempt == 1 else None
        raise error

    result = one(Script(on_open=open_), retries=Retries(attempts=2))
    assert (result.attempts, result.algorithms) == (2, USED)
    assert result.fault
    assert result.fault.fault_class is FaultClass.REFUSED


def test_an_output_that_later_bytes_condemn_is_taken_back() -> None:
    script = Script()
    script.condemned["r1"] = (1,)
    result = one(script)
    assert statuses(result.commands) == [CommandStatus.OK, CommandStatus.INCOMPLETE]
    assert result.status is Status.PARTIAL
    last = result.commands[1]
    assert (last.output, last.evidence) == (b"", COMMANDS[1].encode())
    assert last.fault is not None
    assert last.fault.fault_class is FaultClass.INCOMPLETE


def test_of_a_condemned_output_no_more_is_kept_than_of_any_evidence() -> None:
    async def long(_: Device, command: str) -> CommandResult:
        output = b"x" * EVIDENCE_KEPT + b"the end"
        return CommandResult(command=command, status=CommandStatus.OK, output=output)

    script = Script(on_run=long)
    script.condemned["r1"] = (1,)
    evidence = one(script).commands[1].evidence
    assert len(evidence) == EVIDENCE_KEPT
    assert evidence.endswith(b"the end")


def test_positions_that_are_condemned_count_what_was_asked_in_the_last_session() -> None:
    async def lost_once(name: Device, command: str) -> None:
        if command == COMMANDS[1] and script.opened[name.name] == 1:
            raise fault(FaultClass.DISCONNECTED, Phase.COMMAND)

    script = Script(on_run=lost_once)
    result = one(script, retries=Retries(attempts=2, backoff=0))
    assert statuses(result.commands) == [CommandStatus.OK, CommandStatus.OK]
    script.condemned["r1"] = (0,)
    again = one(script)
    assert statuses(again.commands) == [CommandStatus.INCOMPLETE, CommandStatus.OK]


def test_what_was_accepted_before_the_device_was_lost_can_still_be_condemned() -> None:
    async def lost(_: Device, command: str) -> None:
        if command == COMMANDS[1]:
            raise fault(FaultClass.TIMEOUT, Phase.COMMAND)

    script = Script(on_run=lost)
    script.condemned["r1"] = (0,)
    result = one(script)
    assert statuses(result.commands) == [CommandStatus.INCOMPLETE, CommandStatus.FAILED]
    assert result.status is Status.FAILED


def test_a_last_look_that_never_ends_is_cut_off() -> None:
    script = Script()
    script.on_finish = lambda _: forever()
    result = one(script)
    assert result.status is Status.OK


def test_a_device_without_commands_is_ok_when_it_was_opened() -> None:
    assert one(Script(), commands=()).status is Status.OK


def test_a_command_asked_twice_has_two_results() -> None:
    assert len(one(Script(), commands=("show clock", "show clock")).commands) == 2


def test_a_rejected_command_makes_the_device_partial_even_alone() -> None:
    async def deny(_: Device, command: str) -> CommandResult:
        return denied(command)

    result = one(Script(on_run=deny), commands=("show secrets",))
    assert result.status is Status.PARTIAL
    assert result.fault is not None
    assert result.fault.fault_class is FaultClass.REJECTED


def test_a_device_that_cannot_be_opened_has_failed_and_its_commands_are_skipped() -> None:
    async def refuse(_: Device, __: int) -> None:
        raise fault(FaultClass.AUTH, Phase.AUTH)

    result = one(Script(on_open=refuse))
    assert (result.status, result.evidence) == (Status.FAILED, b"seen")
    assert statuses(result.commands) == [CommandStatus.SKIPPED] * 2


def test_a_session_lost_after_a_good_output_makes_the_device_partial() -> None:
    async def drop(_: Device, command: str) -> None:
        if command == COMMANDS[1]:
            raise fault(FaultClass.OUTPUT_LIMIT, Phase.COMMAND)

    result = one(Script(on_run=drop), commands=(*COMMANDS, "show clock"))
    assert result.status is Status.PARTIAL
    assert statuses(result.commands) == [
        CommandStatus.OK,
        CommandStatus.FAILED,
        CommandStatus.SKIPPED,
    ]
    assert result.commands[1].evidence == b"seen"


def test_a_lost_session_is_opened_again_and_only_what_is_missing_is_asked() -> None:
    closed_before = []

    async def reopen(_: Device, attempt: int) -> None:
        closed_before.append(script.closed["r1"])

    async def drop_once(_: Device, command: str) -> None:
        if command == COMMANDS[1] and script.opened["r1"] == 1:
            raise fault(FaultClass.DISCONNECTED, Phase.COMMAND)

    script = Script(on_open=reopen, on_run=drop_once)
    result = one(script)
    assert (result.status, result.attempts) == (Status.OK, 2)
    assert script.asked == [("r1", COMMANDS[0]), ("r1", COMMANDS[1]), ("r1", COMMANDS[1])]
    assert [command.attempts for command in result.commands] == [1, 2]
    assert closed_before == [0, 1]  # the old session is closed before the new one opens


def test_a_rejected_command_is_not_asked_again_by_a_second_attempt() -> None:
    async def deny_and_drop(_: Device, command: str) -> CommandResult | None:
        if command == COMMANDS[0]:
            return denied(command)
        if script.opened["r1"] == 1:
            raise fault(FaultClass.DISCONNECTED, Phase.COMMAND)
        return None

    script = Script(on_run=deny_and_drop)
    result = one(script)
    assert result.status is Status.PARTIAL
    assert script.asked.count(("r1", COMMANDS[0])) == 1


def test_only_what_the_table_names_is_tried_again() -> None:
    async def fail(visited: Device, __: int) -> None:
        fault_class, phase = visited.name.split()
        raise fault(FaultClass(fault_class), Phase(phase))

    kinds = {f"{fault_class} {phase}" for fault_class in FaultClass for phase in Phase}
    script = Script(on_open=fail)
    results = warp.run(collected(script, *map(device, kinds), retries=Retries(attempts=3)))
    assert {result.device.name for result in results} == kinds
    for result in results:
        assert result.fault is not None
        assert f"{result.fault.fault_class} {result.fault.phase}" == result.device.name
        again = result.fault.phase in RETRIED.get(result.fault.fault_class, ())
        assert result.attempts == script.tried[result.device.name] == (3 if again else 1)


def test_a_password_is_never_offered_again() -> None:
    never = {FaultClass.AUTH, FaultClass.AUTH_BREAKER, FaultClass.HOSTKEY, FaultClass.ENABLE}
    assert not never & set(RETRIED)
    assert {c for c, phases in RETRIED.items() if Phase.AUTH in phases} == {FaultClass.BUSY}


def test_the_pause_doubles_and_is_no_part_of_the_limit_of_the_device() -> None:
    tried_at = []

    async def refuse(_: Device, __: int) -> None:
        tried_at.append(warp.loop().time())
        await asyncio.sleep(1)
        raise fault(FaultClass.REFUSED)

    result = one(
        Script(on_open=refuse),
        timeouts=Timeouts(device=3.5),
        retries=Retries(attempts=9, backoff=100),
    )
    assert result.attempts == 4  # three whole ones and a half, in 3.5 seconds
    assert result.duration > 350
    waited = [later - earlier - 1 for earlier, later in itertools.pairwise(tried_at)]
    assert all(50 * 2**n <= pause <= 150 * 2**n for n, pause in enumerate(waited)), waited


def test_a_device_that_opens_but_never_answers_is_late_by_its_own_limit() -> None:
    async def silence(_: Device, __: str) -> None:
        await forever()

    script = Script(on_run=silence)
    result = one(script, device("r1", device=7), timeouts=Timeouts(command=60))
    assert result.status is Status.FAILED
    assert result.duration == pytest.approx(7)
    assert result.fault is not None
    assert (result.fault.fault_class, result.fault.phase) == (FaultClass.TIMEOUT, Phase.COMMAND)
    assert statuses(result.commands) == [CommandStatus.FAILED, CommandStatus.SKIPPED]


def test_a_session_that_forgets_its_limit_for_a_command_is_reminded() -> None:
    async def silence(_: Device, command: str) -> None:
        if command == COMMANDS[1]:
            await forever()

    result = one(Script(on_run=silence), timeouts=Timeouts(command=5, device=300))
    assert result.status is Status.PARTIAL
    assert result.duration == pytest.approx(7)
    assert result.commands[1].fault == result.fault


def test_a_connector_that_forgets_its_limit_is_reminded() -> None:
    async def silence(_: Device, __: int) -> None:
        await forever()

    result = one(
        Script(on_open=silence), timeouts=Timeouts(connect=3, login=4), retries=Retries(attempts=1)
    )
    assert result.duration == pytest.approx(8)
    assert result.fault is not None
    assert (result.fault.fault_class, result.fault.phase) == (FaultClass.TIMEOUT, Phase.AUTH)


def test_what_a_connector_has_to_load_is_no_part_of_a_limit() -> None:
    script = Script()
    script.loading = 600
    result = one(script, timeouts=Timeouts(connect=1, login=1, device=5))
    assert (result.status, result.attempts) == (Status.OK, 1)


def test_the_connector_is_told_the_limits_of_the_device() -> None:
    script = Script()
    one(script, device("r1", connect=3, device=9), timeouts=Timeouts(connect=15, login=20))
    (limits,) = script.limits
    assert (limits.connect, limits.login, limits.device) == (3, 20, 9)


def test_a_second_attempt_is_told_what_is_left_of_the_limit() -> None:
    async def refuse_once(_: Device, attempt: int) -> None:
        await asyncio.sleep(2)
        if attempt == 1:
            raise fault(FaultClass.REFUSED)

    script = Script(on_open=refuse_once)
    one(script, timeouts=Timeouts(device=10))
    assert [limits.device for limits in script.limits] == [10, pytest.approx(8)]


def test_a_session_that_does_not_close_is_left_after_its_time() -> None:
    async def stuck(_: Device) -> None:
        await forever()

    result = one(Script(on_close=stuck))
    assert result.status is Status.OK
    assert result.duration == pytest.approx(2)


def test_a_bug_of_the_driver_is_a_result_and_shows_no_text_of_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def break_down(_: Device, __: str) -> None:
        raise KeyError("hunter2")

    with caplog.at_level(logging.INFO):
        result = one(Script(on_run=break_down))
    assert result.status is Status.FAILED
    assert result.fault is not None
    assert result.fault.fault_class is FaultClass.INTERNAL
    assert "hunter2" not in result.fault.message + caplog.text
    assert "KeyError" in caplog.text


def test_a_session_that_fails_to_close_keeps_its_outputs() -> None:
    async def break_down(_: Device) -> None:
        raise OSError

    result = one(Script(on_close=break_down))
    assert result.status is Status.PARTIAL
    assert statuses(result.commands) == [CommandStatus.OK] * 2


def test_the_first_fault_is_told_when_the_close_fails_as_well() -> None:
    async def lose(_: Device, __: str) -> None:
        raise fault(FaultClass.PAGER, Phase.COMMAND)

    async def break_down(_: Device) -> None:
        raise OSError

    result = one(Script(on_run=lose, on_close=break_down))
    assert result.fault is not None
    assert result.fault.fault_class is FaultClass.PAGER


def test_a_loop_that_was_blocked_across_the_limit_does_not_make_a_device_hang() -> None:
    async def stall(_: Device, __: str) -> None:
        loop = warp.loop()
        arrived: asyncio.Future[None] = loop.create_future()

        def data_after_a_block() -> None:
            loop.block(10)
            arrived.set_result(None)

        loop.call_soon(data_after_a_block)
        # Python 3.11's wait_for returns the data and forgets that it was cancelled meanwhile.
        await asyncio.wait_for(arrived, 3600)
        await forever()

    result = one(Script(on_run=stall), timeouts=Timeouts(command=5, device=5))
    assert result.fault is not None
    assert result.fault.fault_class is FaultClass.TIMEOUT
    assert result.duration <= 12


async def test_a_real_loop_that_was_blocked_across_the_limit_goes_on_as_well() -> None:
    def send_and_block(far: socket.socket) -> None:
        far.send(b"data")
        time.sleep(0.2)

    async def stall(_: Device, __: str) -> None:
        loop = asyncio.get_running_loop()
        near, far = socket.socketpair()
        near.setblocking(False)
        with near, far:
            # The data is there, and the limit over, when the loop looks again.
            loop.call_soon(send_and_block, far)
            await asyncio.wait_for(loop.sock_recv(near, 16), 3600)
            await forever()

    (result,) = await collected(Script(on_run=stall), device("r1", device=0.1), clock=SystemClock())
    assert result.fault is not None
    assert result.fault.fault_class is FaultClass.TIMEOUT


def test_a_session_deaf_to_one_cancellation_is_asked_again() -> None:
    async def deaf(_: Device, __: str) -> None:
        for _again in range(2):
            try:
                await forever()
            except asyncio.CancelledError:
                continue
        await forever()

    result = one(Script(on_run=deaf), timeouts=Timeouts(command=60, device=5))
    assert result.fault is not None
    assert result.fault.fault_class is FaultClass.TIMEOUT
    assert result.duration == pytest.approx(7)


def test_a_clock_that_is_set_back_changes_no_duration() -> None:
    class Stepping(LoopClock):
        def now(self) -> datetime:
            return super().now() - timedelta(hours=self.monotonic())

    async def think(_: Device, __: str) -> None:
        await asyncio.sleep(1)

    assert one(Script(on_run=think), clock=Stepping()).duration == len(COMMANDS)


def test_a_deadline_that_is_held_counts_on_afterwards() -> None:
    async def main() -> float:
        with pytest.raises(TimeoutError):
            async with Deadline(5) as deadline:
                await asyncio.sleep(2)
                with deadline.held():
                    await asyncio.sleep(100)
                await forever()
        return warp.loop().time()

    assert warp.run(main()) == 105


def test_a_deadline_that_was_not_listened_to_goes_on_asking_while_it_is_held() -> None:
    async def main() -> float:
        with pytest.raises(TimeoutError):
            async with Deadline(5) as deadline:
                with contextlib.suppress(asyncio.CancelledError):
                    await forever()
                with deadline.held():
                    await forever()
        return warp.loop().time()

    assert warp.run(main()) == 5 + GRACE


def test_a_task_is_not_marked_cancelled_by_a_deadline_that_asked_twice() -> None:
    from collector.engine.deadline import Deadline

    async def deaf() -> None:
        async with Deadline(1):
            try:
                await forever()
            except asyncio.CancelledError:
                await forever()

    async def main() -> None:
        with pytest.raises(TimeoutError):
            await deaf()
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0

    warp.run(main())


@pytest.mark.parametrize(
    ("step", "phase"),
    [
        ("on_dial", Phase.CONNECT),
        ("on_greet", Phase.KEX),
        ("on_open", Phase.AUTH),
        ("on_run", Phase.COMMAND),
    ],
)
def test_the_limit_of_a_device_names_the_phase_that_it_ended(step: str, phase: Phase) -> None:
    script = Script()
    setattr(script, step, lambda *_: forever())
    result = one(script, timeouts=Timeouts(device=5), retries=Retries(attempts=1))
    assert result.fault is not None
    assert (result.fault.fault_class, result.fault.phase) == (FaultClass.TIMEOUT, phase)
    assert result.fault.message == "the device's limit of 5 s is over"
