"""Results and runs to store, for the tests of this folder and the programs they start."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from collector.errors import Exit
from collector.model import (
    CommandResult,
    CommandStatus,
    Device,
    DeviceResult,
    Fault,
    FaultClass,
    Phase,
    Status,
)
from collector.store import RunEnd, RunHeader

STARTED = datetime(2026, 3, 1, 7, 5, 9, tzinfo=UTC)
FINISHED = datetime(2026, 3, 1, 7, 5, 12, 500_000, tzinfo=UTC)


def header(order: Sequence[str] = (), command: str = "collector run") -> RunHeader:
    return RunHeader(
        started=STARTED,
        job="backup",
        versions={"collector": "0.1.0", "python": "3.11.7"},
        settings_digest="5e" * 32,
        inventory_digest="1d" * 32,
        selection={"limit": ["site=ams"], "devices": 3},
        order=order,
        command=command,
    )


def end(exit_status: int = Exit.OK, *, interrupted: bool = False) -> RunEnd:
    return RunEnd(finished=FINISHED, duration=3.5, exit_status=exit_status, interrupted=interrupted)


def fault(
    fault_class: FaultClass = FaultClass.TIMEOUT,
    phase: Phase = Phase.COMMAND,
    message: str = "no answer in 60 s",
) -> Fault:
    return Fault(fault_class=fault_class, phase=phase, message=message, hint="raise timeouts")


def good(command: str, output: bytes) -> CommandResult:
    return CommandResult(command=command, status=CommandStatus.OK, output=output, duration=0.25)


def rejected(command: str, evidence: bytes = b"% Invalid input\n") -> CommandResult:
    return CommandResult(
        command=command,
        status=CommandStatus.REJECTED,
        fault=fault(FaultClass.REJECTED, message="the device refused it"),
        evidence=evidence,
    )


def result(
    name: str,
    *commands: CommandResult,
    status: Status = Status.OK,
    why: Fault | None = None,
    evidence: bytes = b"",
) -> DeviceResult:
    device = Device(
        name=name, host="127.0.0.1", port=2201, platform="linux", credential="lab", groups=("ams",)
    )
    return DeviceResult(
        device=device,
        status=status,
        started=STARTED,
        duration=1.5,
        commands=commands,
        fault=why,
        evidence=evidence,
    )
