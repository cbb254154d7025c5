"""One round of telling, after a run: the ledger brought up to date, files written, hooks called.

Owns the order: what is known and owed is on the disk before anybody is told, and a hook that was
told is written down at once. So nobody is told twice but after a kill between the two, and what
could not be told is told by the next round. Refuses to know how a hook is called.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from collector.errors import LockedError, StorageError
from collector.store import last_good
from collector.store.lock import OutputLock
from collector.telling.files import write_metrics, write_summary
from collector.telling.hooks import Caller
from collector.telling.ledger import Call, Ledger, absorb, calls, enrol, new_ledger, settle
from collector.telling.news import RunNews
from collector.telling.records import Records

PATIENCE: Final = 2.0  # seconds to wait for another round, which a slow hook may hold up
STEP: Final = 0.1
ROUNDS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """Who is to be told, and what is to be written.

    ``names`` are the devices that the metrics are about.
    """

    output: Path
    hooks: Sequence[Caller] = ()
    summary_files: Sequence[Path] = ()
    metrics_file: Path | None = None
    names: Collection[str] = ()

    @property
    def is_kept(self) -> bool:
        """Whether anything is to be known from one run to the next."""
        return bool(self.hooks or self.metrics_file)

    def announce(self, run: RunNews) -> str:
        """Write down that a run is about to end; gives a line when it cannot be. Blocks."""
        if self.is_kept:
            try:
                Records(self.output).announce(run)
            except StorageError as error:
                return str(error)
        return ""


async def tell(telling: Telling, run: RunNews, *, announced: bool = True) -> list[str]:
    """Tell of a run that has ended, and of earlier ones that nobody was told of.

    Gives a line for everything that went wrong; never raises for it.
    """
    records = Records(telling.output)
    try:
        lock = await _locked(records) if telling.is_kept else None
    except StorageError as error:
        return [str(error), *await _tell(telling, run, None, [run])]
    except LockedError:
        line = "another run is still telling: the next one tells of this one"
        return [line, *await asyncio.to_thread(_summaries, telling, run, None)]
    if lock is None:
        return await asyncio.to_thread(_summaries, telling, run, None)
    try:
        problems = await _rounds(telling, run, records, announced=announced)
    finally:
        lock.release()
    return [*records.problems, *problems]


async def _rounds(
    telling: Telling, run: RunNews, records: Records, *, announced: bool
) -> list[str]:
    told = announced and not await asyncio.to_thread(records.is_untold, run["run_id"])
    others = await asyncio.to_thread(_others, records, run)
    problems = await _tell(telling, run, records, [*others, *([] if told else [run])])
    for _ in range(ROUNDS):  # runs that have ended meanwhile, and left it to this one
        if not (more := await asyncio.to_thread(_others, records, run)):
            break
        problems += await _tell(telling, more[-1], records, more, summaries=False)
    return problems


def _others(records: Records, run: RunNews) -> list[RunNews]:
    return [each for each in records.untold() if each["run_id"] != run["run_id"]]


async def _locked(records: Records) -> OutputLock:
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while True:
        try:
            return await asyncio.to_thread(records.lock)
        except LockedError:
            if asyncio.get_running_loop().time() > deadline:
                raise
            await asyncio.sleep(STEP)


async def _tell(
    telling: Telling,
    run: RunNews,
    records: Records | None,
    runs: Sequence[RunNews],
    *,
    summaries: bool = True,
) -> list[str]:
    """Take ``runs`` in, write the files, and call the hooks with what they are owed."""
    book = _Book(records)
    problems = await asyncio.to_thread(book.take, telling.hooks, runs, run)
    if summaries:
        problems += await asyncio.to_thread(_summaries, telling, run, book.ledger)
    if telling.metrics_file:
        problems += await asyncio.to_thread(_metrics, telling, telling.metrics_file, book.ledger)
    ends = await asyncio.gather(*(_call(hook, book, run) for hook in telling.hooks))
    return [*problems, *(line for lines in ends for line in lines)]


class _Book:
    """The ledger, kept after each step; without records it is for this round alone."""

    def __init__(self, records: Records | None) -> None:
        self._records = records
        self._keeping = asyncio.Lock()
        self.ledger = new_ledger()

    def take(self, hooks: Sequence[Caller], runs: Sequence[RunNews], now: RunNews) -> list[str]:
        """Bring the ledger up to date; those runs need not be announced any more.

        What a kill has left announced may be in the ledger already, the run of ``now`` is not.
        """
        if self._records:
            self.ledger = self._records.ledger()
        enrol(self.ledger, [_key(hook) for hook in hooks])
        for run in runs:
            if run is now or run["run_id"] not in self.ledger["absorbed"]:
                absorb(self.ledger, run)
        if not self._records:
            return []
        try:
            self._records.keep(self.ledger)
            for run in runs:
                self._records.forget(run["run_id"])
        except StorageError as error:
            return [str(error)]
        return []

    async def settle(self, key: str, call: Call) -> None:
        """Write down that a hook was told; `StorageError` when it cannot be."""
        async with self._keeping:
            settle(self.ledger, key, call)
            if self._records:
                await asyncio.to_thread(self._records.keep, self.ledger)


async def _call(hook: Caller, book: _Book, run: RunNews) -> list[str]:
    """Tell one hook all that it is owed, in order; the first that fails leaves the rest owed."""
    key = _key(hook)
    for call in list(calls(book.ledger, key, hook.events, run)):
        text = json.dumps(call.input, ensure_ascii=False).encode("utf-8", "backslashreplace")
        if problem := await hook.call(text + b"\n"):
            return [
                f"hook {hook.name} was not told of {call.event}: {problem} "
                "(the next run tells it once more)"
            ]
        try:
            await book.settle(key, call)
        except StorageError as error:
            return [f"hook {hook.name} may be told of {call.event} twice: {error}"]
    return []


def _key(hook: Caller) -> str:
    return hashlib.sha256(hook.identity.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _summaries(telling: Telling, run: RunNews, ledger: Ledger | None) -> list[str]:
    problems = []
    for path in telling.summary_files:
        try:
            write_summary(path, run, ledger)
        except StorageError as error:
            problems.append(f"the summary {error}")
    return problems


def _metrics(telling: Telling, path: Path, ledger: Ledger) -> list[str]:
    found = {name: good.at.timestamp() for name, good in last_good(telling.output).items()}
    try:
        write_metrics(path, ledger, telling.names, found)
    except StorageError as error:
        return [f"the metrics {error}"]
    return []
