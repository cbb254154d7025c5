"""The history of a run's backups: each device compared and kept, one commit at the end.

Owns the order of things. At the start what an earlier run has left is committed. A device is
compared with its file, which is its last good copy, and reading it needs no git; only where the
file is not that of the last commit, because of a kill, a hook or a person, git is asked for that.
What differs is written down as pending, then written, before the run's own record of the device
is: a run that is killed and taken up again finds the same change once more. Refuses to know how
devices are collected, and when a run ends.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import stat
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Final, ParamSpec, TypeVar

from collector.backups.changes import WRITTEN, good_outputs, text_of, whole_change
from collector.backups.comparing import compare
from collector.backups.message import commit_message
from collector.backups.paths import BackupFile, backup_files
from collector.backups.pending import Entry, Pending
from collector.backups.pushing import push
from collector.backups.repository import Repository, State
from collector.backups.rules import Rules
from collector.errors import StorageError
from collector.model import Change, DeviceResult, Status
from collector.settings import Backups
from collector.store.files import (
    cause,
    flush_folder,
    is_leftover,
    make_folder,
    remedy,
    write_file,
)

CONFIGS: Final = "configs"
_THREADS: Final = 4
_UNKNOWN: Final[Mapping[Status, int]] = MappingProxyType({})

P = ParamSpec("P")
T = TypeVar("T")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What of a platform's devices is kept: the outputs of these commands, compared so."""

    commands: tuple[str, ...]
    rules: Rules


class History:
    """The repository while a run writes to it; made by `open`, closed by `close`.

    ``problem`` is a line about what could not be kept, empty where there is none.
    """

    def __init__(self, repository: Repository, settings: Backups, run: str, job: str) -> None:
        self._repository = repository
        self._settings = settings
        self._run, self._job = run, job
        self._pending = Pending(repository.git_folder)
        self._state = State(head="", branch="", dirty=frozenset())
        self._ours: frozenset[str] = frozenset()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="backups")
        self._folders = threading.Lock()
        self._counting = threading.Lock()
        self._problems, self._first = 0, ""

    @property
    def problem(self) -> str:
        """The first thing that could not be kept, and how many there were."""
        more = self._problems - 1
        return self._first + (f" (and {more} more)" if more > 0 else "")

    @classmethod
    async def open(cls, output: Path, settings: Backups, *, run: str, job: str) -> History:
        """Open or make the repository below an output folder whose lock is held.

        Commits what earlier runs have left. `StorageError` when the history cannot be written to.
        """
        repository = await Repository.open(output / CONFIGS, settings)
        history = cls(repository, settings, run, job)
        try:
            with _told(repository.folder):
                await history._begin()
        except BaseException:
            history.close()
            raise
        return history

    async def keep(self, result: DeviceResult, part: Part) -> DeviceResult:
        """Compare a device with its last good copy, keep what is new; gives the result its change.

        Never raises for a failed write: it is told in ``problem``, and the last good copy stays.
        """
        outputs = good_outputs(result, part.commands)
        if isinstance(outputs, Change):
            return replace(result, change=outputs)
        files = backup_files(self._settings.path, result.device, part.commands)
        name, rules = result.device.name, part.rules
        changes = [await self._kept(name, file, outputs, rules) for file in files]
        known = [change for change in changes if change is not None]
        if len(known) < len(changes):
            return result
        paths = tuple(file.path for file in files)
        return replace(result, change=whole_change(known), backup_files=paths)

    async def commit(self, totals: Mapping[Status, int] = _UNKNOWN) -> str:
        """Commit what is pending; gives the commit, empty when nothing differs.

        `StorageError` when it could not be: the files stay, and the next run commits them.
        """
        with _told(self._repository.folder):
            return await self._commit(await self._in_thread(self._pending.read), totals)

    async def _commit(self, entries: Sequence[Entry], totals: Mapping[Status, int]) -> str:
        if not entries:
            return ""
        state = await self._repository.state()
        if self._state.branch not in {"", state.branch}:
            raise StorageError(
                f"{self._repository.folder}: the branch {state.branch} was checked out meanwhile, "
                f"not {self._state.branch}: nothing is committed"
            )

        def describe(paths: Set[str]) -> str:
            return commit_message([each for each in entries if each.path in paths], totals)

        unfit = await self._repository.stage([entry.path for entry in entries])
        paths = [entry.path for entry in entries if entry.path not in unfit]
        commit = await self._repository.commit(paths, describe)
        left = [entry for entry in entries if entry.path in unfit]
        await self._in_thread(self._pending.clear, left)
        for path, why in unfit.items():
            self._count(f"{self._repository.folder / path}: git cannot add it: {why}")
        return commit

    async def versions(self, paths: Sequence[str]) -> Mapping[str, tuple[bytes, bytes]]:
        """Give the files of the last commit that were there before it: as they were, and are."""
        with _told(self._repository.folder):
            return await self._repository.versions(paths)

    async def push(self) -> None:
        """Push what the remote has not got, where one is named; `StorageError` when it fails."""
        if self._settings.push.remote:
            await push(self._repository, self._settings.push, self._state.branch)

    async def head(self) -> str:
        """The last commit of all, which a push may have put on top of others."""
        return await self._repository.head(f"refs/heads/{self._state.branch}")

    def close(self) -> None:
        """Let go of the threads; harmless when done twice."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _begin(self) -> None:
        self._state = await self._repository.state()
        entries = await self._in_thread(self._pending.read)
        if any(entry.run != self._run for entry in entries):
            try:
                commit = await self.commit()
            except StorageError as error:
                logger.warning("%s; left by an earlier run, tried again at the end", error)
            else:
                logger.info("committed what an earlier run has left: %s", commit or "nothing")
                self._state = await self._repository.state()
                entries = await self._in_thread(self._pending.read)
        await self._repository.forget_edits()
        self._ours = frozenset(entry.path for entry in entries)
        await self._in_thread(self._sweep)

    def _sweep(self) -> None:
        """Remove what a kill has left of a file that was still being written."""
        for path in self._state.dirty:
            if is_leftover(Path(path)):
                (self._repository.folder / path).unlink(missing_ok=True)

    async def _kept(
        self, device: str, file: BackupFile, outputs: Mapping[str, bytes], rules: Rules
    ) -> Change | None:
        text = text_of([(command, outputs[command]) for command in file.commands])
        try:
            if file.path in self._state.dirty:
                return await self._kept_over_edit(device, file.path, text, rules)
            return await self._in_thread(self._compared, device, file.path, text, rules)
        except OSError as error:  # the last good copy cannot be read, or the new one not written
            self._problem(file.path, error)
        except StorageError as error:
            self._count(str(error))
        return None

    async def _kept_over_edit(self, device: str, path: str, text: bytes, rules: Rules) -> Change:
        """Compare with the last commit, and put the right text in place of what is there."""
        before = await self._repository.committed(path)
        change = compare(before, text, rules)
        if path not in self._ours and (edit := await self._repository.keep_edit(path)):
            logger.warning(
                "%s was changed by hand, and is the device's again; git cat-file -p %s shows it",
                path,
                edit,
            )
        if change in WRITTEN or before is None:
            await self._in_thread(self._write, device, path, text, change)
        else:
            await self._in_thread(self._put, path, before)
        return change

    def _compared(self, device: str, path: str, text: bytes, rules: Rules) -> Change:
        before = _read(self._repository.folder / path)
        change = compare(before, text, rules)
        if change in WRITTEN:
            self._write(device, path, text, change)
        return change

    def _write(self, device: str, path: str, text: bytes, change: Change) -> None:
        entry = Entry(path=path, device=device, change=change, run=self._run, job=self._job)
        self._pending.add(entry)
        self._put(path, text)

    def _put(self, path: str, text: bytes) -> None:
        place = self._repository.folder / path
        with self._folders:
            self._make_folders(place.parent)
        write_file(place, text)
        flush_folder(place.parent)

    def _make_folders(self, folder: Path) -> None:
        """Make the folders of a file; none of them may be a link that leads elsewhere."""
        if folder == self._repository.folder:
            return
        self._make_folders(folder.parent)
        if make_folder(folder):
            flush_folder(folder.parent)
        elif folder.is_symlink():
            raise NotADirectoryError(errno.ENOTDIR, "A link, not a folder", str(folder))

    def _problem(self, path: str, error: OSError) -> None:
        """Remember the first one, and how many there were."""
        hint = remedy(error)
        line = cause(error, self._repository.folder / path) + (f" ({hint})" if hint else "")
        self._count(f"the last good copy stays: {line}")

    def _count(self, line: str) -> None:
        with self._counting:
            self._problems += 1
            self._first = self._first or line

    async def _in_thread(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, partial(work, *args, **kwargs))


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        hint = remedy(error)
        line = f"{folder}: {cause(error)}" + (f" ({hint})" if hint else "")
        raise StorageError(line) from error


def _read(path: Path) -> bytes | None:
    """Read the file of a device; None where there is none."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    with open(handle, "rb", buffering=0) as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "Not a plain file", str(path))
        return file.read()
