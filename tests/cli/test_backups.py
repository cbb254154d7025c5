"""What ``collector run`` does with the history of the backups, from the outside."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest
from support.backups import git, last_files, subjects
from support.program import collector, ended, start

from collector.errors import Exit
from collector.lab import Lab


def latest(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "output/runs/latest/manifest.json").read_bytes())
    return content


async def test_a_backup_is_told_in_manifest_summary_and_commit(lab: Lab, tmp_path: Path) -> None:
    end = await collector("run", "-i", "lab.yaml", "-l", "r1,r2,refusing", cwd=tmp_path)

    output, told = tmp_path / "output", latest(tmp_path)
    assert end.status == Exit.SOME_FAILED
    assert end.stderr.splitlines()[0].endswith(" s: 2 ok, 1 failed; 2 new")
    assert told["commit"] == git(output, "rev-parse", "HEAD")
    assert {row["name"]: row["change"] for row in told["devices"]} == {
        "r1": "new",
        "r2": "new",
        "refusing": "failed",
    }
    assert {row["name"]: row["backup_files"] for row in told["devices"]} == {
        "r1": ["r1.cfg"],
        "r2": ["r2.cfg"],
        "refusing": [],
    }
    assert {word: count for word, count in told["changes"].items() if count} == {
        "new": 2,
        "failed": 1,
    }
    for name in ("r1", "r2"):
        text = (output / "configs" / f"{name}.cfg").read_text()
        assert text == lab.text(name, "show running-config")
    trailer = "--format=%(trailers:key=Run-Id,valueonly)%b"
    assert git(output, "log", "-1", trailer).splitlines()[0] == told["run_id"]
    assert "3 devices: 2 ok, 1 failed" in git(output, "log", "-1", trailer)

    end = await collector("run", "-i", "lab.yaml", "-l", "r1,refusing", cwd=tmp_path)
    assert end.stderr.splitlines()[0].endswith(" s: 1 ok, 1 failed; 1 without a new copy")
    assert latest(tmp_path)["commit"] is None
    assert subjects(output) == ["Backup: 2 new"]


@pytest.mark.usefixtures("lab")
async def test_a_sweep_has_no_history(tmp_path: Path) -> None:
    end = await collector(
        "run", "-i", "lab.yaml", "-l", "r1", "-c", "show running-config", cwd=tmp_path
    )
    assert end.status == Exit.OK
    assert not (tmp_path / "output" / "configs").exists()
    told = latest(tmp_path)
    assert told["devices"][0]["change"] is None
    assert not told.keys() & {"changes", "commit"}


@pytest.mark.usefixtures("lab")
async def test_which_jobs_have_a_history_is_in_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(
        "jobs:\n"
        "  both: {commands: [show version, show clock], backup: true}\n"
        "  quiet: {commands: backup, backup: false}\n"
        "backups: {path: '{command}/{name}'}\n"
    )
    for job in ("both", "quiet"):
        end = await collector("run", "-i", "lab.yaml", "-l", "r1", "-j", job, cwd=tmp_path)
        assert (end.status, end.stderr) == (Exit.OK, "")
    assert last_files(tmp_path / "output") == ["A\tshow_clock/r1", "A\tshow_version/r1"]
    assert len(subjects(tmp_path / "output")) == 1

    end = await collector(
        "run", "-i", "lab.yaml", "-l", "r2", cwd=tmp_path,
        environ={"COLLECTOR_BACKUPS_ENABLED": "false"},
    )  # fmt: skip
    assert (end.status, end.stderr) == (Exit.OK, "")
    assert len(subjects(tmp_path / "output")) == 1


async def test_a_history_that_cannot_be_kept_costs_nothing_else(lab: Lab, tmp_path: Path) -> None:
    configs = tmp_path / "output" / "configs"
    configs.mkdir(parents=True)
    (configs / "notes.txt").write_text("somebody's")

    end = await collector("run", "-i", "lab.yaml", "-l", "r1", cwd=tmp_path)

    assert end.status == Exit.STORAGE
    line, totals, _ = end.stderr.splitlines()
    assert line == (
        "collector: output/configs: no git repository of the collector, and not empty: nothing is "
        "written to it (move it away)"
    )
    assert totals.endswith(" s: 1 ok")
    assert [path.name for path in configs.iterdir()] == ["notes.txt"]
    told = latest(tmp_path)
    assert told["exit_status"] == Exit.STORAGE
    stored = tmp_path / "output/runs/latest/devices/r1/show_running-config.txt"
    assert stored.read_text() == lab.text("r1", "show running-config")


@pytest.mark.usefixtures("lab")
async def test_a_run_is_resumed_into_one_commit(tmp_path: Path) -> None:
    """Of a run that was killed between its devices: a journal with one, and no manifest."""
    await collector("run", "-i", "lab.yaml", "-l", "r1,r2", cwd=tmp_path)
    output = tmp_path / "output"
    run = (output / "runs" / "latest").resolve()
    row = (run / "journal.jsonl").read_text().splitlines(keepends=True)[0]
    name = json.loads(row)["name"]
    (run / "journal.jsonl").write_text(row)
    (run / "manifest.json").unlink()
    git(output, "update-ref", "-d", "HEAD")
    git(output, "rm", "-q", "--cached", "-r", ".")
    other = {"r1": "r2", "r2": "r1"}[name]
    (output / "configs" / f"{other}.cfg").unlink()
    entry = {"path": f"{name}.cfg", "device": name, "change": "new"}
    (output / "configs/.git/collector-pending.jsonl").write_text(
        json.dumps(entry | {"run": run.name, "job": "backup"}) + "\n"
    )

    end = await collector("run", "--resume", "latest", cwd=tmp_path)

    assert (end.status, end.stderr) == (Exit.OK, "")
    assert subjects(output) == ["Backup: 2 new"]
    told = latest(tmp_path)
    assert (told["run_id"], told["changes"]["new"]) == (run.name, 2)
    assert told["commit"] == git(output, "rev-parse", "HEAD")


@pytest.mark.usefixtures("lab")
async def test_two_devices_in_one_file_are_refused_before_anyone_is_asked(tmp_path: Path) -> None:
    text = (tmp_path / "lab.yaml").read_text()
    text = text.replace("devices:\n", "groups: {a: {}, a-b: {}}\ndevices:\n")
    text += "  c: {host: 127.0.0.1, groups: [a-b]}\n  b-c: {host: 127.0.0.1, groups: [a]}\n"
    (tmp_path / "lab.yaml").write_text(text)
    for limit in ("c,b-c", "c", "r1"):  # never in one run, and one after the other all the same
        end = await collector(
            "run", "-i", "lab.yaml", "-l", limit, cwd=tmp_path,
            environ={"COLLECTOR_BACKUPS_PATH": "{group}-{name}"},
        )  # fmt: skip
        assert end.status == Exit.USAGE
        assert "backups.path: c and b-c would share the file a-b-c" in end.stderr
        assert not (tmp_path / "output").exists()


@pytest.mark.usefixtures("lab")
async def test_an_interrupted_run_commits_what_is_good(tmp_path: Path) -> None:
    output = tmp_path / "output"
    process = await start("run", "-i", "lab.yaml", "-l", "r1,silent", "-f", "jsonl", cwd=tmp_path)
    assert process.stdout is not None
    await process.stdout.readline()  # r1 is done, the other one never will be
    process.send_signal(signal.SIGINT)
    end = await ended(process)

    assert end.status == Exit.INTERRUPTED
    assert " cancelled; 1 new\n" in end.stderr
    (path,) = output.glob("runs/2*/manifest.json")
    told = json.loads(path.read_bytes())
    assert {row["name"]: row["change"] for row in told["devices"]} == {
        "r1": "new",
        "silent": "failed",
    }
    assert last_files(output) == ["A\tr1.cfg"]
    assert told["commit"] == git(output, "rev-parse", "HEAD")


@pytest.mark.parametrize("raw", [False, True])
async def test_secrets_are_redacted_in_the_history(lab: Lab, tmp_path: Path, raw: bool) -> None:
    (tmp_path / "config.yaml").write_text(
        f"jobs: {{backup: {{commands: backup, redact: mask, keep_raw: {str(raw).lower()}}}}}\n"
    )
    said = lab.text("r1", "show running-config")
    for _ in "12":
        end = await collector("run", "-i", "lab.yaml", "-l", "r1", cwd=tmp_path)
        assert (end.status, end.stderr) == (Exit.OK, "")
    kept = (tmp_path / "output/configs/r1.cfg").read_text()
    assert "<secret>" in kept
    stored = tmp_path / "output/runs/latest/devices/r1/show_running-config.txt"
    assert stored.read_text() == (said if raw else kept)
    assert len(subjects(tmp_path / "output")) == 1
    assert latest(tmp_path)["changes"]["unchanged"] == 1


@pytest.mark.usefixtures("lab")
async def test_a_push_that_fails_is_told_and_made_up_for(tmp_path: Path) -> None:
    remote = tmp_path / "remote.git"
    environ = {"COLLECTOR_BACKUPS_PUSH_REMOTE": str(remote)}
    words = ("run", "-i", "lab.yaml", "-l", "r1")

    end = await collector(*words, cwd=tmp_path, environ=environ)
    assert end.status == Exit.STORAGE
    assert "not pushed to" in end.stderr.splitlines()[0]
    commit = git(tmp_path / "output", "rev-parse", "HEAD")
    assert latest(tmp_path)["commit"] == commit

    git(tmp_path / "output", "init", "--quiet", "--bare", str(remote))
    end = await collector(*words, cwd=tmp_path, environ=environ)
    assert (end.status, end.stderr) == (Exit.OK, "")
    assert (remote / "refs/heads/main").read_text().strip() == commit


@pytest.mark.usefixtures("lab")
async def test_commits_put_on_top_of_others_are_told_though_the_push_failed(tmp_path: Path) -> None:
    remote, output, clone = tmp_path / "remote.git", tmp_path / "output", tmp_path / "clone"
    environ = {"COLLECTOR_BACKUPS_PUSH_REMOTE": str(remote)}
    output.joinpath("configs").mkdir(parents=True)
    git(output, "init", "--quiet", "--bare", "--initial-branch=main", str(remote))
    words = ("run", "-i", "lab.yaml", "-l")
    await collector(*words, "r1", cwd=tmp_path, environ=environ)
    git(output, "clone", "--quiet", str(remote), str(clone))
    who = ("-C", str(clone), "-c", "user.name=A", "-c", "user.email=a@x")
    git(output, *who, "commit", "--quiet", "--allow-empty", "--message=a colleague's")
    git(output, *who, "push", "--quiet")
    hook = remote / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho closed >&2\nexit 1\n")
    hook.chmod(0o700)

    end = await collector(*words, "r2", cwd=tmp_path, environ=environ)

    assert end.status == Exit.STORAGE
    assert subjects(output) == ["Backup: 1 new", "a colleague's", "Backup: 1 new"]
    assert latest(tmp_path)["commit"] == git(output, "rev-parse", "HEAD")


@pytest.mark.usefixtures("lab")
async def test_a_run_that_was_killed_before_its_commit_commits_when_it_is_resumed(
    tmp_path: Path,
) -> None:
    """All its outputs are there: nobody is asked again."""
    await collector("run", "-i", "lab.yaml", "-l", "r1", cwd=tmp_path)
    hook = tmp_path / "output" / "configs" / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text('#!/bin/sh\nkill -9 "$(ps -o ppid= "$PPID")"\nexit 1\n')
    hook.chmod(0o700)
    end = await collector("run", "-i", "lab.yaml", "-l", "r2", cwd=tmp_path)
    assert end.status == -signal.SIGKILL
    assert subjects(tmp_path / "output") == ["Backup: 1 new"]

    hook.unlink()
    end = await collector("run", "--resume", "latest", cwd=tmp_path)
    assert end.status == Exit.OK
    assert subjects(tmp_path / "output") == ["Backup: 1 new", "Backup: 1 new"]
    assert last_files(tmp_path / "output") == ["A\tr2.cfg"]
