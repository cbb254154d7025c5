"""Lock files of git whose process is gone: removed when it surely is, told when it may not be.

The output folder's own lock keeps other collectors away, so a lock file that is found before the
first git command is a person's, or was left by a kill or a power cut. A process of git that works
in the repository is looked for by its working directory. Where that cannot be seen, nothing is
removed. Refuses to know what is locked. All of it blocks.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from collector.errors import StorageError

PROCESSES: Final = Path("/proc")
PATIENCE: Final = 2.0  # seconds for a git that a killed run has left at work
_MOMENT: Final = 0.05  # seconds between two looks: the end of a process of others is no event here
_PATTERNS: Final = (
    *("index.lock", "HEAD.lock", "config.lock", "packed-refs.lock"),
    *("refs/**/*.lock", "next-index-*.lock"),
)

logger = logging.getLogger(__name__)


def clear_stale_locks(folder: Path, git_folder: Path, processes: Path = PROCESSES) -> None:
    """Remove the lock files that nobody holds; `StorageError` where somebody may.

    ``folder`` is the working tree, ``git_folder`` its ``.git``.
    """
    found = sorted({path for pattern in _PATTERNS for path in git_folder.glob(pattern)})
    if not found:
        return
    if not (processes / "self").exists():
        raise _held(found[0], f"when no git works there any more, remove {found[0]}")
    until = time.monotonic() + PATIENCE
    while holder := next(_gits_in(folder.resolve(), git_folder.resolve(), processes), 0):
        if time.monotonic() > until:
            remedy = f"git is at work there (pid {holder}): let it end, then run again"
            raise _held(found[0], remedy)
        time.sleep(_MOMENT)
    for path in found:
        if path.exists():
            path.unlink(missing_ok=True)
            logger.warning("%s: removed: it was left by a git that is gone", path)


def _held(lock: Path, remedy: str) -> StorageError:
    return StorageError(f"{lock}: another git holds this repository ({remedy})")


def _gits_in(folder: Path, git_folder: Path, processes: Path) -> Iterator[int]:
    """Give the processes of git whose working directory is in the repository, or may be.

    Of another user's process the directory is hidden, and of these only root's can be in ours.
    """
    for entry in processes.iterdir():
        if not entry.name.isdigit():
            continue
        try:
            name = (entry / "comm").read_text().strip()
            if (name == "git" or name.startswith("git-")) and _may_be_in(
                entry, (folder, git_folder)
            ):
                yield int(entry.name)
        except OSError:  # it has ended
            continue


def _may_be_in(process: Path, folders: Sequence[Path]) -> bool:
    try:
        where = Path(os.readlink(process / "cwd"))
    except PermissionError:
        return process.stat().st_uid == 0
    return any(where.is_relative_to(folder) for folder in folders)
