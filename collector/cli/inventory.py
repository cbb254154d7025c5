"""``collector inventory list|check``: what an inventory says, and whether it can be used."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from collector.cli.options import ConfigOption, FormatOption, InventoryOption, LimitOption
from collector.cli.streams import standard_output
from collector.views import Format

if TYPE_CHECKING:
    from collector.inventory import Inventory

app = typer.Typer(help="Look at an inventory without connecting to anything.")


@app.command("list")
def list_devices(
    inventory: InventoryOption = None,
    limit: LimitOption = None,
    shape: FormatOption = None,
    config: ConfigOption = None,
) -> None:
    """List the devices, with groups, tags and the name of the credential."""
    from collector.inventory import select
    from collector.views.devices import device_row, device_table, json_text

    devices = select(read_inventory(inventory, config).devices, limit or ())
    if shape in {Format.JSON, Format.JSONL}:
        rows = [device_row(device) for device in devices]
        text = json_text(rows, lines=shape is Format.JSONL)
    else:
        text = device_table(devices)
    standard_output().write_text(text)


@app.command("check")
def check(inventory: InventoryOption = None, config: ConfigOption = None) -> None:
    """Check the configuration, the inventory and that every secret it needs is set."""
    from collector.credentials import Credentials

    read = read_inventory(inventory, config)
    used = frozenset(device.credential for device in read.devices)
    Credentials(read.credentials, os.environ).check(used)
    groups = {group for device in read.devices for group in device.groups}
    counts = (
        _count(len(read.devices), "device"),
        _count(len(groups), "group"),
        _count(len(used), "credential"),
    )
    standard_output().write_text(f"{read.source}: {', '.join(counts)}: good\n")


def read_inventory(name: str | None, config: Path | None) -> Inventory:
    """Read the inventory of that name, or else the one the settings name."""
    from collector.inventory import find_inventory, load_inventory
    from collector.platforms import load_platforms
    from collector.settings import load_settings

    overrides = {"inventory": name} if name else {}
    settings = load_settings(config, os.environ, overrides)
    platforms = load_platforms(settings.platforms)
    return load_inventory(find_inventory(str(settings.inventory)), known_platforms=platforms)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
