"""What runs in a process of the crew: assignments in, reports out, until the other end hangs up.

Owns the process: its signals, its event loop, its log. It has a connector of its own, and so does
everything as the first process would, but for what only one may decide.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import multiprocessing
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field

from collector import log
from collector.credentials import Credentials
from collector.crew.wire import Wire
from collector.crew.words import Alive, Answer, Begun, Cut, Done, Go, Plea, Ready, Work
from collector.driver import DeviceConnector
from collector.engine import Errands

BEAT = 1.0  # seconds between two signs of life
CLOSING = 3.0  # seconds for what is still open when the other end has hung up
IGNORED = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
"""A terminal and a service manager send these to all processes; the first one decides."""

logger = logging.getLogger(__name__)

LoopFactory = Callable[[], asyncio.AbstractEventLoop]


def serve(end: socket.socket, loop_factory: LoopFactory | None) -> None:
    """Make attempts until the other end hangs up; the only thing a process does. Never returns."""
    try:
        for number in IGNORED:
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, IGNORED)
        threading.Thread(target=_outlive_nobody, daemon=True).start()
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(_serve(end))
    finally:
        os._exit(0)  # what it could not do, the first process has noticed: there is no one to tell


def _outlive_nobody() -> None:
    """End the process some time after the first one, however that has ended."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        time.sleep(CLOSING + 1)  # for the sessions to be closed: the socket has told, too
        os._exit(0)


async def _serve(end: socket.socket) -> None:
    wire = await Wire.over(end)
    work: Work = await wire.receive()
    connector = DeviceConnector(
        settings=work.settings,
        platforms=work.platforms,
        credentials=Credentials.of(work.credentials),
    )
    settings = work.settings
    member = _Member(wire, Errands(connector, settings.limits, settings.timeouts))
    log.forward(work.levels, member.say)
    gc.freeze()
    try:
        await member.serve()
    finally:
        await connector.close()
        wire.close()


@dataclass(slots=True, eq=False)
class _Member:
    """The attempts of this process, and what it says of them."""

    wire: Wire
    errands: Errands
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    _outbox: asyncio.Queue[object] = field(default_factory=asyncio.Queue)
    _pleas: dict[int, asyncio.Future[bool]] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def say(self, line: log.Line) -> None:
        """Pass a line of the log on; from any thread."""
        self._loop.call_soon_threadsafe(self._outbox.put_nowait, line)

    async def serve(self) -> None:
        """Do what is asked, until there is nobody to ask."""
        self._start(self._send())
        self._start(self._beat())
        self._outbox.put_nowait(Ready(pid=os.getpid()))
        logger.debug("process %d visits devices", os.getpid())
        try:
            while True:
                self._hear(await self.wire.receive())
        except EOFError:
            pass
        finally:
            for task in self._tasks:
                task.cancel()
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=CLOSING)

    def _hear(self, word: object) -> None:
        match word:
            case Go():
                self._start(self._visit(word))
            case Answer(number=number, may=may):
                if (plea := self._pleas.get(number)) and not plea.done():
                    plea.set_result(may)
            case Cut(fault=fault):
                self.errands.cut(fault)

    async def _visit(self, go: Go) -> None:
        async def may_enable() -> bool:
            plea = self._pleas[go.number] = self._loop.create_future()
            self._outbox.put_nowait(Plea(number=go.number))
            try:
                may: bool = await plea
                return may
            finally:
                del self._pleas[go.number]

        self._outbox.put_nowait(Begun(number=go.number))
        report = await self.errands.perform(go.assignment, may_enable)
        self._outbox.put_nowait(Done(number=go.number, report=report))

    async def _send(self) -> None:
        while True:
            await self.wire.send(await self._outbox.get())

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT)
            self._outbox.put_nowait(Alive())

    def _start(self, work: Coroutine[object, object, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
