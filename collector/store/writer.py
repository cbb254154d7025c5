"""The asynchronous door to a run folder: results in, manifest out.

Owns the store's threads and what becomes of a write whose caller was cancelled. Refuses to know
the shape of anything on disk.

Every write goes through aiofiles, one hop to a thread for all files and journal lines of those
devices that wait. A hop per open, write, flush and rename (``aiofiles.open``) was measured first,
with 18 KB files flushed to disk on 2 cores: 700 files a second and 5.4 ms of CPU for a device of
three outputs, against 2,200 files a second and 1.6 ms in one hop. More than four threads made it
slower.
The threads are the store's own: those of the loop's default executor may all hang in name look-ups.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import aiofiles.os

from collector.model import DeviceResult
from collector.store.outputs import Redact
from collector.store.rows import RunEnd, RunHeader
from collector.store.run import OpenRun

_THREADS = 4
_TOGETHER = 4  # devices: twelve files, as a rule, are open at once

_open = aiofiles.os.wrap(OpenRun.open)
_reopen = aiofiles.os.wrap(OpenRun.reopen)
_store = aiofiles.os.wrap(OpenRun.store)
_end = aiofiles.os.wrap(OpenRun.end)


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A result to be stored, and who waits for it, or has left."""

    result: DeviceResult
    recorded: asyncio.Future[DeviceResult]

    def end(self, result: DeviceResult) -> None:
        """Tell that it is stored."""
        if not self.recorded.done():
            self.recorded.set_result(result)

    def fail(self, error: BaseException) -> None:
        """Tell that it is not, for a reason that is no disk's."""
        if not self.recorded.done():
            self.recorded.set_exception(error)


def _unchanged(evidence: bytes) -> bytes:
    return evidence


class RunWriter:
    """One run being written; made by `create` or `resume`, ended by `finish`.

    Leaving ``async with`` without `finish` lets go of the folder and writes no manifest: the run
    then reads as one that was killed.
    """

    def __init__(self, run: OpenRun, threads: ThreadPoolExecutor) -> None:
        self._run = run
        self._threads = threads
        self._waiting: deque[_Waiting] = deque()
        self._under_way: set[asyncio.Task[None]] = set()
        self._busy = 0
        self._ending: asyncio.Future[Path] | asyncio.Future[None] | None = None

    @classmethod
    async def create(
        cls, output: Path, header: RunHeader, *, redact: Redact = _unchanged
    ) -> RunWriter:
        """Lock ``output`` and make a run folder in it.

        ``redact`` takes the secrets out of what is kept of failed devices. Raises `LockedError`
        when another run holds the folder, `StorageError` when it cannot be written to.
        """
        threads = _new_threads()
        return await cls._opened(_open(output, header, redact, executor=threads), threads)

    @classmethod
    async def resume(
        cls,
        folder: Path,
        header: RunHeader,
        *,
        asked: Collection[str],
        redact: Redact = _unchanged,
    ) -> RunWriter:
        """Go on with a run that was killed, to write what the devices ``asked`` give now.

        What it had of them is removed; of the header counts what is new: time, digests, command.
        Raises `InputError` when the run has ended, else as `create` does.
        """
        threads = _new_threads()
        return await cls._opened(_reopen(folder, header, redact, asked, executor=threads), threads)

    @classmethod
    async def _opened(cls, work: Awaitable[OpenRun], threads: ThreadPoolExecutor) -> RunWriter:
        opening = asyncio.ensure_future(work)
        try:
            return cls(await asyncio.shield(opening), threads)
        except BaseException:
            # A cancelled thread runs on: what it opens has to be closed, the lock above all.
            threads.shutdown(wait=False)
            opening.add_done_callback(_close_opened)
            await asyncio.wait([opening])
            raise

    @property
    def run_id(self) -> str:
        """The name of the run, which is the name of its folder."""
        return self._run.folder.name

    @property
    def folder(self) -> Path:
        """The run folder."""
        return self._run.folder

    @property
    def problems(self) -> int:
        """How many things could not be written so far; `finish` raises when there are any."""
        return self._run.problems.count

    async def write(self, result: DeviceResult) -> DeviceResult:
        """Store one device; give back its result as it was recorded.

        The two differ when outputs could not be written: then class ``storage``, phase ``store``.
        Never raises for a failed write. A cancelled call leaves the write to end by itself, and
        `finish` waits for it.
        """
        if self._ending:
            raise RuntimeError("the run has ended: nothing more can be written to it")
        waiting = _Waiting(result, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        # A second thread is for more than one can take at once: its files share the flushes.
        if self._busy < min(_THREADS, 1 + len(self._waiting) // _TOGETHER):
            self._busy += 1
            writing = asyncio.ensure_future(self._write_waiting())
            self._under_way.add(writing)
            writing.add_done_callback(self._under_way.discard)
        return await waiting.recorded

    async def finish(self, end: RunEnd) -> Path:
        """Write the manifest of what there is, let go of the folder, give back the manifest's path.

        Raises `StorageError` when anything of the run could not be written; the manifest then says
        so too, if it could be written itself.
        """
        if self._ending:
            raise RuntimeError("the run has ended already")
        finishing = self._ending = asyncio.ensure_future(self._finish(end))
        return await asyncio.shield(finishing)

    async def close(self) -> None:
        """Let go of the folder; harmless after `finish`, which has done it."""
        if not self._ending:
            self._ending = asyncio.ensure_future(self._abandon())
        await asyncio.wait([self._ending])

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def _write_waiting(self) -> None:
        """Store who waits, some at a time, until nobody does."""
        try:
            while self._waiting:
                await self._write_some()
        finally:
            self._busy -= 1  # at once: whoever comes next must find somebody, or start somebody

    async def _write_some(self) -> None:
        some = [self._waiting.popleft() for _ in range(min(len(self._waiting), _TOGETHER))]
        results = [each.result for each in some]
        try:
            recorded = await _store(self._run, results, executor=self._threads)
        except BaseException as error:
            for each in some:
                each.fail(error)
            if not isinstance(error, Exception):
                raise
        else:
            for each, result in zip(some, recorded, strict=True):
                each.end(result)

    async def _finish(self, end: RunEnd) -> Path:
        try:
            await self._settled()
            return await _end(self._run, end, executor=self._threads)
        finally:
            self._release()

    async def _abandon(self) -> None:
        try:
            await self._settled()
        finally:
            self._release()

    async def _settled(self) -> None:
        if self._under_way:
            await asyncio.wait(self._under_way)

    def _release(self) -> None:
        # The threads are idle by now, unless the loop itself is being torn down: then a write may
        # still be running, and must not meet a closed journal.
        self._threads.shutdown(wait=True, cancel_futures=True)
        self._run.close()


def _new_threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_THREADS, thread_name_prefix="store")


def _close_opened(opening: asyncio.Future[OpenRun]) -> None:
    if not opening.cancelled() and not opening.exception():
        opening.result().close()
