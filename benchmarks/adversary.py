"""How many of N misleading devices are collected byte-exact, refused, or wrong: of these, none.

    python benchmarks/adversary.py [N, 10000] [--seed 0] [--longest 1.5]

The devices of tests/support/adversary.py, in warped time, over two processes. Exits 1 when an
output was wrong, after showing the smallest device that does it.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from itertools import count
from multiprocessing import get_context
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from hypothesis import HealthCheck, Phase, given, seed, settings
from support.adversary import Case, Judgement, cases, judged

from collector.lab.terminal import Echo

PROCESSES = 2
BATCH = 250
Tally = Counter[tuple[str, str]]


def tally(echo: Echo, examples: int, first: int, longest: float) -> tuple[Tally, str]:
    """Collect ``examples`` devices of one echo; count outcomes, show the smallest wrong case."""
    counts: Tally = Counter()
    wrong: list[Case] = []

    @seed(first)
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    @given(cases(echo, longest))
    def collect(case: Case) -> None:
        outcomes = judged(case)
        if not wrong:  # what shrinking tries is not counted
            counts.update((each.judgement.value, each.detail) for each in outcomes)
        if any(each.judgement is Judgement.WRONG for each in outcomes):
            wrong.append(case)
            raise AssertionError

    try:
        collect()
    except AssertionError:
        if not wrong:
            raise
        return counts, f"{echo}, seed {first}: {wrong[-1]}\n  {judged(wrong[-1])}"
    return counts, ""


def main(arguments: argparse.Namespace) -> int:
    """Share the devices out over the processes; print a row per echo and every wrong case."""
    begun = time.perf_counter()
    each = arguments.devices // len(Echo)
    batches = [min(BATCH, each - at) for at in range(0, each, BATCH)]
    rows: dict[Echo, Tally] = {echo: Counter() for echo in Echo}
    failures = []
    with ProcessPoolExecutor(PROCESSES, get_context("spawn")) as pool:
        seeds = count(arguments.seed * 100_000)
        waiting = [
            (echo, pool.submit(tally, echo, size, next(seeds), arguments.longest))
            for size in batches
            for echo in Echo
        ]
        for echo, future in waiting:
            counts, failure = future.result()
            rows[echo] += counts
            failures += [failure] if failure else []
    print(f"{each * len(Echo)} devices in {time.perf_counter() - begun:.0f} s")
    print("echo        outputs   1st   2nd  later  flagged  refused  wrong   refused by class")
    for echo, counts in rows.items():
        print(row(echo, counts))
    for failure in failures:
        print(f"\nWRONG {failure}")
    return int(bool(failures))


def row(echo: Echo, counts: Tally) -> str:
    """Give the line of one echo."""
    whole = {detail: n for (judgement, detail), n in counts.items() if judgement == "whole"}
    refused = {detail: n for (judgement, detail), n in counts.items() if judgement == "refused"}
    flagged, wrong = (
        sum(n for (judgement, _), n in counts.items() if judgement == named)
        for named in ("flagged", "wrong")
    )
    first, second = whole.get("1", 0), whole.get("2", 0)
    classes = ", ".join(f"{detail} {n}" for detail, n in sorted(refused.items()))
    return (
        f"{echo:<10} {counts.total():>8} {first:>5} {second:>5} "
        f"{sum(whole.values()) - first - second:>6} {flagged:>8} "
        f"{sum(refused.values()):>8} {wrong:>6}   {classes}"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("devices", nargs="?", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--longest", type=float, default=1.5)
    sys.exit(main(parser.parse_args()))
