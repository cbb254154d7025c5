"""A program that dies at chosen moments of a run: ``victim.py OUTPUT POINT...``.

For each POINT a process is forked that writes a good run into ``OUTPUT/POINT``, then another one in
which it kills itself at the POINT-th file operation (open, mkdir, rename, link, ...), while its
other threads are somewhere in theirs. Prints for each point whether it died or came to its end.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path

from store import samples

from collector.store import RunWriter

SIZES = (100, 200_000)
DEVICES = 5

_OPERATIONS = frozenset({"open", "os.mkdir", "os.rename", "os.link", "os.symlink", "os.remove"})


def content(generation: int, device: int, size: int) -> bytes:
    """Make an output: those of even devices are the same in every generation."""
    seed = f"{device} {generation if device % 2 else 0}\n".encode()
    return (seed * (size // len(seed) + 1))[:size]


async def write_run(output: Path, generation: int) -> None:
    """Write a whole run of all devices at once."""
    names = [f"r{device}" for device in range(DEVICES)]
    started = samples.STARTED + timedelta(hours=generation)
    header = replace(samples.header(names), started=started)
    async with await RunWriter.create(output, header) as writer:
        async with asyncio.TaskGroup() as group:
            for device, name in enumerate(names):
                outputs = (
                    samples.good(f"show {size}", content(generation, device, size))
                    for size in SIZES
                )
                group.create_task(writer.write(samples.result(name, *outputs)))
        await writer.finish(samples.end())


def _die_at(point: int) -> None:
    operations = count(1)

    def watch(event: str, _: object) -> None:
        if event in _OPERATIONS and next(operations) == point:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)


def _fork(output: Path, point: int) -> bool:
    child = os.fork()
    if not child:
        asyncio.run(write_run(output, 1))
        _die_at(point)
        asyncio.run(write_run(output, 2))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return os.WTERMSIG(status) == signal.SIGKILL
    if os.waitstatus_to_exitcode(status):
        raise SystemExit(f"the process of point {point} failed")
    return False


if __name__ == "__main__":
    for argument in sys.argv[2:]:
        died = _fork(Path(sys.argv[1]) / argument, int(argument))
        print(argument, "died" if died else "ended")
