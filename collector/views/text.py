"""Outputs for people: a header line for each device and command, then the output as it came.

Owns the header line, which is made to be found by grep: ``== r1: show version ==``. Refuses to
touch an output: its bytes pass unchanged, whatever their encoding.
"""

from __future__ import annotations

from collector.log import one_line
from collector.model import CommandResult, CommandStatus, DeviceResult, Fault, Status


class Text:
    """The text view: nothing is held back."""

    def add(self, result: DeviceResult) -> bytes:
        """Show the device's outputs in the order they were asked for, its own fault last."""
        name = result.device.name
        asked, fault = told(result)
        parts = [_command(name, command) for command in asked]
        if fault is not None:
            parts.append(_header(name, "", result.status, fault) + b"\n")
        return b"".join(parts)

    def end(self) -> bytes:
        """Nothing was opened."""
        return b""


def told(result: DeviceResult) -> tuple[list[CommandResult], Fault | None]:
    """Give what there is to tell of a device: the commands that were asked, and its own fault.

    What was not asked has no output, and a device that is partial bears its first bad command's
    fault, which is told with that.
    """
    asked = [each for each in result.commands if each.status is not CommandStatus.SKIPPED]
    known = [command.fault for command in asked]
    return asked, None if result.fault in known else result.fault


def _command(name: str, result: CommandResult) -> bytes:
    header = _header(name, result.command, result.status, result.fault)
    output = result.output
    if output and not output.endswith(b"\n"):
        output += b"\n"
    return header + output + b"\n"


def _header(name: str, command: str, status: Status | CommandStatus, fault: Fault | None) -> bytes:
    title = f"== {name}: {one_line(command)} ==" if command else f"== {name} =="
    words = [status.value] if status != "ok" else []
    if fault is not None:
        said = describe(fault)
        words = [said] if words == [fault.fault_class.value] else [*words, said]
    if words:
        title += f" {': '.join(words)}"
    return f"{title}\n".encode()


def describe(fault: Fault) -> str:
    """Say class, phase and message in one line.

    >>> from collector.model import FaultClass, Phase
    >>> describe(Fault(fault_class=FaultClass.REFUSED, phase=Phase.CONNECT, message="no listener"))
    'refused (connect): no listener'
    """
    return f"{fault.fault_class} ({fault.phase}): {one_line(fault.message)}"
