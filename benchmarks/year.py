"""How disk use grows in a year of hourly backups, in fast motion: runs at sampled hours of it.

    python benchmarks/year.py [--devices 200] [--size 20000] [--runs 90] [--changes 4]
                              [--folder DIR]

Stores what a run stores, its folder and its commit, with no device behind it. Two fleets live the
same year: one whose configurations carry a clock, as those of IOS and Junos do, so that their text
is another every hour, and one whose do not. In both, ``--changes`` devices of the fleet are changed
a day. A line for each month: the repository of the history as it is, and what the folders of all
hourly runs would take until then: what a run takes whatever it finds, times the hours, and its
outputs, times the hours too where each is another, else as they were stored, hard links counted
once. The last line has the same for runs that are pruned after 30 days. The folder must be on the
disk that is to be measured; a temporary one is made in it and removed.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import subprocess
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from collector.backups.history import History, Part
from collector.backups.rules import Rules
from collector.errors import Exit
from collector.model import (
    CommandResult,
    CommandStatus,
    Device,
    DeviceResult,
    Status,
)
from collector.platforms import load_platforms
from collector.settings import Backups
from collector.store import RunEnd, RunHeader, RunWriter

COMMAND = "show running-config"
HOURS = 8760
BEGIN = datetime(2025, 1, 1, tzinfo=UTC)
CALLERS = 50  # devices that finish at the same time


class Year:
    """One fleet's year in one output folder."""

    def __init__(self, output: Path, arguments: argparse.Namespace, *, clocks: bool) -> None:
        self.papers = self.outputs = 0  # bytes on the disk: what runs say, and what devices said
        self._output = output
        self._clocks = clocks
        self._size = arguments.size
        self._versions = dict.fromkeys(range(arguments.devices), 0)
        self._part = Part(commands=(COMMAND,), rules=Rules.of(load_platforms()["cisco_iosxe"]))
        self._dice = random.Random(1)

    def change(self, hours: float, a_day: float) -> int:
        """Let time pass, in which devices are changed; gives how many were."""
        changes = round(hours / 24 * a_day)
        for number in self._dice.choices(list(self._versions), k=changes):
            self._versions[number] += 1
        return changes

    async def run(self, moment: datetime) -> None:
        """Do a run at a moment of the year."""
        header = RunHeader(started=moment, job="backup", commands={"cisco_iosxe": (COMMAND,)})
        async with await RunWriter.create(self._output, header) as writer:
            history = await History.open(self._output, Backups(), run=writer.run_id, job="backup")
            try:
                results = self._results(moment)
                async with asyncio.TaskGroup() as group:
                    for _ in range(CALLERS):
                        group.create_task(self._store(writer, history, results))
                commit = await history.commit({Status.OK: len(self._versions)})
                assert not history.problem, history.problem
            finally:
                history.close()
            end = RunEnd(finished=moment, duration=2.0, exit_status=Exit.OK, commit=commit)
            await writer.finish(end)
        outputs = _used(writer.folder / "devices", alone=True)
        self.outputs += outputs
        self.papers += _used(writer.folder, alone=True) - outputs

    async def _store(
        self, writer: RunWriter, history: History, results: Iterator[DeviceResult]
    ) -> None:
        for result in results:
            await writer.write(await history.keep(result, self._part))

    def _results(self, moment: datetime) -> Iterator[DeviceResult]:
        for number, version in self._versions.items():
            text = _configuration(number, version, self._size)
            if self._clocks:
                text = f"! Last configuration change at {moment:%H:%M:%S UTC %a %b %d %Y}\n{text}"
            output = text.encode()
            command = CommandResult(command=COMMAND, status=CommandStatus.OK, output=output)
            yield DeviceResult(
                device=Device(name=f"d{number:03}", host="", platform="cisco_iosxe", credential=""),
                status=Status.OK,
                started=moment,
                duration=0.1,
                commands=(command,),
            )


async def main(arguments: argparse.Namespace) -> None:
    """Live the year with both fleets and print a line for each month."""
    with tempfile.TemporaryDirectory(dir=arguments.folder, prefix="year-benchmark-") as folder:
        for title, clocks in (("no clock", False), ("a clock", True)):
            output = Path(folder) / title.replace(" ", "-")
            await _live(output, arguments, title, clocks=clocks)


async def _live(output: Path, arguments: argparse.Namespace, title: str, *, clocks: bool) -> None:
    year = Year(output, arguments, clocks=clocks)
    hours, changes, wall = HOURS / arguments.runs, 0, time.perf_counter()
    for made in range(1, arguments.runs + 1):
        changes += year.change(hours, arguments.changes) if made > 1 else 0
        await year.run(BEGIN + timedelta(hours=made * hours))
        if made * 12 % arguments.runs < 12:
            papers = year.papers * hours
            outputs = year.outputs * (hours if clocks else 1)
            print(
                f"{title}, month {made * 12 // arguments.runs:2}: runs {_mib(papers + outputs)}, "
                f"history {_mib(_used(output / 'configs'))}, {changes} changes",
                flush=True,
            )
    _pack(output / "configs")
    seconds = (time.perf_counter() - wall) / arguments.runs
    print(
        f"{title}: runs {_mib((papers + outputs) * 30 / 365)} where they are pruned after 30 days, "
        f"history {_mib(_used(output / 'configs'))} packed by git gc; {seconds:.2f} s a run"
    )


def _pack(repository: Path) -> None:
    subprocess.run(["git", "-C", str(repository), "gc", "--quiet"], check=True)


def _used(folder: Path, *, alone: bool = False) -> int:
    """Give the bytes on the disk below a folder; ``alone``: of files that no other run shares."""
    seen: dict[int, int] = {}
    for parent, _, names in os.walk(folder):
        for name in names:
            found = os.lstat(os.path.join(parent, name))
            if not alone or found.st_nlink == 1:
                seen[found.st_ino] = found.st_blocks * 512
    return sum(seen.values())


def _mib(size: float) -> str:
    return f"{size / (1 << 20):.1f} MiB"


def _configuration(number: int, version: int, size: int) -> str:
    """Make one that compresses as they do: lines alike, what is named in them is not."""
    noise = random.Random(number).randbytes(size // 8).hex()
    block = "interface GigabitEthernet1/0/{0}\n description {1}\n ip address 10.{0}.1.1/24\n!\n"
    ports = range(size // 100)
    text = "".join(block.format(port, noise[port * 24 : port * 24 + 24]) for port in ports)
    return f"hostname d{number}\nbanner motd ^version {version}^\n{text}end\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Live a year of hourly backups in fast motion.")
    parser.add_argument("--devices", type=int, default=200)
    parser.add_argument("--size", type=int, default=20_000)
    parser.add_argument("--runs", type=int, default=90)
    parser.add_argument("--changes", type=float, default=4.0)
    parser.add_argument("--folder", type=Path, default=Path("output"))
    asyncio.run(main(parser.parse_args()))
