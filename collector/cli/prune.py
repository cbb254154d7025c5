"""``collector prune``: old runs are removed, and the files of devices that have left."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from collector.cli.inventory import inventory_of
from collector.cli.options import (
    ConfigOption,
    FormatOption,
    InventoryOption,
    OutputOption,
    settings_of,
)
from collector.cli.streams import standard_output, tell
from collector.errors import Exit, InputError
from collector.log import counted, one_line
from collector.views import Format

if TYPE_CHECKING:
    from collector.backups.departing import Departed
    from collector.model import Device
    from collector.settings import Settings
    from collector.store.retention import Doomed, Pruning

EXAMPLES = """\b
Examples:
  collector prune --keep-runs 30 --keep-days 90 --dry-run
      say what would go: all but the newest 30 runs and those of the last 90 days
  collector prune
      the same for good, with the numbers of retention: in config.yaml
  collector prune --devices
      also remove the files in configs/ of devices that have left the inventory; their history stays

\b
Never removed: the last good copy of an output, and the newest run that ended.
Exit status: 0 done, 2 nothing says what is to be kept, 6 something could not be removed, 75 a run
holds the output folder."""

_HEADINGS = ("run", "age", "state", "fate", "files", "bytes")


def prune(
    *,
    keep_runs: Annotated[
        int | None,
        typer.Option("--keep-runs", metavar="N", min=0, help="Keep the newest N runs."),
    ] = None,
    keep_days: Annotated[
        float | None,
        typer.Option("--keep-days", metavar="D", min=0, help="Keep runs younger than D days."),
    ] = None,
    devices: Annotated[
        bool,
        typer.Option(
            "--devices", help="Remove the files in configs/ of devices not in the inventory."
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be removed, and stop.")
    ] = False,
    inventory: InventoryOption = None,
    output: OutputOption = None,
    shape: FormatOption = None,
    config: ConfigOption = None,
) -> int:
    """Remove stored runs that are old, but for their last good copies."""
    settings = _settings(config, output, inventory, keep_runs, keep_days)
    retention = settings.retention
    if not (retention.runs or retention.days or devices):
        raise InputError(
            "nothing says which runs are kept, so none is removed: give --keep-runs or "
            "--keep-days, or set retention: in config.yaml"
        )
    present = inventory_of(settings).devices if devices else None
    if not settings.output.is_dir():
        raise InputError(f"{settings.output}: no such folder")
    if dry_run:
        _work(settings, present, shape, dry_run=True)
        return Exit.OK
    from collector.store.pruning import held

    with held(settings.output, " ".join(("collector", *sys.argv[1:]))):
        _work(settings, present, shape, dry_run=False)
    return Exit.OK


def _settings(
    config: Path | None,
    output: str | None,
    inventory: str | None,
    runs: int | None,
    days: float | None,
) -> Settings:
    return settings_of(
        config,
        {
            "--output": ("output", output or None),
            "--inventory": ("inventory", inventory),
            "--keep-runs": ("retention.runs", runs),
            "--keep-days": ("retention.days", days),
        },
    )


def _work(
    settings: Settings, present: Sequence[Device] | None, shape: Format | None, *, dry_run: bool
) -> None:
    """Say what goes, then remove it: what is said is what was planned, whatever comes after."""
    from collector.store.retention import Pruning, plan_pruning
    from collector.views.rows import json_text
    from collector.views.table import columns

    now = datetime.now(UTC)
    plan = Pruning(doomed=(), whole=0, unread=())
    if settings.retention.runs or settings.retention.days:
        plan = plan_pruning(settings.output, settings.retention, now)
    departed = _departed(settings, present)
    _tell(plan, departed)
    rows = [_row(doomed, now) for doomed in plan.doomed]
    files = departed.files if departed else ()
    if shape in {Format.JSON, Format.JSONL}:
        named: list[dict[str, object]] = [
            {"name": name, "file": path, "fate": "removed"} for name, path in files
        ]
        text = json_text([*rows, *named], lines=shape is Format.JSONL)
    else:
        text = columns(_HEADINGS, [_cells(row) for row in rows]) if rows else ""
        text += "".join(f"left the inventory: {name} ({path})\n" for name, path in files)
    standard_output().write_text(text)
    if not dry_run:
        _remove(settings, plan, departed)
    if shape not in {Format.JSON, Format.JSONL}:
        standard_output().write_text(_summary(settings, plan, departed, dry_run=dry_run))


def _departed(settings: Settings, present: Sequence[Device] | None) -> Departed | None:
    if present is None:
        return None
    from collector.backups.departing import departed

    return asyncio.run(departed(settings.output, settings.backups, present))


def _remove(settings: Settings, plan: Pruning, departed: Departed | None) -> None:
    from collector.backups.departing import remove_departed
    from collector.store.pruning import count_before_pruning
    from collector.store.pruning import prune as prune_run

    if plan.doomed:
        count_before_pruning(settings.output)
    for doomed in plan.doomed:
        prune_run(settings.output, doomed)
    if departed and departed.files:
        asyncio.run(remove_departed(settings.output, settings.backups, departed))


def _tell(plan: Pruning, departed: Departed | None) -> None:
    for line in plan.unread:
        tell(f"collector: kept, because it cannot be read: {one_line(line)}")
    for doomed in plan.doomed:
        if doomed.resumable:
            tell(f"collector: {doomed.folder.name} is {doomed.state}: it cannot be resumed then")
    for path in departed.edited if departed else ():
        tell(f"collector: configs/{one_line(path)}: kept: it was edited by hand")


def _row(doomed: Doomed, now: datetime) -> dict[str, object]:
    age = (now - doomed.started).total_seconds() if doomed.started else None
    return {
        "run_id": doomed.folder.name,
        "age_s": None if age is None else round(age),
        "state": doomed.state,
        "fate": doomed.fate.value,
        "files": doomed.files,
        "bytes": doomed.size,
        "kept": sorted(doomed.kept),
    }


def _cells(row: dict[str, object]) -> tuple[str, ...]:
    seconds = row["age_s"]
    age = _age(seconds) if isinstance(seconds, int) else ""
    return (
        str(row["run_id"]),
        age,
        str(row["state"]),
        str(row["fate"]),
        str(row["files"]),
        str(row["bytes"]),
    )


def _age(seconds: int) -> str:
    """Say an age in its largest unit.

    >>> _age(86_400 * 91), _age(7_300), _age(30)
    ('91d', '2h', '0m')
    """
    for unit, length in (("d", 86_400), ("h", 3_600)):
        if seconds >= length:
            return f"{seconds // length}{unit}"
    return f"{seconds // 60}m"


def _summary(settings: Settings, plan: Pruning, departed: Departed | None, *, dry_run: bool) -> str:
    would = "would be " if dry_run else ""
    lines = []
    if settings.retention.runs or settings.retention.days:
        gone = counted(len(plan.doomed), "run")
        size = sum(doomed.size for doomed in plan.doomed)
        lines.append(f"{gone} {would}pruned, {size} bytes {would}freed; {plan.whole} kept whole")
    if departed is not None:
        lines.append(f"{counted(len(departed.names), 'device')} {would}removed from configs/")
    return "".join(f"{line}\n" for line in lines)
