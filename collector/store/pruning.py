"""The removal of stored runs, whole or down to their last good copies.

Owns the order of steps, so that a kill leaves nothing that a reader would take for a run: a folder
first loses its name, then its files; of a run that is reduced the manifest says so first. What a
kill leaves, the next pruning removes. Refuses to choose: what goes was planned. All of it blocks,
and is done with the lock of the output folder held.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from collector.errors import StorageError
from collector.store.files import cause, flush_folder, remedy
from collector.store.last_good import count_last_good
from collector.store.lock import Holder, OutputLock
from collector.store.manifest import reduce_manifest
from collector.store.outputs import DEVICES, FAILURES
from collector.store.past import RUNS
from collector.store.retention import PRUNED, Doomed, Fate, extra_files


@contextmanager
def held(output: Path, command: str) -> Iterator[None]:
    """Hold the lock of an output folder; `LockedError` names who has it, `StorageError` else."""
    holder = Holder(since=datetime.now(UTC), command=command)
    with _told(output):
        lock = OutputLock.acquire(output, holder)
    try:
        yield
    finally:
        lock.release()


def count_before_pruning(output: Path) -> None:
    """Write down what the runs say of each device's last good configuration, before any goes."""
    with _told(output):
        count_last_good(output)


def prune(output: Path, doomed: Doomed) -> None:
    """Remove what was planned of one run; `StorageError` where that fails, and nothing is half."""
    with _told(doomed.folder):
        match doomed.fate:
            case Fate.REDUCED:
                _reduce(doomed)
            case Fate.REMOVED:
                unnamed = doomed.folder.with_name(f"{PRUNED}{doomed.folder.name}")
                doomed.folder.rename(unnamed)
                flush_folder(output / RUNS)
                shutil.rmtree(unnamed)
            case Fate.LEFTOVER:
                shutil.rmtree(doomed.folder)


def _reduce(doomed: Doomed) -> None:
    reduce_manifest(doomed.folder, doomed.kept, datetime.now(UTC))
    flush_folder(doomed.folder)
    for path in list(extra_files(doomed.folder, doomed.kept)):
        path.unlink()
    for part in (DEVICES, FAILURES):
        _remove_empty(doomed.folder / part)


def _remove_empty(folder: Path) -> None:
    for place, _, _ in os.walk(folder, topdown=False):
        with suppress(OSError):  # it holds a last good copy
            os.rmdir(place)


@contextmanager
def _told(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        hint = remedy(error)
        line = f"cannot prune {place}: {cause(error)}" + (f" ({hint})" if hint else "")
        raise StorageError(line) from error
