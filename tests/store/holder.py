"""A program that holds the lock of an output folder until its input ends: ``holder.py OUTPUT``."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from store import samples

from collector.store import RunWriter


async def _hold(output: Path) -> None:
    async with await RunWriter.create(output, samples.header(command="collector run -c x")):
        print("held", flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_hold(Path(sys.argv[1])))
