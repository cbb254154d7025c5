"""The options that more than one command has, said once, and the settings that they change."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Final

import typer

from collector.views import Format

if TYPE_CHECKING:
    from collector.settings import Settings

_NO_FLAGS: Final[Mapping[str, tuple[str, object]]] = MappingProxyType({})

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


def settings_of(
    config: Path | None, flags: Mapping[str, tuple[str, object]] = _NO_FLAGS
) -> Settings:
    """Load the configuration, and over it what flags say: by flag the key and its value.

    A flag whose value is None was not given.
    """
    from collector.settings import Override, load_settings

    overrides = {
        key: Override(value=value, label=label)
        for label, (key, value) in flags.items()
        if value is not None
    }
    return load_settings(config, os.environ, overrides)
