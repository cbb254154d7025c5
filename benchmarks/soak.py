"""What three runs in one process leave behind, over devices in which every known fault occurs.

    python benchmarks/soak.py [--devices 2000] [--runs 3] [--silence 20] [--json FILE]

The emulated devices (tests/support/ailments.py) are a process of their own. Ends with 1 when a
descriptor, a task, a thread or a connection is left, when a device was told of untruthfully, or
when memory grew by more than a share, 5%, from the second run to the last.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import logging
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from support import ailments
from support.ailments import Ailment, Told
from support.machine import machine

from collector import run
from collector.collect.system import loop_factory
from collector.model import HostKeys, Retries, Timeouts
from collector.settings import Job, Settings
from collector.store import DeviceRow, read_manifest

ROOT = Path(__file__).parent.parent
# Nobody is to be late on a busy machine but who is silent: those have a limit of their own.
TIMEOUTS = Timeouts(connect=120, login=120, command=120, device=600)
SETTLING = 200  # tenths of a second in which the far end has to see the last connection go


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What this process holds at one moment, and what the run before it took."""

    moment: str
    descriptors: int
    tasks: int
    threads: int
    connections: int
    memory: float
    wall: float = 0.0
    cpu: float = 0.0


class Fleet:
    """The emulated devices, a process of their own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.ports: Mapping[str, int] = json.loads(self._line())

    def connections(self) -> int:
        """Ask how many connections stand."""
        assert self._process.stdin
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return int(json.loads(self._line())["open"])

    def _line(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline()


@contextmanager
def served(count: int) -> Iterator[Fleet]:
    """Start the devices, and end them."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])}
    with subprocess.Popen(
        [sys.executable, ailments.__file__, str(count)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        text=True,
    ) as process:
        try:
            yield Fleet(process)
        finally:
            process.kill()


def settings_for(folder: Path, count: int, ports: Mapping[str, int], silence: float) -> Settings:
    """Write the inventory and the keys on file; give the settings of every run."""
    inventory, known_hosts = folder / "fleet.yaml", folder / "known_hosts"
    inventory.write_text(json.dumps(ailments.inventory_of(count, ports, silence)))
    known_hosts.write_text(ailments.known_hosts_of(count, ports))
    known_hosts.chmod(0o600)
    commands = dict.fromkeys(ailments.PLATFORMS, ailments.COMMANDS)
    return Settings(
        inventory=inventory,
        output=folder / "output",
        job="soak",
        jobs={"soak": Job(name="soak", commands=commands)},
        host_keys=HostKeys.ACCEPT_NEW,
        known_hosts=known_hosts,
        timeouts=TIMEOUTS,
        retries=Retries(attempts=2, backoff=0.5),
        output_limit=ailments.OUTPUT_LIMIT,
    )


def soak(settings: Settings, runs: int, fleet: Fleet) -> tuple[list[Figures], list[Path]]:
    """Do the runs in one event loop; give what is held at each step, and the runs' folders."""
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(asyncio.sleep(0))  # what libuv opens once for the process, it keeps
    figures = [held("before", fleet)]
    folders: list[Path] = []

    async def whole() -> None:
        for number in range(1, runs + 1):
            wall, cpu = time.perf_counter(), time.process_time()
            folders.append((await run(settings)).run_dir)
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            await hung_up(fleet)
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            figures.append(held(f"run {number}", fleet, tasks=len(tasks), wall=wall, cpu=cpu))

    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(whole())
    return [*figures, held("after", fleet)], folders


async def hung_up(fleet: Fleet) -> None:
    """Wait until the far end has seen the last connection go, for a while."""
    for _ in range(SETTLING):
        if not fleet.connections():
            return
        await asyncio.sleep(0.1)


def held(
    moment: str, fleet: Fleet, *, tasks: int = 0, wall: float = 0.0, cpu: float = 0.0
) -> Figures:
    """Count what is held now; what is only waiting to be thrown away is let go first."""
    gc.collect()
    return Figures(
        moment=moment,
        descriptors=len(os.listdir("/proc/self/fd")),
        tasks=tasks,
        threads=threading.active_count(),
        connections=fleet.connections(),
        memory=resident(),
        wall=wall,
        cpu=cpu,
    )


def resident() -> float:
    """Tell the memory that this process has in use, in MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def lies(folders: Sequence[Path], members: Mapping[str, Ailment]) -> Iterator[str]:
    """Give a line for every device that the manifests tell of otherwise than it is."""
    for number, folder in enumerate(folders):
        rows = {row["name"]: row for row in read_manifest(folder)["devices"]}
        many: Counter[Told] = Counter()
        for name, ailment in members.items():
            told = _told(rows[name])
            if not ailment.told:
                many[told] += 1
            elif not ailments.is_true(told, ailment, number):
                yield f"run {number + 1}: {name}: {told} {rows[name].get('message', '')}"
        rejected, total = ailments.REJECTIONS, many.total()
        if total and many != {
            ailments.REJECTED: min(rejected, total),
            **({ailments.NOT_TRIED: total - rejected} if total > rejected else {}),
        }:
            yield f"run {number + 1}: a credential that is wrong for many: {dict(many)}"
    for name, ailment in members.items():
        yield from _false_outputs(folders[-1], rows[name], ailment)


def _told(row: DeviceRow) -> Told:
    return row["status"], row.get("class"), row.get("phase")


def _false_outputs(folder: Path, row: DeviceRow, ailment: Ailment) -> Iterator[str]:
    for command in row["commands"]:
        if command["file"] is not None:
            stored = (folder / command["file"]).read_bytes()
            if stored != ailments.output_of(row["name"], ailment, command["command"]):
                yield f"{row['name']}: the output of {command['command']} is not what it printed"


def leaks(figures: Sequence[Figures], most: float) -> Iterator[str]:
    """Give a line for everything that is more than it was, or grew too much."""
    before, first, *others, after = figures
    # While it lasts the loop keeps a pool of threads, and a spare descriptor from its first stream
    # on: what is held in it is compared with its first run, what is held after it with before.
    yield from _more(before, after, "descriptors", "threads")
    for one in (first, *others):
        yield from _more(first, one, "descriptors", "threads")
        yield from _more(before, one, "tasks", "connections")
    if growth(figures) > most:
        yield f"memory grew by {growth(figures):.1%} from the second run to the last"


def _more(before: Figures, after: Figures, *names: str) -> Iterator[str]:
    for name in names:
        was, now = getattr(before, name), getattr(after, name)
        if now > was:
            yield f"{after.moment}: {now} {name}, {was} {before.moment}"


def growth(figures: Sequence[Figures]) -> float:
    """Give the share by which memory grew from the second run to the last."""
    _, first, *others, _ = figures
    return figures[-2].memory / (others or [first])[0].memory - 1


def table(figures: Sequence[Figures], devices: int) -> str:
    """Give a Markdown table."""
    lines = [
        "| | wall s | devices/s | CPU s | descriptors | tasks | threads | connections | MiB |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for one in figures:
        took = (one.wall, devices / one.wall, one.cpu) if one.wall else ()
        cells = [
            one.moment,
            *([f"{each:.0f}" for each in took] or ["", "", ""]),
            *(str(each) for each in (one.descriptors, one.tasks, one.threads, one.connections)),
            f"{one.memory:.1f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def measured(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Do it all; give the report."""
    members = ailments.fleet(arguments.devices)
    with served(arguments.devices) as fleet:
        settings = settings_for(folder, arguments.devices, fleet.ports, arguments.silence)
        figures, folders = soak(settings, arguments.runs, fleet)
    wrong = [*leaks(figures, arguments.growth), *lies(folders, members)]
    kinds = {name.split("-", 1)[1] for name in members}
    print(table(figures, arguments.devices))
    print(f"\nmemory from the second run to the last: {growth(figures):+.1%}")
    print(f"{len(kinds)} kinds of devices; wrong: {len(wrong)}")
    for line in wrong:
        print(line)
    return {
        "devices": arguments.devices,
        "kinds": len(kinds),
        "figures": [asdict(each) for each in figures],
        "growth": growth(figures),
        "wrong": wrong,
    }


def main(arguments: argparse.Namespace) -> int:
    """Measure, print, and tell by the exit status whether the promise was kept."""
    told = machine()
    print(f"{arguments.devices} devices, {arguments.runs} runs, {told}\n")
    with tempfile.TemporaryDirectory(dir=arguments.folder, prefix="soak-") as folder:
        report = {**told, **measured(arguments, Path(folder))}
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1) + "\n")
    return int(bool(report["wrong"]))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=2000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--silence", type=float, default=20, help="seconds, for who is silent")
    parser.add_argument("--growth", type=float, default=0.05, help="share that memory may grow by")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--folder", type=Path, help="where the runs are stored; a temporary one")
    logging.disable(logging.WARNING)
    sys.exit(main(parser.parse_args()))
