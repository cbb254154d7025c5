"""What more processes bring: the same work with ``--processes`` 1, 2, ..., in interleaved rounds.

    python benchmarks/processes.py [--size 400] [--rounds 3] [--processes 1,2,3] [--json FILE]

The emulated fleet costs about as much CPU as a collector, so on a machine of few cores the wall
time says more of the machine than of us. What tells is the CPU of the busiest process: no run is
shorter than that, and with a core for each process none is much longer. ``gain`` is that of one
process over it, in the same round. Imports are left out: CPU counts from the first attempt on.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from fleet.devices import Devices, served
from fleet.work import PASSWORD, USERNAME, WORKS, Work
from peers import machine, spread

TICK = os.sysconf("SC_CLK_TCK")
SAMPLE = 0.02  # seconds; what a process uses after the last sample before its end is not seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """One run: seconds from the first attempt on, of the clock and of CPU."""

    wall: float
    first: float
    others: tuple[float, ...]
    lab_cpu: float
    good: int

    @property
    def busiest(self) -> float:
        """The seconds that no number of cores would spare."""
        return max(self.first, *self.others, 0.0)


async def measured(work: Work, fleet: Devices, processes: int) -> Figures:
    """Do the work once, in a fresh program."""
    with tempfile.TemporaryDirectory(prefix="processes-") as name:
        folder = Path(name)
        _write(folder, work, fleet)
        before = fleet.cpu()
        program = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "collector", "run", "-v", "--no-progress"),
            *("--config", "config.yaml", "-i", "./fleet.yaml", "--processes", str(processes)),
            *(part for command in work.commands for part in ("-c", command)),
            cwd=folder,
            stdin=DEVNULL,
            stdout=DEVNULL,
            stderr=PIPE,
        )
        await _begun(program, processes)
        since, base = time.perf_counter(), _cpu(program.pid)
        used = await _sampled(program)
        wall = time.perf_counter() - since
        manifest = json.loads((folder / "output/runs/latest/manifest.json").read_bytes())
    spent = {pid: seconds - base.get(pid, 0.0) for pid, seconds in used.items()}
    first = spent.pop(program.pid)
    visiting = sorted(spent.values(), reverse=True)[: processes if processes > 1 else 0]
    return Figures(
        wall=wall,
        first=first,
        others=tuple(visiting),
        lab_cpu=fleet.cpu() - before,
        good=manifest["totals"]["ok"],
    )


def _write(folder: Path, work: Work, fleet: Devices) -> None:
    lines = [f"  r{n}: {{host: 127.0.0.1, port: {port}}}\n" for n, port in enumerate(fleet.ports)]
    (folder / "fleet.yaml").write_text(
        "defaults: {platform: cisco_iosxe, credential: lab}\n"
        f"credentials: {{lab: {{username: {USERNAME}, password: {PASSWORD}}}}}\n"
        f"devices:\n{''.join(lines)}"
    )
    (folder / "config.yaml").write_text("known_hosts: known_hosts\n")
    hosts = [f"[127.0.0.1]:{port} {fleet.host_key}\n" for port in fleet.ports]
    (folder / "known_hosts").write_text("".join(hosts))
    (folder / "known_hosts").chmod(0o600)


async def _begun(program: Process, processes: int) -> None:
    words = b"outputs go to" if processes == 1 else b"processes visit devices"
    assert program.stderr is not None
    while words not in (line := await program.stderr.readline()):
        if not line:
            raise SystemExit("the program ended before it began")


async def _sampled(program: Process) -> dict[int, float]:
    """Give the last that was seen of the CPU of each process, when the program has ended."""
    assert program.stderr is not None
    said = asyncio.ensure_future(program.stderr.read())
    ended = asyncio.ensure_future(program.wait())
    used: dict[int, float] = {}
    while not ended.done():
        used |= _cpu(program.pid)
        await asyncio.wait([ended], timeout=SAMPLE)
    if await ended:
        raise SystemExit((await said).decode(errors="replace")[-2000:])
    return used


def _cpu(pid: int) -> dict[int, float]:
    """Read the CPU seconds of a process and of its children."""
    found = {}
    try:
        children = [*Path(f"/proc/{pid}/task").glob("*/children")]
        pids = [pid, *(int(n) for path in children for n in path.read_text().split())]
    except OSError:
        return {}
    for each in pids:
        try:
            fields = Path(f"/proc/{each}/stat").read_text().rpartition(") ")[2].split()
        except OSError:
            continue
        found[each] = (int(fields[11]) + int(fields[12])) / TICK
    return found


def table(work: Work, figures: Mapping[int, Sequence[Figures]]) -> str:
    """Give a Markdown table: medians, with the least and the most of what decides."""
    lines = [
        "| processes | wall s | CPU ms a device: first process | each of the others | all"
        " | busiest | gain |",
        "|---|---|---|---|---|---|---|",
    ]
    one = figures.get(1)
    for count, done in figures.items():
        a_device = 1000 / work.devices
        others = [statistics.mean(each.others) * a_device if each.others else 0.0 for each in done]
        gain = "-"
        if one is not None:
            pairs = zip(one, done, strict=True)
            gain = spread([a.busiest / b.busiest for a, b in pairs], 2)
        cells = [
            spread([each.wall for each in done], 1),
            spread([each.first * a_device for each in done], 1),
            spread(others, 1) if count > 1 else "-",
            spread([(each.first + sum(each.others)) * a_device for each in done], 1),
            spread([each.busiest * a_device for each in done], 1),
            gain,
        ]
        lines.append(f"| {count} | {' | '.join(cells)} |")
    return "\n".join(lines)


async def main(arguments: argparse.Namespace) -> None:
    """Measure and print."""
    work = replace(WORKS["backup"], devices=arguments.size)
    counts = [int(count) for count in arguments.processes.split(",")]
    told = machine()
    print(f"{work}\n{arguments.rounds} rounds on {told}\n", flush=True)
    figures: dict[int, list[Figures]] = {count: [] for count in counts}
    with served(work, sorted(os.sched_getaffinity(0))) as fleet:
        for number in range(arguments.rounds):
            shift = number % len(counts)
            for count in (*counts[shift:], *counts[:shift]):
                one = await measured(work, fleet, count)
                figures[count].append(one)
                print(f"round {number + 1}, {count}: {one}", file=sys.stderr)
    print(table(work, figures))
    lab = statistics.median(each.lab_cpu for done in figures.values() for each in done)
    print(f"\nThe fleet itself used {1000 * lab / work.devices:.1f} ms of CPU a device.")
    if arguments.json:
        rows = {count: [asdict(each) for each in done] for count, done in figures.items()}
        report = {"machine": told, "work": asdict(work), "rounds": rows}
        arguments.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--processes", default="1,2,3")
    parser.add_argument("--json", type=Path)
    asyncio.run(main(parser.parse_args()))
