"""Killed at any moment, a run leaves whole files and a history that the next one goes on with."""

from __future__ import annotations

import os
import random
import secrets
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from backups import victim
from support.backups import backed_up, git, subjects

KILLS = 8
TESTS = Path(__file__).parents[1]


@pytest.mark.slow
async def test_a_run_killed_at_any_moment(tmp_path: Path) -> None:
    model = tmp_path / "model"
    await backed_up(model, victim.texts(1))
    shutil.copytree(model, tmp_path / "timed")
    began = time.monotonic()
    await backed_up(tmp_path / "timed", victim.texts(2))
    longest = time.monotonic() - began

    ends = kill(tmp_path, model, longest)

    assert len(ends) == KILLS
    assert set(ends) <= {"died", "ended 0"}
    for number in range(KILLS):
        output = tmp_path / str(number)
        check_files(output)
        await backed_up(output, victim.texts(2), run="run-3")
        check_history(output)


def kill(folder: Path, model: Path, longest: float) -> list[str]:
    """Kill a run at moments that are spread over its time; say for each whether it ended before."""
    seed = secrets.randbits(32)
    print(f"random.Random({seed}), {longest}")  # a failing test shows it
    chance = random.Random(seed)
    moments = [(number + chance.random()) * longest / KILLS for number in range(KILLS)]
    for number in range(KILLS):
        shutil.copytree(model, folder / str(number))
    command = [sys.executable, str(Path(__file__).with_name("victim.py")), str(folder)]
    done = subprocess.run(
        [*command, *(f"{max(moment, 0.001):.3f}" for moment in moments)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS.parent), str(TESTS)])},
        capture_output=True,
        check=True,
        text=True,
    )
    return [line.split(" ", 1)[1] for line in done.stdout.splitlines()]


def check_files(output: Path) -> None:
    """Find every file as it was or as it is to be, in the working tree and in the last commit."""
    first, second = victim.texts(1), victim.texts(2)
    for name, text in first.items():
        allowed = (text, second[name])
        assert (output / "configs" / f"{name}.cfg").read_text() in allowed
        assert git(output, "show", f"HEAD:{name}.cfg") + "\n" in allowed


def check_history(output: Path) -> None:
    """Find everything committed, by the run that found it, and nothing broken."""
    assert git(output, "fsck", "--strict", "--no-dangling") == ""
    assert git(output, "status", "--porcelain") == ""
    for name, text in victim.texts(2).items():
        assert git(output, "show", f"HEAD:{name}.cfg") + "\n" == text
    assert 2 <= len(subjects(output)) <= 3
    assert not list((output / "configs" / ".git").rglob("*.lock"))
