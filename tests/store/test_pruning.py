"""Old runs go, their last good copies stay, and what is left is still what the manifests say."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
from pathlib import Path

import pytest
from store import samples
from store.conftest import Program
from store.samples import stored

from collector.errors import LockedError
from collector.model import Retention
from collector.store import RunWriter, newest_first
from collector.store.pruning import held, prune
from collector.store.retention import Fate, Pruning, plan_pruning
from collector.store.verification import Verification

NOW = samples.LATER


def planned(output: Path, runs: int = 0, days: float = 0) -> Pruning:
    return plan_pruning(output, Retention(runs=runs, days=days), NOW)


def pruned(output: Path, runs: int = 0, days: float = 0) -> Pruning:
    plan = planned(output, runs, days)
    for doomed in plan.doomed:
        prune(output, doomed)
    return plan


def fates(plan: Pruning) -> list[tuple[str, Fate]]:
    return [(each.folder.name, each.fate) for each in plan.doomed]


def findings(output: Path) -> list[str]:
    work = Verification()
    return [finding.message for run in newest_first(output) for finding in work.verify(run)]


def used(output: Path) -> int:
    """Count the bytes of all files in the run folders, those with several names once."""
    seen = {
        (found.st_ino): found.st_size
        for path in (output / "runs").rglob("*")
        if path.is_file() and not path.is_symlink() and (found := path.lstat())
    }
    return sum(seen.values())


async def test_a_run_is_kept_when_it_is_new_or_young(tmp_path: Path) -> None:
    runs = [await stored(tmp_path, age, {"r1": b"x"}) for age in (50, 40, 30, 20, 10)]
    names = [run.name for run in runs]

    def gone(runs: int, days: float) -> list[str]:
        return [name for name, fate in fates(planned(tmp_path, runs, days))]

    assert gone(2, 0) == names[:3]
    assert gone(0, 35) == names[:2]
    assert gone(2, 35) == names[:2]
    assert gone(4, 15) == names[:1]
    assert gone(9, 0) == []
    with pytest.raises(ValueError, match="keeps nothing"):
        gone(0, 0)

    plan = pruned(tmp_path, 2)
    assert plan.whole == 2
    assert [run.name for run in newest_first(tmp_path)] == [names[4], names[3]]
    assert findings(tmp_path) == []


async def test_the_bytes_told_are_those_freed(tmp_path: Path) -> None:
    """Of an output that is the same in five runs, none is freed while one of them stays."""
    same, last = bytes(5000), b"it has changed"
    for age in (50, 40, 30, 20):
        await stored(tmp_path, age, {"r1": same, "r2": b"%d" % age * 1000})
    inodes = {os.stat(run / "devices/r1/show_running-config.txt").st_ino
              for run in newest_first(tmp_path)}  # fmt: skip
    assert len(inodes) == 1
    before = used(tmp_path)

    first = pruned(tmp_path, 2)
    after = used(tmp_path)
    assert [doomed.size < 5000 + 2000 for doomed in first.doomed] == [True, True]
    assert sum(doomed.size for doomed in first.doomed) == before - after

    await stored(tmp_path, 10, {"r1": last, "r2": last})
    before = used(tmp_path)
    second = pruned(tmp_path, 1)
    assert sum(doomed.size for doomed in second.doomed) == before - used(tmp_path) > 5000


async def test_a_last_good_copy_stays_and_its_run_is_reduced_to_it(tmp_path: Path) -> None:
    old = await stored(tmp_path, 50, {"r1": b"one", "gone": b"the last of it"})
    shutil.copytree(old / "devices/r1", old / "failures/r1")
    middle = await stored(tmp_path, 40, {"r1": b"two", "r2": b"two"})
    await stored(tmp_path, 30, {"r1": b"three", "r2": b"three"})

    plan = pruned(tmp_path, 1)

    assert fates(plan) == [(old.name, Fate.REDUCED), (middle.name, Fate.REMOVED)]
    files = sorted(path.relative_to(old).as_posix() for path in old.rglob("*") if path.is_file())
    assert files == ["devices/gone/show_running-config.txt", "manifest.json", "run.json"]
    assert findings(tmp_path) == []
    manifest = json.loads((old / "manifest.json").read_bytes())
    assert manifest["pruned"]
    kept = {row["name"]: row["commands"][0]["bytes"] for row in manifest["devices"]}
    assert kept == {"r1": None, "gone": 14}
    assert planned(tmp_path, 1).doomed == ()

    await stored(tmp_path, 20, {"gone": b"it is back"})
    await stored(tmp_path, 10, {"r1": b"four", "r2": b"four"})
    assert (old.name, Fate.REMOVED) in fates(planned(tmp_path, 2))


async def test_a_copy_that_is_not_what_was_stored_stands_for_no_other(tmp_path: Path) -> None:
    old = await stored(tmp_path, 50, {"r1": b"whole"})
    newer = await stored(tmp_path, 40, {"r1": b"whole too"})
    assert fates(planned(tmp_path, 1)) == [(old.name, Fate.REMOVED)]

    os.truncate(newer / "devices/r1/show_running-config.txt", 2)
    assert fates(planned(tmp_path, 1)) == [(old.name, Fate.REDUCED)]


async def test_the_newest_run_that_ended_stays(tmp_path: Path) -> None:
    ended = await stored(tmp_path, 50, {"r1": b"one"})
    killed = await stored(tmp_path, 40, {"r1": b"two"}, ended=False)
    assert planned(tmp_path, days=10).whole == 2

    await stored(tmp_path, 30, {"r1": b"three"})
    plan = planned(tmp_path, days=35)
    assert fates(plan) == [(ended.name, Fate.REMOVED), (killed.name, Fate.REMOVED)]
    assert [doomed.resumable for doomed in plan.doomed] == [False, True]


async def test_a_run_without_a_manifest_is_kept_whole_for_its_last_copy(tmp_path: Path) -> None:
    killed = await stored(tmp_path, 50, {"gone": b"one", "r1": b"one"}, ended=False)
    await stored(tmp_path, 40, {"r1": b"two"})
    assert planned(tmp_path, 1).doomed == ()
    assert killed.is_dir()


async def test_what_cannot_be_read_or_is_no_run_is_left_alone(tmp_path: Path) -> None:
    damaged = await stored(tmp_path, 50, {"r1": b"one"})
    (damaged / "manifest.json").write_text("{")
    copy = tmp_path / "runs" / "before-the-migration"
    shutil.copytree(damaged, copy)
    await stored(tmp_path, 40, {"r1": b"two"})

    plan = pruned(tmp_path, 1)

    assert plan.doomed == ()
    assert plan.unread == (f"{damaged}/manifest.json: expected the manifest of a run, found "
                           "something else",)  # fmt: skip
    assert damaged.is_dir()
    assert copy.is_dir()


async def test_nothing_is_pruned_while_a_run_holds_the_folder(tmp_path: Path) -> None:
    async with await RunWriter.create(tmp_path, samples.header(command="collector run")):
        with pytest.raises(LockedError, match="collector run"), held(tmp_path, "collector prune"):
            pass
    with held(tmp_path, "collector prune"), pytest.raises(LockedError, match="collector prune"):
        await RunWriter.create(tmp_path, samples.header())


@pytest.mark.parametrize("operations", range(1, 17, 2))
async def test_a_prune_killed_at_any_moment_leaves_good_runs(
    tmp_path: Path, program: Program, operations: int
) -> None:
    old = await stored(tmp_path, 50, {"r1": b"one", "gone": b"last"})
    await stored(tmp_path, 40, {"r1": b"two", "r2": b"two"})
    await stored(tmp_path, 30, {"r1": b"three", "r2": b"three"})

    command, environment = program("killed_prune.py", tmp_path, operations)
    process = await asyncio.create_subprocess_exec(*command, env=environment)
    assert await process.wait() in {0, -signal.SIGKILL}

    work = Verification()
    for run in newest_first(tmp_path):
        list(work.verify(run))
    assert work.good
    assert (old / "devices/gone/show_running-config.txt").read_bytes() == b"last"

    pruned(tmp_path, 1)
    assert len(list((tmp_path / "runs").iterdir())) == 3  # two runs, and latest
    assert findings(tmp_path) == []
    assert planned(tmp_path, 1).doomed == ()
