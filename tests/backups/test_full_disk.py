"""On a full disk the last good copies stay, a line says why, and the next run makes up for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from backups.full_disk import texts

TESTS = Path(__file__).parents[1]
_MOUNT = 'mount -t tmpfs -o size=8m tmpfs "$1" && shift && exec "$@"'
_ONE, _TWO, _SAME = [1], [2], [1, 2]


def on_a_small_disk(folder: Path, room: int) -> list[dict[str, Any]]:
    """Run ``full_disk.py`` on a file system that only it can see."""
    program = [sys.executable, str(TESTS / "backups" / "full_disk.py"), str(folder), str(room)]
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", _MOUNT, "sh", str(folder), *program],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS.parent), str(TESTS)])},
        capture_output=True,
        check=False,
        text=True,
    )
    if done.returncode and "unshare" in done.stderr:
        pytest.skip("mounting a small disk is not permitted here (unshare -rm mount)")
    assert done.returncode == 0, done.stderr
    steps: list[dict[str, Any]] = json.loads(done.stdout)
    return steps


@pytest.mark.slow
@pytest.mark.parametrize("room", [0, 4, 24, 28, 40, 56])  # KB, for files, for git, for neither
def test_a_disk_that_is_full_at_any_point(tmp_path: Path, room: int) -> None:
    first, full, after = on_a_small_disk(tmp_path, room * 1024)
    odd = {name for name in texts(1) if texts(1)[name] != texts(2)[name]}
    names = set(texts(1))

    assert first["lines"] == []
    assert {name for name, whose in first["files"].items() if whose == _ONE} == odd
    for step in (full, after):
        assert set(step["files"]) == names
        assert all(step["files"].values()), "a file that is of neither run: it is not whole"
        assert all(step["committed"].values())
    assert all(full["committed"][name] == _ONE for name in odd), "the disk was not full"
    assert full["lines"], "nothing was said"
    for line in full["lines"]:
        assert "\n" not in line
        assert "free some space on the disk, then run again" in line
    if room == 0:
        assert all(full["files"][name] == _ONE for name in odd)
        assert full["lines"][0].startswith("the last good copy stays: No space left on device: ")

    assert after["lines"] == []
    assert all(after["files"][name] == after["committed"][name] == _TWO for name in odd)
    assert after["files"]["r0"] == _SAME
    assert (after["fsck"], after["status"]) == ("", "")
