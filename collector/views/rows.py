"""Results for programs: one JSON object for each command output.

Owns the names of the keys; where the manifest has the same thing it has the same name. An output
that is not UTF-8 has U+FFFD in place of each byte that cannot be read, and its ``encoding`` says
so; the stored file keeps the bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from collector.log import utc
from collector.model import CommandResult, DeviceResult, Fault
from collector.views.text import told


class JsonLines:
    """An object a line, each complete in itself."""

    def add(self, result: DeviceResult) -> bytes:
        """Show a line for each command; a device's own fault has one line more."""
        return b"".join(_encode(row) + b"\n" for row in rows(result))

    def end(self) -> bytes:
        """Nothing was opened."""
        return b""


class JsonArray:
    """One array of the same objects, written as they come."""

    def __init__(self) -> None:
        self._opened = False

    def add(self, result: DeviceResult) -> bytes:
        """Show the device's objects as the next items of the array."""
        return b"".join(self._separator() + _encode(row) for row in rows(result))

    def end(self) -> bytes:
        """Close the array; an empty sweep is an empty array."""
        return b"\n]\n" if self._opened else b"[]\n"

    def _separator(self) -> bytes:
        opened, self._opened = self._opened, True
        return b",\n" if opened else b"[\n"


def rows(result: DeviceResult) -> Iterator[dict[str, object]]:
    """Give an object for each command asked; a device's own fault has one more, of no command."""
    device = {
        "device": result.device.name,
        "host": result.device.host,
        "platform": result.device.platform,
        "started": utc(result.started),
    }
    asked, fault = told(result)
    for command in asked:
        yield device | _command_row(command)
    if fault is not None or not asked:
        yield device | {
            "command": None,
            "status": result.status,
            **_fault_row(fault),
            "encoding": None,
            "bytes": 0,
            "duration_s": round(result.duration, 3),
            "output": "",
        }


def _command_row(result: CommandResult) -> dict[str, object]:
    return {
        "command": result.command,
        "status": result.status,
        **_fault_row(result.fault),
        "encoding": result.encoding,
        "bytes": len(result.output),
        "duration_s": round(result.duration, 3),
        "output": result.output.decode(errors="replace"),
    }


def _fault_row(fault: Fault | None) -> dict[str, object]:
    if fault is None:
        return {"class": None, "phase": None, "message": None}
    return {"class": fault.fault_class, "phase": fault.phase, "message": fault.message}


def _encode(row: dict[str, object]) -> bytes:
    return json.dumps(row, ensure_ascii=False).encode(errors="backslashreplace")
