"""Tasks that somebody keeps, and work that the end of the run cuts short."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator


class Tasks:
    """Tasks that are kept until they have ended; whoever begins one does not wait for it."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()

    def __iter__(self) -> Iterator[asyncio.Task[None]]:
        """Give those that have not ended."""
        return iter((*self._running,))

    def begin(self, work: Coroutine[object, object, None]) -> None:
        """Begin one."""
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    def cancel(self) -> None:
        """Cancel all but the one that this is called in."""
        for task in self:
            if task is not asyncio.current_task():
                task.cancel()

    async def ended(self, seconds: float | None = None) -> None:
        """Wait until all have ended, or for so long."""
        if self._running:
            await asyncio.wait(self._running, timeout=seconds)


async def unless(stop: asyncio.Event, work: Coroutine[object, object, None]) -> None:
    """Do some work; it is cancelled, and seen out, when the run is to end before it is done."""
    working = asyncio.ensure_future(work)
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait((working, stopping), return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        working.cancel()
        await asyncio.wait((working, stopping))
    if not working.cancelled():
        working.result()
