"""How long the event loop is held up while large outputs come, and what a session costs in memory.

    python benchmarks/stall.py [--size 20] [--bytes 1000000] [--sessions 1000] [--think 0]

A stall is told in seconds of the loop's own CPU between two turns, which a busy machine does not
lengthen, and in seconds of the clock. The fleet is a process of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from fleet.devices import served
from fleet.ways import memory, written
from fleet.work import CONFIGURATION, WORKS, Work

from collector.collect import execute, loop_factory, prepare, settle_memory
from collector.model import Status
from collector.settings import Override, load_settings

EVERY = 0.002


class Stalls:
    """The longest that the loop did not come round, by its CPU and by the clock."""

    def __init__(self) -> None:
        self.cpu = self.wall = 0.0

    async def watch(self) -> None:
        """Come round for ever."""
        cpu, wall = time.thread_time(), time.perf_counter()
        while True:
            await asyncio.sleep(EVERY)
            before, cpu = cpu, time.thread_time()
            self.cpu = max(self.cpu, cpu - before)
            before, wall = wall, time.perf_counter()
            self.wall = max(self.wall, wall - before - EVERY)


async def collected(work: Work, ports: list[int], folder: Path) -> Stalls:
    """Do a whole run, watched."""
    config, inventory = written(work, ports, folder)
    given = {"inventory": inventory, "output": folder / "output", "job": "bench"}
    overrides = {key: Override(value=value, label=key) for key, value in given.items()}
    plan = await asyncio.to_thread(lambda: prepare(load_settings(config, {}, overrides)))
    # Loads what it needs.
    await execute(replace(plan, assignments=plan.assignments[:1]), loaded=settle_memory)
    resting = memory("VmRSS")
    stalls = Stalls()
    watching = asyncio.create_task(stalls.watch())
    outcome = await execute(plan)
    watching.cancel()
    assert outcome.totals[Status.OK] == work.devices, outcome
    grown = memory("VmHWM") - resting
    busy = min(work.sessions, work.devices)
    print(
        f"{work.devices} devices in {outcome.duration:.1f} s, {busy} sessions at most: "
        f"{grown / 1024:.0f} MiB more than at rest, {grown / busy:.0f} KiB a session"
    )
    return stalls


def main(arguments: argparse.Namespace) -> None:
    """Measure; print a line of each."""
    work = replace(
        WORKS["big"],
        devices=arguments.size,
        size=arguments.bytes,
        sessions=arguments.sessions,
        think=arguments.think,
        commands=(CONFIGURATION,),
    )
    cores = sorted(os.sched_getaffinity(0))
    with (
        served(work, cores[1:] or cores) as fleet,
        tempfile.TemporaryDirectory(prefix="stall-") as folder,
        asyncio.Runner(loop_factory=loop_factory()) as runner,
    ):
        os.sched_setaffinity(0, cores[:1])
        work = replace(work, host_key=fleet.host_key)
        stalls = runner.run(collected(work, fleet.ports, Path(folder)))
    print(f"longest stall: {1000 * stalls.cpu:.0f} ms of CPU, {1000 * stalls.wall:.0f} ms of clock")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=20)
    parser.add_argument("--bytes", type=int, default=1_000_000)
    parser.add_argument("--sessions", type=int, default=1_000)
    parser.add_argument("--think", type=float, default=0.0)
    main(parser.parse_args())
