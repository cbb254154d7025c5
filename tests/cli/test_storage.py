"""The whole program killed at any moment, and on disks that are full or read-only."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import random
import shutil
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from support.program import ROOT, Ended, collector, ended, start

from collector.collect import execute, resume
from collector.errors import Exit
from collector.lab import Lab, LabDevice
from collector.settings import load_settings

KILLS = 20
STARTED = 3  # of the killed runs, those resumed by a program of their own: a start costs a second
DEVICES = [f"d{number:02}" for number in range(6)]
BIG = "d00"
# What it takes from the first sign of a run in the output folder to its end, and some more.
LONGEST = 1.0  # seconds


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


def runs(folder: Path) -> set[Path]:
    return set(folder.glob("output/runs/2*"))


def ended_runs(folder: Path) -> set[Path]:
    return {path.parent for path in folder.glob("output/runs/2*/manifest.json")}


def manifest(run: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((run / "manifest.json").read_bytes())
    return content


async def kill_at_random(folder: Path) -> None:
    """Start a run, and kill it when its folder has been there for a moment."""
    before = runs(folder)
    process = await start("run", "-i", "lab.yaml", "-l", f"!{BIG}", cwd=folder)
    while process.returncode is None and runs(folder) == before:
        await asyncio.sleep(0.005)
    await asyncio.sleep(random.uniform(0, LONGEST))
    if process.returncode is None:
        process.kill()
    await ended(process)


def journal(run: Path) -> list[dict[str, Any]]:
    """Read the lines that are whole."""
    lines = (run / "journal.jsonl").read_bytes().split(b"\n")[:-1]
    return [json.loads(line) for line in lines]


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_a_program_killed_at_any_moment_is_resumed_whole(fleet: Lab, tmp_path: Path) -> None:
    for _ in range(KILLS):
        await kill_at_random(tmp_path)
    unfinished = runs(tmp_path) - ended_runs(tmp_path)
    assert len(unfinished) > KILLS / 4

    verified = await collector("verify", "--all", cwd=tmp_path)
    assert (verified.status, verified.stderr) == (Exit.OK, "")
    assert verified.stdout.decode().startswith(f"{KILLS} runs, ")
    assert verified.stdout.endswith(b" outputs: good\n")
    for number, run in enumerate(sorted(unfinished)):
        before = journal(run)
        if number < STARTED:
            end = await collector("run", "--resume", run.name, cwd=tmp_path)
            assert (end.status, end.stderr) == (Exit.OK, "")
        else:
            plan = resume(load_settings(tmp_path / "config.yaml", {}), str(run))
            assert (await execute(plan)).exit_status == Exit.OK
        assert [row for row in manifest(run)["devices"] if row in before] == sorted(
            before, key=lambda row: str(row["name"])
        )
        check(run)
    again = await collector("verify", "--all", cwd=tmp_path)
    assert again.stdout.decode() == f"{KILLS} runs, {KILLS * 2 * len(DEVICES[1:])} outputs: good\n"


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
