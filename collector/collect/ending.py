"""Why a run ends before its time: a signal, its own limit, too many failures.

Owns the signals of the process while a run lasts, and the few seconds that the rest of the run has
after one. Refuses to know what is ended: it sets the engine's stop, the engine does the rest.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collector.engine import Stop

MOMENT = 0.2  # seconds


class Ending:
    """What ended the run, if anything did.

    The first SIGINT, SIGTERM or SIGHUP lets running sessions close and everything be stored; the
    second ends the process at once, unless it is a SIGHUP: a terminal that closes sends several.
    """

    def __init__(self, stop: Stop) -> None:
        self.signal: signal.Signals | None = None
        self.out_of_time = False
        self.reason = ""
        self._stop = stop
        self._since: float | None = None
        self._graces: dict[asyncio.Timeout, float] = {}

    @contextlib.contextmanager
    def watching(self, limit: float) -> Iterator[None]:
        """Listen to signals and, when it is not 0, to the run's limit in seconds."""
        loop = asyncio.get_running_loop()
        with contextlib.ExitStack() as stack:
            # Outside the main thread there are no signals to own.
            with contextlib.suppress(ValueError, RuntimeError, NotImplementedError):
                for number in _heard():
                    loop.add_signal_handler(number, self._on_signal, number)
                    stack.callback(loop.remove_signal_handler, number)
            if limit:
                timer = loop.call_later(limit, self._on_limit, limit)
                stack.callback(timer.cancel)
            yield

    @contextlib.asynccontextmanager
    async def grace(self, seconds: float) -> AsyncIterator[None]:
        """Bound what is inside to that many seconds after the end; TimeoutError after them.

        What begins later than that still has a moment, so that what is ready is not thrown away.
        """
        now = asyncio.get_running_loop().time()
        when = None if self._since is None else max(self._since + seconds, now + MOMENT)
        async with asyncio.timeout_at(when) as deadline:
            self._graces[deadline] = seconds
            try:
                yield
            finally:
                del self._graces[deadline]

    def shed(self, reason: str) -> None:
        """Let what runs finish, and begin nothing more."""
        if not self.reason:
            self.reason = reason
            self._stop.shed(reason)

    def _on_signal(self, number: signal.Signals) -> None:
        if self.signal is not None:
            if number is signal.SIGHUP:
                return  # the kernel's and the shell's word of one end; nobody is impatient
            os._exit(128 + number)
        self.signal = number
        self._end(f"the run was interrupted by {number.name}")

    def _on_limit(self, limit: float) -> None:
        self.out_of_time = True
        self._end(f"the run reached its limit of {limit:g} s")

    def _end(self, reason: str) -> None:
        if self._since is not None:
            return
        self.reason = reason
        self._since = asyncio.get_running_loop().time()
        for deadline, seconds in self._graces.items():
            deadline.reschedule(self._since + seconds)
        self._stop.interrupt(reason)


def _heard() -> list[signal.Signals]:
    """List the signals that end a run; one under ``nohup`` is to outlive its terminal."""
    outlives = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return [signal.SIGINT, signal.SIGTERM, *([] if outlives else [signal.SIGHUP])]
