"""How fast the history of the backups is: a fleet that is new, then unchanged, then a few changed.

    python benchmarks/backups.py [--devices 10000] [--size 50000] [--changed 200] [--folder DIR]

A line for each of these three runs: opening the history, comparing all devices and writing those
that differ (the emulated configurations are made meanwhile, which is told apart), staging and
committing; then how long the loop was held, and the memory this process had at most. Ends with 1
when the commit of the few took 5 s or more. The folder must be on the disk that is to be measured;
a temporary one is made in it and removed.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from collector.backups.history import History, Part
from collector.backups.rules import Rules
from collector.model import CommandResult, CommandStatus, Device, DeviceResult, Status
from collector.platforms import load_platforms
from collector.settings import Backups

COMMAND = "show running-config"
PROMISE = 5.0  # seconds
CALLERS = 8  # devices that are stored at once, as in a run


@dataclass(slots=True)
class Spent:
    """Seconds."""

    opening: float = 0.0
    making: float = 0.0
    keeping: float = 0.0
    committing: float = 0.0
    lags: list[float] = field(default_factory=list)

    def __str__(self) -> str:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return (
            f"open {self.opening:.2f} s, compare and write {self.keeping - self.making:.2f} s, "
            f"stage and commit {self.committing:.2f} s, "
            f"loop held {1000 * max(self.lags):.0f} ms at most, peak memory {peak:.0f} MiB"
        )


async def main(arguments: argparse.Namespace) -> int:
    """Time the three runs and print a line for each."""
    with tempfile.TemporaryDirectory(dir=arguments.folder, prefix="backups-benchmark-") as folder:
        spent = Spent()
        for title, changed in (("new", 0), ("unchanged", 0), ("changed", arguments.changed)):
            spent = await _run(Path(folder), arguments, changed)
            print(f"{title:9} {arguments.devices} devices: {spent}", flush=True)
    return int(spent.committing >= PROMISE)


async def _run(output: Path, arguments: argparse.Namespace, changed: int) -> Spent:
    spent = Spent()
    part = Part(commands=(COMMAND,), rules=Rules.of(load_platforms()["cisco_iosxe"]))
    marks = [time.perf_counter()]
    history = await History.open(output, Backups(timeout=600), run="run", job="backup")
    marks.append(time.perf_counter())
    watch = asyncio.create_task(_watch(spent))
    results = _results(arguments, changed, spent)
    async with asyncio.TaskGroup() as group:
        for _ in range(CALLERS):
            group.create_task(_keep(history, results, part))
    marks.append(time.perf_counter())
    await history.commit({Status.OK: arguments.devices})
    marks.append(time.perf_counter())
    watch.cancel()
    history.close()
    assert not history.problem, history.problem
    spent.opening, spent.keeping, spent.committing = (
        after - before for before, after in pairwise(marks)
    )
    return spent


async def _watch(spent: Spent) -> None:
    """See how late the loop is; making a configuration holds it too, for a moment."""
    while True:
        before = time.perf_counter()
        await asyncio.sleep(0.01)
        spent.lags.append(time.perf_counter() - before - 0.01)


async def _keep(history: History, results: Iterator[DeviceResult], part: Part) -> None:
    for result in results:
        await history.keep(result, part)


def _results(arguments: argparse.Namespace, changed: int, spent: Spent) -> Iterator[DeviceResult]:
    for number in range(arguments.devices):
        before = time.perf_counter()
        text = _configuration(number, arguments.size, is_changed=number < changed)
        spent.making += time.perf_counter() - before
        name = f"d{number:05}"
        yield DeviceResult(
            device=Device(name=name, host="127.0.0.1", platform="cisco_iosxe", credential=""),
            status=Status.OK,
            started=datetime.now(UTC),
            duration=0.0,
            commands=(CommandResult(command=COMMAND, status=CommandStatus.OK, output=text),),
        )


def _configuration(number: int, size: int, *, is_changed: bool) -> bytes:
    """Make one that compresses as they do: lines alike, what is named in them is not."""
    noise = random.Random(number).randbytes(size // 8).hex()
    block = "interface GigabitEthernet1/0/{0}\n description {1}\n ip address 10.{0}.1.1/24\n!\n"
    ports = range(size // 100)
    text = "".join(block.format(port, noise[port * 24 : port * 24 + 24]) for port in ports)
    text += " ntp server 10.0.0.1\n" * max((size - len(text)) // 21, 0)
    return f"hostname d{number}{'-new' if is_changed else ''}\n{text}end\n".encode()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Time the history of the backups.")
    parser.add_argument("--devices", type=int, default=10_000)
    parser.add_argument("--size", type=int, default=50_000)
    parser.add_argument("--changed", type=int, default=200)
    parser.add_argument("--folder", type=Path, default=Path("output"))
    sys.exit(asyncio.run(main(parser.parse_args())))
