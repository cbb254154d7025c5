"""A line for each device: what became of it, in columns.

Owns the layout of columns. A table's widths are known at its end only, so it holds one short row
for each device until then, and never an output.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from collector.log import one_line
from collector.model import CommandStatus, DeviceResult
from collector.views.text import describe

_HEADINGS = ("device", "status", "commands", "bytes", "seconds", "message")
_RIGHT = frozenset(
    {
        *("commands", "bytes", "seconds", "port", "+", "-"),
        *("answers", "median", "p95", "max", "near", "late", "limit", "suggested"),
    }
)


class Table:
    """The table view of results."""

    def __init__(self) -> None:
        self._rows: list[tuple[str, ...]] = []

    def add(self, result: DeviceResult) -> bytes:
        """Remember the device's row."""
        self._rows.append(_row(result))
        return b""

    def end(self) -> bytes:
        """Show the rows, sorted by device."""
        return columns(_HEADINGS, sorted(self._rows)).encode()


def columns(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Lay rows out under headings; numbers to the right, nothing but the last cell ragged.

    >>> print(columns(("device", "bytes"), [("r1", "5"), ("r10", "1024")]), end="")
    device  bytes
    r1          5
    r10      1024
    """
    lines = [tuple(headings), *(tuple(one_line(cell) for cell in row) for row in rows)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(headings))]
    shape = [
        f"{{:>{width}}}" if heading in _RIGHT else f"{{:<{width}}}"
        for heading, width in zip(headings, widths, strict=True)
    ]
    return "".join("  ".join(shape).format(*line).rstrip() + "\n" for line in lines)


def _row(result: DeviceResult) -> tuple[str, ...]:
    good = sum(command.status is CommandStatus.OK for command in result.commands)
    fault = result.first_fault
    return (
        result.device.name,
        result.status,
        f"{good}/{len(result.commands)}",
        str(sum(len(command.output) for command in result.commands)),
        f"{result.duration:.1f}",
        describe(fault) if fault is not None else "",
    )
