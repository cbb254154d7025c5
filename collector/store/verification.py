"""Stored runs held against what they say of themselves: every output hashed again.

Owns the words damaged, missing and foreign. Reads a row at a time, so a run of any size takes the
same memory. Of a run that has not ended, files without a row are what a kill leaves: not told.
Refuses to mend anything, and to follow a link or a name that leads out of the run folder.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from io import FileIO
from pathlib import Path, PurePosixPath

from collector.errors import InputError
from collector.log import one_line
from collector.store.files import cause
from collector.store.journal import JOURNAL
from collector.store.manifest import MANIFEST
from collector.store.names import folder_problem
from collector.store.outputs import DEVICES
from collector.store.past import PastRun, past_run
from collector.store.rows import DeviceRow

_REMEMBERED = 100_000  # digests: those of the files that runs share as hard links


class Kind(StrEnum):
    """What is wrong with a file."""

    DAMAGED = "damaged"
    MISSING = "missing"
    FOREIGN = "foreign"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is not as the run says; ``path`` is relative to the run folder."""

    kind: Kind
    path: str
    message: str


@dataclass(slots=True)
class Verification:
    """Runs being verified one after the other; ``outputs`` and ``found`` count over all of them."""

    runs: int = 0
    outputs: int = 0
    found: Counter[Kind] = field(default_factory=Counter)
    _digests: dict[tuple[int, ...], str] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        """Tell whether nothing so far is damaged or missing."""
        return not self.found[Kind.DAMAGED] and not self.found[Kind.MISSING]

    def verify(self, folder: Path) -> Iterator[Finding]:
        """Give what is wrong with a run, as it is found."""
        self.runs += 1
        for finding in self._verify(folder):
            self.found[finding.kind] += 1
            yield finding

    def _verify(self, folder: Path) -> Iterator[Finding]:
        known: set[str] = set()
        try:
            run = past_run(folder)
            for row in run.rows():
                known.add(row["name"])
                yield from self._device(folder, row)
        except (InputError, KeyError, TypeError, AttributeError) as error:
            # What follows in a damaged list is unknown, so nothing can be called foreign.
            yield _damaged_list(folder, error)
            return
        yield from _left_out(run, known)

    def _device(self, folder: Path, row: DeviceRow) -> Iterator[Finding]:
        if problem := folder_problem(row["name"]):
            yield _damaged(_list_of(folder), problem)
            return
        place = f"{DEVICES}/{row['name']}"
        expected: set[str] = set()
        for command in row["commands"]:
            if (file := command["file"]) is None:
                continue
            self.outputs += 1
            name = PurePosixPath(file).name
            expected.add(name)
            if file != f"{place}/{name}":
                yield _damaged(_list_of(folder), f"{file!r} is no file of {row['name']}")
            else:
                yield from self._output(folder, file, command["bytes"], command["sha256"])
        for name in _names(folder / place):
            if name not in expected:
                yield _foreign(f"{place}/{name}")

    def _output(
        self, folder: Path, file: str, size: int | None, sha256: str | None
    ) -> Iterator[Finding]:
        try:
            found_size, found = self._read(folder / file)
        except FileNotFoundError:
            yield Finding(kind=Kind.MISSING, path=file, message="no such file")
        except OSError as error:
            yield _damaged(file, cause(error, file))
        else:
            if found_size != size:
                yield _damaged(file, f"expected {size} bytes, found {found_size}")
            elif found != sha256:
                yield _damaged(file, f"expected SHA-256 {sha256}, found {found}")

    def _read(self, path: Path) -> tuple[int, str]:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(handle, "rb", buffering=0) as file:
            seen = os.fstat(handle)
            if not stat.S_ISREG(seen.st_mode):
                raise OSError(errno.EINVAL, "Not a file")
            key = (seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns)
            digest = self._digests.get(key) or _sha256(file)
            if seen.st_nlink > 1 and len(self._digests) < _REMEMBERED:
                self._digests[key] = digest
            return seen.st_size, digest


def _sha256(file: FileIO) -> str:
    return hashlib.file_digest(file, "sha256").hexdigest()


def _left_out(run: PastRun, known: set[str]) -> Iterator[Finding]:
    if run.head is None:
        return
    for name in _names(run.folder / DEVICES):
        if name not in known:
            yield _foreign(f"{DEVICES}/{name}")


def _names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:  # what should be in there is missing then, or damaged
        return []


def _list_of(folder: Path) -> str:
    return MANIFEST if (folder / MANIFEST).exists() else JOURNAL


def _damaged_list(folder: Path, error: Exception) -> Finding:
    known = isinstance(error, InputError)
    message = str(error).removeprefix(f"{folder}{os.sep}") if known else "a row lacks a name"
    return _damaged(_list_of(folder), message)


def _damaged(path: str, message: str) -> Finding:
    return Finding(kind=Kind.DAMAGED, path=one_line(path), message=one_line(message))


def _foreign(path: str) -> Finding:
    return Finding(kind=Kind.FOREIGN, path=one_line(path), message="no output of this run")
