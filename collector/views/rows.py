"""Results for programs: one JSON object for each command output.

Owns the names of the keys, and how objects are joined to an array or to lines. What the manifest
has as well is called as there: ``name`` is the device's, ``run_id`` a run's. An output that is not
UTF-8 has U+FFFD for each byte that cannot be read, and its ``encoding`` says so; the stored file
keeps the bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping

from collector.log import utc
from collector.model import CommandResult, DeviceResult, Fault
from collector.views.text import told


class JsonLines:
    """An object a line, each complete in itself."""

    def add(self, result: DeviceResult) -> bytes:
        """Show a line for each command; a device's own fault has one line more."""
        return "".join(json_lines(rows(result))).encode(errors="backslashreplace")

    def end(self) -> bytes:
        """Nothing was opened."""
        return b""


class JsonArray:
    """One array of the same objects, written as they come."""

    def __init__(self) -> None:
        self._array = _Array()

    def add(self, result: DeviceResult) -> bytes:
        """Show the device's objects as the next items of the array."""
        return "".join(map(self._array.item, rows(result))).encode(errors="backslashreplace")

    def end(self) -> bytes:
        """Close the array; an empty sweep is an empty array."""
        return self._array.end().encode()


class _Array:
    """The text of a JSON array, an item a line."""

    def __init__(self) -> None:
        self._before = "[\n"

    def item(self, row: Mapping[str, object]) -> str:
        before, self._before = self._before, ",\n"
        return before + _line(row)

    def end(self) -> str:
        return "[]\n" if self._before == "[\n" else "\n]\n"


def json_array(rows: Iterable[Mapping[str, object]]) -> Iterator[str]:
    r"""Write objects of any kind as one array, as they come.

    >>> "".join(json_array([{"a": 1}, {"b": "ü"}]))
    '[\n{"a": 1},\n{"b": "ü"}\n]\n'
    >>> "".join(json_array([]))
    '[]\n'
    """
    array = _Array()
    yield from map(array.item, rows)
    yield array.end()


def json_lines(rows: Iterable[Mapping[str, object]]) -> Iterator[str]:
    r"""Write objects of any kind, one a line, as they come.

    >>> [*json_lines([{"a": 1}, {"b": 2}])]
    ['{"a": 1}\n', '{"b": 2}\n']
    """
    return (_line(row) + "\n" for row in rows)


def json_text(rows: Iterable[Mapping[str, object]], *, lines: bool) -> str:
    """Give objects of any kind as one array, or as one object a line."""
    return "".join(json_lines(rows) if lines else json_array(rows))


def rows(result: DeviceResult) -> Iterator[dict[str, object]]:
    """Give an object for each command asked; a device's own fault has one more, of no command."""
    device = {
        "name": result.device.name,
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


def _line(row: Mapping[str, object]) -> str:
    return json.dumps(row, ensure_ascii=False)
