"""The crew on this machine: processes beside this one, each with an event loop and a connector.

Owns that a process which dies or falls silent is noticed, that what it was at is tried once more by
another, and that none outlives the run. Not a `ProcessPoolExecutor`: one process that is killed
breaks the whole of it, its queue keeps idle processes of a killed program alive for ever, and its
work is whole calls, where an attempt has to ask back.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import multiprocessing
import signal
import socket
from collections.abc import Iterator
from multiprocessing import resource_tracker
from multiprocessing.context import SpawnProcess
from types import TracebackType

from collector import log
from collector.crew.attempts import Attempts, Losses
from collector.crew.member import CLOSING, IGNORED, LoopFactory, serve
from collector.crew.tasks import Tasks, unless
from collector.crew.wire import Wire
from collector.crew.words import Alive, Begun, Done, Opened, Plea, Ready, Work
from collector.engine import NobodyLeft, Permit, Report
from collector.model import Assignment, Device, Fault

STARTING = 60.0  # seconds until a process must be able to work
SILENCE = 30.0  # seconds without a sign of life, after which it is given up
LOOKS = 10  # at signs of life in that time: it counts only while this process runs, too

logger = logging.getLogger(__name__)


class Pool:
    """Makes attempts in ``count`` processes, for the length of an ``async with`` block.

    Only at devices whose credential is proven: those that are on trial are few, and what they say
    has to be known at once. Those behind a jump host stay in the first process, too: they share its
    one connection. Once ``stop`` is set, no process is waited for that is still starting.
    """

    def __init__(
        self, count: int, work: Work, loop_factory: LoopFactory | None, stop: asyncio.Event
    ) -> None:
        self._count = count
        self._work = work
        self._loop_factory = loop_factory
        self._stop = stop
        self._members: list[_Member] = []
        self._losses = Losses(
            "the process that visited it died, and so did the one that tried again",
            "look for what kills processes here: too little memory, most likely",
        )

    @property
    def pids(self) -> tuple[int, ...]:
        """The processes that can work, by their ids."""
        return tuple(member.pid for member in self._members if member.is_up)

    async def __aenter__(self) -> Pool:
        self._members = [_Member(self._loop_factory) for _ in range(self._count)]
        try:
            await unless(self._stop, self._start())
        except BaseException:
            await self._end()
            raise
        if len(self.pids) < self._count and not self._stop.is_set():
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

    async def _start(self) -> None:
        await asyncio.gather(*(member.start(self._work) for member in self._members))

    async def _end(self) -> None:
        await asyncio.gather(*(member.end() for member in self._members))

    def takes(self, device: Device, *, proven: bool) -> bool:
        """Tell whether a process makes this attempt."""
        return proven and device.jump is None and bool(self.pids)

    async def perform(self, assignment: Assignment, permit: Permit) -> Report:
        """Have the process make it that has the least to do; see `engine.Crew`."""
        while up := [member for member in self._members if member.is_up]:
            try:
                return await min(up, key=len).perform(assignment, permit)
            except _Died as died:
                if died.had_begun:
                    self._losses.give_back(assignment.device)
        raise NobodyLeft

    def cut(self, fault: Fault) -> None:
        """Have all attempts end; one that does not report in time is told of as cut off."""
        for member in self._members:
            member.cut(fault)


class _Died(Exception):
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
        self._process: SpawnProcess | None = None
        self._wire: Wire | None = None
        self._tasks = Tasks()
        self.attempts = Attempts(self._say)
        self._heard = 0
        self._end = "died"

    def __len__(self) -> int:
        """Count the attempts that it is at."""
        return len(self.attempts)

    async def start(self, work: Work) -> None:
        """Start the process and wait until it can work; one that cannot is logged."""
        try:
            async with asyncio.timeout(STARTING):
                wire = await self._launched()
                wire.put(work)
                while not isinstance(word := await wire.receive(), Ready):
                    self._hear(word)
        except Exception as error:  # noqa: BLE001  whatever it is, the others can do without it
            logger.warning("a process could not be started: %s", type(error).__name__)
            self._kill()
            return
        self.is_up = True
        self._tasks.begin(self._read(wire))
        self._tasks.begin(self._watch())

    async def _launched(self) -> Wire:
        ours, theirs = socket.socketpair()
        try:
            wire = self._wire = await Wire.over(ours)
        except BaseException:
            ours.close()
            theirs.close()
            raise
        launching = self._loop.run_in_executor(None, self._launch, theirs)
        launching.add_done_callback(lambda _: theirs.close())
        try:
            await asyncio.shield(launching)
        except asyncio.CancelledError:
            # A thread is not cancelled: what it starts has to be known, or it would be left.
            await asyncio.wait([launching])
            raise
        return wire

    def _launch(self, theirs: socket.socket) -> None:
        # "spawn": a fork would copy what this process has open, and the locks of its threads.
        context = multiprocessing.get_context("spawn")
        process = context.Process(target=serve, args=(theirs, self._loop_factory))
        process.daemon = True  # the interpreter's end waits for none
        resource_tracker.ensure_running()  # now, for it unblocks signals where it is started
        with _blocked():
            process.start()
        self._process, self.pid = process, process.pid or 0

    async def perform(self, assignment: Assignment, permit: Permit) -> Report:
        """Have an attempt made; raises `_Died` when the process dies over it."""
        return await self.attempts.perform(assignment, permit)

    def cut(self, fault: Fault) -> None:
        """Have it end what it is at."""
        if self.is_up:
            self.attempts.cut(fault)

    async def end(self) -> None:
        """End the process; one that is not up, or does not go, is killed."""
        if not self.is_up:
            self._kill()
        self.is_up = False
        self.attempts.close()
        self._tasks.cancel()
        if self._wire is not None:
            self._wire.close()
        if self._process is None:
            return
        try:
            await asyncio.to_thread(self._process.join, CLOSING + 2)
        finally:  # also where nobody waits for it any longer
            self._kill()
        await asyncio.to_thread(self._process.join, CLOSING)

    async def _read(self, wire: Wire) -> None:
        try:
            while True:
                self._hear(await wire.receive())
                self._heard += 1
        except EOFError:
            pass
        except Exception as error:  # noqa: BLE001  whatever it is, nothing more is heard of it
            self._end = f"could not be understood ({type(error).__name__})"
        self._lose()

    async def _watch(self) -> None:
        """Kill the process when it has been silent for long while this one was running."""
        silent = 0
        while silent < LOOKS:
            heard = self._heard
            await asyncio.sleep(SILENCE / LOOKS)
            silent = silent + 1 if heard == self._heard else 0
        self._end = f"was silent for {SILENCE:g} s"
        self._lose()

    def _hear(self, word: object) -> None:
        match word:
            case Done() | Begun() | Opened() | Plea():
                self.attempts.hear(word)
            case log.Line():
                log.relay(word)
            case Alive():
                pass

    def _say(self, word: object) -> None:
        if self._wire is not None:
            self._wire.put(word)

    def _lose(self) -> None:
        if not self.is_up:
            return
        self.is_up = False
        self._kill()
        at = log.counted(len(self), "device")
        again = f" over {at}: tried once more elsewhere" if len(self) else ""
        logger.error("process %d %s%s", self.pid, self._end, again)
        self.attempts.lose(lambda had_begun: _Died(had_begun=had_begun))

    def _kill(self) -> None:
        if self._process is not None:
            self._process.kill()


@contextlib.contextmanager
def _blocked() -> Iterator[None]:
    """Keep signals of the whole group from a process that is only starting; of this thread's."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, IGNORED)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
