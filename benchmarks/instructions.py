"""Instructions of our whole program for one device, against those of the floor.

    python benchmarks/instructions.py [backup] [--few 5] [--many 35] [--before FOLDER]

Counted by valgrind's cachegrind, which has to be installed: user space alone, so that what the
kernel does (sockets, files, flushes) is left out. What a run needs however small it is cancels out,
as the difference of two fleets is taken. Where CPU differs by a third from run to run, this differs
by a hundredth: for finding out what a change is worth, on a machine that others use too.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from fleet.devices import served
from fleet.work import WORKS, Work, packed

ROOT = Path(__file__).parent.parent
PATIENCE = 600.0  # a program under valgrind is some 30 times slower
COUNTER = ("valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null")
COUNTED = re.compile(r"I\s+refs:\s+([\d,]+)")


def counted(way: str, checkout: Path, work: Work) -> int:
    """Do the work once; give the instructions of all of it."""
    environment = dict(os.environ, PYTHONPATH=str(checkout), PYTHONHASHSEED="0")
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    program = (sys.executable, str(checkout / "benchmarks" / "fleet" / "ways.py"), way)
    cores = sorted(os.sched_getaffinity(0))
    with served(work, cores) as fleet, tempfile.TemporaryDirectory(prefix="count-") as folder:
        ended = subprocess.run(
            [*COUNTER, *program],
            env=environment,
            input=packed(replace(work, host_key=fleet.host_key), fleet.ports, folder).encode(),
            capture_output=True,
            check=False,
        )
    told = COUNTED.search(ended.stderr.decode(errors="replace"))
    if ended.returncode or told is None or json.loads(ended.stdout)["good"] != work.good:
        raise SystemExit(f"{way}: {ended.stderr.decode(errors='replace')[-2000:]}")
    return int(told[1].replace(",", ""))


def each(way: str, checkout: Path, work: Work, few: int, many: int) -> float:
    """Give the instructions for one device more, all modules compiled."""
    counted(way, checkout, replace(work, devices=few))
    counts = [counted(way, checkout, replace(work, devices=number)) for number in (few, many)]
    return (counts[1] - counts[0]) / (many - few)


def main(arguments: argparse.Namespace) -> None:
    """Count each way; print a line for it."""
    work = replace(WORKS[arguments.work], patience=PATIENCE)
    ways = [("floor", ROOT), ("collector", ROOT)]
    if arguments.before:
        ways.append(("collector", arguments.before.resolve()))
    floor = 0.0
    for way, checkout in ways:
        count = each(way, checkout, work, arguments.few, arguments.many)
        floor = floor or count
        title = way if checkout == ROOT else f"{way} before"
        print(f"{title:16} {count / 1e6:6.2f} million a device, {count / floor:.2f} of the floor")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", nargs="?", choices=[*WORKS], default="backup")
    parser.add_argument("--few", type=int, default=5)
    parser.add_argument("--many", type=int, default=35)
    parser.add_argument("--before", type=Path)
    main(parser.parse_args())
