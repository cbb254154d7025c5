"""The whole program killed at any moment, and on disks that are full or read-only."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import random
import secrets
import shutil
import signal
import subprocess
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from support.program import ROOT, Ended, ended

from collector.errors import Exit
from collector.lab import Lab, LabDevice

KILLS = 20  # of two hundred: the others are in tests/store/test_kill.py
LANES = 4  # of these at once: a run mostly waits for its devices
OPERATIONS = 100  # about as many of files as a run has
DEVICES = [f"d{number:02}" for number in range(6)]
BIG = "d00"


@pytest.fixture
async def fleet(tmp_path: Path) -> AsyncIterator[Lab]:
    """Serve six devices, one with a large configuration; ``lab.yaml`` lists them."""
    devices = [
        LabDevice(
            name=name,
            platform="cisco_iosxe",
            think=0.05,
            size=600_000 if name == BIG else 4_000,
        )
        for name in DEVICES
    ]
    async with Lab(devices) as lab:
        lines = [f"  {name}: {{host: 127.0.0.1, port: {lab.port(name)}}}\n" for name in DEVICES]
        (tmp_path / "lab.yaml").write_text(
            "defaults: {platform: cisco_iosxe, credential: lab}\n"
            "credentials: {lab: {username: admin, password: admin, enable: enable}}\n"
            f"devices:\n{''.join(lines)}"
        )
        (tmp_path / "config.yaml").write_text("host_keys: off\nlimits: {sessions: 3}\n")
        yield lab


def manifest(run: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((run / "manifest.json").read_bytes())
    return content


async def killed(folder: Path, points: Sequence[int]) -> list[dict[str, int]]:
    """Have the program killed at each point, in a folder of its own; tell how all ended."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(ROOT / "tests/support/killed.py"), str(folder), *map(str, points)),
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
    )
    end = await ended(process)
    assert (end.status, end.stderr) == (0, "")
    return [json.loads(line) for line in end.stdout.splitlines()]


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_a_program_killed_at_any_moment_is_resumed_whole(
    fleet: Lab, tmp_path: Path, memory_disk: Path
) -> None:
    seed = secrets.randbits(32)
    print(f"random.Random({seed})")  # a failing test shows it
    points = random.Random(seed).sample(range(1, OPERATIONS), KILLS)
    inventory = (tmp_path / "lab.yaml").read_text()
    small = "".join(line for line in inventory.splitlines(keepends=True) if BIG not in line)
    for number in range(KILLS):
        folder = memory_disk / str(number % LANES) / str(number // LANES)
        folder.mkdir(parents=True)
        (folder / "lab.yaml").write_text(small)
        (folder / "config.yaml").write_text("{inventory: lab.yaml, host_keys: off}")
    lanes = await asyncio.gather(
        *(killed(memory_disk / str(lane), points[lane::LANES]) for lane in range(LANES))
    )

    ends = [
        (memory_disk / str(lane) / str(number), end)
        for lane, told in enumerate(lanes)
        for number, end in enumerate(told)
    ]
    assert len(ends) == KILLS
    assert sum(end["run"] == -signal.SIGKILL for _, end in ends) > KILLS / 2
    for folder, end in ends:
        said = (folder / "said.txt").read_text()
        later = {step: status for step, status in end.items() if step != "run"}
        assert set(later.values()) == {Exit.OK}, (end, said)
        [run] = folder.glob("output/runs/2*")
        check(run)
        check_history(folder / "output" / "configs", fleet)


def check(run: Path) -> None:
    """Find every device whole, and no file that the manifest does not name."""
    rows = manifest(run)["devices"]
    assert [(row["name"], row["status"]) for row in rows] == [(name, "ok") for name in DEVICES[1:]]
    stored = {
        path.relative_to(run).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in run.rglob("devices/*/*")
    }
    named = {command["file"]: command["sha256"] for row in rows for command in row["commands"]}
    assert stored == named
    assert {path.name for path in run.iterdir()} == {
        *("devices", "journal.jsonl", "manifest.json", "run.json"),
    }


def git(configs: Path, *words: str) -> str:
    command = ["git", "-C", str(configs), *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def check_history(configs: Path, lab: Lab) -> None:
    """Find the configuration of every device whole and committed, and nothing broken."""
    for name in DEVICES[1:]:
        assert (configs / f"{name}.cfg").read_text() == lab.text(name, "show running-config")
    assert git(configs, "ls-files").split() == [f"{name}.cfg" for name in DEVICES[1:]]
    assert git(configs, "status", "--porcelain") == ""
    assert git(configs, "fsck", "--strict", "--no-dangling") == ""


async def on_disk(folder: Path, options: str, *script: str) -> Ended:
    """Run shell lines whose ``output`` is a small disk that only they can see."""
    program = f"'{sys.executable}' -W error -m collector"
    lines = (f"mount -t tmpfs -o {options} tmpfs output", *script)
    text = "\n".join(line.replace("collector", program, 1) for line in lines)
    (folder / "output").mkdir()
    process = await asyncio.create_subprocess_exec(
        *("unshare", "-rm", "sh", "-c", text),
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
    )
    end = await ended(process)
    if "unshare: " in end.stderr or "mount: " in end.stderr:
        pytest.skip("mounting a small disk is not permitted here (unshare -rm mount)")
    return end


@pytest.mark.skipif(not shutil.which("unshare"), reason="needs unshare, of util-linux")
async def test_a_full_disk_costs_what_did_not_fit_and_nothing_else(
    fleet: Lab, tmp_path: Path
) -> None:
    end = await on_disk(
        tmp_path,
        "size=400k",
        f"collector run -i lab.yaml -c 'show version' -l {BIG},d01 -q -f table >&2; echo $?",
        f"collector run -i lab.yaml -l {BIG},d01,d02 -q >&2; echo $?",
        "collector verify --all; echo $?",
        "cat output/runs/latest/manifest.json",
    )

    first, second, *verified, good, rest = end.stdout.decode().split("\n", maxsplit=4)
    told = json.loads(rest)
    assert (first, second, good) == ("0", str(int(Exit.STORAGE)), "0")
    assert verified == ["2 runs, 7 outputs: good"]
    assert "could not be stored: No space left on device" in end.stderr
    assert "next: free some space on the disk, then run again" in end.stderr
    assert told["exit_status"] == Exit.STORAGE
    statuses = {row["name"]: row["status"] for row in told["devices"]}
    assert statuses == {BIG: "partial", "d01": "ok", "d02": "ok"}
    [big] = [row for row in told["devices"] if row["name"] == BIG]
    assert (big["class"], big["phase"]) == ("storage", "store")


@pytest.mark.skipif(not shutil.which("unshare"), reason="needs unshare, of util-linux")
async def test_a_full_disk_leaves_the_last_good_copies(fleet: Lab, tmp_path: Path) -> None:
    before = {name: fleet.text(name, "show running-config") for name in ("d01", BIG)}
    end = await on_disk(
        tmp_path,
        "size=4m",
        "collector run -i lab.yaml -l d01 -q; echo $?",
        # A configuration that differs from the device's, as an earlier one would.
        "cd output/configs; echo old > d01.cfg; cp d01.cfg ../d01.old",
        "git -c user.name=A -c user.email=a@x commit -qam old; cd ../..",
        "head -c 8m /dev/zero > output/filler 2>/dev/null",
        "head -c 40k output/filler > keep; truncate -s -40k output/filler",
        f"collector run -i lab.yaml -l d01,{BIG} -q; echo $?",
        "cmp -s output/configs/d01.cfg output/d01.old || cmp -s output/configs/d01.cfg "
        "output/runs/latest/devices/d01/show_running-config.txt; echo $?",
        f"test -e output/configs/{BIG}.cfg; echo $?",
        "rm output/filler",
        f"collector run -i lab.yaml -l d01,{BIG} -q; echo $?",
        "git -C output/configs status --porcelain; git -C output/configs fsck --no-dangling",
        f"cat output/configs/d01.cfg output/configs/{BIG}.cfg",
    )

    first, full, same, absent, last, rest = end.stdout.decode().split("\n", maxsplit=5)
    assert (first, full, same, absent, last) == ("0", "6", "0", "1", "0"), end.stderr
    assert rest == "".join(before.values())
    assert "No space left on device" in end.stderr


@pytest.mark.skipif(not shutil.which("unshare"), reason="needs unshare, of util-linux")
async def test_a_read_only_disk_is_told_before_anyone_is_asked(fleet: Lab, tmp_path: Path) -> None:
    end = await on_disk(
        tmp_path,
        "size=400k",
        "collector run -i lab.yaml -l d01 -q; echo $?",
        "mount -o remount,ro output",
        "collector run -i lab.yaml -l d01; echo $?",
        "collector run -i lab.yaml --failed-of latest; echo $?",
        "collector verify --all; echo $?",
    )

    assert end.stdout.decode().split("\n") == [
        *("0", str(int(Exit.STORAGE)), "0", "1 run, 2 outputs: good", "0", ""),
    ]
    why, nothing = end.stderr.splitlines()
    assert "cannot write to output: Read-only file system" in why
    assert "choose another output folder" in why
    assert nothing.endswith("every device was ok")
