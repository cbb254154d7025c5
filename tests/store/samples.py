"""How a run begins and ends, for the tests of this folder and the programs they start."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from support.outcomes import STARTED

from collector.errors import Exit
from collector.store import RunEnd, RunHeader

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
