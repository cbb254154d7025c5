"""The history on its way to a remote: a bare repository beside it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from support.backups import backed_up, git, subjects

from collector.errors import StorageError
from collector.settings import Backups, Push

ONE = {"r1": "hostname r1\n", "r2": "hostname r2\n"}
ANN = ("-c", "user.name=Ann", "-c", "user.email=ann@example.net")


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    path = tmp_path / "remote.git"
    subprocess.run(["git", "init", "--quiet", "--bare", "-b", "main", str(path)], check=True)
    return path


@pytest.fixture
def settings(remote: Path) -> Backups:
    return Backups(push=Push(remote=str(remote)))


def there(remote: Path) -> list[str]:
    words = ["git", "-C", str(remote), "log", "--format=%s", "main"]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout.splitlines()


def edit(tmp_path: Path, remote: Path, name: str, text: str) -> None:
    """Commit a file from another clone, as a colleague would."""
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", str(remote), str(clone)], check=True)
    (clone / name).write_text(text)
    for words in (["add", name], [*ANN, "commit", "-qm", "a colleague's"], ["push", "-q"]):
        subprocess.run(["git", *words], cwd=clone, check=True)


async def test_a_commit_is_pushed(tmp_path: Path, remote: Path, settings: Backups) -> None:
    await backed_up(tmp_path, ONE, settings=settings)
    assert there(remote) == ["Backup: 2 new"]
    await backed_up(tmp_path, {"r1": "new\n"}, run="run-2", settings=settings)
    assert there(remote) == ["Backup: 1 changed", "Backup: 2 new"]


async def test_another_branch_there(tmp_path: Path, remote: Path) -> None:
    settings = Backups(push=Push(remote=str(remote), branch="site/ams"))
    await backed_up(tmp_path, ONE, settings=settings)
    assert (remote / "refs" / "heads" / "site" / "ams").is_file()


async def test_without_a_new_commit_the_remote_is_not_asked(
    tmp_path: Path, remote: Path, settings: Backups
) -> None:
    await backed_up(tmp_path, ONE, settings=settings)
    remote.rename(tmp_path / "away.git")
    await backed_up(tmp_path, ONE, run="run-2", settings=settings)


async def test_a_failed_push_is_told_and_the_next_run_pushes(
    tmp_path: Path, remote: Path, settings: Backups
) -> None:
    remote.rename(tmp_path / "away.git")
    with pytest.raises(StorageError, match=r"not pushed to .*does not appear to be a git") as told:
        await backed_up(tmp_path, ONE, settings=settings)
    assert "\n" not in str(told.value)
    assert subjects(tmp_path) == ["Backup: 2 new"]
    (tmp_path / "away.git").rename(remote)
    await backed_up(tmp_path, ONE, run="run-2", settings=settings)
    assert there(remote) == ["Backup: 2 new"]


async def test_commits_of_others_are_kept_below_ours(
    tmp_path: Path, remote: Path, settings: Backups
) -> None:
    await backed_up(tmp_path, ONE, settings=settings)
    edit(tmp_path, remote, "README", "what this is\n")
    (tmp_path / "configs" / "r2.cfg").write_text("an edit that is not committed\n")
    await backed_up(tmp_path, {"r1": "new\n"}, run="run-2", settings=settings)
    expected = ["Backup: 1 changed", "a colleague's", "Backup: 2 new"]
    assert there(remote) == expected
    assert subjects(tmp_path) == expected
    assert git(tmp_path, "status", "--porcelain") == " M r2.cfg"
    assert (tmp_path / "configs" / "README").exists()


async def test_commits_that_do_not_go_together_are_told_and_left(
    tmp_path: Path, remote: Path, settings: Backups
) -> None:
    await backed_up(tmp_path, ONE, settings=settings)
    edit(tmp_path, remote, "r1.cfg", "hostname of-a-colleague\n")
    with pytest.raises(StorageError, match="its commits and ours do not go together"):
        await backed_up(tmp_path, {"r1": "new\n"}, run="run-2", settings=settings)
    assert subjects(tmp_path) == ["Backup: 1 changed", "Backup: 2 new"]
    assert git(tmp_path, "branch", "--show-current") == "main"
    assert git(tmp_path, "status", "--porcelain") == ""
    assert (tmp_path / "configs" / "r1.cfg").read_text() == "new\n"


async def test_a_rebase_cut_off_by_a_kill_is_undone(
    tmp_path: Path, remote: Path, settings: Backups
) -> None:
    await backed_up(tmp_path, ONE, settings=settings)
    edit(tmp_path, remote, "r1.cfg", "hostname of-a-colleague\n")
    await backed_up(tmp_path, {"r1": "new\n"}, run="run-2")
    git(tmp_path, "fetch", "--quiet", str(remote), "main")
    with pytest.raises(subprocess.CalledProcessError):
        git(tmp_path, *ANN, "rebase", "--quiet", "FETCH_HEAD")
    with pytest.raises(StorageError, match="a rebase is under way there"):  # a person's
        await backed_up(tmp_path, {}, run="run-3")
    (tmp_path / "configs" / ".git" / "collector-rebasing").touch()  # one of ours
    await backed_up(tmp_path, {"r2": "new\n"}, run="run-3")
    assert subjects(tmp_path) == ["Backup: 1 changed", "Backup: 1 changed", "Backup: 2 new"]
    assert git(tmp_path, "branch", "--show-current") == "main"
