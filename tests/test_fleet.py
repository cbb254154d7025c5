"""Three hundred devices at once, some sick: the good ones whole, the rest with its class."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.fleet import fault_of, name_of
from support.program import ROOT

from collector import run
from collector.errors import Exit
from collector.lab import LabDevice, LabFault, truth
from collector.model import HostKeys, Retries, Status, Timeouts
from collector.settings import Settings

COUNT = 300
COMMANDS = ("show running-config", "show version")
FILES = ("show_running-config.txt", "show_version.txt")
EXPECTED = {
    LabFault.NONE: ("ok", None, None),
    LabFault.REFUSE: ("failed", "refused", "connect"),
    LabFault.SILENT_COMMAND: ("failed", "timeout", "command"),
}


@pytest.fixture
async def fleet() -> AsyncIterator[tuple[Process, dict[str, int]]]:
    """Serve the fleet from a process of its own; give its ports."""
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    process = await asyncio.create_subprocess_exec(
        sys.executable, ROOT / "tests/support/fleet.py", str(COUNT), "0.2",
        stdin=PIPE, stdout=PIPE, limit=1 << 20, env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip
    assert process.stdout
    try:
        yield process, json.loads(await process.stdout.readline())
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def settings_for(folder: Path, ports: dict[str, int]) -> Settings:
    lines = [f"  {name}: {{host: 127.0.0.1, port: {port}}}\n" for name, port in ports.items()]
    (folder / "fleet.yaml").write_text(
        "defaults: {platform: cisco_iosxe, credential: lab}\n"
        "credentials: {lab: {username: admin, password: admin, enable: enable}}\n"
        f"devices:\n{''.join(lines)}"
    )
    return Settings(
        inventory=folder / "fleet.yaml",
        output=folder / "output",
        host_keys=HostKeys.OFF,
        timeouts=replace(Timeouts(), command=10.0),
        retries=Retries(attempts=1),
    )


def resident() -> int:
    """Tell the bytes of memory that this process has in use."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_the_good_are_stored_whole_and_the_bad_have_their_class(
    fleet: tuple[Process, dict[str, int]], tmp_path: Path
) -> None:
    process, ports = fleet
    settings = settings_for(tmp_path, ports)
    await run(settings)  # what is loaded once, and the first allocation of what is used again
    before = descriptors(), len(asyncio.all_tasks()), resident()
    outcome = await run(settings)
    after = descriptors(), len(asyncio.all_tasks()), resident()

    assert outcome.exit_status == Exit.SOME_FAILED
    manifest = json.loads((outcome.run_dir / "manifest.json").read_bytes())
    rows = {row["name"]: row for row in manifest["devices"]}
    assert len(rows) == COUNT
    for number in range(COUNT):
        check(rows[name_of(number)], fault_of(number), outcome.run_dir)
    counts = Counter(fault_of(number) for number in range(COUNT))
    assert (counts[LabFault.REFUSE], counts[LabFault.SILENT_COMMAND]) == (30, 6)
    assert outcome.totals[Status.OK] == counts[LabFault.NONE] == 264

    assert after[:2] == before[:2]
    # Three hundred sessions in flight take about 45 MB: nothing like it may stay behind.
    assert after[2] - before[2] < 15_000_000
    assert await open_at_the_far_end(process) == 0


def check(row: dict[str, Any], fault: LabFault, run_dir: Path) -> None:
    assert (row["status"], row["class"], row["phase"]) == EXPECTED[fault], row
    for command, file in zip(COMMANDS, FILES, strict=True):
        path = run_dir / "devices" / row["name"] / file
        if fault is LabFault.NONE:
            device = LabDevice(name=row["name"], platform="cisco_iosxe", think=0.2)
            assert path.read_text() == truth(device, command)
        else:
            assert not path.exists()


async def open_at_the_far_end(process: Process) -> int:
    """Let the fleet stop; it tells how many connections it still had."""
    assert process.stdin
    assert process.stdout
    process.stdin.close()
    told: dict[str, int] = json.loads(await process.stdout.readline())
    return told["open"]
