"""The crew on this machine: processes beside this one, each with an event loop and a connector.

Owns that a process which dies or falls silent is noticed, that what it was at is tried once more by
another, and that none outlives the run. Each is the only one of a `ProcessPoolExecutor`: one that
is killed breaks its own executor, and not those of the others.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import multiprocessing
import os
import signal
import socket
from collections.abc import Coroutine, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import resource_tracker
from types import TracebackType

from collector import log
from collector.crew.member import CLOSING, IGNORED, LoopFactory, begin, serve
from collector.crew.wire import Wire
from collector.crew.words import Alive, Answer, Begun, Cut, Done, Go, Plea, Ready, Work
from collector.engine import NobodyLeft, Permit, Report, SystemClock, Visit
from collector.errors import DeviceError
from collector.model import Assignment, Device, Fault, FaultClass, Phase

STARTING = 60.0  # seconds until a process must be able to work
SILENCE = 30.0  # seconds without a sign of life, after which it is given up
AFTER_CUT = 3.0  # seconds for the attempts to report after a cut
VISITS = 2  # processes that an attempt may be lost with

logger = logging.getLogger(__name__)


class Pool:
    """Makes attempts in ``count`` processes, for the length of an ``async with`` block.

    Only at devices whose credential is proven: those that are on trial are few, and what they say
    has to be known at once. Those behind a jump host stay in the first process, too: they share its
    one connection.
    """

    def __init__(self, count: int, work: Work, loop_factory: LoopFactory | None = None) -> None:
        self._count = count
        self._work = work
        self._loop_factory = loop_factory
        self._members: list[_Member] = []

    @property
    def pids(self) -> tuple[int, ...]:
        """The processes that can work, by their ids."""
        return tuple(member.pid for member in self._members if member.is_up)

    async def __aenter__(self) -> Pool:
        self._members = [_Member(self._loop_factory) for _ in range(self._count)]
        try:
            await asyncio.gather(*(member.start(self._work) for member in self._members))
        except BaseException:
            await self._end()
            raise
        if len(self.pids) < self._count:
            logger.warning("%d of %d processes could be started", len(self.pids), self._count)
        logger.info("%d processes visit devices, beside this one", len(self.pids))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._end()

    async def _end(self) -> None:
        await asyncio.gather(*(member.end() for member in self._members))

    def takes(self, device: Device, *, proven: bool) -> bool:
        """Tell whether a process makes this attempt."""
        return proven and device.jump is None and bool(self.pids)

    async def perform(self, assignment: Assignment, permit: Permit) -> Report:
        """Have the process make it that has the least to do; see `engine.Crew`."""
        visits = 0
        while visits < VISITS:
            up = [member for member in self._members if member.is_up]
            if not up:
                raise NobodyLeft
            try:
                return await min(up, key=len).perform(assignment, permit)
            except _Lost as lost:
                visits += lost.had_begun
        raise DeviceError.of(
            FaultClass.INTERNAL,
            Phase.COMMAND,
            "the process that visited it died, and so did the one that tried again",
            hint="look for what kills processes here: too little memory, most likely",
        )

    def cut(self, fault: Fault) -> None:
        """Have all attempts end; one that does not report in time is told of as cut off."""
        for member in self._members:
            member.cut(fault)


class _Lost(Exception):
    """The process has died; ``had_begun`` tells whether it was at the attempt by then."""

    def __init__(self, *, had_begun: bool) -> None:
        super().__init__()
        self.had_begun = had_begun


class _Member:
    """One process, seen from here."""

    def __init__(self, loop_factory: LoopFactory | None) -> None:
        self.is_up = False
        self.pid = 0
        self._loop_factory = loop_factory
        self._loop = asyncio.get_running_loop()
        self._executor: ProcessPoolExecutor | None = None
        self._end: Future[None] | None = None
        self._wire: Wire | None = None
        self._reader: asyncio.Task[None] | None = None
        self._numbers = 0
        self._awaited: dict[int, asyncio.Future[Report]] = {}
        self._given: dict[int, tuple[Assignment, Permit]] = {}
        self._begun: set[int] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_cut = False

    def __len__(self) -> int:
        """Count the attempts that it is at."""
        return len(self._awaited)

    async def start(self, work: Work) -> None:
        """Start the process and wait until it can work; one that cannot is logged."""
        ours, theirs = socket.socketpair()
        await asyncio.to_thread(self._launch, theirs)
        theirs.close()
        self._wire = await Wire.over(ours)
        await self._wire.send(work)
        try:
            async with asyncio.timeout(STARTING):
                while not isinstance(word := await self._wire.receive(), Ready):
                    self._hear(word)
        except (EOFError, TimeoutError):
            logger.warning("a process could not be started%s", await self._why())
            return
        self.pid, self.is_up = word.pid, True
        self._reader = self._loop.create_task(self._read(self._wire))

    def _launch(self, theirs: socket.socket) -> None:
        # "spawn": a fork would copy what this process has open, and the locks of its threads.
        context = multiprocessing.get_context("spawn")
        executor = self._executor = ProcessPoolExecutor(1, context, begin, (theirs,))
        resource_tracker.ensure_running()  # now, for it unblocks signals where it is started
        with _blocked():
            self._end = executor.submit(serve, self._loop_factory)

    async def _why(self) -> str:
        """Say why the process has ended, where it can be known."""
        if self._end is None:
            return ""
        try:
            async with asyncio.timeout(1):
                await asyncio.wrap_future(self._end)
        except Exception as error:  # noqa: BLE001  whatever it was, it is said
            return f": {type(error).__name__}"
        return ""

    async def perform(self, assignment: Assignment, permit: Permit) -> Report:
        """Have an attempt made; raises `_Lost` when the process dies over it."""
        assert self._wire is not None  # it is up
        self._numbers += 1
        number = self._numbers
        awaited = self._awaited[number] = self._loop.create_future()
        self._given[number] = assignment, permit
        try:
            self._start(self._wire.send(Go(number=number, assignment=assignment)))
            report: Report = await awaited
            return report
        finally:
            del self._awaited[number], self._given[number]
            self._begun.discard(number)

    def cut(self, fault: Fault) -> None:
        """Have it end what it is at."""
        if not self.is_up or self._wire is None:
            return
        self._start(self._wire.send(Cut(fault=fault)))
        if not self._is_cut:
            self._is_cut = True
            self._loop.call_later(AFTER_CUT, self._give_up, fault)

    async def end(self) -> None:
        """End the process; one that does not go is killed."""
        self.is_up = False
        for task in (*self._tasks, *([self._reader] if self._reader else [])):
            task.cancel()
        if self._wire is not None:
            self._wire.close()
        if self._executor is None:
            return
        ended = asyncio.create_task(asyncio.to_thread(self._executor.shutdown))
        await asyncio.wait([ended], timeout=CLOSING + 2)
        if not ended.done():
            self._kill()
            await ended

    async def _read(self, wire: Wire) -> None:
        try:
            while True:
                async with asyncio.timeout(SILENCE):
                    word = await wire.receive()
                self._hear(word)
        except TimeoutError:
            self._kill()
            self._lose(f"was silent for {SILENCE:g} s")
        except EOFError:
            self._lose("died")

    def _hear(self, word: object) -> None:
        match word:
            case Done(number=number, report=report):
                if (awaited := self._awaited.get(number)) and not awaited.done():
                    awaited.set_result(report)
            case Begun(number=number):
                self._begun.add(number)
            case Plea(number=number):
                if number in self._given:
                    self._start(self._answer(number, self._given[number][1]))
            case log.Line():
                log.relay(word)
            case Alive():
                pass

    async def _answer(self, number: int, permit: Permit) -> None:
        assert self._wire is not None  # it has asked
        try:
            await permit.enabling()
        except DeviceError:
            await self._wire.send(Answer(number=number, may=False))
        else:
            await self._wire.send(Answer(number=number, may=True))

    def _lose(self, how: str) -> None:
        self.is_up = False
        at = log.counted(len(self), "device")
        logger.error("process %d %s over %s: tried once more elsewhere", self.pid, how, at)
        for number, awaited in self._awaited.items():
            if not awaited.done():
                awaited.set_exception(_Lost(had_begun=number in self._begun))

    def _give_up(self, fault: Fault) -> None:
        for number, awaited in self._awaited.items():
            if not awaited.done():
                visit = Visit(assignment=self._given[number][0], clock=SystemClock())
                visit.cancel(replace(fault, phase=Phase.COMMAND))
                awaited.set_result(Report(visit=visit))

    def _kill(self) -> None:
        # Not reaped before its executor has seen it go: the id is still its own.
        if self.pid and self._end is not None and not self._end.done():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def _start(self, work: Coroutine[object, object, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


@contextlib.contextmanager
def _blocked() -> Iterator[None]:
    """Keep signals of the whole group from a process that is only starting; of this thread's."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, IGNORED)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
