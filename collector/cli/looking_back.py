"""``collector history|diff|show|changes``: what was, from the history of the backups and the runs.

None of them takes a lock or writes anything: a run may be at work.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
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
from collector.cli.streams import colourless, data_on_terminal, standard_output, tell
from collector.errors import InputError
from collector.log import one_line, utc
from collector.views import Format

if TYPE_CHECKING:
    from collector.backups.archive import Archive
    from collector.backups.chronicle import Deed
    from collector.backups.ownership import Ownership
    from collector.backups.past import Past
    from collector.model import DiffLine
    from collector.platforms import Platform
    from collector.settings import Settings
    from collector.store import LastGood

WHEN = """\b
RUN|REV|DATE: the id of a run, or latest; how long ago (90m, 36h, 7d, 2w) or a date (2026-03-01,
2026-03-01T14:00, of this machine's zone where it names none; a day is its first moment); or a
commit in git's words. It means the copy that was in force then."""

HISTORY = """\b
Examples:
  collector history ams-core1
  collector history ams-core1 --format jsonl | jq -r .run_id"""

DIFF = f"""\b
Examples:
  collector diff ams-core1
      what the newest version has changed
  collector diff ams-core1 --from 7d
      from what it was a week ago to the newest version
  collector diff ams-core1 --from 2026-03-01 --to 20260301T070509Z-1f9c3a --ignore-volatile
  collector diff ams-core1 | patch -R ams-core1.cfg

{WHEN}

\b
Exit status: 0, whether anything differs or not."""

SHOW = f"""\b
Examples:
  collector show ams-core1 > ams-core1.cfg
      the last good configuration, byte for byte
  collector show ams-core1 --at 7d
  collector show ams-core1 "show version" --at 20260301T070509Z-1f9c3a

{WHEN}"""

CHANGES = """\b
Examples:
  collector changes
      of the last seven days
  collector changes --since 2026-03-01 --limit site=ams"""

_HISTORY = ("when", "run", "change", "+", "-", "commit")
_CHANGES = ("device", "when", "change", "+", "-", "run")
_SHORT = 12  # digits of a commit
_WEEK = "7d"

DeviceArgument = Annotated[
    str,
    typer.Argument(metavar="DEVICE", help="Its name, or the path of its file in the history."),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Room:
    """What the commands of this file have open: the settings, the history, whose the files are."""

    settings: Settings
    archive: Archive
    known: Mapping[str, LastGood]
    ownership: Ownership

    @classmethod
    async def open(cls, output: str | None, config: Path | None) -> _Room:
        from collector.backups.archive import Archive
        from collector.backups.ownership import Ownership
        from collector.store import last_good

        settings = settings_for(output, config)
        archive = await Archive.open(settings.output, settings.backups)
        known = last_good(settings.output)
        ownership = Ownership(
            known=known, template=settings.backups.path, paths=await archive.files()
        )
        return cls(settings=settings, archive=archive, known=known, ownership=ownership)

    async def past(self, device: str) -> Past:
        from collector.backups.past import Past

        return await Past.of(self.archive, self.ownership, device)

    async def place(self, past: Past, word: str, label: str) -> int:
        return await past.place(word, label, self.settings.output, datetime.now(UTC))

    def platform(self, past: Past) -> Platform | None:
        """Give what is known of the device's network OS, where a run has said which that is."""
        from collector.collect import platforms_of

        good = self.known.get(past.name) or self.known.get(self.ownership.owner(past.files[0]))
        return platforms_of(self.settings).get(good.platform) if good else None


def settings_for(output: str | None, config: Path | None) -> Settings:
    """Read the settings, with another output folder where one is named."""
    return settings_of(config, {"--output": ("output", output)})


def history(
    device: DeviceArgument,
    *,
    output: OutputOption = None,
    shape: FormatOption = None,
    config: ConfigOption = None,
) -> None:
    """List the versions of a device's configuration, the newest first."""

    async def read() -> list[Deed]:
        from collector.backups.chronicle import Chronicle

        room = await _Room.open(output, config)
        past = await room.past(device)
        name = device if device in room.known else room.ownership.owner(past.files[0])
        chronicle = Chronicle(output=room.settings.output, ownership=room.ownership)
        return list(chronicle.deeds(past, of=name))

    deeds = asyncio.run(read())
    _print(deeds, shape, _HISTORY)


def diff(
    device: DeviceArgument,
    *,
    from_: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="RUN|REV|DATE", help="The older copy; the one before --to if missing."
        ),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="RUN|REV|DATE", help="The newer copy; the newest if missing."),
    ] = None,
    ignore_volatile: Annotated[
        bool,
        typer.Option("--ignore-volatile", help="Leave out what differs though nobody changed it."),
    ] = False,
    output: OutputOption = None,
    config: ConfigOption = None,
) -> None:
    """Show what differs between two versions of a device's configuration, with its section."""
    from collector.views.difference import show as shown

    lines = asyncio.run(_difference(device, from_, to, output, config, volatile=ignore_volatile))
    data, terminal = standard_output(), data_on_terminal()
    for line in shown(lines, terminal=terminal, coloured=not colourless()):
        data.write(line)


async def _difference(
    device: str,
    from_: str | None,
    to: str | None,
    output: str | None,
    config: Path | None,
    *,
    volatile: bool,
) -> list[DiffLine]:
    room = await _Room.open(output, config)
    past = await room.past(device)
    newer = 0 if to is None else await room.place(past, to, "--to")
    older = past.before(newer) if from_ is None else await room.place(past, from_, "--from")
    if from_ is None and older >= len(past.versions):
        tell(f"{one_line(device)}: there is no version before {_told(past, newer)}")
        return []
    before, after = await past.texts(older), await past.texts(newer)
    platform = room.platform(past)
    moments = _moment(past, older), _moment(past, newer)
    lines = list(_lines(before, after, moments, platform, volatile=volatile))
    if not lines:
        tell(
            f"{one_line(device)}: nothing differs between {_told(past, older)} and "
            f"{_told(past, newer)}"
        )
    return lines


def _lines(
    before: Mapping[str, bytes],
    after: Mapping[str, bytes],
    moments: tuple[str, str],
    platform: Platform | None,
    *,
    volatile: bool,
) -> Iterator[DiffLine]:
    from collector.backups.difference import difference
    from collector.platforms import Passages

    for old, new in _pairs(before, after):
        yield from difference(
            before.get(old, b""),
            after.get(new, b""),
            from_label=f"a/{old}\t{moments[0]}" if old in before else "/dev/null",
            to_label=f"b/{new}\t{moments[1]}" if new in after else "/dev/null",
            openers=platform.section_lines if platform else (),
            volatile=platform.volatile if platform and volatile else Passages(),
        )


def _pairs(before: Iterable[str], after: Iterable[str]) -> list[tuple[str, str]]:
    """Say which file is compared with which: a device's only one may have had another name."""
    one, other = list(before), list(after)
    if len(one) == 1 and len(other) == 1:
        return [(one[0], other[0])]
    return [(path, path) for path in sorted({*one, *other})]


def _told(past: Past, place: int) -> str:
    if place >= len(past.versions):
        return "the time before its first version"
    version = past.versions[place]
    return (
        f"{version.runs[0] if version.runs else version.commit[:_SHORT]} ({_moment(past, place)})"
    )


def _moment(past: Past, place: int) -> str:
    known = place < len(past.versions)
    return past.versions[place].at.strftime("%Y-%m-%d %H:%M:%S +0000") if known else ""


def show(
    device: DeviceArgument,
    command: Annotated[
        str | None,
        typer.Argument(metavar="[COMMAND]", help="A command of a run; else the configuration."),
    ] = None,
    *,
    at: Annotated[
        str | None,
        typer.Option("--at", metavar="RUN|REV|DATE", help="As it was then; the newest if missing."),
    ] = None,
    output: OutputOption = None,
    config: ConfigOption = None,
) -> None:
    """Print a stored configuration, or a stored output of a command, byte for byte."""
    if command is None:
        text = asyncio.run(_configuration(device, at, output, config))
    else:
        text = _stored(settings_for(output, config).output, device, command, at)
    standard_output().write(text)


async def _configuration(
    device: str, at: str | None, output: str | None, config: Path | None
) -> bytes:
    room = await _Room.open(output, config)
    past = await room.past(device)
    if len(past.files) > 1:
        raise InputError(
            f"{device} has several files: show one of them by its path: {', '.join(past.files)}"
        )
    if at is None:
        return await _newest(room, past)
    place = await room.place(past, at, "--at")
    for text in (await past.texts(place)).values():
        return text
    first = past.versions[-1]
    raise InputError(
        f"{device}: there was no backup of it then (the first is of {utc(first.at)}, "
        f"{first.runs[0] if first.runs else first.commit[:_SHORT]})"
    )


async def _newest(room: _Room, past: Past) -> bytes:
    """Read the last good copy: the file, or what it was last where it was removed."""
    from collector.backups.history import CONFIGS

    try:
        return (room.settings.output / CONFIGS / past.files[0]).read_bytes()
    except FileNotFoundError:
        place = 0
        while not (texts := await past.texts(place)):
            place += 1
        return next(iter(texts.values()))
    except OSError as error:
        raise InputError(f"{error.filename}: {error.strerror}") from error


def _stored(output: Path, device: str, command: str, at: str | None) -> bytes:
    from collector.store import last_good
    from collector.store.shelf import stored_output

    runs = _runs(output, at)
    path = stored_output(runs, device, command, known=last_good(output))
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error


def _runs(output: Path, at: str | None) -> Sequence[Path]:
    from collector.backups.moments import moment
    from collector.store import find_run, newest_first
    from collector.store.names import run_time

    if at is None:
        return newest_first(output)
    if at == "latest" or run_time(at) is not None:
        return [find_run(output, at).folder]
    until = moment(at, "--at", datetime.now(UTC))
    folders = ((folder, run_time(folder.name)) for folder in newest_first(output))
    return [folder for folder, started in folders if started is not None and started <= until]


def changes(
    *,
    since: Annotated[
        str,
        typer.Option("--since", metavar="AGE|DATE", help="How far back: 36h, 7d, 2026-03-01."),
    ] = _WEEK,
    limit: LimitOption = None,
    inventory: InventoryOption = None,
    output: OutputOption = None,
    shape: FormatOption = None,
    config: ConfigOption = None,
) -> None:
    """List what has changed in the configurations of all devices, the newest first."""
    from collector.backups.moments import moment

    start = moment(since, "--since", datetime.now(UTC))
    chosen = _selected(inventory, config, limit) if limit else None

    async def read() -> list[Deed]:
        from collector.backups.chronicle import Chronicle

        room = await _Room.open(output, config)
        chronicle = Chronicle(output=room.settings.output, ownership=room.ownership)
        return list(chronicle.deeds(await room.archive.since(start)))

    deeds = [each for each in asyncio.run(read()) if chosen is None or each.device in chosen]
    _print(deeds, shape, _CHANGES)


def _selected(inventory: str | None, config: Path | None, limit: Sequence[str]) -> frozenset[str]:
    from collector.cli.inventory import read_inventory
    from collector.inventory import select

    return frozenset(d.name for d in select(read_inventory(inventory, config).devices, limit))


def _print(deeds: Iterable[Deed], shape: Format | None, headings: Sequence[str]) -> None:
    from collector.views.rows import json_text
    from collector.views.table import columns

    if shape in {Format.JSON, Format.JSONL}:
        text = json_text([_row(deed) for deed in deeds], lines=shape is Format.JSONL)
    else:
        text = columns(headings, [_cells(deed, headings) for deed in deeds])
    standard_output().write_text(text)


def _row(deed: Deed) -> dict[str, object]:
    return {
        "name": deed.device,
        "at": utc(deed.at),
        "run_id": deed.run_id,
        "change": deed.change,
        "added": deed.added,
        "removed": deed.removed,
        "commit": deed.commit,
        "files": list(deed.files),
    }


def _cells(deed: Deed, headings: Sequence[str]) -> tuple[str, ...]:
    cells = {
        "device": deed.device,
        "when": f"{deed.at:%Y-%m-%dT%H:%M:%SZ}",
        "run": deed.run_id or "-",
        "change": deed.change,
        "+": str(deed.added),
        "-": str(deed.removed),
        "commit": deed.commit[:_SHORT],
    }
    return tuple(cells[heading] for heading in headings)
