"""Which stored runs are kept, and what is freed with the others.

Owns the rule: a run is kept when it is among the newest ones, or young enough, or the newest of all
that ended; and of any other run, the last good copy of an output is kept until a newer run has one.
A run with such copies is reduced to them, and its manifest with it. Refuses to remove anything.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final

from collector.errors import InputError
from collector.model import Retention
from collector.store.history import file_size
from collector.store.journal import JOURNAL
from collector.store.names import run_time
from collector.store.outputs import DEVICES, FAILURES
from collector.store.past import RUN_FILE, RUNS, PastRun, latest_run, newest_first, past_run

PRUNED: Final = ".pruned-"
"""Before the name of a run folder that is being removed: no reader takes it for a run."""

_Output = tuple[str, str]  # device, command
_Copies = dict[_Output, tuple[Path, str]]  # the run folder and the file in it


class Fate(StrEnum):
    """What becomes of a run that is not kept whole."""

    REMOVED = "removed"
    REDUCED = "reduced"  # to the last good copies in it
    LEFTOVER = "leftover"  # its removal was begun, and did not come to its end


@dataclass(frozen=True, slots=True, kw_only=True)
class Doomed:
    """One run folder, and what goes of it: ``files``, which are ``size`` bytes on the disk freed.

    An output that other runs share as a hard link frees nothing until its last link goes.
    ``kept`` are the files of its last good copies, relative to the folder. ``state`` is that of
    the run, empty for a leftover; ``resumable``: it had not ended, and cannot be resumed any more.
    """

    folder: Path
    fate: Fate
    started: datetime | None
    state: str
    resumable: bool
    files: int
    size: int
    kept: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruning:
    """What is to be pruned, the oldest first; ``whole`` counts the runs that are kept as they are.

    ``unread`` has a line for each old run that cannot be read: it may hold the last good copy of
    anything, and stays.
    """

    doomed: tuple[Doomed, ...]
    whole: int
    unread: tuple[str, ...]


def plan_pruning(output: Path, retention: Retention, now: datetime) -> Pruning:
    """Say what of the runs in an output folder goes by a rule that keeps something."""
    if not (retention.runs or retention.days):
        raise ValueError("a rule that keeps nothing")
    runs = [run for run in newest_first(output) if _is_run(run)]
    old = _old(runs, latest_run(output), retention, now)
    past, found, unread = _read(old)
    gone = set(old)
    copies = _last_copies(found, [run for run in runs if run not in gone])
    links = _Links()
    begun = [_leftover(path, links) for path in leftovers(output)]
    ended = [_doomed(run, copies.get(run.folder, frozenset()), links) for run in reversed(past)]
    doomed = [*begun, *(each for each in ended if each is not None)]
    reached = {each.folder for each in doomed}
    whole = sum(run not in reached for run in runs)
    return Pruning(doomed=tuple(doomed), whole=whole, unread=tuple(unread))


def leftovers(output: Path) -> list[Path]:
    """Give the run folders whose removal was begun and did not come to its end."""
    return sorted((output / RUNS).glob(f"{PRUNED}*"))


def extra_files(folder: Path, kept: Collection[str]) -> Iterator[Path]:
    """Give the files that a run reduced to those copies does without."""
    journal = folder / JOURNAL
    if os.path.lexists(journal):
        yield journal
    for part in (DEVICES, FAILURES):
        for path in _files(folder / part):
            if path.relative_to(folder).as_posix() not in kept:
                yield path


def _is_run(folder: Path) -> bool:
    return run_time(folder.name) is not None and (folder / RUN_FILE).is_file()


def _old(
    runs: Sequence[Path], latest: Path | None, retention: Retention, now: datetime
) -> list[Path]:
    """Give the runs that the rule does not keep, the newest first."""
    limit = timedelta(days=retention.days)
    named = latest.name if latest else ""

    def is_young(run: Path) -> bool:
        started = run_time(run.name)
        return started is None or now - started < limit

    return [run for run in runs[retention.runs :] if run.name != named and not is_young(run)]


def _read(runs: Sequence[Path]) -> tuple[list[PastRun], _Copies, list[str]]:
    """Look at runs, newest first: those that can be read, the last copies in them, the others."""
    good: list[PastRun] = []
    copies: _Copies = {}
    unread: list[str] = []
    for folder in runs:
        try:
            run = past_run(folder)
            outputs = list(_outputs(run))
        except InputError as error:
            unread.append(str(error))
        except (KeyError, TypeError, AttributeError):
            unread.append(f"{folder}: a row lacks a name")
        else:
            good.append(run)
            for output, file in outputs:
                copies.setdefault(output, (folder, file))
    return good, copies, unread


def _outputs(run: PastRun) -> Iterator[tuple[_Output, str]]:
    """Give each good output that a run still has: whose it is, and its file.

    One that is not of the size that was stored is no good copy.
    """
    for row in run.rows():
        for command in row["commands"]:
            file = command["file"]
            if file is not None and file_size(run.folder / file) == command["bytes"]:
                yield (row["name"], command["command"]), file


def _last_copies(copies: _Copies, kept: Sequence[Path]) -> Mapping[Path, frozenset[str]]:
    """Give the files of each old run that no newer run has a good copy of, by its folder."""
    missing = dict(copies)
    for newer in kept:
        if not missing:
            break
        for output in _had(newer, missing):
            owner = missing.get(output)
            if owner and owner[0].name < newer.name:
                del missing[output]
    last: dict[Path, set[str]] = {}
    for folder, file in missing.values():
        last.setdefault(folder, set()).add(file)
    return {folder: frozenset(files) for folder, files in last.items()}


def _had(run: Path, wanted: Mapping[_Output, object]) -> list[_Output]:
    """Give the outputs of a run that is kept; one that cannot be read proves nothing.

    Its rows are read only where it has files of a device that something is missing of.
    """
    devices = {device for device, _ in wanted}
    if not any(os.path.isdir(run / DEVICES / device) for device in devices):
        return []
    try:
        return [output for output, _ in _outputs(past_run(run))]
    except (InputError, KeyError, TypeError, AttributeError):
        return []


def _doomed(run: PastRun, copies: frozenset[str], links: _Links) -> Doomed | None:
    """Say what goes of a run; None when nothing does."""
    if copies and run.head is None:
        return None  # it has no manifest that could say what is left of it
    files = list(extra_files(run.folder, copies) if copies else _files(run.folder))
    if copies and not files:
        return None
    return Doomed(
        folder=run.folder,
        fate=Fate.REDUCED if copies else Fate.REMOVED,
        started=run_time(run.folder.name),
        state=run.state,
        resumable=run.head is None or run.state == "interrupted",
        files=len(files),
        size=links.freed(files),
        kept=copies,
    )


def _leftover(folder: Path, links: _Links) -> Doomed:
    files = list(_files(folder))
    return Doomed(
        folder=folder,
        fate=Fate.LEFTOVER,
        started=run_time(folder.name.removeprefix(PRUNED)),
        state="",
        resumable=False,
        files=len(files),
        size=links.freed(files),
        kept=frozenset(),
    )


class _Links:
    """The links of files that go: the bytes of one are freed with its last link."""

    def __init__(self) -> None:
        self._gone: dict[tuple[int, int], int] = {}

    def freed(self, files: Sequence[Path]) -> int:
        """Give the bytes that are freed when these go, after those that were given before."""
        return sum(self._freed(path) for path in files)

    def _freed(self, path: Path) -> int:
        try:
            found = path.lstat()
        except OSError:
            return 0
        if found.st_nlink > 1:
            key = (found.st_dev, found.st_ino)
            self._gone[key] = self._gone.get(key, 0) + 1
            if self._gone[key] < found.st_nlink:
                return 0
        return found.st_size


def _files(folder: Path) -> Iterator[Path]:
    for place, _, names in os.walk(folder):
        for name in names:
            yield Path(place, name)
