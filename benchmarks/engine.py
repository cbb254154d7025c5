"""What the engine itself costs a device: scripted sessions, no network, no disk.

    python benchmarks/engine.py [--devices 10000] [--sessions 500] [--commands 3] [--think 0.01]

Prints CPU per device, the wall time against what the number of sessions allows, the most tasks at
once, and the growth of memory: it should follow the sessions, never the devices.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import time
from collections.abc import AsyncIterator

from collector.engine import Enter, collect_devices
from collector.model import (
    Assignment,
    CommandResult,
    CommandStatus,
    Device,
    Limits,
    Phase,
    Retries,
    Status,
    Timeouts,
)


class Thinker:
    """A connector and its session: each answer takes a while and is always good."""

    algorithms = None

    def __init__(self, think: float) -> None:
        self._think = think

    async def open(self, device: Device, timeouts: Timeouts, enter: Enter) -> Thinker:
        """Be open at once."""
        enter(Phase.AUTH)
        return self

    async def run(self, command: str, *, timeout: float, least: int = 0) -> CommandResult:
        """Think, then answer."""
        await asyncio.sleep(self._think)
        return CommandResult(command=command, status=CommandStatus.OK, output=b"x" * 18_000)

    async def finish(self) -> tuple[int, ...]:
        """Have nothing to add."""
        return ()

    async def close(self) -> None:
        """Let go of nothing."""


async def fleet(devices: int, commands: int) -> AsyncIterator[Assignment]:
    """Make the devices as they are asked for."""
    asked = tuple(f"show {number}" for number in range(commands))
    for number in range(devices):
        device = Device(name=f"r{number}", host="h", platform="p", credential="c", groups=("ams",))
        yield Assignment(device=device, commands=asked)


async def main(arguments: argparse.Namespace) -> None:
    """Run all devices and print a line of figures."""
    before, wall, cpu = peak(), time.perf_counter(), time.process_time()
    results = collect_devices(
        fleet(arguments.devices, arguments.commands),
        Thinker(arguments.think),
        limits=Limits(sessions=arguments.sessions, per_group=arguments.per_group),
        timeouts=Timeouts(),
        retries=Retries(),
    )
    count = tasks = 0
    async for result in results:
        if result.status is not Status.OK:
            raise SystemExit(f"{result.device.name}: {result.fault}")
        count += 1
        if count % 100 == 0:
            tasks = max(tasks, len(asyncio.all_tasks()))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    ideal = arguments.devices / arguments.sessions * arguments.commands * arguments.think
    print(
        f"{count} devices in {wall:.2f} s ({ideal:.2f} s of it thinking): "
        f"CPU {cpu / count * 1000:.3f} ms a device, {tasks} tasks at most, "
        f"memory {before:.0f} MiB + {peak() - before:.1f}"
    )


def peak() -> float:
    """Tell the peak memory of this process so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=10_000)
    parser.add_argument("--sessions", type=int, default=500)
    parser.add_argument("--per-group", type=int, default=0)
    parser.add_argument("--commands", type=int, default=3)
    parser.add_argument("--think", type=float, default=0.01)
    asyncio.run(main(parser.parse_args()))
