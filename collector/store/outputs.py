"""One device's files: its good outputs, and what was seen of it when it failed.

Owns ``devices/<device>/`` and ``failures/<device>/``. Refuses to know of other devices, the
journal or the manifest. All of it blocks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from collector.log import one_line, utc
from collector.model import (
    EVIDENCE_KEPT,
    CommandResult,
    CommandStatus,
    DeviceResult,
    Fault,
    FaultClass,
    Phase,
    Status,
)
from collector.store.earlier import EarlierRuns
from collector.store.files import (
    Draft,
    cause,
    flush_folder,
    link_if_same,
    make_folder,
    remedy,
    sweep,
    write_file,
)
from collector.store.names import command_files
from collector.store.rows import Stored

DEVICES = "devices"
FAILURES = "failures"
SESSION_LOG = "session.log"
OPEN_AT_ONCE = 12
"""Files that are open at once while they are written: descriptors are for sessions."""

Redact = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What became of a device's outputs: the result as it is to be recorded, and its files."""

    result: DeviceResult
    stored: tuple[Stored | None, ...]
    faults: tuple[Fault, ...] = ()


def store_outputs(run: Path, earlier: EarlierRuns, results: Sequence[DeviceResult]) -> list[Kept]:
    """Write the good outputs of devices; those that could not be written turn into storage faults.

    An output equal to that of the newest of the ``earlier`` runs that has one is a hard link to it.
    Several files are written before they are flushed.
    """
    shelves = [_Shelf(run, earlier, result) for result in results]
    drafts: list[_Drafted] = []
    try:
        for shelf in shelves:
            for drafted in shelf.written():
                drafts.append(drafted)
                if len(drafts) == OPEN_AT_ONCE:
                    _settle(drafts)
        _settle(drafts)
    finally:
        for drafted in drafts:
            drafted.draft.drop()
    return [shelf.kept() for shelf in shelves]


def unstored(result: DeviceResult, fault: Fault) -> Kept:
    """Describe a device none of whose good outputs could be kept."""
    return _kept(result, [fault if _is_good(command) else None for command in result.commands])


def store_evidence(run: Path, result: DeviceResult, redact: Redact) -> Fault | None:
    """Write what was seen of a failed device, without its secrets; give back why it could not."""
    folder = run / FAILURES / result.device.name
    try:
        make_folder(run / FAILURES)
        make_folder(folder)
        write_file(folder / SESSION_LOG, _session_log(result, redact))
        flush_folder(folder)
        flush_folder(run / FAILURES)
    except OSError as error:
        return could_not_store(f"{FAILURES}/{result.device.name}/{SESSION_LOG}", error)
    return None


def could_not_store(place: str, error: OSError) -> Fault:
    """Describe a failed write; ``place`` is relative to the run folder."""
    return Fault(
        fault_class=FaultClass.STORAGE,
        phase=Phase.STORE,
        message=f"could not be stored: {cause(error, place)}",
        hint=remedy(error),
    )


class _Shelf:
    """The folder of one device while its outputs are on their way there."""

    def __init__(self, run: Path, earlier: EarlierRuns, result: DeviceResult) -> None:
        self.ends: list[Stored | Fault | None] = [None] * len(result.commands)
        self.place = f"{DEVICES}/{result.device.name}"
        self._result = result
        self._folder = run / DEVICES / result.device.name
        self._earlier = earlier
        self._is_fresh = True
        self._fault: Fault | None = None

    def written(self) -> Iterator[_Drafted]:
        """Write what is good, but for what needs no new file; give what is to be settled."""
        if not any(_is_good(command) for command in self._result.commands):
            return
        try:
            self._is_fresh = make_folder(self._folder)
        except OSError as error:
            self._fault = could_not_store(self.place, error)
            return
        # Also what failed takes its name: another command's file is not called otherwise for it.
        names = command_files([command.command for command in self._result.commands])
        for number, (name, command) in enumerate(zip(names, self._result.commands, strict=True)):
            if _is_good(command) and (drafted := self._written(number, name, command.output)):
                yield drafted

    def kept(self) -> Kept:
        """Flush the folder, when all is settled; give what became of the outputs."""
        if self._fault:
            return unstored(self._result, self._fault)
        if any(isinstance(end, Stored) for end in self.ends) or not self._is_fresh:
            try:
                self._swept()
                flush_folder(self._folder)
            except OSError as error:
                return unstored(self._result, could_not_store(self.place, error))
        return _kept(self._result, self.ends)

    def _written(self, number: int, name: str, data: bytes) -> _Drafted | None:
        path = self._folder / name
        place = f"{self.place}/{name}"
        drafted = None
        try:
            copies = self._earlier.copies(self._folder.name, place)
            if not any(link_if_same(copy, path, data) for copy in copies):
                drafted = _Drafted(self, number, place, Draft(path, data))
        except OSError as error:
            self.ends[number] = could_not_store(place, error)
            return None
        digest = hashlib.sha256(data).hexdigest()
        self.ends[number] = Stored(file=place, bytes=len(data), sha256=digest)
        return drafted

    def _swept(self) -> None:
        """Leave only what is good now to a device that was written before in this run."""
        if not self._is_fresh:
            stored = (end for end in self.ends if isinstance(end, Stored))
            sweep(self._folder, frozenset(Path(end.file).name for end in stored))


@dataclass(frozen=True, slots=True)
class _Drafted:
    """A file of a shelf that is to be settled; ``number`` is that of its command."""

    shelf: _Shelf
    number: int
    place: str
    draft: Draft

    def settle(self) -> None:
        try:
            self.draft.settle()
        except OSError as error:
            self.draft.drop()
            self.shelf.ends[self.number] = could_not_store(self.place, error)


def _settle(drafts: list[_Drafted]) -> None:
    """Settle them all, and forget them."""
    for drafted in drafts:
        drafted.settle()
    drafts.clear()


def _kept(result: DeviceResult, ends: Sequence[Stored | Fault | None]) -> Kept:
    faults = tuple(end for end in ends if isinstance(end, Fault))
    stored = tuple(end if isinstance(end, Stored) else None for end in ends)
    if not faults:
        return Kept(result=result, stored=stored)
    commands = tuple(
        replace(command, status=CommandStatus.FAILED, fault=end, output=b"")
        if isinstance(end, Fault)
        else command
        for command, end in zip(result.commands, ends, strict=True)
    )
    recorded = replace(
        result,
        commands=commands,
        status=Status.PARTIAL if any(stored) else Status.FAILED,
        fault=result.fault or faults[0],
    )
    return Kept(result=recorded, stored=stored, faults=faults)


def _is_good(command: CommandResult) -> bool:
    return command.status is CommandStatus.OK


def _session_log(result: DeviceResult, redact: Redact) -> bytes:
    head = b"\n".join(_head_lines(result, redact))
    # Redacted before it is cut: a cut through a secret would leave a half that no rule knows.
    return head + b"\n\n" + redact(_evidence(result))[-EVIDENCE_KEPT:]


def _head_lines(result: DeviceResult, redact: Redact) -> list[bytes]:
    """Tell of the device; what may quote it is redacted, what is ours or the inventory's is not."""
    fault = result.fault
    known = {
        "device": result.device.name,
        "host": f"{result.device.host} port {result.device.port}",
        "platform": result.device.platform,
        "status": result.status.value,
        "class": fault.fault_class.value if fault else "",
        "phase": fault.phase.value if fault else "",
        "message": fault.message if fault else "",
        "hint": fault.hint if fault else "",
        "time": utc(result.started + timedelta(seconds=result.duration)),
    }
    lines = [_line(name, value) for name, value in known.items() if value]
    lines = [redact(line) if line.startswith(b"message:") else line for line in lines]
    for command in result.commands:
        if command.fault:
            why = f"{command.fault.fault_class}: {command.fault.message}"
            lines.append(redact(_line("command", f"{command.command}: {command.status}: {why}")))
    return lines


def _line(name: str, value: str) -> bytes:
    return f"{name}: {one_line(value)}".encode("utf-8", "backslashreplace")


def _evidence(result: DeviceResult) -> bytes:
    parts = [
        f"--- {one_line(command.command)} ---\n".encode("utf-8", "backslashreplace")
        + command.evidence
        for command in result.commands
        if command.evidence
    ]
    if result.evidence:
        parts.append(b"--- last of the session ---\n" + result.evidence)
    return b"\n".join(parts)
