"""How a run begins and ends, for the tests of this folder and the programs they start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from support import outcomes
from support.outcomes import STARTED

from collector.errors import Exit
from collector.model import Change
from collector.store import RunEnd, RunHeader, RunWriter

LATER = datetime(2026, 3, 31, 12, 0, tzinfo=UTC)
COMMAND = "show running-config"
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


async def stored(
    output: Path,
    days: float,
    texts: Mapping[str, bytes],
    *,
    ended: bool = True,
    change: Change | None = None,
) -> Path:
    """Write a run, so many days before LATER, in which each device gave its configuration."""
    head = replace(
        header(order=tuple(texts)),
        started=LATER - timedelta(days=days),
        commands={"linux": [COMMAND]},
    )
    async with await RunWriter.create(output, head) as writer:
        for name, text in texts.items():
            result = outcomes.result(name, outcomes.good(COMMAND, text))
            await writer.write(replace(result, change=change))
        if ended:
            await writer.finish(end())
        return writer.folder
