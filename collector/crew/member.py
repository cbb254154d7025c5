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
from collections.abc import Callable

from collector import log
from collector.credentials import Credentials
from collector.crew.tasks import Tasks
from collector.crew.visits import Visits
from collector.crew.wire import Wire, packed
from collector.crew.words import Alive, Answer, Begun, Cut, Go, Ready, Work
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
        loaded=gc.freeze,
    )
    settings = work.settings
    member = _Member(wire, Errands(connector, settings.limits, settings.timeouts))
    log.forward(work.levels, member.relay)
    try:
        await member.serve()
    finally:
        await connector.close()
        wire.close()


class _Member:
    """The attempts of this process, and what it says of them."""

    def __init__(self, wire: Wire, errands: Errands) -> None:
        self._wire, self._errands = wire, errands
        self._loop = asyncio.get_running_loop()
        self._outbox: asyncio.Queue[bytes] = asyncio.Queue()
        self._visits = Visits(errands.perform, self._say)
        self._tasks = Tasks()

    def relay(self, line: log.Line) -> None:
        """Pass a line of the log on; from any thread."""
        self._loop.call_soon_threadsafe(self._say, line)

    async def serve(self) -> None:
        """Do what is asked, until there is nobody to ask."""
        self._tasks.begin(self._send())
        self._tasks.begin(self._beat())
        self._say(Ready(pid=os.getpid()))
        logger.debug("process %d visits devices", os.getpid())
        try:
            while True:
                self._hear(await self._wire.receive())
        except EOFError:
            pass
        finally:
            self._tasks.cancel()
            await self._tasks.ended(CLOSING)

    def _hear(self, word: object) -> None:
        match word:
            case Go(number=number):
                self._say(Begun(number=number))
                self._tasks.begin(self._visits.make(word))
            case Answer():
                self._visits.answer(word)
            case Cut(fault=fault):
                self._errands.cut(fault)

    def _say(self, word: object) -> None:
        self._outbox.put_nowait(packed(word))

    async def _send(self) -> None:
        while True:
            await self._wire.send(await self._outbox.get())

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT)
            self._say(Alive())
