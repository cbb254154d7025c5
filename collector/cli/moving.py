"""``collector import oxidized|rancid``: the devices and the history of another collector."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from collector.cli.options import ConfigOption, OutputOption, settings_of
from collector.cli.streams import standard_output, tell
from collector.errors import InputError
from collector.log import counted, one_line

if TYPE_CHECKING:
    from collector.backups.moving import Moved
    from collector.inventory.foreign import Foreign
    from collector.settings import Settings

app = typer.Typer(help="Move in: take over the devices and the history of another collector.")

PathArgument = Annotated[Path, typer.Argument(metavar="PATH", help="Its folder; only read.")]
TargetOption = Annotated[
    Path | None,
    typer.Option(
        "--inventory", "-i", metavar="FILE", help="The inventory to write; never one that is there."
    ),
]
NoHistoryOption = Annotated[
    bool, typer.Option("--no-history", help="Write the inventory, and leave the backups alone.")
]


@app.command("oxidized")
def oxidized(
    path: PathArgument,
    inventory: TargetOption = None,
    no_history: NoHistoryOption = False,
    output: OutputOption = None,
    config: ConfigOption = None,
) -> None:
    """Read Oxidized's config and its list of nodes, and go on with its git repository."""
    from collector.inventory.oxidized import read_oxidized

    _move_in(read_oxidized(path), inventory, output, config, history=not no_history)


@app.command("rancid")
def rancid(
    path: PathArgument,
    *,
    inventory: TargetOption = None,
    cloginrc: Annotated[
        Path | None,
        typer.Option(
            "--cloginrc",
            metavar="FILE",
            help="Who logs in, and how; else .cloginrc in PATH or in the two folders above it.",
        ),
    ] = None,
    no_history: NoHistoryOption = False,
    output: OutputOption = None,
    config: ConfigOption = None,
) -> None:
    """Read the router.db of RANCID's groups, and go on with its configs folders."""
    from collector.inventory.rancid import read_rancid

    _move_in(read_rancid(path, cloginrc), inventory, output, config, history=not no_history)


def _move_in(
    foreign: Foreign,
    inventory: Path | None,
    output: str | None,
    config: Path | None,
    *,
    history: bool,
) -> None:
    from collector.inventory.foreign import inventory_text

    settings = settings_of(config, {"--output": ("output", output or None)})
    target = inventory or Path("inventory") / f"{foreign.collector}.yaml"
    if os.path.lexists(target):
        raise InputError(f"{target}: it is there already, and is not overwritten")
    _check(foreign)
    text, variables = inventory_text(foreign)
    if history:
        _take_history(foreign, settings)
    _write(target, text)
    _tell(foreign)
    count = sum(device.is_usable and not device.off for device in foreign.devices)
    standard_output().write_text(f"{target}: {counted(count, 'device')}\n")
    if variables:
        standard_output().write_text(f"set: {' '.join(variables)}\n")


def _check(foreign: Foreign) -> None:
    """Refuse what would be no inventory: no device, or a name that is there twice."""
    names = Counter(each.name for each in foreign.devices if each.is_usable and not each.off)
    twice = sorted(name for name, count in names.items() if count > 1)
    if not names:
        raise InputError(f"{foreign.collector}: no device that could be collected from")
    if twice:
        raise InputError(*(f"{foreign.collector}: {name!r} is there twice" for name in twice))


def _take_history(foreign: Foreign, settings: Settings) -> None:
    from collector.backups.moving import begin_history
    from collector.store.pruning import held

    moved = _moved(foreign, settings)
    missing = sorted({str(each.source) for each in moved if not each.source.is_dir()})
    if missing:
        lines = (f"{place}: not there, for its history (or --no-history)" for place in missing)
        raise InputError(*lines)
    settings.output.mkdir(mode=0o700, parents=True, exist_ok=True)
    with held(settings.output, f"collector import {foreign.collector}"):
        work = begin_history(settings.output, settings.backups, moved, foreign.collector)
        begun = asyncio.run(work)
    stay = f", {counted(begun.others, 'other')} as they were" if begun.others else ""
    standard_output().write_text(
        f"{settings.output / 'configs'}: {counted(len(begun.paths), 'file')}{stay}, with "
        f"{counted(begun.commits, 'commit')} before them\n"
    )


def _moved(foreign: Foreign, settings: Settings) -> Sequence[Moved]:
    from collector.backups.moving import Moved
    from collector.backups.paths import backup_files

    template = settings.backups.path
    if "{command}" in template:
        raise InputError(
            f"backups.path: {template}: a file of {foreign.collector} is of no one command: leave "
            "{command} out of it, or --no-history"
        )
    return [
        Moved(
            source=device.repository,
            file=device.file,
            path=backup_files(template, foreign.device(device), ("",))[0].path,
        )
        for device in foreign.devices
        if device.is_usable
    ]


def _write(target: Path, text: str) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise InputError(f"{target}: {error.strerror or error}") from error


def _tell(foreign: Foreign) -> None:
    for remark in foreign.remarks:
        tell(f"collector: {one_line(remark)}")
    for device in foreign.devices:
        if not device.is_usable:
            tell(f"collector: {one_line(device.name)}: left out: no usable name or host")
    for model, count in sorted(foreign.unknown_models().items()):
        said = one_line(model) or "none"
        tell(f"collector: model {said}: not known: {counted(count, 'device')} as generic")
