"""Results on their way from the engine to disk, and past whoever watches.

Owns the order (stored first, seen afterwards), how many are stored at once, and what happens when a
watcher is stuck or leaves. Refuses to know what a writer writes and what a watcher shows.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime
from typing import Protocol

from collector.collect.ending import Ending
from collector.collect.tally import Tally
from collector.errors import StorageError
from collector.model import (
    Device,
    DeviceResult,
    Fault,
    FaultClass,
    Phase,
    Status,
    Tolerance,
)

CLOSING = 4.0  # seconds that sessions have to close in after the end; the manifest has the fifth
PATIENCE = 2.0  # seconds of these for a watcher that is stuck, on a pipe that nobody reads
WRITERS = 8  # results stored at once: those that wait for the disk share its next flush

logger = logging.getLogger(__name__)


class Observer(Protocol):
    """Watches the results of a run go by, each already stored.

    It may stop watching before the end; the run goes on without it.
    """

    async def __call__(self, results: AsyncIterator[DeviceResult], total: int) -> None:
        """Consume results; ``total`` is the number of devices in the run."""
        ...


class Writer(Protocol):
    """Stores results; several at a time."""

    async def write(self, result: DeviceResult) -> DeviceResult:
        """Store one and give it back as it was recorded."""
        ...


async def unobserved(results: AsyncIterator[DeviceResult], total: int) -> None:
    """Watch nothing."""
    async for _ in results:
        pass


class Delivery:
    """The way of one run's results; ``problem`` says what kept an observer from its work."""

    def __init__(self, writer: Writer, tally: Tally, ending: Ending) -> None:
        self.problem = ""
        self._writer, self._tally, self._ending = writer, tally, ending
        self._slots = asyncio.Semaphore(WRITERS)
        self._stored: asyncio.Queue[DeviceResult | None] = asyncio.Queue(maxsize=1)
        self._watcher: asyncio.Task[None] | None = None

    async def deliver(
        self, results: AsyncIterator[DeviceResult], observe: Observer, total: int
    ) -> None:
        """Store and show everything; ends when ``results`` does."""
        async with asyncio.TaskGroup() as group:
            watcher = self._watcher = group.create_task(self._watch(observe, total))
            storing = group.create_task(self._store_all(results))
            await asyncio.wait([watcher, storing], return_when=asyncio.FIRST_COMPLETED)
            await self._see_out(watcher)
            async for _ in self._seen():  # what a watcher that left has not looked at
                pass

    async def _see_out(self, watcher: asyncio.Task[None]) -> None:
        """Wait for the watcher's end; one that is stuck at the last result is sent away, too."""
        try:
            async with self._ending.grace(PATIENCE):
                await asyncio.wait([watcher])
        except TimeoutError:
            # What was held back may have begun only now: it has as long once more.
            await asyncio.wait([watcher], timeout=PATIENCE)
            self._send_away(watcher)
            await asyncio.wait([watcher])

    async def _watch(self, observe: Observer, total: int) -> None:
        try:
            await observe(self._seen(), total)
        except StorageError as error:
            self.problem = str(error)

    async def _store_all(self, results: AsyncIterator[DeviceResult]) -> None:
        async with asyncio.TaskGroup() as group:
            async for result in results:
                await self._slots.acquire()
                group.create_task(self._store(result))
        await self._show(None)

    async def _store(self, result: DeviceResult) -> None:
        recorded = await self._writer.write(result)
        self._tally.count(recorded)
        await self._show(recorded)
        self._slots.release()

    async def _show(self, result: DeviceResult | None) -> None:
        """Hand a result to the watcher; one that takes none any more is sent away after a stop."""
        try:
            async with self._ending.grace(PATIENCE):
                await self._stored.put(result)
        except TimeoutError:
            if self._watcher is not None:
                self._send_away(self._watcher)
            await self._stored.put(result)

    def _send_away(self, watcher: asyncio.Task[None]) -> None:
        if watcher.cancel():
            logger.warning("printing was given up: nobody reads it")

    async def _seen(self) -> AsyncIterator[DeviceResult]:
        """Give what is stored, up to the end mark, which stays for whoever looks next."""
        while (result := await self._stored.get()) is not None:
            yield result
        self._stored.put_nowait(None)


async def completed(
    results: AsyncIterator[DeviceResult], devices: Iterable[Device], ending: Ending
) -> AsyncIterator[DeviceResult]:
    """Give a result for every device, also when the engine could not end in time after a stop."""
    missing = {device.name: device for device in devices}
    while (result := await _next(results, ending)) is not None:
        missing.pop(result.device.name, None)
        yield result
    for device in missing.values():
        yield _left(device, ending)


async def tolerated(
    results: AsyncIterator[DeviceResult], most: Tolerance | None, total: int, ending: Ending
) -> AsyncIterator[DeviceResult]:
    """Give the results on; when too many have failed, or are partial, let no more be begun."""
    failed = 0
    async for result in results:
        failed += result.status in {Status.FAILED, Status.PARTIAL}
        if most is not None and most.is_exceeded(failed, total):
            ending.shed(f"more than {most} of {total} devices failed (max_failures)")
        yield result


def unasked(device: Device) -> DeviceResult:
    """Make the result of a device that the job has no command for."""
    message = f"the job has no command for platform {device.platform}"
    return _unvisited(device, Status.SKIPPED, FaultClass.SKIPPED, message)


async def _next(results: AsyncIterator[DeviceResult], ending: Ending) -> DeviceResult | None:
    # The grace is around each step and never around a yield: it must not cancel who reads.
    try:
        async with ending.grace(CLOSING):
            return await anext(results, None)
    except TimeoutError:
        logger.warning("some sessions did not close in time")
        return None


def _left(device: Device, ending: Ending) -> DeviceResult:
    message = f"{ending.reason or 'the run ended'}; its session did not end in time"
    return _unvisited(device, Status.CANCELLED, FaultClass.CANCELLED, message)


def _unvisited(
    device: Device, status: Status, fault_class: FaultClass, message: str
) -> DeviceResult:
    return DeviceResult(
        device=device,
        status=status,
        started=datetime.now(UTC),
        duration=0.0,
        fault=Fault(fault_class=fault_class, phase=Phase.INVENTORY, message=message),
        attempts=0,
    )
