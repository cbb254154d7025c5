"""What the order in which devices are begun is worth: the end of a run, in simulated time.

    python benchmarks/order.py [--devices 500] [--places 50] [--seeds 10] [--unknown 0.05] [--json]

The engine itself, with devices that only take their time: most take some seconds, one in twenty a
minute. Warped time, so the figures are the same on every machine. A line for each fleet: the bound
that no order can be under (the longest device, or the work of all over the places, or that of a
site or a jump host over its own), then the end of the run for the order of the inventory, for
random ones (the mean of all seeds, the best and the worst), and for the longest first: with what
the run before has shown, and with what it has shown off by up to 30% and missing for a share of the
devices (``--unknown``). The last line is what it costs to know: the reading of a run of 10,000
devices with three commands each, and the putting in order; in real time, of this machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from support.skewed import Fleet, fleet, took

from collector.engine import in_order
from collector.errors import Exit
from collector.model import (
    CommandResult,
    CommandStatus,
    DeviceResult,
    Expectation,
    Limits,
    Status,
)
from collector.store import RunEnd, RunHeader, RunWriter, last_durations

_HEADINGS = (
    ("fleet", 39),
    ("bound", 7),
    ("inventory", 10),
    ("random", 22),
    ("longest first", 14),
    ("by rough history", 17),
    ("no history", 10),
)


def fleets(count: int, places: int) -> Mapping[str, Fleet]:
    """Give the fleets by what is odd about each."""
    limits = Limits(sessions=places)
    narrow = replace(limits, per_group=max(1, places // 5))
    return {
        "one in 20 takes a minute": fleet(count, limits=limits),
        "and one in 20 is dead": fleet(count, dead=0.05, limits=limits),
        "ten sites, a fifth of the places each": fleet(count, sites=10, limits=narrow),
        "ten sites, four behind jump hosts of 2": fleet(count, sites=10, jumps=4, limits=limits),
        "none takes a minute": fleet(count, slow=0.0, sites=10, limits=limits),
    }


def measured(one: Fleet, seeds: int, unknown: float) -> dict[str, float]:
    """Measure all orders of one fleet; seconds."""
    ends = []
    for seed in range(seeds):
        order = list(one.assignments)
        random.Random(seed).shuffle(order)
        ends.append(took(one, order).end)
    known = one.expected()
    return {
        "bound_s": one.bound(),
        "inventory_s": took(one, one.assignments).end,
        "random_s": mean(ends),
        "random_best_s": min(ends),
        "random_worst_s": max(ends),
        "longest_first_s": took(one, in_order(one.assignments, known, one.limits)).end,
        "rough_s": took(one, in_order(one.assignments, _rough(known, unknown), one.limits)).end,
        "unknown_s": took(one, in_order(one.assignments, {}, one.limits)).end,
    }


def _rough(known: Mapping[str, Expectation], unknown: float) -> dict[str, Expectation]:
    dice = random.Random(1)
    return {
        name: replace(each, seconds=each.seconds * dice.uniform(0.7, 1.3))
        for name, each in known.items()
        if dice.random() >= unknown
    }


def cost(count: int = 10_000) -> tuple[float, float]:
    """Measure the seconds that it takes to read a run, and to put its devices in order."""
    one = fleet(count, sites=200, limits=Limits(per_group=10))
    names = frozenset(each.device.name for each in one.assignments)
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_write(Path(folder), one))
        since = time.perf_counter()
        known = last_durations(Path(folder), names, job="backup")
        read = time.perf_counter()
        in_order(one.assignments, known, one.limits)
        assert len(known) == count
        return read - since, time.perf_counter() - read


async def _write(output: Path, one: Fleet) -> None:
    """Store a run of one device, and give its line to all."""
    now = datetime.now(UTC)
    commands = tuple(
        CommandResult(command=f"show {number}", status=CommandStatus.OK, output=b"x" * 10_000)
        for number in range(3)
    )
    device = one.assignments[0].device
    header = RunHeader(started=now, job="backup", selection={"limits": [], "commands": []})
    async with await RunWriter.create(output, header) as writer:
        seen = DeviceResult(
            device=device, status=Status.OK, started=now, duration=2.0, commands=commands
        )
        await writer.write(seen)
        end = RunEnd(finished=now, duration=2.0, exit_status=Exit.OK)
        manifest = await writer.finish(end)
    *head, line, last, brace = manifest.read_text().splitlines()
    rows = [line.replace(device.name, each.device.name) for each in one.assignments]
    manifest.write_text("\n".join([*head, ",\n".join(rows), last, brace, ""]))


def main(arguments: argparse.Namespace) -> None:
    """Print the figures."""
    if not arguments.json:
        print("".join(f"{title:<{width}}" for title, width in _HEADINGS))
    for title, one in fleets(arguments.devices, arguments.places).items():
        found = measured(one, arguments.seeds, arguments.unknown)
        if arguments.json:
            rounded = {key: round(value, 1) for key, value in found.items()}
            print(json.dumps({"fleet": title, **rounded}))
        else:
            dice = "{random_s:.0f} ({random_best_s:.0f} to {random_worst_s:.0f})".format(**found)
            cells = (
                title,
                f"{found['bound_s']:.0f}",
                f"{found['inventory_s']:.0f}",
                dice,
                f"{found['longest_first_s']:.0f}",
                f"{found['rough_s']:.0f}",
                f"{found['unknown_s']:.0f}",
            )
            widths = (width for _, width in _HEADINGS)
            print("".join(f"{cell:<{w}}" for cell, w in zip(cells, widths, strict=True)))
    read, ordered = cost()
    if arguments.json:
        print(json.dumps({"read_10000_s": round(read, 3), "order_10000_s": round(ordered, 3)}))
    else:
        print(f"10,000 devices: read in {read:.2f} s, put in order in {ordered:.2f} s")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Compare orders of devices in simulated time.")
    parser.add_argument("--devices", type=int, default=500)
    parser.add_argument("--places", type=int, default=50)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--unknown", type=float, default=0.05, help="a share of the devices")
    parser.add_argument("--json", action="store_true", help="a line of JSON for each fleet")
    main(parser.parse_args())
