"""The history on its way to a remote: a bare repository beside it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from support.backups import backed_up, git, subjects

from collector.backups.git import Git
from collector.errors import StorageError
from collector.settings import Backups, Push

ONE = {"r1": "hostname r1\n", "r2": "hostname r2\n"}
ANN = ("-c", "user.name=Ann", "-c", "user.email=ann@example.net")


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    return made(tmp_path / "remote.git")


def made(path: Path) -> Path:
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


async def test_a_remote_that_was_made_anew_is_pushed_all_of_it(
    tmp_path: Path, remote: Path, settings: Backups
) -> None:
    await backed_up(tmp_path, ONE, settings=settings)
    shutil.rmtree(remote)
    made(remote)
    await backed_up(tmp_path, ONE, run="run-2", settings=settings)
    assert there(remote) == ["Backup: 2 new"]


async def test_a_remote_of_another_url_is_pushed_all_of_it(tmp_path: Path, remote: Path) -> None:
    settings = Backups(push=Push(remote="origin"))
    await backed_up(tmp_path, ONE)
    git(tmp_path, "remote", "add", "origin", str(remote))
    await backed_up(tmp_path, ONE, run="run-2", settings=settings)
    other = made(tmp_path / "other.git")
    git(tmp_path, "remote", "set-url", "origin", str(other))
    await backed_up(tmp_path, ONE, run="run-3", settings=settings)
    assert there(remote) == there(other) == ["Backup: 2 new"]


async def test_two_branches_of_a_remote_with_a_long_name(tmp_path: Path) -> None:
    remote = made(tmp_path / ("d" * 90) / ("e" * 90) / "remote.git")
    for branch in ("one", "two"):
        settings = Backups(push=Push(remote=str(remote), branch=branch))
        await backed_up(tmp_path, ONE, run=f"run-{branch}", settings=settings)
        assert (remote / "refs" / "heads" / branch).is_file()


async def test_without_a_commit_of_ours_those_of_others_are_left_where_they_are(
    tmp_path: Path, remote: Path, settings: Backups
) -> None:
    await backed_up(tmp_path, ONE, settings=settings)
    edit(tmp_path, remote, "r1.cfg", "hostname of-a-colleague\n")
    await backed_up(tmp_path, ONE, run="run-2", settings=settings)
    assert subjects(tmp_path) == ["Backup: 2 new"]
    assert there(remote) == ["a colleague's", "Backup: 2 new"]


@pytest.mark.parametrize("key", ["url", "pushurl"])
async def test_a_login_in_the_url_of_a_remote_is_refused_and_not_told(
    tmp_path: Path, key: str
) -> None:
    await backed_up(tmp_path, ONE)
    git(tmp_path, "config", "remote.origin.url", "http://127.0.0.1:1/x.git")
    git(tmp_path, "config", f"remote.origin.{key}", "http://bot:hunter2@127.0.0.1:1/x.git")
    with pytest.raises(StorageError, match="the URL of that remote holds a login") as told:
        await backed_up(tmp_path, ONE, run="run-2", settings=Backups(push=Push(remote="origin")))
    assert "hunter2" not in str(told.value)


async def test_a_login_that_git_puts_into_a_url_is_refused(tmp_path: Path) -> None:
    await backed_up(tmp_path, ONE)
    git(tmp_path, "config", "url.http://hunter2@127.0.0.1:1/.insteadOf", "http://127.0.0.1:1/")
    settings = Backups(push=Push(remote="http://127.0.0.1:1/x.git"))
    with pytest.raises(StorageError, match="the URL of that remote holds a login"):
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


@pytest.mark.parametrize("backend", ["merge", "apply"])
async def test_commits_that_do_not_go_together_are_told_and_left(
    tmp_path: Path, remote: Path, settings: Backups, backend: str
) -> None:
    (Path(os.environ["HOME"]) / ".gitconfig").write_text(f"[rebase]\n\tbackend = {backend}\n")
    await backed_up(tmp_path, ONE, settings=settings)
    edit(tmp_path, remote, "r1.cfg", "hostname of-a-colleague\n")
    with pytest.raises(StorageError, match="its commits and ours do not go together"):
        await backed_up(tmp_path, {"r1": "new\n"}, run="run-2", settings=settings)
    assert subjects(tmp_path) == ["Backup: 1 changed", "Backup: 2 new"]
    assert git(tmp_path, "branch", "--show-current") == "main"
    assert git(tmp_path, "status", "--porcelain") == ""
    assert (tmp_path / "configs" / "r1.cfg").read_text() == "new\n"


@pytest.mark.parametrize("backend", ["merge", "apply"])
async def test_a_rebase_cut_off_by_a_kill_is_undone(
    tmp_path: Path, remote: Path, settings: Backups, backend: str
) -> None:
    await backed_up(tmp_path, ONE, settings=settings)
    edit(tmp_path, remote, "r1.cfg", "hostname of-a-colleague\n")
    await backed_up(tmp_path, {"r1": "new\n"}, run="run-2")
    git(tmp_path, "fetch", "--quiet", str(remote), "main")
    with pytest.raises(subprocess.CalledProcessError):
        git(tmp_path, *ANN, "rebase", f"--{backend}", "--quiet", "FETCH_HEAD")
    with pytest.raises(StorageError, match="a rebase is under way there"):  # a person's
        await backed_up(tmp_path, {}, run="run-3")
    (tmp_path / "configs" / ".git" / "collector-rebasing").touch()  # one of ours
    await backed_up(tmp_path, {"r2": "new\n"}, run="run-3")
    assert subjects(tmp_path) == ["Backup: 1 changed", "Backup: 1 changed", "Backup: 2 new"]
    assert git(tmp_path, "branch", "--show-current") == "main"


async def test_other_branches_stay_where_they_are(
    tmp_path: Path, remote: Path, settings: Backups
) -> None:
    (Path(os.environ["HOME"]) / ".gitconfig").write_text("[rebase]\n\tupdateRefs = true\n")
    await backed_up(tmp_path, ONE, settings=settings)
    edit(tmp_path, remote, "README", "what this is\n")
    await backed_up(tmp_path, {"r1": "second\n"}, run="run-2")
    git(tmp_path, "branch", "of-a-person")
    before = git(tmp_path, "rev-parse", "of-a-person")
    await backed_up(tmp_path, {"r1": "third\n"}, run="run-3", settings=settings)
    assert there(remote)[1:3] == ["Backup: 1 changed", "a colleague's"]
    assert git(tmp_path, "rev-parse", "of-a-person") == before


async def test_an_edit_that_does_not_go_with_a_commit_of_others_stops_nothing(
    tmp_path: Path, remote: Path, settings: Backups
) -> None:
    await backed_up(tmp_path, ONE, settings=settings)
    edit(tmp_path, remote, "r2.cfg", "hostname of-a-colleague\n")
    (tmp_path / "configs" / "r2.cfg").write_text("an edit that is not committed\n")
    await backed_up(tmp_path, {"r1": "second\n"}, run="run-2", settings=settings)
    assert "<<<<" not in (tmp_path / "configs" / "r2.cfg").read_text()
    await backed_up(tmp_path, {"r1": "third\n"}, run="run-3", settings=settings)
    assert there(remote)[0] == "Backup: 1 changed"
    assert git(tmp_path, "show", "stash@{0}:r2.cfg") == "an edit that is not committed"


async def test_nobody_is_asked_for_a_credential(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = tmp_path / "asked"
    program = tmp_path / "ask"
    program.write_text(f"#!/bin/sh\ntouch '{asked}'\necho x\n")
    program.chmod(0o700)
    for name in ("GIT_ASKPASS", "SSH_ASKPASS"):
        monkeypatch.setenv(name, str(program))
    monkeypatch.setenv("SSH_ASKPASS_REQUIRE", "force")
    await backed_up(tmp_path, ONE)
    git(tmp_path, "config", "core.askPass", str(program))
    words = ("credential", "fill")
    wanted = b"protocol=https\nhost=git.example.net\n\n"
    answer = await Git(folder=tmp_path / "configs").ask(*words, stdin=wanted)
    assert answer.status
    assert not asked.exists()
    assert git(tmp_path, *words, stdin=wanted.decode())  # it would be asked
    assert asked.exists()
