"""Results to be shown: what the tests of the views share."""

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


def device(name: str) -> Device:
    """Make a device that differs by its name only."""
    return Device(name=name, host="127.0.0.1", platform="cisco_iosxe", credential="lab")


def good(name: str, **outputs: bytes) -> DeviceResult:
    """Make a good result; a keyword ``show_version`` is the command ``show version``."""
    commands = tuple(
        CommandResult(
            command=key.replace("_", " "), status=CommandStatus.OK, output=output, duration=0.25
        )
        for key, output in outputs.items()
    )
    return DeviceResult(
        device=device(name), status=Status.OK, started=STARTED, duration=1.5, commands=commands
    )


def refused(name: str) -> DeviceResult:
    """Make the result of a device that was never reached."""
    return DeviceResult(
        device=device(name), status=Status.FAILED, started=STARTED, duration=0.1, fault=REFUSED
    )


def partial(name: str) -> DeviceResult:
    """Make the result of a device that denied one of two commands; as the engine has it, the
    device's fault is its first command's."""
    commands = (
        CommandResult(command="show version", status=CommandStatus.OK, output=b"IOS\n"),
        CommandResult(command="show nonsense", status=CommandStatus.REJECTED, fault=DENIED),
    )
    return DeviceResult(
        device=device(name),
        status=Status.PARTIAL,
        started=STARTED,
        duration=2.0,
        commands=commands,
        fault=DENIED,
    )
