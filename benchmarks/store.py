"""How fast the store is: a run of many devices, then the same run again with nothing changed.

    python benchmarks/store.py [--devices 1000] [--outputs 3] [--size 18000] [--folder DIR]

The second run should be all hard links. The folder must be on the disk that is to be measured; a
temporary one is made in it and removed.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import resource
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import repeat
from pathlib import Path

from collector.errors import Exit
from collector.model import CommandResult, CommandStatus, Device, DeviceResult, Status
from collector.store import RunEnd, RunHeader, RunWriter

_CALLERS = 100  # devices that finish at the same time


async def main(arguments: argparse.Namespace) -> None:
    """Time both runs and print a line for each."""
    with tempfile.TemporaryDirectory(dir=arguments.folder, prefix="store-benchmark-") as folder:
        for title in ("new", "identical"):
            wall, cpu = time.perf_counter(), time.process_time()
            await _run(Path(folder), arguments)
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            files = arguments.devices * arguments.outputs
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(
                f"{title:9} {files} files in {wall:.2f} s: {files / wall:.0f} files/s, "
                f"CPU {cpu / arguments.devices * 1000:.2f} ms a device, peak memory {peak:.0f} MiB"
            )


async def _run(output: Path, arguments: argparse.Namespace) -> None:
    order = [f"r{number}" for number in range(arguments.devices)]
    header = RunHeader(started=datetime.now(UTC), job="benchmark", order=order)
    results = _results(arguments)
    async with await RunWriter.create(output, header) as writer:
        async with asyncio.TaskGroup() as group:
            for _ in range(_CALLERS):
                group.create_task(_write(writer, results))
        end = RunEnd(finished=datetime.now(UTC), duration=0.0, exit_status=Exit.OK)
        await writer.finish(end)


async def _write(writer: RunWriter, results: Iterator[DeviceResult]) -> None:
    for result in results:
        await writer.write(result)


def _results(arguments: argparse.Namespace) -> Iterator[DeviceResult]:
    for number in range(arguments.devices):
        device = Device(name=f"r{number}", host="127.0.0.1", platform="linux", credential="none")
        content = random.Random(number).randbytes(arguments.size)
        commands = tuple(
            CommandResult(command=f"show {index}", status=CommandStatus.OK, output=output)
            for index, output in enumerate(repeat(content, arguments.outputs))
        )
        yield DeviceResult(
            device=device,
            status=Status.OK,
            started=datetime.now(UTC),
            duration=0.0,
            commands=commands,
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Time the writing of run folders.")
    parser.add_argument("--devices", type=int, default=1000)
    parser.add_argument("--outputs", type=int, default=3)
    parser.add_argument("--size", type=int, default=18_000)
    parser.add_argument("--folder", type=Path, default=Path("output"))
    asyncio.run(main(parser.parse_args()))
