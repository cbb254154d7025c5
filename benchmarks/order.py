"""What the order in which devices are begun is worth: the end of a run, in simulated time.

    python benchmarks/order.py [--devices 500] [--places 50] [--seeds 10] [--json]

The engine itself, with devices that only take their time: most take some seconds, one in twenty a
minute. Warped time, so the figures are the same on every machine. A line for each fleet: the bound
that no order can be under (the longest device, or the work of all over the places, or that of a
site or a jump host over its own), then the end of the run for the order of the inventory, for
random ones (the mean of all seeds, the best and the worst), and for the longest first: with what
the run before has shown, and with what it has shown off by up to 30% and missing for one device in
twenty.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from statistics import mean

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from support.skewed import Fleet, fleet, took

from collector.engine import in_order
from collector.model import Expectation, Limits

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


def measured(one: Fleet, seeds: int) -> dict[str, float]:
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
        "rough_s": took(one, in_order(one.assignments, _rough(known), one.limits)).end,
        "unknown_s": took(one, in_order(one.assignments, {}, one.limits)).end,
    }


def _rough(known: Mapping[str, Expectation]) -> dict[str, Expectation]:
    dice = random.Random(1)
    return {
        name: replace(each, seconds=each.seconds * dice.uniform(0.7, 1.3))
        for name, each in known.items()
        if dice.random() < 0.95
    }


def main(arguments: argparse.Namespace) -> None:
    """Print the figures."""
    if not arguments.json:
        print("".join(f"{title:<{width}}" for title, width in _HEADINGS))
    for title, one in fleets(arguments.devices, arguments.places).items():
        found = measured(one, arguments.seeds)
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


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Compare orders of devices in simulated time.")
    parser.add_argument("--devices", type=int, default=500)
    parser.add_argument("--places", type=int, default=50)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--json", action="store_true", help="a line of JSON for each fleet")
    main(parser.parse_args())
