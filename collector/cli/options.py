"""The options that more than one command has, said once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from collector.views import Format

InventoryOption = Annotated[
    str | None,
    typer.Option(
        "--inventory",
        "-i",
        metavar="FILE",
        help="The inventory: the path as given, or else in inventory/.",
    ),
]
ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="The configuration; ./config.yaml if it exists."),
]
OutputOption = Annotated[
    str | None,
    typer.Option("--output", "-o", metavar="DIR", help="The folder that runs are stored in."),
]
LimitOption = Annotated[
    list[str] | None,
    typer.Option(
        "--limit",
        "-l",
        metavar="WHICH",
        help="Only these devices: a name or glob, group:NAME, TAG=VALUE, KEY=VALUE with a key of"
        " the inventory (host, platform, transport, ssh_profile, credential, jump), or @FILE. A"
        " comma is 'or', a second --limit 'and', '!' before it 'not': see docs/selecting.md.",
    ),
]
FormatOption = Annotated[
    Format | None,
    typer.Option("--format", "-f", help="How data is printed.", case_sensitive=False),
]
