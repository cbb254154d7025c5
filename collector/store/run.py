"""A run folder while it is being written: journal, files, and the link to the newest run.

Owns the order in which things reach the disk: a device's files, then its journal line; all lines,
then the manifest; the manifest, then ``latest`` and what the output folder says of good backups. So
nothing on disk ever names what is not there. Every method blocks; ``store`` may be called from
several threads. Refuses to know of asyncio.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from collector.errors import Exit, StorageError
from collector.model import DeviceResult, Fault, FaultClass, Phase, Status
from collector.store.earlier import EarlierRuns
from collector.store.files import cause, flush_folder, point_link, remedy
from collector.store.folder import RunFolder, new_folder, old_folder
from collector.store.last_good import LAST_GOOD, count_last_good
from collector.store.manifest import write_manifest
from collector.store.names import folder_problem
from collector.store.outputs import (
    DEVICES,
    Kept,
    Redact,
    could_not_store,
    store_evidence,
    store_outputs,
    unstored,
)
from collector.store.past import LATEST
from collector.store.rows import DeviceRow, RunEnd, RunHeader, device_row

_WITH_EVIDENCE = frozenset({Status.FAILED, Status.PARTIAL})
_OVERRULED = frozenset({Exit.OK, Exit.SOME_FAILED, Exit.ALL_FAILED, Exit.BREAKER})


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

    ``order`` names the devices in the order of the manifest.
    """

    def __init__(self, run: RunFolder, redact: Redact, *, order: Sequence[str]) -> None:
        self.folder = run.path
        self.problems = Problems()
        self._row = run.row
        self._order = order
        self._redact = redact
        self._earlier = EarlierRuns(run.path)
        self._journal = run.journal
        self._devices = run.devices
        self._opened = run.opened
        self._unrecorded: dict[str, DeviceRow] = {}

    @classmethod
    def open(cls, output: Path, header: RunHeader, redact: Redact) -> OpenRun:
        """Lock ``output`` and make a run folder in it; `LockedError` or `StorageError` when not."""
        with _writable(output):
            return cls(new_folder(output, header), redact, order=header.order)

    @classmethod
    def reopen(
        cls, folder: Path, header: RunHeader, redact: Redact, asked: Collection[str]
    ) -> OpenRun:
        """Go on with a run that was killed; what it has of the devices ``asked`` is dropped.

        Raises `InputError` when it has ended, else as `open` does.
        """
        with _writable(folder):
            run = old_folder(folder, header, asked)
            return cls(run, redact, order=run.row.get("planned", ()))

    def store(self, results: Sequence[DeviceResult]) -> list[DeviceResult]:
        """Write all that is kept of some devices, which share what can be flushed once.

        Gives back the results as they were recorded, in their order.
        """
        unsafe = [folder_problem(result.device.name) for result in results]
        safe = iter(
            self._store_outputs([r for r, bad in zip(results, unsafe, strict=True) if not bad])
        )
        kept = [
            unstored(result, _unsafe(problem)) if problem else next(safe)
            for result, problem in zip(results, unsafe, strict=True)
        ]
        for each, problem in zip(kept, unsafe, strict=True):
            self._note(each, with_evidence=not problem)
        self._record([device_row(each.result, each.stored) for each in kept])
        return [each.result for each in kept]

    def end(self, end: RunEnd) -> Path:
        """Write the manifest, point ``latest`` here unless the run was interrupted, and count what
        is good among the last good ones.


        Raises `StorageError` at the very end when anything of the run could not be written.
        """
        self._record_again()
        try:
            manifest = self._write_manifest(end)
            pointed = end.interrupted or self._point_latest()
            if not self._count_last_good() or not pointed:
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

    def _store_outputs(self, results: Sequence[DeviceResult]) -> list[Kept]:
        kept = store_outputs(self.folder, self._earlier, results)
        if not any(any(each.stored) for each in kept):
            return kept
        try:
            self._devices.flush()
        except OSError as error:
            fault = could_not_store(DEVICES, error)
            return [unstored(each.result, fault) if any(each.stored) else each for each in kept]
        return kept

    def _note(self, kept: Kept, *, with_evidence: bool) -> None:
        """Count what of a device could not be written; keep what was seen of one that failed."""
        name = kept.result.device.name
        for fault in kept.faults:
            self.problems.add(f"{name}: {fault.message}")
        if with_evidence and kept.result.status in _WITH_EVIDENCE:
            unseen = store_evidence(self.folder, kept.result, self._redact)
            if unseen is not None:
                self.problems.add(f"{name}: {unseen.message}")

    def _record(self, rows: Sequence[DeviceRow]) -> OSError | None:
        try:
            self._journal.append(rows)
        except OSError as error:
            self._unrecorded |= {row["name"]: row for row in rows}
            return error
        return None

    def _record_again(self) -> None:
        # Rows that a full disk refused: there may be room now, and the manifest needs them.
        if self._journal.is_lost:
            with suppress(OSError):  # told of with each row that needs it
                self._journal.renew()
        for row in tuple(self._unrecorded.values()):
            error = self._record([row])
            if error:
                message = cause(error, self._journal.path)
                self.problems.add(f"{row['name']}: could not be recorded: {message}")

    def _write_manifest(self, end: RunEnd) -> Path:
        if self.problems.count and end.exit_status in _OVERRULED:
            end = replace(end, exit_status=Exit.STORAGE)
        manifest = write_manifest(self.folder, self._row, end, self._journal, self._order)
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

    def _count_last_good(self) -> bool:
        output = self.folder.parent.parent
        try:
            count_last_good(output, self.folder)
        except OSError as error:
            self.problems.add(f"could not be written: {cause(error, output / LAST_GOOD)}")
            return False
        return True

    def _summary(self) -> str:
        more = self.problems.count - 1
        return f"{self.folder}: {self.problems.first}" + (f" (and {more} more)" if more else "")


@contextmanager
def _writable(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(_line(f"cannot write to {place}", error)) from error


def _line(what: str, error: OSError) -> str:
    hint = remedy(error)
    return f"{what}: {cause(error)}" + (f" ({hint})" if hint else "")


def _unsafe(problem: str) -> Fault:
    return Fault(fault_class=FaultClass.STORAGE, phase=Phase.STORE, message=problem)
