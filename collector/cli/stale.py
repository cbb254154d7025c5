"""``collector stale``: the devices of an inventory without a good backup that is young enough."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from collector.cli.inventory import inventory_of
from collector.cli.options import (
    ConfigOption,
    FormatOption,
    InventoryOption,
    LimitOption,
    OutputOption,
    settings_of,
)
from collector.cli.streams import standard_output, tell
from collector.errors import Exit
from collector.log import counted, utc
from collector.views import Format

if TYPE_CHECKING:
    from collector.model import Device
    from collector.store import LastGood

EXAMPLES = """\b
Examples:
  collector stale --older 36h
  collector stale --older 7d --limit site=ams --format jsonl

\b
A run that proved a configuration good makes it young, whether it had changed or not. Devices that
have left the inventory are not told. Exit status: 0 none is stale, 3 some are."""

_HEADINGS = ("device", "last good", "age", "run")


def stale(
    older: Annotated[
        str, typer.Option("--older", metavar="AGE", help="How old a good backup may be: 36h, 7d.")
    ],
    *,
    inventory: InventoryOption = None,
    limit: LimitOption = None,
    output: OutputOption = None,
    shape: FormatOption = None,
    config: ConfigOption = None,
) -> int:
    """List the devices without a good backup that young, those never collected included."""
    from collector.backups.moments import age
    from collector.inventory import select
    from collector.store import last_good

    most, now = age(older, "--older"), datetime.now(UTC)
    flags = {"--output": ("output", output), "--inventory": ("inventory", inventory)}
    settings = settings_of(config, flags)
    known = last_good(settings.output)
    devices = select(inventory_of(settings).devices, limit or ())
    found = [(device, known.get(device.name)) for device in devices]
    old = [(device, good) for device, good in found if good is None or now - good.at > most]
    standard_output().write_text(_text(old, now, shape))
    if shape not in {Format.JSON, Format.JSONL}:
        some = f"{len(old)} of {counted(len(devices), 'device')}"
        tell(f"{some if old else 'no device'} without a good backup of the last {older}")
    return Exit.SOME_FAILED if old else Exit.OK


def _text(
    old: Sequence[tuple[Device, LastGood | None]], now: datetime, shape: Format | None
) -> str:
    from collector.views.rows import json_text
    from collector.views.table import columns

    if shape in {Format.JSON, Format.JSONL}:
        rows = [_row(device, good, now) for device, good in old]
        return json_text(rows, lines=shape is Format.JSONL)
    oldest_first = sorted(old, key=lambda each: each[1].at.timestamp() if each[1] else 0)
    return columns(_HEADINGS, [_cells(*each, now) for each in oldest_first]) if old else ""


def _row(device: Device, good: LastGood | None, now: datetime) -> dict[str, object]:
    return {
        "name": device.name,
        "last_good": utc(good.at) if good else None,
        "age_s": round((now - good.at).total_seconds()) if good else None,
        "run_id": good.run_id if good else None,
    }


def _cells(device: Device, good: LastGood | None, now: datetime) -> tuple[str, ...]:
    if good is None:
        return (device.name, "never", "-", "-")
    return (device.name, f"{good.at:%Y-%m-%dT%H:%M:%SZ}", _age(now - good.at), good.run_id)


def _age(age: timedelta) -> str:
    """Say a length of time in its two largest units.

    >>> _age(timedelta(days=2, hours=3, minutes=4)), _age(timedelta(minutes=59, seconds=1))
    ('2d 3h', '59m')
    """
    minutes = int(age.total_seconds()) // 60
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    if days:
        return f"{days}d {hours}h"
    return f"{hours}h {minutes}m" if hours else f"{minutes}m"
