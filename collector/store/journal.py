"""``journal.jsonl``: one line per finished device, on the disk as it happens.

Owns the lines and where each one is. A run that was killed leaves every line whole but perhaps the
last. Refuses to know more of a row than its name, its status and its change.
"""

from __future__ import annotations

import errno
import json
import os
import threading
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from collector.errors import InputError
from collector.store.files import FILE_MODE, SharedFlush, written_beside
from collector.store.rows import DeviceRow, encode

JOURNAL = "journal.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Where a device's line is in the journal, and what it says in two words."""

    offset: int
    length: int
    status: str
    change: str | None

    @classmethod
    def of(cls, row: DeviceRow, offset: int, length: int) -> Line:
        """Describe the line of a row."""
        change = row.get("change")
        return cls(offset=offset, length=length, status=row["status"], change=change)


class Journal:
    """A journal open for appending, by any number of threads.

    It remembers a place per device, not the row: the manifest is copied from the file at the end.
    """

    def __init__(self, path: Path, handle: int) -> None:
        self.path = path
        self._handle = handle
        self._flush = SharedFlush(handle)
        self._end = 0
        self._lines: dict[str, Line] = {}
        self._writing = threading.Lock()

    @classmethod
    def create(cls, path: Path) -> Journal:
        """Start a journal where there is none yet."""
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        return cls(path, os.open(path, flags, FILE_MODE))

    @classmethod
    def open(cls, path: Path) -> Journal:
        """Open a journal that has no line yet."""
        return cls(path, os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC))

    @classmethod
    def reopen(cls, path: Path, without: Collection[str]) -> Journal:
        """Go on with a journal, less what a kill has cut and the rows of the devices ``without``.

        The old journal stands until the new one is whole on the disk.
        """
        kept: dict[str, Line] = {}
        end = 0
        with written_beside(path) as file:
            for row in last_rows(path.parent):
                if row["name"] not in without:
                    line = encode(row)
                    kept[row["name"]] = Line.of(row, end, len(line))
                    end += file.write(line + b"\n")
        journal = cls.open(path)
        journal._lines, journal._end = kept, end
        return journal

    @property
    def names(self) -> Collection[str]:
        """The devices that have a row."""
        return self._lines.keys()

    def append(self, rows: Sequence[DeviceRow]) -> None:
        """Write rows and flush them; after an `OSError` the journal is without them.

        After a failed flush it takes no more until it is renewed: what was flushed before is kept,
        the rest is cut off.
        """
        lines = [encode(row) + b"\n" for row in rows]
        with self._writing:
            if self.is_lost:
                raise OSError(errno.EIO, "Journal could not be flushed before", str(self.path))
            start = self._end
            self._write(b"".join(lines))
            self._end += sum(map(len, lines))
            number = self._flush.ask()  # numbers are in the order of the lines
        try:
            self._flush.settle(number)
        except OSError:
            self._cut(start)
            raise
        with self._writing:
            for row, line in zip(rows, lines, strict=True):
                self._lines[row["name"]] = Line.of(row, start, len(line) - 1)
                start += len(line)

    @property
    def is_lost(self) -> bool:
        """Whether a flush has failed: the file takes no more rows."""
        return self._flush.has_failed

    def renew(self) -> None:
        """Put a new file in the place of one that could not be flushed; nobody may be appending."""
        renewed: dict[str, Line] = {}
        with written_beside(self.path) as file:
            for name, line in self._lines.items():
                renewed[name] = replace(line, offset=file.tell())
                file.write(self.read(line) + b"\n")
            end = file.tell()
        handle = os.open(self.path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        self.close()
        self._handle, self._flush = handle, SharedFlush(handle)
        self._lines, self._end = renewed, end

    def lines(self, order: Sequence[str] = ()) -> Iterator[Line]:
        """Give each device's last line: first those named in ``order``, then the others."""
        ordered = dict.fromkeys(name for name in order if name in self._lines)
        yield from (self._lines[name] for name in ordered)
        yield from (line for name, line in self._lines.items() if name not in ordered)

    def read(self, line: Line) -> bytes:
        """Read one line back, without its line end."""
        found = os.pread(self._handle, line.length, line.offset)
        if len(found) != line.length:
            raise OSError(errno.EIO, "Journal is shorter than what was written", str(self.path))
        return found

    def close(self) -> None:
        """Close the file; harmless when done twice."""
        if self._handle >= 0:
            handle, self._handle = self._handle, -1
            os.close(handle)

    def _cut(self, start: int) -> None:
        """Take back what could not be flushed, with all that comes after: it could not, either."""
        with self._writing:
            self._end = min(self._end, start)
            os.ftruncate(self._handle, self._end)

    def _write(self, line: bytes) -> None:
        rest = memoryview(line)
        at = self._end
        try:
            while rest:
                written = os.pwrite(self._handle, rest, at)
                at += written
                rest = rest[written:]
        except OSError:
            # A full disk takes the first part of a line: cut it, or the next line joins onto it.
            os.ftruncate(self._handle, self._end)
            raise


def read_journal(run_folder: Path) -> Iterator[DeviceRow]:
    """Give the rows of a run, finished or not, as they were written; a device's last row counts.

    A last line without its end, left by a kill or a power cut, is passed over. Raises `InputError`
    when there is no journal, or when a line before the last is damaged.
    """
    path = run_folder / JOURNAL
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if line.endswith(b"\n"):
                    yield _row(path, number, line)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error


def last_rows(run_folder: Path) -> Iterator[DeviceRow]:
    """Give the row of each device that counts, its last one; see `read_journal`."""
    last = {row["name"]: number for number, row in enumerate(read_journal(run_folder))}
    for number, row in enumerate(read_journal(run_folder)):
        if last.get(row["name"]) == number:
            yield row


def _row(path: Path, number: int, line: bytes) -> DeviceRow:
    try:
        row: DeviceRow = json.loads(line)
        _ = row["name"], row["status"], row["commands"]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path}:{number}: expected a JSON object, found a damaged line"
        ) from error
    return row
