"""What is shown of results: text, JSON, JSON lines, a table.

Owns the shapes that reach a person's screen or the next program's input. Refuses to know where the
bytes go, what a run is and how a result came to be. A view is fed one result at a time and gives
bytes back at once where its format allows, so a sweep of any size passes through.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Protocol

from collector.model import DeviceResult
from collector.views.rows import JsonArray, JsonLines
from collector.views.table import Table
from collector.views.text import Text

__all__ = ["Format", "View", "make_view"]


class Format(StrEnum):
    """The names of the formats, as given to ``--format``."""

    TEXT = "text"
    JSON = "json"
    JSONL = "jsonl"
    TABLE = "table"


class View(Protocol):
    """Turns results into bytes; call `add` for each and `end` once."""

    def add(self, result: DeviceResult) -> bytes:
        """Show one device's result, as far as the format can at this point."""
        ...

    def end(self) -> bytes:
        """Show what was held back, and close what was opened."""
        ...


_VIEWS: dict[Format, Callable[[], View]] = {
    Format.TEXT: Text,
    Format.JSON: JsonArray,
    Format.JSONL: JsonLines,
    Format.TABLE: Table,
}


def make_view(shape: Format) -> View:
    """Make a fresh view of that format."""
    return _VIEWS[shape]()
