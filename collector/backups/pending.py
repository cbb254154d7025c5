"""What was put into the working tree and is not committed yet: a line for each file.

Owns the file in ``.git`` that says so. It lets a commit take our files and no others, and lets the
next run commit what a killed one, or a hook that refused, has left. A line is written before its
file is, so that every new file has one. Refuses to know git. All of it blocks.
"""

from __future__ import annotations

import errno
import json
import os
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from collector.model import Change

NAME: Final = "collector-pending.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A file that was written: ``path`` below the working tree, and the run that wrote it."""

    path: str
    device: str
    change: Change
    run: str
    job: str


class Pending:
    """The list of a repository, by its ``.git`` folder; entries may be added by several threads."""

    def __init__(self, git_folder: Path) -> None:
        self._path = git_folder / NAME
        self._adding = threading.Lock()

    def add(self, entry: Entry) -> None:
        """Write down a file that is about to be written."""
        # A full disk may have taken the first part of a line: the next one begins a new one.
        line = b"\n" + json.dumps(asdict(entry)).encode() + b"\n"
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        with self._adding:
            handle = os.open(self._path, flags, 0o600)
            try:
                if os.write(handle, line) < len(line):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._path))
            finally:
                os.close(handle)

    def read(self) -> Sequence[Entry]:
        """Give the entries, the last one of each path."""
        try:
            lines = self._path.read_bytes().splitlines()
        except FileNotFoundError:
            return ()
        entries = [entry for line in lines if (entry := _entry(line))]
        return tuple({entry.path: entry for entry in entries}.values())

    def clear(self, left: Sequence[Entry] = ()) -> None:
        """Forget all of it, for it is committed, but what is left."""
        self._path.unlink(missing_ok=True)
        for entry in left:
            self.add(entry)


def _entry(line: bytes) -> Entry | None:
    try:
        row = json.loads(line)
        return Entry(**{**row, "change": Change(row["change"])})
    except (ValueError, TypeError, KeyError):
        return None
