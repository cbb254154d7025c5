"""What earlier runs have stored: the size of each last good output.

Owns the walk back through the run folders, newest first, for as long as something is missing: it
reads no journal and no output, so that a run which did not ask costs next to nothing. Refuses to
know what a size is used for.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

from collector.errors import InputError
from collector.store.names import command_files
from collector.store.outputs import DEVICES
from collector.store.past import newest_first, read_run

Sizes = Mapping[str, Mapping[str, int]]


def last_good_sizes(output: Path, wanted: Mapping[str, Iterable[str]]) -> Sizes:
    """Give the bytes of each wanted output's last good copy: device -> command -> bytes.

    A good output is one that has a file, and there is no bound on how far back it may be. What was
    never good, or is kept no more, is left out.
    """
    missing = {device: set(commands) for device, commands in wanted.items()}
    found: dict[str, dict[str, int]] = {}
    for run in newest_first(output):
        missing = {device: commands for device, commands in missing.items() if commands}
        if not missing:
            break
        for device, command, size in _sizes(run, missing):
            if command in missing[device]:
                missing[device].discard(command)
                found.setdefault(device, {})[command] = size
    return found


def _sizes(run: Path, missing: Mapping[str, Collection[str]]) -> Iterator[tuple[str, str, int]]:
    """Give device, command and bytes of each missing output that a run has."""
    folder = str(run / DEVICES)  # to make a path of each takes ten times as long as to ask for it
    present = [device for device in missing if os.path.isdir(f"{folder}/{device}")]
    if not present:
        return
    files = output_files(run)
    for device in present:
        for command in sorted(missing[device]):
            for file in sorted(files.get(command, ())):
                size = file_size(f"{folder}/{device}/{file}")
                if size is not None:
                    yield device, command, size


def output_files(run: Path) -> Mapping[str, Collection[str]]:
    """Give what each command's file may be called: its platform decides, where they differ.

    Empty for a run whose head cannot be read: it proves nothing.
    """
    files: dict[str, set[str]] = {}
    try:
        asked = read_run(run).get("commands", {})
        for commands in asked.values():
            for command, file in zip(commands, command_files(commands), strict=True):
                files.setdefault(command, set()).add(file)
    except (InputError, AttributeError, TypeError):
        return {}
    return files


def file_size(path: str | Path) -> int | None:
    """Give the bytes of a file; None where there is none, or something else is in its place."""
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None
