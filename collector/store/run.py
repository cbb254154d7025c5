"""A run folder while it is being written: lock, journal, files, and the link to the newest run.

Owns the order in which things reach the disk: a device's files, then its journal line; all lines,
then the manifest; the manifest, then ``latest``. So nothing on disk ever names what is not there.
Every method blocks; ``store`` may be called from several threads. Refuses to know of asyncio.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import threading
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from collector.errors import Exit, StorageError
from collector.model import DeviceResult, Fault, FaultClass, Phase, Status
from collector.store.files import (
    SharedFlush,
    cause,
    flush_folder,
    make_folder,
    point_link,
    remedy,
    write_file,
)
from collector.store.journal import JOURNAL, Journal
from collector.store.lock import Holder, OutputLock
from collector.store.manifest import MANIFEST, write_manifest
from collector.store.names import folder_problem, run_name
from collector.store.outputs import (
    DEVICES,
    Kept,
    Redact,
    could_not_store,
    store_evidence,
    store_outputs,
    unstored,
)
from collector.store.rows import DeviceRow, RunEnd, RunHeader, device_row, encode, run_row

RUNS = "runs"
LATEST = "latest"
RUN_FILE = "run.json"

_TOKEN_BYTES = 3
_TRIES = 16
_WITH_EVIDENCE = frozenset({Status.FAILED, Status.PARTIAL})
_OVERRULED = frozenset({Exit.OK, Exit.SOME_FAILED, Exit.ALL_FAILED, Exit.BREAKER})


def latest_run(output: Path) -> Path | None:
    """Find the newest run that ran to its end; None when there is none."""
    try:
        run = (output / RUNS / LATEST).resolve(strict=True)
    except (OSError, RuntimeError):  # RuntimeError: links that lead to each other
        return None
    return run if (run / MANIFEST).is_file() else None


class Problems:
    """What could not be written: how often, and the first of it, not a list of any length."""

    def __init__(self) -> None:
        self.count = 0
        self.first = ""
        self._lock = threading.Lock()

    def add(self, message: str) -> None:
        """Count one more."""
        with self._lock:
            self.count += 1
            self.first = self.first or message


class OpenRun:
    """One run being written; the lock of its output folder is held until ``close``.

    ``opened`` closes what ``open`` opened: the lock, the journal and the folder of the devices.
    """

    def __init__(
        self,
        *,
        folder: Path,
        header: RunHeader,
        redact: Redact,
        previous: Path | None,
        journal: Journal,
        devices: SharedFlush,
        opened: ExitStack,
    ) -> None:
        self.folder = folder
        self.problems = Problems()
        self._header = header
        self._redact = redact
        self._previous = previous
        self._journal = journal
        self._devices = devices
        self._opened = opened
        self._unrecorded: dict[str, DeviceRow] = {}

    @classmethod
    def open(cls, output: Path, header: RunHeader, redact: Redact) -> OpenRun:
        """Lock ``output`` and make a run folder in it; `LockedError` or `StorageError` when not."""
        try:
            return cls._open(output, header, redact)
        except OSError as error:
            raise StorageError(_line(f"cannot write to {output}", error)) from error

    def store(self, result: DeviceResult) -> DeviceResult:
        """Write all that is kept of one device; give back the result as it was recorded."""
        name = result.device.name
        unsafe = folder_problem(name)
        kept = unstored(result, _unsafe(unsafe)) if unsafe else self._store_outputs(result)
        for fault in kept.faults:
            self.problems.add(f"{name}: {fault.message}")
        if kept.result.status in _WITH_EVIDENCE and not unsafe:
            unseen = store_evidence(self.folder, kept.result, self._redact)
            if unseen is not None:
                self.problems.add(f"{name}: {unseen.message}")
        self._record(device_row(kept.result, kept.stored))
        return kept.result

    def end(self, end: RunEnd) -> Path:
        """Write the manifest, and point ``latest`` here unless the run was interrupted.

        Raises `StorageError` at the very end when anything of the run could not be written.
        """
        self._record_again()
        try:
            manifest = self._write_manifest(end)
            if not end.interrupted and not self._point_latest():
                self._write_manifest(end)
        except OSError as error:
            line = _line(f"cannot write the manifest of {self.folder}", error)
            raise StorageError(line) from error
        if self.problems.count:
            raise StorageError(self._summary())
        return manifest

    def close(self) -> None:
        """Let go of the lock and the files; harmless when done twice."""
        self._opened.close()

    @classmethod
    def _open(cls, output: Path, header: RunHeader, redact: Redact) -> OpenRun:
        output.parent.mkdir(parents=True, exist_ok=True)
        make_folder(output)
        with ExitStack() as opened, ExitStack() as failed:
            holder = Holder(since=header.started, command=header.command)
            lock = OutputLock.acquire(output, holder)
            opened.callback(lock.release)
            folder = _new_folder(output, header.started)
            failed.callback(shutil.rmtree, folder, ignore_errors=True)
            make_folder(folder / DEVICES)
            write_file(folder / RUN_FILE, encode({**run_row(folder.name, header)}) + b"\n")
            journal = Journal.create(folder / JOURNAL)
            opened.callback(journal.close)
            devices = os.open(folder / DEVICES, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            opened.callback(os.close, devices)
            flush_folder(folder)
            flush_folder(folder.parent)
            failed.pop_all()
            return cls(
                folder=folder,
                header=header,
                redact=redact,
                previous=latest_run(output),
                journal=journal,
                devices=SharedFlush(devices),
                opened=opened.pop_all(),
            )

    def _store_outputs(self, result: DeviceResult) -> Kept:
        kept = store_outputs(self.folder, self._previous, result)
        if not any(kept.stored):
            return kept
        try:
            self._devices.flush()
        except OSError as error:
            return unstored(kept.result, could_not_store(DEVICES, error))
        return kept

    def _record(self, row: DeviceRow) -> OSError | None:
        try:
            self._journal.append(row)
        except OSError as error:
            self._unrecorded[row["name"]] = row
            return error
        return None

    def _record_again(self) -> None:
        # Rows that a full disk refused: there may be room now, and the manifest needs them.
        for row in tuple(self._unrecorded.values()):
            error = self._record(row)
            if error:
                message = cause(error, self._journal.path)
                self.problems.add(f"{row['name']}: could not be recorded: {message}")

    def _write_manifest(self, end: RunEnd) -> Path:
        if self.problems.count and end.exit_status in _OVERRULED:
            end = replace(end, exit_status=Exit.STORAGE)
        row = run_row(self.folder.name, self._header)
        manifest = write_manifest(self.folder, row, end, self._journal, self._header.order)
        flush_folder(self.folder)
        return manifest

    def _point_latest(self) -> bool:
        latest = self.folder.parent / LATEST
        try:
            point_link(latest, self.folder.name)
            flush_folder(latest.parent)
        except OSError as error:
            self.problems.add(f"could not be pointed at this run: {cause(error, latest)}")
            return False
        return True

    def _summary(self) -> str:
        more = self.problems.count - 1
        return f"{self.folder}: {self.problems.first}" + (f" (and {more} more)" if more else "")


def _new_folder(output: Path, started: datetime) -> Path:
    runs = output / RUNS
    if make_folder(runs):
        flush_folder(output)
    for _ in range(_TRIES):
        folder = runs / run_name(started, secrets.token_hex(_TOKEN_BYTES))
        if make_folder(folder):
            return folder
    raise FileExistsError(errno.EEXIST, "No free name for a run folder", str(runs))


def _line(what: str, error: OSError) -> str:
    hint = remedy(error)
    return f"{what}: {cause(error)}" + (f" ({hint})" if hint else "")


def _unsafe(problem: str) -> Fault:
    return Fault(fault_class=FaultClass.STORAGE, phase=Phase.STORE, message=problem)
