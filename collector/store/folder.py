"""A run folder opened for writing: made new, or taken up again; its output folder locked.

Owns the order of the first steps. A new folder gets its name when it has all it needs to be resumed
from, so that one with a name always has a ``run.json`` and a journal. Refuses to know of results.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from collector.errors import InputError
from collector.store.files import (
    FOLDER_MODE,
    SharedFlush,
    flush_folder,
    is_leftover,
    make_folder,
    write_file,
)
from collector.store.journal import JOURNAL, Journal
from collector.store.lock import Holder, OutputLock
from collector.store.manifest import MANIFEST
from collector.store.names import run_name
from collector.store.outputs import DEVICES, FAILURES
from collector.store.past import RUN_FILE, RUNS, read_run
from collector.store.rows import RunFile, RunHeader, encode, resumed, run_file

_TOKEN_BYTES = 3
_TRIES = 16
_UNBORN = ".new-"  # before the name of a run folder that is still being made


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFolder:
    """An open run folder; ``opened`` closes all of it: lock, journal, the folder of devices."""

    path: Path
    row: RunFile
    journal: Journal
    devices: SharedFlush
    opened: ExitStack


def new_folder(output: Path, header: RunHeader) -> RunFolder:
    """Lock ``output`` and make a run folder in it; `LockedError` or `OSError` when not."""
    output.parent.mkdir(parents=True, exist_ok=True)
    make_folder(output)
    with ExitStack() as opened:
        _lock(output, header, opened)
        runs = output / RUNS
        if make_folder(runs):
            flush_folder(output)
        _remove_unborn(runs)
        name = _free_name(runs, header.started)
        row = run_file(name, header)
        _make(runs, name, row)
        return _open(runs / name, row, Journal.open(runs / name / JOURNAL), opened)


def old_folder(folder: Path, header: RunHeader, asked: Collection[str]) -> RunFolder:
    """Lock the output folder of a run that was killed, and take it up again.

    Rows and files of the devices that are ``asked`` now are removed, and what the kill left.
    Raises `InputError` when the run has ended, `LockedError` when it, or another one, is running.
    """
    with ExitStack() as opened:
        _lock(folder.parent.parent, header, opened)
        if (folder / MANIFEST).exists():
            raise InputError(f"run {folder.name} has ended: there is nothing to resume")
        row = resumed(read_run(folder), header)
        make_folder(folder / DEVICES)
        journal = Journal.reopen(folder / JOURNAL, asked)
        opened.callback(journal.close)
        _clear(folder, journal.names)
        write_file(folder / RUN_FILE, encode(row) + b"\n")
        return _open(folder, row, journal, opened)


def _lock(output: Path, header: RunHeader, opened: ExitStack) -> None:
    holder = Holder(since=header.started, command=header.command)
    opened.callback(OutputLock.acquire(output, holder).release)


def _open(folder: Path, row: RunFile, journal: Journal, opened: ExitStack) -> RunFolder:
    opened.callback(journal.close)
    devices = os.open(folder / DEVICES, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    opened.callback(os.close, devices)
    flush_folder(folder)
    return RunFolder(
        path=folder,
        row=row,
        journal=journal,
        devices=SharedFlush(devices),
        opened=opened.pop_all(),
    )


def _make(runs: Path, name: str, row: RunFile) -> None:
    unborn = runs / f"{_UNBORN}{name}"
    try:
        unborn.mkdir(mode=FOLDER_MODE)
        make_folder(unborn / DEVICES)
        write_file(unborn / RUN_FILE, encode(row) + b"\n")
        Journal.create(unborn / JOURNAL).close()
        flush_folder(unborn)
        unborn.rename(runs / name)
        flush_folder(runs)
    except BaseException:
        shutil.rmtree(unborn, ignore_errors=True)
        raise


def _free_name(runs: Path, started: datetime) -> str:
    # Only the holder of the lock makes folders, so a name that is free stays free.
    for _ in range(_TRIES):
        name = run_name(started, secrets.token_hex(_TOKEN_BYTES))
        if not os.path.lexists(runs / name):
            return name
    raise FileExistsError(errno.EEXIST, "No free name for a run folder", str(runs))


def _remove_unborn(runs: Path) -> None:
    for path in runs.glob(f"{_UNBORN}*"):
        shutil.rmtree(path, ignore_errors=True)


def _clear(folder: Path, recorded: Collection[str]) -> None:
    """Remove the files of devices without a row, and what was being written beside others."""
    for part in (DEVICES, FAILURES):
        for path in _entries(folder / part):
            if path.name not in recorded and path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
    for path in _entries(folder):
        if is_leftover(path):
            path.unlink()


def _entries(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from list(folder.iterdir())
