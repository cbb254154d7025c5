"""Whether memory follows the sessions that are open at once, and not the size of the fleet.

    python benchmarks/memory.py [--small 1000] [--large 5000] [--sessions 250]

Runs the whole program over a small fleet and over a large one, with the same number of sessions at
once and 12 KB of output a device, each in a fresh process; the emulated devices are a process of
their own. Prints the peak of each, what the program takes before it begins, and the peak of as many
sessions that all wait for their answers. Ends with 1 where the large fleet took more than 1.1 times
the peak of the small one.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from fleet.devices import served
from fleet.work import WORKS, Work
from peers import OURS, Figures, measured

MOST = 1.1


def figures(devices: int, sessions: int, think: float = 0.0) -> Figures:
    """Collect a fleet once."""
    work: Work = replace(
        WORKS["backup"], devices=devices, sessions=sessions, size=10_000, think=think
    )
    cores = sorted(os.sched_getaffinity(0))
    with served(work, cores[1:] or cores) as fleet:
        told = measured(OURS, work, fleet, None)
    if told.good != devices:
        raise SystemExit(f"only {told.good} of {devices} devices were good")
    return told


def main(arguments: argparse.Namespace) -> int:
    """Print a Markdown table; tell whether the promise is kept."""
    print("| devices | sessions at once | MiB at rest | MiB at the peak | KiB a session |")
    print("|---|---|---|---|---|", flush=True)
    open_at_once = figures(arguments.sessions, arguments.sessions, think=10.0)
    grown = open_at_once.peak_kb - open_at_once.resting_kb
    _row(arguments.sessions, arguments.sessions, open_at_once, f"{grown / arguments.sessions:.0f}")
    small = figures(arguments.small, arguments.sessions)
    _row(arguments.small, arguments.sessions, small, "")
    large = figures(arguments.large, arguments.sessions)
    _row(arguments.large, arguments.sessions, large, "")
    ratio = large.peak_kb / small.peak_kb
    more = (large.peak_kb - small.peak_kb) / (arguments.large - arguments.small)
    print(f"\n{ratio:.2f} times the peak, {more:.1f} KiB for each device more; {MOST} is promised")
    return int(ratio > MOST)


def _row(devices: int, sessions: int, one: Figures, each: str) -> None:
    at_rest, peak = one.resting_kb / 1024, one.peak_kb / 1024
    print(f"| {devices} | {sessions} | {at_rest:.0f} | {peak:.0f} | {each} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", type=int, default=1000)
    parser.add_argument("--large", type=int, default=5000)
    parser.add_argument("--sessions", type=int, default=250)
    sys.exit(main(parser.parse_args()))
