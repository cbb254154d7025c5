"""Whose the folder is, and what state git may be in when a run begins."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

import pytest
from support.backups import PART, backed_up, configured, git, subjects

from collector.backups.history import History
from collector.errors import StorageError
from collector.model import Change
from collector.settings import Backups

ONE = {"r1": "hostname r1\n"}


def snapshot(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


async def refusal(output: Path) -> str:
    """Give the line with which a run's history is refused; the files must be as they were."""
    before = snapshot(output)
    with pytest.raises(StorageError) as refused:
        await backed_up(output, {"r1": "hostname second\n"}, run="run-2")
    assert snapshot(output) == before
    line = str(refused.value)
    assert "\n" not in line
    return line


async def test_a_folder_with_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "r1.cfg").write_text("not ours")
    assert "no git repository of the collector, and not empty" in await refusal(tmp_path)


async def test_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "configs").write_text("not ours")
    assert "Not a folder" in await refusal(tmp_path)


async def test_anothers_repository_is_refused_until_its_owner_says_otherwise(
    tmp_path: Path,
) -> None:
    (tmp_path / "configs").mkdir()
    git(tmp_path, "init", "--quiet", "--initial-branch=master")
    (tmp_path / "configs" / "r1.cfg").write_text("hostname r1\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "-c", "user.name=O", "-c", "user.email=o@x", "commit", "-qm", "oxidized")
    line = await refusal(tmp_path)
    assert "not made by the collector" in line

    # The remedy that the line names.
    words = line.split("(git -C ")[1].split(" lets it be used")[0].split()
    assert words[0] == str(tmp_path / "configs")
    git(tmp_path, *words[1:])
    changes, _ = await backed_up(tmp_path, {"r1": "hostname r1\n", "r2": "x\n"}, run="run-2")
    assert changes == {"r1": Change.UNCHANGED, "r2": Change.NEW}
    assert subjects(tmp_path) == ["Backup: 1 new", "oxidized"]
    assert git(tmp_path, "branch", "--show-current") == "master"


async def test_a_repository_around_the_output_folder_is_left_alone(tmp_path: Path) -> None:
    output = tmp_path / "output"
    (output / "configs").mkdir(parents=True)
    around = ("-C", str(tmp_path), "-c", "user.name=P", "-c", "user.email=p@x")
    git(output, *around, "init", "--quiet")
    git(output, *around, "commit", "--quiet", "--allow-empty", "--message=somebody's")
    before = snapshot(tmp_path / ".git")
    await backed_up(output, ONE)
    assert snapshot(tmp_path / ".git") == before
    assert subjects(output) == ["Backup: 1 new"]
    shutil.rmtree(output / "configs" / ".git")
    assert "no git repository of the collector" in await refusal(output)
    assert snapshot(tmp_path / ".git") == before


@pytest.mark.parametrize("left", ["", "HEAD", "config", "objects"])
async def test_a_repository_that_was_not_made_to_its_end_is(tmp_path: Path, left: str) -> None:
    """What a kill leaves of ``git init``: some of it, and no mark."""
    (tmp_path / "configs").mkdir()
    git(tmp_path, "init", "--quiet")
    for path in (tmp_path / "configs" / ".git").iterdir():
        if left and path.name != left:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    await backed_up(tmp_path, ONE)
    assert subjects(tmp_path) == ["Backup: 1 new"]


async def test_a_detached_head_is_told_and_nothing_is_touched(tmp_path: Path) -> None:
    await backed_up(tmp_path, ONE)
    await backed_up(tmp_path, {"r1": "hostname changed\n"}, run="run-1b")
    git(tmp_path, "checkout", "--quiet", "HEAD~1")
    assert "detached HEAD" in await refusal(tmp_path)
    git(tmp_path, "switch", "--quiet", "main")
    changes, _ = await backed_up(tmp_path, {"r1": "hostname second\n"}, run="run-3")
    assert changes == {"r1": Change.CHANGED}
    assert len(subjects(tmp_path)) == 3


async def test_a_merge_under_way_is_told(tmp_path: Path) -> None:
    await backed_up(tmp_path, ONE)
    (tmp_path / "configs" / ".git" / "MERGE_HEAD").write_text(git(tmp_path, "rev-parse", "HEAD"))
    assert "a merge is under way there" in await refusal(tmp_path)


async def test_another_branch_checked_out_meanwhile_is_told(tmp_path: Path) -> None:
    await backed_up(tmp_path, ONE)
    history = await History.open(tmp_path, Backups(), run="run-2", job="backup")
    await history.keep(configured("r1", "hostname second\n"), PART)
    git(tmp_path, "switch", "--quiet", "--create", "other")
    with pytest.raises(StorageError, match="the branch other was checked out meanwhile, not main"):
        await history.commit()
    history.close()
    git(tmp_path, "switch", "--quiet", "main")
    await backed_up(tmp_path, {}, run="run-3")
    assert git(tmp_path, "show", "main:r1.cfg") == "hostname second"


async def test_a_broken_repository_is_told_in_a_line(tmp_path: Path) -> None:
    await backed_up(tmp_path, ONE)
    (tmp_path / "configs" / ".git" / "HEAD").write_text("no ref\n")
    assert "not a git repository" in await refusal(tmp_path)


async def test_a_broken_branch_is_told_in_a_line(tmp_path: Path) -> None:
    await backed_up(tmp_path, ONE)
    (tmp_path / "configs" / ".git" / "refs" / "heads" / "main").write_text("garbage\n")
    await refusal(tmp_path)


async def test_without_git_there_is_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await backed_up(tmp_path, ONE)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "git is not installed" in await refusal(tmp_path)
    assert "backups.enabled: false" in await refusal(tmp_path)


LOCKS = (
    *("index.lock", "HEAD.lock", "config.lock", "refs/heads/main.lock"),
    "refs/collector/edits/1-a.lock",
)


async def test_locks_of_a_git_that_is_gone_are_removed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await backed_up(tmp_path, ONE)
    for name in LOCKS:
        lock = tmp_path / "configs" / ".git" / name
        lock.parent.mkdir(parents=True, exist_ok=True)
        lock.touch()
    _, commit = await backed_up(tmp_path, {"r1": "hostname second\n"}, run="run-2")
    assert commit
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == len(LOCKS)
    assert all("it was left by a git that is gone" in line for line in told)


@pytest.mark.parametrize("broken", ["nonsense\n", "", "1" * 40 + "\n", None])
async def test_a_broken_branch_is_told_with_its_mending(tmp_path: Path, broken: str | None) -> None:
    await backed_up(tmp_path, ONE)
    ref = tmp_path / "configs" / ".git" / "refs" / "heads" / "main"
    commit = ref.read_text().strip()
    if broken is None:
        ref.unlink()
    else:
        ref.write_text(broken)
    line = await refusal(tmp_path)
    journal = tmp_path / "configs" / ".git" / "logs" / "refs" / "heads" / "main"
    assert f"write the last commit of {journal} to {ref}" in line
    assert journal.read_text().splitlines()[-1].split()[1] == commit
    ref.write_text(f"{commit}\n")
    await backed_up(tmp_path, {"r1": "hostname second\n"}, run="run-3")
    assert subjects(tmp_path) == ["Backup: 1 changed", "Backup: 1 new"]


async def test_a_lock_of_a_git_at_work_is_not(tmp_path: Path) -> None:
    await backed_up(tmp_path, ONE)
    os.mkfifo(tmp_path / "editor")
    (tmp_path / "configs" / "mine").write_text("x")
    git(tmp_path, "add", "mine")
    # A person's commit, whose editor waits until the test writes to the pipe.
    person = await asyncio.create_subprocess_exec(
        *("git", "-c", "user.name=P", "-c", "user.email=p@x", "commit", "--quiet", "-a"),
        cwd=tmp_path / "configs",
        env={**os.environ, "GIT_EDITOR": f"touch '{tmp_path}/asked'; cat '{tmp_path}/editor' >>"},
    )
    lock = tmp_path / "configs" / ".git" / "index.lock"
    while not (tmp_path / "asked").exists():
        await asyncio.sleep(0.01)
    try:
        assert f"git is at work there (pid {person.pid})" in await refusal(tmp_path)
        assert lock.exists()
    finally:
        (tmp_path / "editor").write_text("a person's commit\n")
        assert await person.wait() == 0
    await backed_up(tmp_path, {"r1": "hostname second\n"}, run="run-3")
    assert subjects(tmp_path)[:2] == ["Backup: 1 changed", "a person's commit"]


async def test_where_processes_are_not_to_be_seen_no_lock_is_removed(tmp_path: Path) -> None:
    from collector.backups.locks import clear_stale_locks

    (tmp_path / ".git").mkdir()
    lock = tmp_path / ".git" / "index.lock"
    lock.touch()
    with pytest.raises(StorageError, match=f"when no git works there any more, remove {lock}"):
        clear_stale_locks(tmp_path, tmp_path / ".git", processes=tmp_path / "nowhere")
    assert lock.exists()
