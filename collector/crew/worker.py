"""One worker of a cluster, seen from the client: what it is at, and what it is told.

Owns the way there and back: words are gathered into shards, and reports are asked for again and
again. Every call goes through the scheduler, which reads nothing of it. Refuses to choose who is
visited by which worker.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import pickle
import uuid
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from collector import log
from collector.crew import station
from collector.crew.attempts import Attempts
from collector.crew.contract import Contract, Parcel, Reach, Reached, our_version
from collector.crew.tasks import Tasks
from collector.crew.wire import packed
from collector.crew.words import Done, Opened, Plea
from collector.engine import Permit, Report
from collector.errors import CollectorError
from collector.model import Assignment, Fault, Jump, Timeouts

SHARD = 25  # words that go out together
GATHER = 0.02  # seconds that the first of them waits for the others
POLL = 1.0  # seconds that a worker is asked to wait for something to tell
SILENCE = 30.0  # seconds without an answer, after which a worker is given up: more than its lease
STARTING = 60.0  # seconds until it must be ready
CLOSING = 2.0  # seconds for it to hear of the end

logger = logging.getLogger(__name__)


class Gone(CollectorError):
    """The worker is lost, with all that it was at."""


class Caller(Protocol):
    """Has a function run by a worker, outside of Dask's own schedule."""

    async def run(self, function: Callable[..., Any], *args: Any, workers: list[str]) -> Any:
        """Give a mapping of the worker's address to what it has returned."""
        ...


class Worker:
    """A worker, from the moment that the scheduler has told of it to the one that it is lost.

    ``labels`` are the names of its resources. ``is_taking``: the scheduler has it take work.
    ``is_lost``: it was up, and is no more. ``reached`` are the jump hosts that it is logged in to,
    as far as is known. What it is asked to be ready for has a name that nobody else has: one that
    was lost and is there all the same begins anew, and nothing of its life before is heard, or kept
    alive, by this one.
    """

    def __init__(self, caller: Caller, address: str, labels: frozenset[str]) -> None:
        self.address, self.labels = address, labels
        self.is_up, self.is_taking, self.is_lost = False, True, False
        self.reached: frozenset[Jump] = frozenset()
        self._caller = caller
        self._run = uuid.uuid4().hex
        self._is_over = False
        self._loop = asyncio.get_running_loop()
        self._outbox: list[object] = []
        self._wake = asyncio.Event()
        self._attempts = Attempts(self._say)
        self._openings: dict[int, tuple[Jump, asyncio.Future[Fault | None]]] = {}
        self._tasks = Tasks()
        self._cut: Fault | None = None

    def __len__(self) -> int:
        """Count the attempts that it is at."""
        return len(self._attempts)

    async def begin(self, contract: Contract) -> None:
        """Have it get ready; one that cannot is told of, and gets no device."""
        ours = our_version()
        try:
            async with asyncio.timeout(STARTING):
                theirs = await self._call(station.begin, self._run, ours, packed(contract))
        except Exception as error:  # noqa: BLE001  the library's, its peer's, or whatever it ran
            said = log.one_line(f"{type(error).__name__}: {error}")[:200]
            logger.error("worker %s cannot be used: %s", self.address, said)  # noqa: TRY400
            return
        if theirs != ours:
            logger.error(
                "worker %s gets no devices: it has version %s of the collector, and this is %s",
                *(self.address, theirs, ours),
            )
            return
        if self._is_over:  # it has left meanwhile
            return
        self.is_up = True
        self._tasks.begin(self._whole(self._deliver))
        self._tasks.begin(self._whole(self._fetch))

    async def perform(self, assignment: Assignment, permit: Permit) -> Report:
        """Have an attempt made; raises `Gone` when the worker is lost meanwhile."""
        return await self._attempts.perform(assignment, permit)

    async def reach(self, jump: Jump, timeouts: Timeouts) -> Fault | None:
        """Have a jump host logged in to; raises `Gone` when the worker is lost meanwhile."""
        number = self._attempts.number()
        awaited: asyncio.Future[Fault | None] = self._loop.create_future()
        self._openings[number] = jump, awaited
        try:
            self._say(Reach(number=number, jump=jump, timeouts=timeouts))
            return await awaited
        finally:
            del self._openings[number]

    def cut(self, fault: Fault) -> None:
        """Have all attempts end; may be called again, for a word may be lost."""
        if self.is_up:
            self._cut = fault
            self._attempts.cut(fault)

    def lose(self, how: str) -> None:
        """Count on it no more."""
        was_up, self.is_up, self._is_over = self.is_up, False, True
        if not was_up:
            return
        self.is_lost = True
        self.reached = frozenset()
        at = log.counted(len(self), "device")
        logger.error("worker %s %s, and was at %s", self.address, how, at)
        self._tasks.cancel()
        if self._cut is not None:
            self._attempts.give_up(self._cut)
        self._attempts.lose(lambda _: Gone())
        for _, opened in self._openings.values():
            if not opened.done():
                opened.set_exception(Gone())

    async def end(self) -> None:
        """Let it go; bounded."""
        was_up, self.is_up, self._is_over = self.is_up, False, True
        self._attempts.close()
        self._tasks.cancel()
        if was_up:
            with contextlib.suppress(Exception):
                async with asyncio.timeout(CLOSING):
                    await self._call(station.close, self._run)

    async def _whole(self, talk: Callable[[], Awaitable[None]]) -> None:
        """Talk as long as it answers."""
        try:
            await talk()
        except TimeoutError:
            self.lose(f"was silent for {SILENCE:g} s")
        except Exception as error:  # noqa: BLE001  the library's, its peer's, or whatever it ran
            logger.debug("worker %s: %s: %s", self.address, type(error).__name__, error)
            self.lose("was lost")

    async def _deliver(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            await asyncio.sleep(GATHER)
            while self._outbox:
                shard, self._outbox = self._outbox[:SHARD], self._outbox[SHARD:]
                async with asyncio.timeout(SILENCE):
                    if not await self._call(station.post, self._run, packed(shard)):
                        raise Gone

    async def _fetch(self) -> None:
        while True:
            async with asyncio.timeout(SILENCE):
                data = await self._call(station.fetch, self._run, POLL)
            if not data:
                raise Gone
            parcel: Parcel = pickle.loads(data)
            self.reached = parcel.reached
            for word in parcel.words:
                self._hear(pickle.loads(word))

    def _hear(self, word: object) -> None:
        match word:
            case Done() | Opened() | Plea():
                self._attempts.hear(word)
            case Reached(number=number, fault=fault) if number in self._openings:
                jump, opened = self._openings[number]
                if fault is None:
                    self.reached |= {jump}
                if not opened.done():
                    opened.set_result(fault)
            case log.Line():
                log.relay(word)

    async def _call(self, function: Callable[..., Any], *args: Any) -> Any:
        answers = await self._caller.run(function, *args, workers=[self.address])
        return answers[self.address]

    def _say(self, word: object) -> None:
        self._outbox.append(word)
        self._wake.set()
