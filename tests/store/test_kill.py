"""Killed at any moment, a run leaves old files or new files, and an output folder that works."""

from __future__ import annotations

import hashlib
import random
import secrets
import subprocess
from collections.abc import Callable
from pathlib import Path

from store import victim
from support import outcomes

from collector.store import (
    Verification,
    find_run,
    latest_run,
    newest_first,
    read_journal,
    read_manifest,
    read_run,
)
from collector.store.lock import Holder, OutputLock

Program = Callable[..., tuple[list[str], dict[str, str]]]

_LAST_POINT = 85  # about as many file operations as one run has
_LAST_RESUMED = 60
_POINTS = 30

HOLDER = Holder(since=outcomes.STARTED, command="the next run")


def test_every_file_is_whole_wherever_a_run_is_killed(program: Program, tmp_path: Path) -> None:
    ends = _kill(program, tmp_path, "run", range(1, _LAST_POINT))
    for point, ended in ends.items():
        _check(tmp_path / point, ended=ended)
        _check_hashes(tmp_path / point)
        OutputLock.acquire(tmp_path / point, HOLDER).release()


async def test_a_run_killed_anywhere_while_it_is_resumed_is_resumed_again(
    program: Program, tmp_path: Path
) -> None:
    ends = _kill(program, tmp_path, "resume", range(1, _LAST_RESUMED))
    for point, ended in ends.items():
        output = tmp_path / point
        _check_hashes(output)
        if find_run(output, "latest").head is None:
            assert not ended
            await victim.resume_run(output, 2)
        _check(output, ended=True)
        _check_hashes(output)


def _kill(program: Program, output: Path, mode: str, moments: range) -> dict[str, bool]:
    """Kill a run at random moments; say for each one whether the run came to its end before."""
    seed = secrets.randbits(32)
    print(f"random.Random({seed})")  # a failing test shows it
    points = sorted(random.Random(seed).sample(moments, _POINTS))
    command, environment = program("victim.py", output, mode, *points)
    done = subprocess.run(command, env=environment, capture_output=True, check=True, text=True)
    ends = dict(line.split() for line in done.stdout.splitlines())
    assert len(ends) == _POINTS
    assert sum(end == "died" for end in ends.values()) > _POINTS / 2
    return {point: end == "ended" for point, end in ends.items()}


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
