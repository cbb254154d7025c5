"""A program that writes one run and tells what came of it: ``one_run.py OUTPUT FILL SIZE...``.

Each SIZE is a device with one output of that many bytes. FILL is ``no``, ``while`` (the disk is
full while the devices are written, and has room again for the end) or ``on`` (it stays full).
"""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import suppress
from pathlib import Path

from store import samples
from support import outcomes

from collector.errors import StorageError
from collector.model import DeviceResult
from collector.store import RunWriter, read_manifest

_PAGE = bytes(4096)


async def _run(output: Path, fill: str, sizes: list[int]) -> dict[str, object]:
    async with await RunWriter.create(output, samples.header()) as writer:
        ballast = output / "ballast"
        if fill != "no":
            with suppress(OSError), ballast.open("wb", buffering=0) as file:
                while file.write(_PAGE):
                    pass
        recorded = [
            await writer.write(outcomes.result(f"r{n}", outcomes.good("show", bytes(size))))
            for n, size in enumerate(sizes)
        ]
        if fill == "while":
            ballast.unlink()
        error = await _finish(writer)
        files = [path for path in writer.folder.rglob("*") if path.is_file()]
    return {
        "error": error,
        "recorded": [_told(result) for result in recorded],
        "files": sorted(path.relative_to(writer.folder).as_posix() for path in files),
        "manifest": read_manifest(writer.folder) if writer.folder / "manifest.json" in files else 0,
    }


async def _finish(writer: RunWriter) -> str:
    try:
        await writer.finish(samples.end())
    except StorageError as error:
        return str(error)
    return ""


def _told(result: DeviceResult) -> list[str]:
    fault = result.fault
    return [result.status, *([fault.fault_class, fault.phase, fault.message] if fault else [])]


if __name__ == "__main__":
    try:
        told = asyncio.run(_run(Path(sys.argv[1]), sys.argv[2], list(map(int, sys.argv[3:]))))
    except StorageError as error:
        told = {"refused": str(error)}
    print(json.dumps(told))
