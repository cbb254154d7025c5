"""Large and endless outputs: whole, or refused at the cap, and the loop goes on meanwhile."""

from __future__ import annotations

import asyncio
import time
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from support.hostile import Actor, endless, heard_over_network, served
from support.modes import FIRST, SECOND, VERSION, answering

from collector.model import CommandStatus, FaultClass

LINE = b"interface GigabitEthernet1/0/1 description r1# an uplink of some length\r\n"
MEGABYTE = LINE * (1_000_000 // len(LINE))


@asynccontextmanager
async def longest_stall() -> AsyncIterator[list[float]]:
    """Measure the most processor seconds in which the loop did not come round.

    Not seconds of the clock: those are also spent by whatever else the machine does.
    """
    stalls = [0.0]

    async def tick() -> None:
        before = time.thread_time()
        while True:
            await asyncio.sleep(0.01)
            now = time.thread_time()
            stalls[0] = max(stalls[0], now - before)
            before = now

    ticking = asyncio.create_task(tick())
    try:
        yield stalls
    finally:
        ticking.cancel()


async def measure_from_here(actor: Actor) -> None:
    """Leave out what reading the platforms took."""
    tracemalloc.reset_peak()


async def test_fifty_megabytes_come_whole_and_do_not_hold_up_the_loop() -> None:
    async with served({"r1": answering((MEGABYTE,) * 50)}) as lab, longest_stall() as stalls:
        heard = await heard_over_network(lab, "r1", (FIRST, SECOND))
        first, second = heard.results
        assert first.status is CommandStatus.OK
        assert len(first.output) == 50 * len(MEGABYTE.replace(b"\r\n", b"\n"))
        assert first.output.count(LINE.replace(b"\r\n", b"\n")) == first.output.count(b"\n")
        assert second.output == VERSION.replace(b"\r\n", b"\n")
    # The promise is 250 ms; here the emulated device shares the loop.
    assert stalls[0] < 1.0


async def test_more_than_the_cap_is_refused_and_little_of_it_kept() -> None:
    limit = 2_000_000
    script = answering((measure_from_here, endless(MEGABYTE)))
    async with served({"r1": script}) as lab:
        tracemalloc.start()
        try:
            heard = await heard_over_network(lab, "r1", (FIRST, SECOND), output_limit=limit)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert heard.error is not None
    assert heard.error.fault.fault_class is FaultClass.OUTPUT_LIMIT
    assert str(limit) in heard.error.fault.message
    assert 0 < len(heard.error.evidence) <= 65_536
    assert peak < 10 * limit  # both sides, their windows and buffers
