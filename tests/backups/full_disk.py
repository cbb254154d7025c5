"""A program that backs up to a disk that is full: ``full_disk.py OUTPUT ROOM``.

Backs up the fleet of `texts` 1, fills the disk of OUTPUT but for ROOM bytes, backs up that of
`texts` 2, makes room, and backs up that again. Prints as JSON what was found after each step.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from support import outcomes
from support.backups import COMMAND, NONE, PART, git, subjects

from collector.backups.history import History
from collector.errors import StorageError
from collector.model import Status

DEVICES = 12
_PAGE = 4096


def texts(generation: int) -> dict[str, str]:
    """Make the configurations of the fleet: every other one is another one in each generation.

    What git packs is half their size: its objects want room as well as the files do.
    """
    dice = {
        number: random.Random(number + 100 * generation * (number % 2)) for number in range(DEVICES)
    }
    return {f"r{number}": f"{dice[number].randbytes(10_000).hex()}\n" for number in range(DEVICES)}


async def run(output: Path, generation: int) -> list[str]:
    """Do what a run does of its history; give the lines that it would say."""
    lines = []
    try:
        history = await History.open(output, NONE, run=f"run-{generation}", job="backup")
    except StorageError as error:
        return [str(error)]
    try:
        for name, text in texts(generation).items():
            result = outcomes.result(name, outcomes.good(COMMAND, text.encode()))
            await history.keep(result, PART)
        lines += [history.problem] if history.problem else []
        await history.commit({Status.OK: len(texts(generation))})
    except StorageError as error:
        lines.append(str(error))
    finally:
        history.close()
    return lines


def found(output: Path, lines: list[str]) -> dict[str, Any]:
    """Say of which fleet each file is, in the folder and in the last commit; None: of neither."""
    fleets = {number: texts(number) for number in (1, 2)}

    def whose(name: str, text: str) -> list[int]:
        return [number for number, fleet in fleets.items() if fleet[name] == text]

    return {
        "lines": lines,
        "files": {
            path.stem: whose(path.stem, path.read_text())
            for path in sorted((output / "configs").glob("*.cfg"))
        },
        "committed": {
            name: whose(name, git(output, "show", f"HEAD:{name}.cfg") + "\n") for name in texts(1)
        },
        "subjects": subjects(output),
    }


def fill(ballast: Path, room: int) -> None:
    """Fill the disk, then give back so many bytes of it."""
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while file.write(bytes(_PAGE)):
            pass
    with ballast.open("r+b") as file:
        file.truncate(max(0, ballast.stat().st_size - room))


async def main(output: Path, room: int) -> list[dict[str, Any]]:
    """Do the three runs."""
    steps = [found(output, await run(output, 1))]
    fill(output / "ballast", room)
    steps.append(found(output, await run(output, 2)))
    (output / "ballast").unlink()
    steps.append(found(output, await run(output, 2)))
    steps[-1]["fsck"] = git(output, "fsck", "--strict", "--no-dangling")
    steps[-1]["status"] = git(output, "status", "--porcelain")
    return steps


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))))
