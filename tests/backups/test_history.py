"""What a run leaves in the history of the backups, seen by git itself."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from support import outcomes
from support.backups import COMMAND, PART, backed_up, configured, git, last_files, subjects, unsure

from collector.backups.history import History, Part
from collector.backups.repository import EDITS, EDITS_KEPT
from collector.backups.rules import Rules
from collector.errors import StorageError
from collector.model import Change, CommandStatus, Status
from collector.platforms import load_platforms
from collector.settings import Backups

ONE = {"r1": "hostname r1\n", "r2": "hostname r2\n"}


async def test_a_run_that_changed_something_is_one_commit(tmp_path: Path) -> None:
    changes, first = await backed_up(tmp_path, ONE)
    assert changes == {"r1": Change.NEW, "r2": Change.NEW}
    assert git(tmp_path, "rev-parse", "HEAD") == first

    changes, second = await backed_up(tmp_path, {**ONE, "r2": "hostname other\n"}, run="run-2")
    assert changes == {"r1": Change.UNCHANGED, "r2": Change.CHANGED}
    assert last_files(tmp_path) == ["M\tr2.cfg"]
    assert git(tmp_path, "show", "HEAD:r2.cfg") == "hostname other"
    assert git(tmp_path, "log", "-1", "--format=%H%n%B") == "\n".join(
        [
            second,
            "Backup: 1 changed",
            "",
            "2 devices: 2 ok",
            "",
            "  changed  r2",
            "",
            "Run-Id: run-2",
            "Job: backup",
        ]
    )
    assert git(tmp_path, "log", "-1", "--format=%(trailers:key=Run-Id,valueonly)") == "run-2"
    assert git(tmp_path, "status", "--porcelain") == ""


async def test_a_run_that_changed_nothing_is_no_commit(tmp_path: Path) -> None:
    await backed_up(tmp_path, ONE)
    changes, commit = await backed_up(tmp_path, ONE, run="run-2")
    assert set(changes.values()) == {Change.UNCHANGED}
    assert commit == ""
    assert len(subjects(tmp_path)) == 1


async def test_what_is_not_good_leaves_the_last_good_copy(tmp_path: Path) -> None:
    await backed_up(tmp_path, {**ONE, "gone": "hostname gone\n"})
    changes, commit = await backed_up(
        tmp_path,
        {},
        unsure("r1", CommandStatus.SUSPECT),
        outcomes.refused("r2"),
        unsure("r3", CommandStatus.INCOMPLETE),
        run="run-2",
    )
    assert changes == {"r1": Change.SUSPECT, "r2": Change.FAILED, "r3": Change.FAILED}
    assert commit == ""
    files = {path.name for path in (tmp_path / "configs").iterdir()}
    assert files == {".git", "r1.cfg", "r2.cfg", "gone.cfg"}


async def test_files_are_private_and_as_the_device_said_them(tmp_path: Path) -> None:
    said = "banner ^C\r\nüber\r\n^C\n"
    (Path(os.environ["HOME"]) / ".gitconfig").write_text("[core]\n\tautocrlf = input\n")
    await backed_up(tmp_path, {"r1": said})
    path = tmp_path / "configs" / "r1.cfg"
    assert path.read_bytes() == said.encode()
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert git(tmp_path, "cat-file", "-s", "HEAD:r1.cfg") == str(len(said.encode()))


async def test_the_path_of_a_device_is_a_template(tmp_path: Path) -> None:
    settings = Backups(path="{group}/{platform}-{name}/{command}")
    part = Part(commands=("ip route show", "uname -a"), rules=Rules())
    result = outcomes.result(
        "r1", outcomes.good("ip route show", b"default\n"), outcomes.good("uname -a", b"Linux\n")
    )
    for run, expected in (("run-1", Change.NEW), ("run-2", Change.UNCHANGED)):
        history = await History.open(tmp_path, settings, run=run, job="backup")
        assert (await history.keep(result, part)).change == expected
        await history.commit()
        history.close()
    assert git(tmp_path, "ls-files").splitlines() == [
        "ams/linux-r1/ip_route_show",
        "ams/linux-r1/uname_-a",
    ]


async def test_several_commands_are_one_file_with_a_line_before_each(tmp_path: Path) -> None:
    part = Part(commands=("ip route show", "uname -a"), rules=Rules())
    good = outcomes.good("uname -a", b"Linux\n")
    history = await History.open(tmp_path, Backups(), run="run-1", job="backup")
    both = outcomes.result("r1", outcomes.good("ip route show", b"default\n"), good)
    assert (await history.keep(both, part)).change == Change.NEW
    text = (tmp_path / "configs" / "r1.cfg").read_text()
    assert text == "##### ip route show\ndefault\n##### uname -a\nLinux\n"
    half = outcomes.result("r1", outcomes.rejected("ip route show"), good)
    assert (await history.keep(half, part)).change == Change.FAILED
    assert (tmp_path / "configs" / "r1.cfg").read_text() == text
    history.close()


async def test_files_of_its_user_are_not_swept_in(tmp_path: Path) -> None:
    await backed_up(tmp_path, ONE)
    configs = tmp_path / "configs"
    (configs / "notes.txt").write_text("mine\n")
    (configs / "staged.txt").write_text("mine, too\n")
    (configs / ".gitignore").write_text("*.cfg\n")
    git(tmp_path, "add", "staged.txt")

    _, commit = await backed_up(tmp_path, {"r1": "hostname new\n", "r3": "x\n"}, run="run-2")

    assert commit
    assert last_files(tmp_path) == ["M\tr1.cfg", "A\tr3.cfg"]
    status = git(tmp_path, "status", "--porcelain").splitlines()
    assert status == ["A  staged.txt", "?? .gitignore", "?? notes.txt"]


@pytest.mark.parametrize("edit", ["hostname typed\n", None])
async def test_a_file_changed_by_hand_is_the_devices_again(
    tmp_path: Path, edit: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    await backed_up(tmp_path, ONE)
    for name in ("r1.cfg", "r2.cfg"):
        path = tmp_path / "configs" / name
        path.unlink()
        if edit:
            path.write_text(edit)

    changes, _ = await backed_up(tmp_path, {**ONE, "r2": "hostname new\n"}, run="run-2")

    assert changes == {"r1": Change.UNCHANGED, "r2": Change.CHANGED}
    assert last_files(tmp_path) == ["M\tr2.cfg"]
    assert (tmp_path / "configs" / "r1.cfg").read_text() == ONE["r1"]
    assert git(tmp_path, "status", "--porcelain") == ""
    told = [record.getMessage() for record in caplog.records]
    if edit:
        assert told[0].startswith("r1.cfg was changed by hand")
        kept = told[0].removesuffix(" shows it").rsplit(" ", 1)[1]
        assert git(tmp_path, "cat-file", "-p", kept) == edit.strip()


async def test_a_run_killed_before_its_commit_is_committed_by_the_next(tmp_path: Path) -> None:
    await backed_up(tmp_path, ONE)
    killed = await History.open(tmp_path, Backups(), run="run-2", job="nightly")
    await killed.keep(configured("r1", "hostname second\n"), PART)
    await killed.keep(configured("r9", "hostname r9\n"), PART)
    killed.close()

    changes, _ = await backed_up(tmp_path, {"r1": "hostname third\n"}, run="run-3")

    assert changes == {"r1": Change.CHANGED}
    assert subjects(tmp_path) == ["Backup: 1 changed", "Backup: 1 changed, 1 new", "Backup: 2 new"]
    assert git(tmp_path, "show", "HEAD~1:r1.cfg") == "hostname second"
    left = git(tmp_path, "log", "-1", "--format=%(trailers)", "HEAD~1").splitlines()
    assert left == ["Run-Id: run-2", "Job: nightly"]


async def test_a_run_that_is_taken_up_again_is_one_commit(tmp_path: Path) -> None:
    await backed_up(tmp_path, ONE)
    killed = await History.open(tmp_path, Backups(), run="run-2", job="backup")
    await killed.keep(configured("r1", "hostname second\n"), PART)
    await killed.keep(configured("r2", "hostname second\n"), PART)
    killed.close()

    changes, _ = await backed_up(tmp_path, {"r1": "hostname second\n"}, run="run-2")

    assert changes == {"r1": Change.CHANGED}
    assert subjects(tmp_path) == ["Backup: 2 changed", "Backup: 2 new"]


async def test_a_change_that_is_taken_back_before_its_commit_is_none(tmp_path: Path) -> None:
    await backed_up(tmp_path, ONE)
    killed = await History.open(tmp_path, Backups(), run="run-2", job="backup")
    await killed.keep(configured("r1", "hostname second\n"), PART)
    killed.close()
    changes, commit = await backed_up(tmp_path, ONE, run="run-2")
    assert changes == {"r1": Change.UNCHANGED, "r2": Change.UNCHANGED}
    assert (commit, len(subjects(tmp_path))) == ("", 1)
    assert (tmp_path / "configs" / "r1.cfg").read_text() == ONE["r1"]


async def test_a_link_is_not_followed_out_of_the_folder(tmp_path: Path) -> None:
    settings = Backups(path="{group}/{name}.cfg")
    await backed_up(tmp_path, {}, settings=settings)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "configs" / "ams").symlink_to(tmp_path / "elsewhere")
    history = await History.open(tmp_path, settings, run="run-2", job="backup")
    await history.keep(configured("r1", "x\n"), PART)
    history.close()
    assert "A link, not a folder" in history.problem
    assert [*(tmp_path / "elsewhere").iterdir()] == []


async def test_the_author_is_who_the_settings_say(tmp_path: Path) -> None:
    settings = Backups(author="NOC Night Shift <noc@example.net>")
    await backed_up(tmp_path, ONE, settings=settings)
    who = git(tmp_path, "log", "-1", "--format=%an <%ae>, %cn <%ce>")
    assert who == "NOC Night Shift <noc@example.net>, NOC Night Shift <noc@example.net>"

    (Path(os.environ["HOME"]) / ".gitconfig").write_text(
        "[user]\n\tname = Ann\n\temail = ann@example.net\n"
    )
    await backed_up(tmp_path, {"r1": "new\n"}, run="run-2", settings=settings)
    who = git(tmp_path, "log", "-1", "--format=%an, %cn <%ce>")
    assert who == "NOC Night Shift, Ann <ann@example.net>"
    await backed_up(tmp_path, {"r1": "newer\n"}, run="run-3")
    assert git(tmp_path, "log", "-1", "--format=%an <%ae>") == "Ann <ann@example.net>"


async def test_a_hook_may_refuse_and_the_next_run_commits(tmp_path: Path) -> None:
    await backed_up(tmp_path, ONE)
    hook = tmp_path / "configs" / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir()
    hook.write_text("#!/bin/sh\necho 'frozen until Monday' >&2\nexit 1\n")
    hook.chmod(0o700)
    with pytest.raises(StorageError, match=r"git commit: frozen until Monday$"):
        await backed_up(tmp_path, {"r1": "hostname second\n"}, run="run-2")
    assert (tmp_path / "configs" / "r1.cfg").read_text() == "hostname second\n"

    hook.write_text("#!/bin/sh\nexit 0\n")
    changes, commit = await backed_up(tmp_path, {"r1": "hostname second\n"}, run="run-3")
    assert (changes, commit) == ({"r1": Change.UNCHANGED}, "")
    assert subjects(tmp_path) == ["Backup: 1 changed", "Backup: 2 new"]
    assert git(tmp_path, "log", "-1", "--format=%(trailers:key=Run-Id,valueonly)") == "run-2"


def signing_key(folder: Path) -> Path:
    key = folder / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    return key


async def test_commits_are_signed_where_its_user_says_so(tmp_path: Path) -> None:
    output, key = tmp_path / "output", signing_key(tmp_path)
    await backed_up(output, ONE)
    (tmp_path / "signers").write_text(f"noc@example.net {key.with_suffix('.pub').read_text()}")
    for name, value in {
        "gpg.format": "ssh",
        "gpg.ssh.allowedSignersFile": str(tmp_path / "signers"),
        "user.signingKey": str(tmp_path / "absent"),
        "commit.gpgSign": "true",
    }.items():
        git(output, "config", name, value)
    second = {"r1": "hostname second\n"}
    with pytest.raises(StorageError, match="git commit: ") as told:
        await backed_up(output, second, run="run-2")
    assert "\n" not in str(told.value)
    assert len(subjects(output)) == 1

    git(output, "config", "user.signingKey", str(key))
    await backed_up(output, second, run="run-3")
    assert git(output, "log", "-1", "--format=%G? %GS") == "G noc@example.net"
    assert git(output, "show", "HEAD:r1.cfg") == "hostname second"


async def test_a_hook_that_leaves_a_program_behind_holds_nothing_up(tmp_path: Path) -> None:
    await backed_up(tmp_path, ONE)
    hook = tmp_path / "configs" / ".git" / "hooks" / "post-commit"
    hook.parent.mkdir()
    # It ends as soon as somebody writes to the pipe, which the test does at its end.
    os.mkfifo(tmp_path / "end")
    hook.write_text(f"#!/bin/sh\ncat '{tmp_path}/end' &\n")
    hook.chmod(0o700)
    try:
        _, commit = await backed_up(tmp_path, {"r1": "hostname second\n"}, run="run-2")
        assert git(tmp_path, "rev-parse", "HEAD") == commit
    finally:
        (tmp_path / "end").write_text("")


async def test_a_command_that_does_not_end_is_ended(tmp_path: Path) -> None:
    await backed_up(tmp_path, ONE)
    hook = tmp_path / "configs" / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir()
    # As long as the hook lives, the pipe has somebody who could write.
    os.mkfifo(tmp_path / "alive")
    pipe = os.open(tmp_path / "alive", os.O_RDONLY | os.O_NONBLOCK)
    hook.write_text(f"#!/bin/sh\nexec sleep 600 9>'{tmp_path}/alive'\n")
    hook.chmod(0o700)
    settings = Backups(timeout=1.0)
    with pytest.raises(StorageError, match=r"git commit did not end within 1 s"):
        await backed_up(tmp_path, {"r1": "hostname second\n"}, run="run-2", settings=settings)
    while not _is_closed(pipe):
        await asyncio.sleep(0.01)
    os.close(pipe)
    hook.unlink()
    await backed_up(tmp_path, {}, run="run-3")
    assert subjects(tmp_path) == ["Backup: 1 changed", "Backup: 2 new"]


def _is_closed(pipe: int) -> bool:
    try:
        return os.read(pipe, 1) == b""
    except BlockingIOError:
        return False


async def test_a_very_large_change_is_told_in_a_message_of_some_length(tmp_path: Path) -> None:
    await backed_up(tmp_path, {f"r{number:03}": "x\n" for number in range(130)})
    lines = git(tmp_path, "log", "-1", "--format=%B").splitlines()
    assert lines[0] == "Backup: 130 new"
    assert lines[4:6] + lines[-4:] == [
        "  new      r000",
        "  new      r001",
        "  and 30 more",
        "",
        "Run-Id: run-1",
        "Job: backup",
    ]


async def test_commits_are_of_this_repository_whatever_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY"):
        monkeypatch.setenv(name, str(tmp_path / "other"))
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    await backed_up(tmp_path, ONE)
    assert not (tmp_path / "other").exists()
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY"):
        monkeypatch.delenv(name)
    assert subjects(tmp_path) == ["Backup: 2 new"]


async def test_totals_are_of_the_run(tmp_path: Path) -> None:
    history = await History.open(tmp_path, Backups(), run="run-1", job="backup")
    await history.keep(configured("r1", "x\n"), PART)
    await history.commit({Status.OK: 1, Status.FAILED: 2, Status.SKIPPED: 0})
    history.close()
    assert "3 devices: 1 ok, 2 failed" in git(tmp_path, "log", "-1", "--format=%b")
    assert COMMAND not in git(tmp_path, "log", "-1", "--format=%b")


async def test_what_changes_by_itself_is_no_commit_and_is_stored_with_what_is(
    tmp_path: Path,
) -> None:
    part = Part(commands=(COMMAND,), rules=Rules.of(load_platforms()["cisco_iosxe"]))

    async def run(number: int, time: str, name: str, secret: str) -> tuple[Change | None, str]:
        text = (
            f"! Last configuration change at {time} UTC Sat Nov 21 2026 by noc\n"
            f"hostname {name}\nsnmp-server community {secret} RO\nend\n"
        )
        history = await History.open(tmp_path, Backups(), run=f"run-{number}", job="backup")
        kept = await history.keep(configured("r1", text), part)
        commit = await history.commit()
        history.close()
        return kept.change, commit

    change, first = await run(1, "10:00:00", "r1", "one")
    assert (change, bool(first)) == (Change.NEW, True)
    assert await run(2, "11:00:00", "r1", "one") == (Change.VOLATILE_ONLY, "")
    assert "at 10:00:00 UTC" in (tmp_path / "configs" / "r1.cfg").read_text()
    change, commit = await run(3, "12:00:00", "r1", "two")
    assert (change, bool(commit)) == (Change.SECRET_ONLY, True)
    change, commit = await run(4, "13:00:00", "r9", "two")
    assert (change, bool(commit)) == (Change.CHANGED, True)
    assert "at 13:00:00 UTC" in git(tmp_path, "show", "HEAD:r1.cfg")
    assert subjects(tmp_path) == ["Backup: 1 changed", "Backup: 1 secret-only", "Backup: 1 new"]


async def test_a_copy_that_cannot_be_read_is_told_and_kept(tmp_path: Path) -> None:
    await backed_up(tmp_path, ONE)
    path = tmp_path / "configs" / "r1.cfg"
    path.unlink()
    path.mkdir()
    history = await History.open(tmp_path, Backups(), run="run-2", job="backup")
    for name in ("r1", "r2"):
        await history.keep(configured(name, "hostname new\n"), PART)
    assert "configs/r1.cfg" in history.problem
    assert await history.commit()
    history.close()
    assert last_files(tmp_path) == ["M\tr2.cfg"]


FILTERED = {"r1": "hostname x\n$Id$\n"}


def filters() -> None:
    """Let the user's own git rewrite every configuration that it is given."""
    home = Path(os.environ["HOME"])
    (home / "attributes").write_text("*.cfg filter=f ident working-tree-encoding=UTF-16\n")
    (home / ".gitconfig").write_text(
        f'[core]\n\tattributesFile = {home}/attributes\n[filter "f"]\n\tclean = sed s/x/FILTERED/\n'
    )


async def test_no_filter_of_its_user_rewrites_what_a_device_said(tmp_path: Path) -> None:
    filters()
    await backed_up(tmp_path, FILTERED)
    assert git(tmp_path, "cat-file", "-p", "HEAD:r1.cfg") == FILTERED["r1"].strip()


async def test_a_repository_of_an_earlier_version_has_no_filters_either(tmp_path: Path) -> None:
    await backed_up(tmp_path, ONE)
    attributes = tmp_path / "configs" / ".git" / "info" / "attributes"
    attributes.write_text("* -text\n*.md text\n")
    filters()
    await backed_up(tmp_path, FILTERED, run="run-2")
    assert git(tmp_path, "cat-file", "-p", "HEAD:r1.cfg") == FILTERED["r1"].strip()
    assert attributes.read_text().splitlines()[1:] == ["*.md text"]


async def test_an_edit_is_kept_from_being_pruned_and_the_oldest_are_not(tmp_path: Path) -> None:
    await backed_up(tmp_path, ONE)
    path = tmp_path / "configs" / "r1.cfg"
    path.write_text("hostname typed\n")
    await backed_up(tmp_path, ONE, run="run-2")
    git(tmp_path, "gc", "--quiet", "--prune=now")
    listed = git(tmp_path, "for-each-ref", "--format=%(refname) %(objectname)", EDITS)
    first, oid = listed.split()
    assert git(tmp_path, "cat-file", "-p", oid) == "hostname typed"

    git(tmp_path, "fsck", "--strict")
    younger = "".join(f"create {EDITS}/{2**62 + n}-x {oid}\n" for n in range(EDITS_KEPT))
    git(tmp_path, "update-ref", "--stdin", stdin=younger)
    await backed_up(tmp_path, ONE, run="run-3")
    left = git(tmp_path, "for-each-ref", "--format=%(refname)", EDITS).splitlines()
    assert len(left) == EDITS_KEPT
    assert first not in left


async def test_a_folder_that_became_a_link_stops_no_other_device(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    inside = Backups(path="{group}/{name}.cfg")
    await backed_up(tmp_path, ONE, settings=inside)
    killed = await History.open(tmp_path, inside, run="run-2", job="backup")
    await killed.keep(configured("r1", "hostname second\n"), PART)
    killed.close()
    (tmp_path / "configs" / "ams").rename(tmp_path / "elsewhere")
    (tmp_path / "configs" / "ams").symlink_to(tmp_path / "elsewhere")

    changes, commit = await backed_up(tmp_path, {"r9": "x\n"}, run="run-3")

    assert changes == {"r9": Change.NEW}
    assert commit == git(tmp_path, "rev-parse", "HEAD")
    assert last_files(tmp_path) == ["A\tr9.cfg"]
    assert "ams/r1.cfg: not committed: a link is on the way to it" in caplog.messages

    history = await History.open(tmp_path, inside, run="run-4", job="backup")
    kept = await history.keep(configured("r1", "hostname third\n"), PART)
    assert (kept.change, await history.commit()) == (None, "")
    assert "A link, not a folder" in history.problem
    history.close()


async def test_a_file_that_git_cannot_add_stops_no_other_and_is_tried_again(
    tmp_path: Path,
) -> None:
    await backed_up(tmp_path, ONE)
    # A repository in the place of a folder: git adds nothing that is in another repository.
    inside = Backups(path="{group}/{name}.cfg")
    (tmp_path / "configs" / "ams").mkdir()
    git(tmp_path, "init", "--quiet", "ams")
    who = ("-c", "user.name=P", "-c", "user.email=p@x")
    git(tmp_path, "-C", "ams", *who, "commit", "--quiet", "--allow-empty", "--message=theirs")
    git(tmp_path, "add", "ams")
    git(tmp_path, *who, "commit", "--quiet", "--message=a repository of a person")
    killed = await History.open(tmp_path, inside, run="run-2", job="backup")
    await killed.keep(configured("r5", "x\n"), PART)
    killed.close()
    for number in (3, 4):
        history = await History.open(tmp_path, Backups(), run=f"run-{number}", job="backup")
        for name in ("r1", "r2", "r9"):
            await history.keep(configured(name, f"hostname {number}\n"), PART)
        assert await history.commit()
        assert "configs/ams/r5.cfg: git cannot add it: " in history.problem
        assert "more" not in history.problem
        assert len(last_files(tmp_path)) == 3
        history.close()
    git(tmp_path, "rm", "--quiet", "--cached", "ams")
    shutil.rmtree(tmp_path / "configs" / "ams" / ".git")
    await backed_up(tmp_path, {}, run="run-5")
    assert git(tmp_path, "show", "HEAD:ams/r5.cfg") == "x"
