"""Results as the engine gives them, for the tests of what is done with them."""

from __future__ import annotations

from datetime import UTC, datetime

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

STARTED = datetime(2026, 3, 1, 7, 5, 9, tzinfo=UTC)
REFUSED = Fault(
    fault_class=FaultClass.REFUSED,
    phase=Phase.CONNECT,
    message="nobody listens on 127.0.0.1:2207",
    hint="check that SSH is switched on",
)
DENIED = Fault(
    fault_class=FaultClass.REJECTED, phase=Phase.COMMAND, message="% Invalid input detected"
)


def fault(
    fault_class: FaultClass = FaultClass.TIMEOUT,
    phase: Phase = Phase.COMMAND,
    message: str = "no answer in 60 s",
) -> Fault:
    """Make a fault with a hint."""
    return Fault(fault_class=fault_class, phase=phase, message=message, hint="raise timeouts")


def good(command: str, output: bytes) -> CommandResult:
    """Make the whole output of a command."""
    return CommandResult(command=command, status=CommandStatus.OK, output=output, duration=0.25)


def rejected(command: str, evidence: bytes = b"% Invalid input\n") -> CommandResult:
    """Make the result of a command that the device refused, with what it said as evidence."""
    return CommandResult(
        command=command,
        status=CommandStatus.REJECTED,
        fault=DENIED,
        evidence=evidence,
    )


def result(
    name: str,
    *commands: CommandResult,
    status: Status = Status.OK,
    why: Fault | None = None,
    evidence: bytes = b"",
) -> DeviceResult:
    """Make the result of a device that differs from others by its name only."""
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


def answered(name: str, **outputs: bytes) -> DeviceResult:
    """Make a good result; a keyword ``show_version`` is the command ``show version``."""
    return result(name, *(good(key.replace("_", " "), text) for key, text in outputs.items()))


def refused(name: str) -> DeviceResult:
    """Make the result of a device that was never reached."""
    return result(name, status=Status.FAILED, why=REFUSED)


def partial(name: str) -> DeviceResult:
    """Make the result of a device that denied one of two commands; as the engine has it, the
    device's fault is its first command's."""
    commands = (good("show version", b"IOS\n"), rejected("show nonsense"))
    return result(name, *commands, status=Status.PARTIAL, why=DENIED)
