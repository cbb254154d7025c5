"""``collector inventory list|check``: what an inventory says, and whether it can be used."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from collector.cli.options import (
    ConfigOption,
    FormatOption,
    InventoryOption,
    LimitOption,
    settings_of,
)
from collector.cli.streams import standard_output, tell
from collector.log import counted, one_line
from collector.views import Format

if TYPE_CHECKING:
    from collector.inventory import Inventory
    from collector.platforms import Platform
    from collector.settings import Settings

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
    from collector.views.devices import device_row, device_table
    from collector.views.rows import json_text

    devices = select(read_inventory(inventory, config).devices, limit or ())
    if shape in {Format.JSON, Format.JSONL}:
        rows = [device_row(device) for device in devices]
        text = json_text(rows, lines=shape is Format.JSONL)
    else:
        text = device_table(devices)
    standard_output().write_text(text)


@app.command("check")
def check(inventory: InventoryOption = None, config: ConfigOption = None) -> None:
    """Check the configuration, the inventory, and its secrets as far as that needs no fetching."""
    from collector.credentials import Credentials
    from collector.inventory import check_inventory

    path, known = _find(settings_with(inventory, config))
    read, warnings = check_inventory(path, known_platforms=known)
    used = frozenset(name for device in read.devices for name in device.credentials)
    Credentials(read.credentials, os.environ).examine(used)
    for warning in warnings:
        tell(f"collector: warning: {one_line(warning)}")
    groups = {group for device in read.devices for group in device.groups}
    counts = (
        counted(len(read.devices), "device"),
        counted(len(groups), "group"),
        *([counted(len(read.jumps), "jump host")] if read.jumps else []),
        counted(len(used), "credential"),
    )
    standard_output().write_text(f"{read.source}: {', '.join(counts)}: good\n")


def read_inventory(name: str | None, config: Path | None) -> Inventory:
    """Read the inventory of that name, or else the one the settings name."""
    return inventory_of(settings_with(name, config))


def settings_with(inventory: str | None, config: Path | None) -> Settings:
    """Load the settings, with another inventory where one is named."""
    return settings_of(config, {"--inventory": ("inventory", inventory)})


def inventory_of(settings: Settings) -> Inventory:
    """Read the inventory that settings name, which were loaded before."""
    from collector.inventory import load_inventory

    path, known = _find(settings)
    return load_inventory(path, known_platforms=known)


def _find(settings: Settings) -> tuple[Path, Mapping[str, Platform]]:
    from collector.collect import platforms_of
    from collector.inventory import find_inventory

    return find_inventory(settings.inventory), platforms_of(settings)
