"""Killed at any moment, a run leaves old files or new files, and an output folder that works."""

from __future__ import annotations

import hashlib
import random
import subprocess
from collections.abc import Callable
from pathlib import Path

from store import samples, victim

from collector.store import latest_run, read_journal, read_manifest
from collector.store.lock import Holder, OutputLock

Program = Callable[..., tuple[list[str], dict[str, str]]]

_LAST_POINT = 85  # about as many file operations as one run has
_POINTS = 30

HOLDER = Holder(since=samples.STARTED, command="the next run")


def test_every_file_is_whole_wherever_a_run_is_killed(program: Program, tmp_path: Path) -> None:
    points = sorted(random.sample(range(1, _LAST_POINT), _POINTS))
    command, environment = program("victim.py", tmp_path, *points)
    done = subprocess.run(command, env=environment, capture_output=True, check=True, text=True)

    ends = dict(line.split() for line in done.stdout.splitlines())
    assert len(ends) == _POINTS
    assert sum(end == "died" for end in ends.values()) > _POINTS / 2
    for point, end in ends.items():
        _check(tmp_path / point, ended=end == "ended")
        OutputLock.acquire(tmp_path / point, HOLDER).release()


def _check(output: Path, *, ended: bool) -> None:
    first, *others = sorted(path for path in (output / "runs").iterdir() if _is_run(path))
    _check_files(first, 1)
    assert read_manifest(first)["totals"]["ok"] == victim.DEVICES
    for second in others:
        _check_files(second, 2)
        _check_rows(second)
        if (second / "manifest.json").exists():
            assert read_manifest(second)["totals"]["ok"] == victim.DEVICES
    assert latest_run(output) in ([*others] if ended else [first, *others])


def _is_run(path: Path) -> bool:
    unborn = path.name.startswith(".")  # killed before the folder had its name
    return path.is_dir() and not path.is_symlink() and not unborn


def _check_files(run: Path, generation: int) -> None:
    for path in run.glob("devices/*/[!.]*"):
        device, size = int(path.parent.name[1:]), int(path.stem.removeprefix("show_"))
        assert path.read_bytes() == victim.content(generation, device, size), path


def _check_rows(run: Path) -> None:
    rows = list(read_journal(run)) if (run / "journal.jsonl").exists() else []
    for row in rows:
        assert len(row["commands"]) == len(victim.SIZES)
        for command in row["commands"]:
            assert command["file"] is not None
            content = (run / command["file"]).read_bytes()
            assert hashlib.sha256(content).hexdigest() == command["sha256"]
