"""Our whole program against its peers and the floor, on the same work, in interleaved runs.

    python benchmarks/peers.py sweep|backup|big|wan|sick [--size 100] [--rounds 5] [--json FILE]
        [--ways collector,floor,...] [--packet 512] [--think 1] [--bytes 5000000]
        [--sessions 1000] [--threads 100] [--before FOLDER] [--most RATIO]

The emulated fleet is a process of its own on other cores than the client's, and its CPU is told
apart. Every round runs each way once, in turn, as a fresh process; ratios are taken within a
round. The peers are the extra `bench`; one that is not installed is left out. With ``--before`` our
program as it is in another checkout is one more way. With ``--most`` it ends with 1 where even the
best round of ours took more than so many times the CPU of the floor.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from fleet.devices import Devices, served
from fleet.ways import WAYS, Peer
from fleet.work import WORKS, Work, packed

OURS, BEFORE, FLOOR, PEER = "collector", "before", "floor", "nornir-netmiko"
PACKAGES = (
    *("network-command-collector", "scrapli", "asyncssh", "cryptography", "uvloop"),
    *("nornir", "netmiko", "paramiko", "nornir_netmiko", "nornir_scrapli", "ssh2-python"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """One way in one round; seconds and KiB.

    ``start_cpu``: until the work began, for imports above all.
    """

    wall: float
    cpu: float
    start_cpu: float
    lab_cpu: float
    resting_kb: int
    peak_kb: int
    good: int
    bytes: int


def measured(way: str, work: Work, fleet: Devices, other: Path | None) -> Figures:
    """Do the work once, in a fresh process; ``other``: the checkout that was before."""
    environment = dict(os.environ)
    # As installed: a program that is compiled anew each time is nobody's.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    if way == BEFORE:
        environment["PYTHONPATH"] = str(other)
    before = fleet.cpu()
    with tempfile.TemporaryDirectory(prefix="peers-") as folder:
        ways = Path(__file__).parent / "fleet" / "ways.py"
        if way == BEFORE and other:  # what is loaded beforehand is its own
            ways = other / "benchmarks" / "fleet" / "ways.py"
        program = [sys.executable, str(ways)]
        ended = subprocess.run(
            [*program, OURS if way == BEFORE else way],
            env=environment,
            input=packed(replace(work, host_key=fleet.host_key), fleet.ports, folder).encode(),
            capture_output=True,
            check=False,
        )
    if ended.returncode:
        raise SystemExit(f"{way}: {ended.stderr.decode(errors='replace')[-2000:]}")
    told = json.loads(ended.stdout)
    return Figures(lab_cpu=fleet.cpu() - before, **told)


def rounds(
    work: Work, ways: Sequence[str], count: int, other: Path | None
) -> dict[str, list[Figures]]:
    """Run the rounds; each begins with another way."""
    cores = sorted(os.sched_getaffinity(0))
    figures: dict[str, list[Figures]] = {way: [] for way in ways}
    with served(work, cores[1:] or cores) as fleet:
        os.sched_setaffinity(0, cores[:1])
        for number in range(count):
            shift = number % len(ways)
            for way in (*ways[shift:], *ways[:shift]):
                figures[way].append(measured(way, work, fleet, other))
                _note(number, way, figures[way][-1], work)
    return figures


def table(work: Work, figures: Mapping[str, list[Figures]]) -> str:
    """Give a Markdown table: medians, with the least and the most of what decides."""
    lines = [
        "| | at once | CPU ms a device | to the floor | to nornir + netmiko | with start-up, to it"
        " | wall s | to it | peak MB | good |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for way, done in figures.items():
        floor, peer = figures.get(FLOOR), figures.get(PEER)
        cells = [
            peer_of(way).at_once(work),
            spread([1000 * each.cpu / work.devices for each in done], 1),
            ratio(done, floor, lambda one: one.cpu),
            ratio(done, peer, lambda one: one.cpu),
            ratio(done, peer, lambda one: one.cpu + one.start_cpu),
            spread([each.wall for each in done], 1),
            ratio(done, peer, lambda one: one.wall),
            f"{statistics.median(each.peak_kb for each in done) / 1024:.0f}",
            f"{min(each.good for each in done)}",
        ]
        title = "collector before" if way == BEFORE else peer_of(way).title
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def peer_of(way: str) -> Peer:
    """Give what is known of a way."""
    return WAYS[OURS if way == BEFORE else way]


def ratio(
    ours: Sequence[Figures], theirs: Sequence[Figures] | None, what: Callable[[Figures], float]
) -> str:
    """Compare round by round: rounds differ more than ways do."""
    if theirs is None:
        return "-"
    return spread([what(a) / what(b) for a, b in zip(ours, theirs, strict=True)], 2)


def spread(values: Sequence[float], digits: int) -> str:
    """Give the median, then the least and the most."""
    middle = statistics.median(values)
    return f"{middle:.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def machine() -> dict[str, str]:
    """Tell on what this ran."""
    told = {
        "machine": f"{os.cpu_count()} cores, {platform.machine()}",
        "load": " ".join(f"{each:.1f}" for each in os.getloadavg()),
        "system": platform.system() + " " + platform.release(),
        "python": platform.python_version(),
    }
    for package in PACKAGES:
        try:
            told[package] = version(package)
        except PackageNotFoundError:
            continue
    return told


def installed(way: str) -> bool:
    """Tell whether what a way needs can be imported."""
    return all(importlib.util.find_spec(module) for module in WAYS[way].needs)


def main(arguments: argparse.Namespace) -> int:
    """Measure; print the table and, where asked for, write everything as JSON."""
    work = chosen(arguments)
    ways = [way for way in arguments.ways.split(",") if installed(way)]
    if arguments.before:
        ways.insert(0, BEFORE)
    told = machine()
    print(f"{work}\n{arguments.rounds} rounds on {told}\n", flush=True)
    figures = rounds(work, ways, arguments.rounds, arguments.before)
    print(table(work, figures))
    if arguments.before:
        changed = ratio(figures[OURS], figures[BEFORE], lambda one: one.cpu)
        print(f"\nCPU to before: {changed}")
    lab = statistics.median(each.lab_cpu for done in figures.values() for each in done)
    print(f"\nThe fleet itself used {1000 * lab / work.devices:.1f} ms of CPU a device.")
    report = {
        "machine": told,
        "work": asdict(work),
        "rounds": {way: [asdict(each) for each in done] for way, done in figures.items()},
    }
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1) + "\n")
    return int(arguments.most is not None and best(figures) > arguments.most)


def best(figures: Mapping[str, list[Figures]]) -> float:
    """Give the least that ours took of the floor's CPU: noise spares a round, slow code none."""
    return min(a.cpu / b.cpu for a, b in zip(figures[OURS], figures[FLOOR], strict=True))


def chosen(arguments: argparse.Namespace) -> Work:
    """Give the work with what the arguments say otherwise."""
    work = WORKS[arguments.work]
    given = {
        "devices": arguments.size,
        "packet": arguments.packet,
        "think": arguments.think,
        "size": arguments.bytes,
        "sessions": arguments.sessions,
        "threads": arguments.threads,
    }
    return replace(work, **{key: value for key, value in given.items() if value is not None})


def _note(number: int, way: str, one: Figures, work: Work) -> None:
    wanted = work.good
    wrong = "" if one.good == wanted else f", {one.good} of {wanted} devices good"
    cpu = 1000 * one.cpu / work.devices
    print(f"round {number + 1} {way}: {cpu:.1f} ms, {one.wall:.1f} s{wrong}", file=sys.stderr)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", choices=[*WORKS])
    parser.add_argument("--size", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--ways", default=",".join(WAYS))
    parser.add_argument("--packet", type=int)
    parser.add_argument("--think", type=float)
    parser.add_argument("--bytes", type=int)
    parser.add_argument("--sessions", type=int)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--before", type=Path)
    parser.add_argument("--most", type=float)
    parser.add_argument("--json", type=Path)
    sys.exit(main(parser.parse_args()))
