"""How long 10,000 devices take to load, against what yaml.CSafeLoader alone needs for that file.

    python benchmarks/inventory.py [rounds]

Prints the ratio of the medians of interleaved rounds, for each shape of file; ends with 1 when one
is above 1.5, which is the promise.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import yaml

from collector.inventory import load_inventory

DEVICES = 10_000
SITES = 50
PROMISED = 1.5

HEAD = """\
defaults: {platform: cisco_iosxe, credential: lab}
credentials:
  lab: {username: admin, password: "${LAB_PASSWORD:-admin}"}
groups:
"""


def address(number: int) -> str:
    """Return a different address for each device."""
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def flow(number: int) -> str:
    """Return a device on one line, as in the README."""
    return (
        f"  r{number}: {{host: {address(number)}, port: {2200 + number % 1000}, "
        f"groups: [s{number % SITES}], tags: {{role: core}}}}\n"
    )


def block(number: int) -> str:
    """Return a device with most of the keys there are, a line each."""
    return (
        f"  r{number}:\n    host: {address(number)}\n    platform: arista_eos\n    transport: ssh\n"
        f"    groups:\n      - s{number % SITES}\n      - all\n"
        f"    tags:\n      role: core\n      rack: {number % 40}\n      name: r{number}\n"
        f"    timeouts:\n      command: 120\n"
    )


def short(number: int) -> str:
    """Return a device that says nothing but where it is."""
    return f"  r{number}: {{host: {address(number)}}}\n"


SHAPES = {"flow": flow, "block": block, "short": short}


def inventory(device: Callable[[int], str]) -> str:
    """Return the text of a whole inventory of one shape."""
    groups = "".join(f"  s{site}: {{tags: {{site: s{site}}}}}\n" for site in range(SITES))
    devices = "".join(map(device, range(DEVICES)))
    return f"{HEAD}{groups}  all: {{}}\ndevices:\n{devices}"


def seconds(act: Callable[[], object]) -> float:
    """Return how long it takes."""
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def ratio(path: Path, rounds: int) -> tuple[float, float]:
    """Return the medians of both loaders, in seconds: ours, then the bare one."""

    def bare() -> None:
        with path.open(encoding="utf-8") as file:
            yaml.load(file, Loader=yaml.CSafeLoader)

    ours, theirs = [], []
    for _ in range(rounds):
        ours.append(seconds(lambda: load_inventory(path)))
        theirs.append(seconds(bare))
    return statistics.median(ours), statistics.median(theirs)


def main() -> int:
    """Measure every shape; return the exit status."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    worst = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for name, device in SHAPES.items():
            path = Path(folder, f"{name}.yaml")
            path.write_text(inventory(device), encoding="utf-8")
            ours, theirs = ratio(path, rounds)
            worst = max(worst, ours / theirs)
            print(f"{name:6} {ours:.3f} s, CSafeLoader {theirs:.3f} s: {ours / theirs:.2f} times")
    print(f"worst {worst:.2f} times, promised {PROMISED}")
    return 1 if worst > PROMISED else 0


if __name__ == "__main__":
    sys.exit(main())
