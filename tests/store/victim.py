"""A program that dies at chosen moments of a run: ``victim.py OUTPUT run|resume POINT...``.

For each POINT a process is forked that writes a good run into ``OUTPUT/0``, ``OUTPUT/1`` and so
on, then another one in which it kills itself at the POINT-th file operation (open, mkdir, rename,
link, ...), while its other threads are somewhere in theirs. ``resume``: the other one is half a
run, and it dies while that is resumed. Prints for each folder whether it died or came to its end.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path

from store import samples
from support import outcomes

from collector.store import RunHeader, RunWriter, find_run

SIZES = (100, 200_000)
DEVICES = 5

_OPERATIONS = frozenset({"open", "os.mkdir", "os.rename", "os.link", "os.symlink", "os.remove"})


def content(generation: int, device: int, size: int) -> bytes:
    """Make an output: those of even devices are the same in every generation."""
    seed = f"{device} {generation if device % 2 else 0}\n".encode()
    return (seed * (size // len(seed) + 1))[:size]


async def write_run(output: Path, generation: int) -> None:
    """Write a whole run of all devices at once."""
    async with await RunWriter.create(output, _header(generation)) as writer:
        await _write(writer, generation, range(DEVICES))
        await writer.finish(samples.end())


async def write_half(output: Path, generation: int) -> None:
    """Write a run of which every other device is missing, and the last one is to be asked again."""
    async with await RunWriter.create(output, _header(generation)) as writer:
        await _write(writer, generation, range(0, DEVICES, 2))


async def resume_run(output: Path, generation: int) -> None:
    """Write what is missing of the newest run."""
    run = find_run(output, "latest")
    have = {row["name"] for row in run.rows()} - {f"r{DEVICES - 1}"}
    missing = [device for device in range(DEVICES) if f"r{device}" not in have]
    asked = [f"r{device}" for device in missing]
    async with await RunWriter.resume(run.folder, _header(generation), asked=asked) as writer:
        await _write(writer, generation, missing)
        await writer.finish(samples.end())


async def _write(writer: RunWriter, generation: int, devices: Iterable[int]) -> None:
    async with asyncio.TaskGroup() as group:
        for device in devices:
            outputs = (
                outcomes.good(f"show {size}", content(generation, device, size)) for size in SIZES
            )
            group.create_task(writer.write(outcomes.result(f"r{device}", *outputs)))


def _header(generation: int) -> RunHeader:
    started = outcomes.STARTED + timedelta(hours=generation)
    return replace(samples.header([f"r{device}" for device in range(DEVICES)]), started=started)


def _die_at(point: int) -> None:
    operations = count(1)

    def watch(event: str, _: object) -> None:
        if event in _OPERATIONS and next(operations) == point:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)


def _fork(output: Path, mode: str, point: int) -> bool:
    child = os.fork()
    if not child:
        asyncio.run(write_run(output, 1))
        if mode == "resume":
            asyncio.run(write_half(output, 2))
        _die_at(point)
        asyncio.run(resume_run(output, 2) if mode == "resume" else write_run(output, 2))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return os.WTERMSIG(status) == signal.SIGKILL
    if os.waitstatus_to_exitcode(status):
        raise SystemExit(f"the process of point {point} failed")
    return False


if __name__ == "__main__":
    for number, argument in enumerate(sys.argv[3:]):
        died = _fork(Path(sys.argv[1]) / str(number), sys.argv[2], int(argument))
        print(number, "died" if died else "ended")
