"""Killed at any moment, a run leaves old files or new files, and an output folder that works.

These and the kills of tests/cli/test_storage.py are two hundred.
"""

from __future__ import annotations

import hashlib
import random
import secrets
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from store import victim
from support import outcomes

from collector.store import (
    find_run,
    latest_run,
    newest_first,
    read_journal,
    read_manifest,
    read_run,
)
from collector.store.lock import Holder, OutputLock
from collector.store.verification import Verification

Program = Callable[..., tuple[list[str], dict[str, str]]]

_OPERATIONS = {"run": 85, "resume": 60}  # about as many of files as there are
_KILLS = 90

HOLDER = Holder(since=outcomes.STARTED, command="the next run")


@pytest.mark.parametrize("mode", ["run", "resume"])
async def test_a_run_killed_anywhere_is_whole_as_far_as_it_came_and_is_resumed(
    program: Program, memory_disk: Path, mode: str
) -> None:
    for folder, ended in _kill(program, memory_disk, mode).items():
        output = memory_disk / folder
        OutputLock.acquire(output, HOLDER).release()
        _check(output, ended=ended)
        _check_hashes(output)
        if find_run(output, "latest").head is None:
            assert not ended
            await victim.resume_run(output, 2)
            _check(output, ended=True)
            _check_hashes(output)


def _kill(program: Program, output: Path, mode: str) -> dict[str, bool]:
    """Kill runs at random moments; say for each folder whether its run came to its end before."""
    seed = secrets.randbits(32)
    print(f"random.Random({seed})")  # a failing test shows it
    points = random.Random(seed).choices(range(1, _OPERATIONS[mode]), k=_KILLS)
    command, environment = program("victim.py", output, mode, *points)
    done = subprocess.run(command, env=environment, capture_output=True, check=True, text=True)
    ends = dict(line.split() for line in done.stdout.splitlines())
    assert len(ends) == _KILLS
    assert sum(end == "died" for end in ends.values()) > _KILLS / 2
    return {folder: end == "ended" for folder, end in ends.items()}


def _check_hashes(output: Path) -> None:
    work = Verification()
    assert [finding for run in newest_first(output) for finding in work.verify(run)] == []
    assert work.runs


def _check(output: Path, *, ended: bool) -> None:
    first, *others = reversed(newest_first(output))
    for run in (first, *others):
        assert read_run(run)["run_id"] == run.name
        assert (run / "journal.jsonl").exists()
    _check_files(first, 1)
    assert read_manifest(first)["totals"]["ok"] == victim.DEVICES
    for second in others:
        _check_files(second, 2)
        _check_rows(second)
        if (second / "manifest.json").exists():
            assert read_manifest(second)["totals"]["ok"] == victim.DEVICES
    assert latest_run(output) in ([*others] if ended else [first, *others])


def _check_files(run: Path, generation: int) -> None:
    for path in run.glob("devices/*/[!.]*"):
        device, size = int(path.parent.name[1:]), int(path.stem.removeprefix("show_"))
        assert path.read_bytes() == victim.content(generation, device, size), path


def _check_rows(run: Path) -> None:
    for row in read_journal(run):
        assert len(row["commands"]) == len(victim.SIZES)
        for command in row["commands"]:
            assert command["file"] is not None
            content = (run / command["file"]).read_bytes()
            assert hashlib.sha256(content).hexdigest() == command["sha256"]
