"""``collector timings``: how long commands took in stored runs, and what time limits fit them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from collector.cli.options import (
    ConfigOption,
    FormatOption,
    InventoryOption,
    LimitOption,
    OutputOption,
    settings_of,
)
from collector.cli.streams import standard_output, tell
from collector.errors import Exit, InputError
from collector.log import counted, one_line
from collector.views import Format

if TYPE_CHECKING:
    from collector.collect.timings import Suggestion, Timing
    from collector.store import PastRun

RUNS = 10

EXAMPLES = """\b
Examples:
  collector timings
      by platform and command, over the newest 10 runs that have ended
  collector timings --since 30d --limit platform=cisco_iosxe --format jsonl

\b
Counted are whole answers; near: over 80% of the limit of the device; late: not within it. The line
without a command is all the rest: connecting, logging in, what lies between commands. A limit is
suggested from 20 answers on: 3 times what 99 of 100 keep to, twice the longest, 10 s at least.
Exit status: 0 nothing was near its limit, 3 something was or was late, 2 there is no run."""

_HEADINGS = (
    *("platform", "command", "answers", "median", "p95", "max", "near", "late", "limit"),
    "suggested",
)


def timings(
    *,
    runs: Annotated[
        int | None,
        typer.Option("--runs", metavar="N", min=1, help="The newest N runs; 10 without --since."),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="AGE|DATE", help="How far back: 36h, 7d, 2026-03-01."),
    ] = None,
    inventory: InventoryOption = None,
    limit: LimitOption = None,
    output: OutputOption = None,
    shape: FormatOption = None,
    config: ConfigOption = None,
) -> int:
    """Say how long the commands of past runs took, and which time limits would fit."""
    from collector.cli.inventory import read_inventory
    from collector.collect import platforms_of
    from collector.collect.timings import suggestions
    from collector.collect.timings import timings as judged
    from collector.inventory import select

    settings = settings_of(config, {"--output": ("output", output)})
    devices = select(read_inventory(inventory, config).devices, limit or ())
    platforms, general = platforms_of(settings), settings.timeouts
    force = {
        name: {"connect": general.connect, "login": general.login, "command": general.command}
        | dict(platforms[name].timeouts)
        for name in {device.platform for device in devices}
    }
    chosen = list(_chosen(settings.output, runs, since))
    found = judged(
        chosen,
        devices,
        {name: limits["command"] for name, limits in force.items()},
        {name: limits["connect"] + limits["login"] for name, limits in force.items()},
    )
    standard_output().write_text(_text(found, shape))
    if shape not in {Format.JSON, Format.JSONL}:
        _advise(found, list(suggestions(found)), len(chosen))
    return Exit.SOME_FAILED if any(one.is_tight for one in found) else Exit.OK


def _chosen(output: Path, runs: int | None, since: str | None) -> Iterator[PastRun]:
    """Give the runs to be read; raises InputError where there is none."""
    from collector.backups.moments import moment

    start = moment(since, "--since", datetime.now(UTC)) if since else None
    most = runs or (RUNS if start is None else None)
    found = list(itertools.islice(_ended(output, start), most))
    if not found:
        within = f" since {since}" if since else ""
        raise InputError(f"{output / 'runs'}: no run that has ended in this folder{within}")
    yield from found


def _ended(output: Path, start: datetime | None) -> Iterator[PastRun]:
    from collector.store import newest_first, past_run
    from collector.store.names import run_time

    for folder in newest_first(output):
        started = run_time(folder.name)
        if started is None or (start is not None and started < start):
            continue
        try:
            run = past_run(folder)
        except InputError as error:
            tell(f"collector: {one_line(str(error))}")
            continue
        if run.head:
            yield run


def _text(found: Iterable[Timing], shape: Format | None) -> str:
    from collector.views.rows import json_text
    from collector.views.table import columns

    if shape in {Format.JSON, Format.JSONL}:
        return json_text(map(_row, found), lines=shape is Format.JSONL)
    rows = [_cells(one) for one in found]
    return columns(_HEADINGS, rows) if rows else ""


def _row(one: Timing) -> dict[str, object]:
    return {
        "platform": one.platform,
        "command": one.command or None,
        "answers": one.answers,
        "median_s": _rounded(one.median),
        "p95_s": _rounded(one.p95),
        "max_s": _rounded(one.longest),
        "near": one.near,
        "late": one.late,
        "limit_s": one.limit,
        "suggested_s": one.suggested,
    }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def _cells(one: Timing) -> tuple[str, ...]:
    few = "too few" if one.command else "-"
    return (
        one.platform,
        one.command or "-",
        str(one.answers),
        *("-" if each is None else f"{each:.1f}" for each in (one.median, one.p95, one.longest)),
        str(one.near),
        str(one.late),
        f"{one.limit:g}",
        few if one.suggested is None else f"{one.suggested:g}",
    )


def _advise(found: Sequence[Timing], wanted: Sequence[Suggestion], runs: int) -> None:
    """Say on standard error what to write where; the table is the data."""
    tight = [one for one in found if one.is_tight]
    some = counted(len(tight), "command") if tight else "nothing"
    tell(f"{counted(runs, 'run')}: {some} near the limit or late")
    written = [each for each in wanted if each.seconds is not None]
    if written:
        tell("to write into config.yaml what is suggested, under platforms:")
    for each in written:
        tell(f"  {each.platform}: {{timeouts: {{command: {each.seconds:g}}}}}  # is {each.limit:g}")
