"""The program, killed at chosen moments: ``killed.py FOLDER POINT...``.

For each POINT the program (`collector.cli.main`, as ``python -m collector`` calls it) is forked
and run in ``FOLDER/0``, ``FOLDER/1`` and so on, where it kills itself at its POINT-th file
operation below ``output``. After it, each in a process of its own: ``verify --all``, ``run --resume
latest`` (``run``, where it died before there was anything to go on with) and ``verify --all``. The
start of an interpreter is what all of them share. Prints a JSON line for each: how they ended.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
from itertools import count
from pathlib import Path

from collector.cli import main

# What a run imports where it is used, so that no fork has to load it again.
_ROOMS = ("collect.run", "credentials", "driver", "engine", "inventory", "store", "settings")
_OPERATIONS = frozenset({"open", "os.mkdir", "os.rename", "os.link", "os.symlink", "os.remove"})


def _die_at(point: int, folder: str) -> None:
    operations = count(1)

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        if event not in _OPERATIONS or not isinstance(arguments[0], str | bytes | os.PathLike):
            return
        if folder in os.fsdecode(arguments[0]) and next(operations) == point:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)


def _ended(folder: Path, *arguments: str, point: int = 0) -> int:
    """Run the program in a folder, in a fork; give its exit status."""
    child = os.fork()
    if not child:
        os.chdir(folder)
        with open("said.txt", "ab", buffering=0) as said:
            os.dup2(said.fileno(), sys.stdout.fileno())
            os.dup2(said.fileno(), sys.stderr.fileno())
        if point:
            _die_at(point, "output")
        sys.argv[1:] = arguments
        os._exit(main())
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def kill(folder: Path, point: int) -> dict[str, int]:
    """Kill a run, and see what the others make of what it left."""
    ended = {"run": _ended(folder, "run", "-q", point=point)}
    if not any(folder.glob("output/runs/2*")):
        ended["run again"] = _ended(folder, "run", "-q")
    elif not any(folder.glob("output/runs/2*/manifest.json")):
        ended["verify"] = _ended(folder, "verify", "--all")
        ended["resume"] = _ended(folder, "run", "-q", "--resume", "latest")
    ended["verify again"] = _ended(folder, "verify", "--all")
    return ended


if __name__ == "__main__":
    for room in _ROOMS:
        importlib.import_module(f"collector.{room}")
    for number, argument in enumerate(sys.argv[2:]):
        print(json.dumps(kill(Path(sys.argv[1]) / str(number), int(argument))), flush=True)
