"""Runs as they lie on the disk: found by name, newest first, and what each says of itself.

Owns where a run folder is and the reading of ``run.json``. Refuses to write anything.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from collector.errors import InputError
from collector.store.journal import JOURNAL, last_rows
from collector.store.manifest import MANIFEST, device_rows, read_head
from collector.store.rows import SCHEMA, DeviceRow, ManifestHead, RunFile, no_totals

RUNS = "runs"
LATEST = "latest"
RUN_FILE = "run.json"
UNFINISHED = "unfinished"


@dataclass(frozen=True, slots=True, kw_only=True)
class PastRun:
    """A run that was started; ``head`` of its manifest is None when it has not ended."""

    folder: Path
    head: ManifestHead | None

    @property
    def run_id(self) -> str:
        """The name of the run, which is the name of its folder."""
        return self.folder.name

    @property
    def output(self) -> Path:
        """The output folder that the run lies in."""
        return self.folder.parent.parent

    @property
    def state(self) -> str:
        """``finished``, ``interrupted``, or ``unfinished``: killed, or still being written."""
        return self.head["state"] if self.head else UNFINISHED

    def rows(self) -> Iterator[DeviceRow]:
        """Give a row for each device: those of the manifest, or else of the journal."""
        if self.head:
            return device_rows(self.folder)
        return last_rows(self.folder) if (self.folder / JOURNAL).exists() else iter(())

    def totals(self) -> dict[str, int]:
        """Count the devices by status; of a run that has not ended, those it has a row for."""
        if self.head:
            return self.head["totals"]
        totals = no_totals()
        for row in self.rows():
            totals[row["status"]] += 1
        return totals


def latest_run(output: Path) -> Path | None:
    """Find the newest run that ran to its end; None when there is none."""
    try:
        run = (output / RUNS / LATEST).resolve(strict=True)
    except (OSError, RuntimeError):  # RuntimeError: links that lead to each other
        return None
    return run if (run / MANIFEST).is_file() else None


def newest_first(output: Path) -> list[Path]:
    """Give the run folders; their names begin with the time they were started."""
    try:
        entries = list((output / RUNS).iterdir())
    except OSError:
        return []
    runs = (path for path in entries if not path.name.startswith(".") and not path.is_symlink())
    return sorted((path for path in runs if path.is_dir()), reverse=True)


def past_run(folder: Path) -> PastRun:
    """Look at a run folder; `InputError` when its manifest is there and cannot be read."""
    return PastRun(folder=folder, head=read_head(folder))


def find_run(output: Path, name: str, *, ended: bool = False) -> PastRun:
    """Find a run by its id, its path, or as ``latest``: the newest one, whatever became of it.

    ``ended`` lets ``latest`` pass over runs that have not ended.
    """
    if name == LATEST:
        return _newest(output, ended=ended)
    is_path = os.sep in name or name in {os.curdir, os.pardir}
    folder = Path(name).resolve() if is_path else output / RUNS / name
    if not (folder.is_dir() and folder.parent.name == RUNS and (folder / RUN_FILE).is_file()):
        raise InputError(f"run {name!r}: no such run" + ("" if is_path else f" in {output / RUNS}"))
    return past_run(folder)


def read_run(folder: Path) -> RunFile:
    """Read ``run.json``: what is known of a run from its start on."""
    path = folder / RUN_FILE
    try:
        run: RunFile = json.loads(path.read_bytes())
        schema = run["schema"]
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError):
        raise InputError(f"{path}: expected the head of a run, found something else") from None
    if schema != SCHEMA:
        raise InputError(f"{path}: schema: expected {SCHEMA}, found {schema!r}")
    return run


def _newest(output: Path, *, ended: bool) -> PastRun:
    for folder in newest_first(output):
        if (folder / MANIFEST).is_file() or (not ended and (folder / RUN_FILE).is_file()):
            return past_run(folder)
    raise InputError(f"{output / RUNS}: no run{' that has ended' if ended else ''} in this folder")
