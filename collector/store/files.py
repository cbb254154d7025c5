"""Files that are whole or not there: written beside, flushed, renamed; folders 0700, files 0600.

Owns every way in which bytes reach the disk, and the words for why they did not. All of it blocks:
it is called from the store's own threads. Refuses to know what a run or a device is.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import BinaryIO

FOLDER_MODE = 0o700
FILE_MODE = 0o600

_CHUNK = 1 << 20
_FIRST = secrets.randbits(64)
_COUNT = count()
_BESIDE = re.compile(r"\.[0-9a-f]{16}\.tmp")
_HINTS = {
    errno.ENOSPC: "free some space on the disk, then run again",
    errno.EDQUOT: "the disk quota is used up: free some space, then run again",
    errno.EROFS: "the file system is mounted read-only: choose another output folder",
    errno.EACCES: "give this user write access to the folder, or choose another one",
    errno.EPERM: "give this user write access to the folder, or choose another one",
    errno.ENOTDIR: "something else is where a folder should be: move it away",
    errno.EISDIR: "a folder is where a file should be: move it away",
    errno.EFBIG: "the file is larger than this system allows one to be",
    errno.EMFILE: "raise the limit of open files (ulimit -n), or lower limits.sessions",
}


def make_folder(path: Path) -> bool:
    """Make a folder 0700; False when it was there, `NotADirectoryError` when a file is."""
    try:
        path.mkdir(mode=FOLDER_MODE)
    except FileExistsError:
        if path.is_dir():
            return False
        raise NotADirectoryError(errno.ENOTDIR, "Not a folder", str(path)) from None
    return True


def write_file(path: Path, data: bytes) -> None:
    """Put ``data`` at ``path`` in one step; the folder is still to be flushed."""
    draft = Draft(path, data)
    try:
        draft.settle()
    finally:
        draft.drop()


class Draft:
    """A new file beside ``path`` that holds ``data``, until it is settled or dropped.

    Many may be written before the first is settled: a flush then finds that the one before it has
    done most of its work. System calls and nothing around them, because each lets go of Python's
    lock, and under load another thread has it next.
    """

    def __init__(self, path: Path, data: bytes) -> None:
        self._path = path
        self._beside = str(_beside(path))
        self._handle = _private(self._beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC)
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(self._handle, rest) :]
        except BaseException:
            self.drop()
            raise

    def settle(self) -> None:
        """Flush it and let it take its place; the folder is still to be flushed."""
        os.fsync(self._handle)
        self._close()
        os.replace(self._beside, self._path)
        self._beside = ""

    def drop(self) -> None:
        """Remove what has not been settled; harmless when it has."""
        with suppress(OSError):
            self._close()
        if self._beside:
            with suppress(OSError):
                os.unlink(self._beside)
            self._beside = ""

    def _close(self) -> None:
        if self._handle >= 0:
            handle, self._handle = self._handle, -1
            os.close(handle)


@contextmanager
def written_beside(path: Path) -> Iterator[BinaryIO]:
    """Open a new file beside ``path``, flushed and renamed over it when the block ends well."""
    beside = _beside(path)
    try:
        with open(beside, "xb", opener=_private) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException:
        with suppress(OSError):
            beside.unlink()
        raise


def link_if_same(old: Path, path: Path, data: bytes) -> bool:
    """Make ``path`` a hard link to ``old`` when that holds exactly ``data``; False when it did not.

    The old file is read and compared, so one that was damaged or edited since is never passed on.
    A link that cannot be had (another file system, too many links, not permitted) is no error.
    """
    beside = _beside(path)
    try:
        found = _same_content(old, data)
        if found is None:
            return False
        os.link(old, beside, follow_symlinks=False)
        try:
            if not os.path.samestat(found, os.lstat(beside)):
                return False
            os.replace(beside, path)
        finally:
            # A rename between two links of one file does nothing, and leaves this name behind.
            beside.unlink(missing_ok=True)
    except OSError:
        return False
    return True


def point_link(path: Path, target: str) -> None:
    """Point the symbolic link at ``path`` to ``target`` in one step."""
    beside = _beside(path)
    os.symlink(target, beside)
    try:
        os.replace(beside, path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise


def sweep(folder: Path, keep: frozenset[str]) -> None:
    """Remove the files of ``folder`` that are not named in ``keep``."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name not in keep and not entry.is_dir(follow_symlinks=False):
                os.unlink(entry.path)


def is_leftover(path: Path) -> bool:
    """Tell whether a name is that of a file that was still being written.

    >>> is_leftover(Path("out/.0123456789abcdef.tmp")), is_leftover(Path("out/show_clock.txt"))
    (True, False)
    """
    return _BESIDE.fullmatch(path.name) is not None


def flush_folder(path: Path) -> None:
    """Make the names in a folder survive a power cut."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class SharedFlush:
    """One open file or folder flushed for many threads: those that wait share the next flush.

    A flush that has failed fails for good: the kernel tells of it once, and would call the next one
    good though what was lost is lost.
    """

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._asked = 0
        self._flushed = 0
        self._failure: OSError | None = None
        self._count = threading.Lock()
        self._turn = threading.Lock()

    def flush(self) -> None:
        """Return when everything written before this call is on the disk."""
        self.settle(self.ask())

    @property
    def has_failed(self) -> bool:
        """Whether nothing that is written from now on can be known to be on the disk."""
        return self._failure is not None

    def ask(self) -> int:
        """Give the number by which everything written before this call can be settled."""
        with self._count:
            self._asked += 1
            return self._asked

    def settle(self, mine: int) -> None:
        """Return when everything written before that was asked for is on the disk.

        Where one fails, so do all with a higher number, and none with a lower one.
        """
        with self._turn:
            if self._flushed >= mine:
                return
            if self._failure is not None:
                raise self._failure
            covered = self._asked
            try:
                os.fsync(self._handle)
            except OSError as error:
                self._failure = error
                raise
            self._flushed = covered


def cause(error: OSError, path: Path | str | None = None) -> str:
    """Say in a few words why something could not be written, and where.

    >>> cause(OSError(errno.ENOSPC, "No space left on device", "/out/x"))
    'No space left on device: /out/x'
    """
    where = path or error.filename
    reason = error.strerror or str(error) or type(error).__name__
    return f"{reason}: {where}" if where else reason


def remedy(error: OSError) -> str:
    """Name the next step for an error; empty when there is nothing better to say than the cause."""
    return _HINTS.get(error.errno or 0, "")


def _beside(path: Path) -> Path:
    # Counted on from a random number: to ask for another one is a system call.
    number = (_FIRST + next(_COUNT)) % (1 << 64)
    return path.with_name(f".{number:016x}.tmp")


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, FILE_MODE)


def _same_content(path: Path, data: bytes) -> os.stat_result | None:
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with open(handle, "rb", buffering=0) as file:
        found = os.fstat(handle)
        private = stat.S_ISREG(found.st_mode) and stat.S_IMODE(found.st_mode) == FILE_MODE
        if not private or found.st_size != len(data):
            return None
        view = memoryview(data)
        for start in range(0, len(data), _CHUNK):
            if file.read(_CHUNK) != view[start : start + _CHUNK]:
                return None
        return found
