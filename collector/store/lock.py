"""The lock of an output folder: one run at a time, and the second one learns who holds it.

The kernel holds the lock (flock) and frees it when its process dies, however that happens; the
file only tells people who it was. So a file left behind never blocks, and is never removed: a lock
on a removed file would let two runs in. Refuses to know what is done under the lock.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from collector.errors import LockedError
from collector.log import one_line, utc
from collector.store.files import FILE_MODE

LOCK_FILE = ".lock"

_MOST = 4096  # bytes read of a lock file, which anyone may have written
_LONGEST_COMMAND = 500  # characters, so that an entry is never longer than what is read


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who holds a lock, as told to those who wait."""

    since: datetime
    command: str


class OutputLock:
    """A held lock; ``release`` lets go of it."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    @classmethod
    def acquire(cls, output: Path, holder: Holder) -> OutputLock:
        """Take the lock at once, or raise `LockedError` naming its holder in one line."""
        path = output / LOCK_FILE
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _sign(handle, holder)
        except BlockingIOError:
            told = os.pread(handle, _MOST, 0)
            os.close(handle)
            raise LockedError(f"{output}: another run holds this folder{_who(told)}") from None
        except OSError as error:
            os.close(handle)
            error.filename = error.filename or str(path)
            raise
        return cls(handle)

    def release(self) -> None:
        """Let the next run in; harmless when done twice."""
        if self._handle >= 0:
            handle, self._handle = self._handle, -1
            os.close(handle)


def _sign(handle: int, holder: Holder) -> None:
    entry = {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "since": utc(holder.since),
        "command": holder.command[:_LONGEST_COMMAND],
    }
    os.ftruncate(handle, 0)
    os.pwrite(handle, json.dumps(entry).encode(), 0)


def _who(told: bytes) -> str:
    try:
        entry = json.loads(told)
        text = f"pid {entry['pid']} on {entry['host']} since {entry['since']}"
        command = str(entry["command"])
    except (ValueError, TypeError, KeyError):  # it has only just taken the lock, or is no run
        return ""
    return ": " + one_line(f"{text} ({command})" if command else text)
