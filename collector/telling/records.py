"""``output/telling/``: what is known and owed, and the runs that nobody has been told of yet.

Owns the files, each whole or not there, so that a kill at any moment loses no news: a run's news
are written before its manifest is, and removed when the ledger has them. All of it blocks. Refuses
to know what is in them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from collector.errors import StorageError
from collector.store.files import cause, flush_folder, make_folder, remedy, write_file
from collector.store.lock import Holder, OutputLock
from collector.store.manifest import MANIFEST
from collector.store.past import RUNS
from collector.telling.ledger import Ledger, new_ledger
from collector.telling.news import SCHEMA, RunNews

FOLDER: Final = "telling"
LEDGER: Final = "ledger.json"
UNTOLD: Final = "untold"


class Records:
    """The folder of an output folder; ``problems`` are lines about what could not be used."""

    def __init__(self, output: Path) -> None:
        self.problems: list[str] = []
        self._output = output
        self._folder = output / FOLDER

    def announce(self, run: RunNews) -> None:
        """Write down that there is something to tell; `StorageError` when it cannot be."""
        try:
            for folder in (self._folder, self._folder / UNTOLD):
                if make_folder(folder):
                    flush_folder(folder.parent)
            write_file(self._untold(run["run_id"]), _encoded(run))
            flush_folder(self._folder / UNTOLD)
        except OSError as error:
            raise _told(error) from error

    def lock(self) -> OutputLock:
        """Let nobody else tell meanwhile; `LockedError` where somebody does."""
        try:
            make_folder(self._folder)
            holder = Holder(since=datetime.now(UTC), command="telling")
            return OutputLock.acquire(self._folder, holder)
        except OSError as error:
            raise _told(error) from error

    def ledger(self) -> Ledger:
        """Read what is known; one that cannot be read is told, and begun anew."""
        path = self._folder / LEDGER
        try:
            ledger: Ledger = json.loads(path.read_bytes())
            _check(ledger)
        except FileNotFoundError:
            return new_ledger()
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            self.problems.append(
                f"{path}: cannot be read, and is begun anew: what fails is told once more"
            )
            return new_ledger()
        return ledger

    def keep(self, ledger: Ledger) -> None:
        """Write what is known; `StorageError` when it cannot be."""
        try:
            write_file(self._folder / LEDGER, _encoded(ledger))
            flush_folder(self._folder)
        except OSError as error:
            raise _told(error) from error

    def untold(self) -> Iterator[RunNews]:
        """Give the runs that have ended and were told to nobody, the oldest first.

        One that has not ended may be resumed, and tells of itself then; one whose folder is gone
        never will.
        """
        for path in sorted((self._folder / UNTOLD).glob("*.json")):
            run = self._output / RUNS / path.stem
            try:
                if not run.is_dir():
                    path.unlink(missing_ok=True)
                elif (run / MANIFEST).is_file() and (news := self._news(path)):
                    yield news
            except OSError as error:
                self.problems.append(f"that run is not told of: {cause(error, path)}")

    def is_untold(self, run_id: str) -> bool:
        """Say whether a run that was announced has not been told of since."""
        return self._untold(run_id).exists()

    def forget(self, run_id: str) -> None:
        """Take a run for told: the ledger has it."""
        try:
            self._untold(run_id).unlink(missing_ok=True)
        except OSError as error:
            raise _told(error) from error

    def _news(self, path: Path) -> RunNews | None:
        try:
            news: RunNews = json.loads(path.read_bytes())
            _ = news["run_id"], news["devices"]
        except (ValueError, KeyError, TypeError):
            self.problems.append(f"{path}: cannot be read: that run is not told of")
            path.unlink(missing_ok=True)
            return None
        return news

    def _untold(self, run_id: str) -> Path:
        return self._folder / UNTOLD / f"{run_id}.json"


def _check(ledger: Ledger) -> None:
    """Raise what a file that other hands wrote makes reading it raise."""
    if ledger["schema"] != SCHEMA:
        raise ValueError(f"schema {ledger['schema']!r}")
    for device in ledger["devices"].values():
        _ = device["well"], device["since"], device["news"]["status"]
    for hook in ledger["hooks"].values():
        _ = hook["failing"], hook["changed"].values(), [run["run_id"] for run in hook["runs"]]
    for job in ledger["jobs"].values():
        _ = job["totals"].items(), job["finished"], job["exit_status"], job["duration_s"]
    _ = [*ledger["absorbed"]]


def _encoded(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"


def _told(error: OSError) -> StorageError:
    hint = remedy(error)
    return StorageError(f"nobody can be told: {cause(error)}" + (f" ({hint})" if hint else ""))
