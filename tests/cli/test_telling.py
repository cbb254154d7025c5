"""Who is told of a run, from the outside: real runs, real programs, a real web server."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.program import collector, ended, start
from telling.web import web

from collector.errors import Exit
from collector.lab import Lab

ALL = "[run_finished, device_changed, device_failed, device_recovered]"
LISTENS = "#!/bin/sh\ncat >> calls.jsonl\n"


def configure(folder: Path, text: str, hook: str = LISTENS) -> None:
    (folder / "config.yaml").write_text(f"retries: {{attempts: 1}}\n{text}")
    (folder / "hook").write_text(hook)
    (folder / "hook").chmod(0o700)


def told(folder: Path) -> list[dict[str, Any]]:
    """Read what the hook was told so far, and let it begin anew."""
    path = folder / "calls.jsonl"
    calls = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    path.unlink(missing_ok=True)
    return calls


def events(folder: Path) -> list[tuple[str, list[str]]]:
    return [
        (call["event"], sorted(each["name"] for each in call["devices"])) for call in told(folder)
    ]


def manifest(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "output/runs/latest/manifest.json").read_bytes())
    return content


@contextmanager
def dead(folder: Path, *names: str) -> Iterator[None]:
    """Let nobody listen where these devices were."""
    path = folder / "lab.yaml"
    text = path.read_text()
    lines = [
        f"  {line.split(':')[0].strip()}: {{host: 127.0.0.1, port: 9}}"
        if line.strip().startswith(tuple(f"{name}:" for name in names))
        else line
        for line in text.splitlines()
    ]
    path.write_text("\n".join(lines) + "\n")
    yield
    path.write_text(text)


@pytest.mark.usefixtures("lab")
async def test_a_device_that_dies_is_told_once_and_once_that_it_is_back(tmp_path: Path) -> None:
    configure(tmp_path, f"hooks:\n- {{on: {ALL}, command: [./hook]}}\n")
    run = ("run", "-i", "lab.yaml", "-l", "r1,r2")

    assert (await collector(*run, cwd=tmp_path)).status == Exit.OK
    first, finished = told(tmp_path)
    assert (first["event"], finished["event"]) == ("device_changed", "run_finished")
    assert {each["name"]: each["change"] for each in first["devices"]} == {"r1": "new", "r2": "new"}
    head = manifest(tmp_path)
    for key in ("run_id", "job", "started", "finished", "state", "exit_status", "totals", "commit"):
        assert first[key] == finished[key] == head[key]
    assert first["schema"] == 1
    assert Path(first["run_folder"], "manifest.json").is_file()

    with dead(tmp_path, "r1", "r2"):
        assert (await collector(*run, cwd=tmp_path)).status == Exit.ALL_FAILED
        failed, finished = told(tmp_path)
        assert failed["event"] == "device_failed"
        assert {each["name"] for each in failed["devices"]} == {"r1", "r2"}
        rows = {each["name"]: each for each in manifest(tmp_path)["devices"]}
        for each in failed["devices"]:
            row = rows[each["name"]]
            for key in ("status", "change", "class", "phase", "message", "started"):
                assert each[key] == row[key]
            assert each["hint"]
            assert each["since"] == row["started"]
        # What a run says is not needed any more, nor that it was the last one to ask.
        shutil.rmtree(tmp_path / "output" / "runs")
        assert (await collector(*run, cwd=tmp_path)).status == Exit.ALL_FAILED
        assert events(tmp_path) == [("run_finished", ["r1", "r2"])]

    await collector("run", "-i", "lab.yaml", "-l", "r2", cwd=tmp_path)
    assert events(tmp_path) == [("device_recovered", ["r2"]), ("run_finished", [])]
    assert (await collector(*run, cwd=tmp_path)).status == Exit.OK
    recovered, finished = told(tmp_path)
    assert (recovered["event"], recovered["devices"][0]["name"]) == ("device_recovered", "r1")
    since = {each["name"]: each["since"] for each in failed["devices"]}
    assert recovered["devices"][0]["since"] == since["r1"]
    assert not list((tmp_path / "output/telling/untold").iterdir())


@pytest.mark.usefixtures("lab")
async def test_a_hook_that_fails_loses_nothing_and_is_told_by_the_next_run(tmp_path: Path) -> None:
    configure(
        tmp_path,
        "hooks:\n"
        "- {on: [device_changed], command: [./hook]}\n"
        "- {on: [device_failed], command: [./absent]}\n"
        "metrics_file: m.prom\n",
        hook="#!/bin/sh\necho 'mail: no route' >&2\nexit 75\n",
    )
    end = await collector("run", "-i", "lab.yaml", "-l", "r1", cwd=tmp_path)

    assert end.status == Exit.UNTOLD
    assert end.stderr.splitlines()[0] == (
        "collector: hook ./hook was not told of device_changed: it ended with status 75: "
        "mail: no route (the next run tells it once more)"
    )
    assert manifest(tmp_path)["exit_status"] == Exit.OK
    assert (tmp_path / "output/configs/r1.cfg").is_file()
    assert (
        'collector_device_status{device="r1",status="ok"} 1\n' in (tmp_path / "m.prom").read_text()
    )

    configure(tmp_path, "hooks:\n- {on: [device_changed], command: [./hook, mended]}\n")
    end = await collector("run", "-i", "lab.yaml", "-l", "r1", cwd=tmp_path)
    assert (end.status, end.stderr) == (Exit.OK, "")
    (call,) = told(tmp_path)
    assert [each["change"] for each in call["devices"]] == ["new"]
    assert call["devices"][0]["run_id"] < call["run_id"]


async def test_a_run_that_failed_keeps_its_status(lab: Lab, tmp_path: Path) -> None:
    configure(
        tmp_path,
        "backups: {enabled: false}\nhooks:\n- {on: [device_failed], command: [./absent]}\n",
    )
    end = await collector("run", "-i", "lab.yaml", "-l", "r1,refusing", cwd=tmp_path)
    assert end.status == Exit.SOME_FAILED
    assert "hook ./absent was not told of device_failed: it cannot be started" in end.stderr
    stored = tmp_path / "output/runs/latest/devices/r1/show_version.txt"
    assert stored.read_text() == lab.text("r1", "show version")


@pytest.mark.usefixtures("lab")
async def test_what_somebody_asks_by_hand_is_nobodys_news(tmp_path: Path) -> None:
    configure(tmp_path, f"hooks:\n- {{on: {ALL}, command: [./hook]}}\nmetrics_file: m.prom\n")
    asked = ("run", "-i", "lab.yaml", "-l", "r1", "-c", "show version")
    end = await collector(*asked, "--summary-file", "s.md", cwd=tmp_path)
    assert (end.status, end.stderr) == (Exit.OK, "")
    assert (tmp_path / "s.md").read_text().startswith("# ad-hoc: 1 of 1 devices ok\n")
    assert not (tmp_path / "m.prom").exists()
    assert told(tmp_path) == []
    assert not (tmp_path / "output" / "telling").exists()
    end = await collector(*asked, "--metrics-file", "m.prom", cwd=tmp_path)
    assert (end.status, end.stderr.count("\n")) == (Exit.USAGE, 1)


@pytest.mark.usefixtures("lab")
async def test_an_interrupted_run_is_told(tmp_path: Path) -> None:
    configure(
        tmp_path,
        "backups: {enabled: false}\n"
        "hooks:\n- {on: [run_finished, device_failed], command: [./hook]}\n"
        "summary_files: [s.json]\n",
    )
    process = await start("run", "-i", "lab.yaml", "-l", "r1,silent", cwd=tmp_path)
    while not _journal(tmp_path):
        await asyncio.sleep(0.02)
    process.send_signal(signal.SIGINT)
    end = await ended(process)
    assert end.status == Exit.INTERRUPTED
    (call,) = told(tmp_path)
    assert (call["event"], call["state"]) == ("run_finished", "interrupted")
    assert call["exit_status"] == Exit.INTERRUPTED
    assert [each["status"] for each in call["devices"]] == ["cancelled"]
    summary = json.loads((tmp_path / "s.json").read_text())
    assert summary == call


def _journal(folder: Path) -> list[str]:
    lines = [path.read_text() for path in folder.glob("output/runs/2*/journal.jsonl")]
    return [line for text in lines for line in text.splitlines()]


@pytest.mark.usefixtures("lab")
async def test_a_run_that_is_killed_while_it_tells_is_told_by_the_next(tmp_path: Path) -> None:
    configure(
        tmp_path,
        f"hooks:\n- {{on: {ALL}, command: [./hook]}}\n",
        hook="#!/bin/sh\necho > calling\nread -r _ < wait\n",
    )
    os.mkfifo(tmp_path / "wait")
    process = await start("run", "-i", "lab.yaml", "-l", "r1,refusing", cwd=tmp_path)
    while not (tmp_path / "calling").exists():
        await asyncio.sleep(0.02)
    process.kill()
    await ended(process)
    with (tmp_path / "wait").open("w") as release:
        release.write("\n")
    killed = manifest(tmp_path)["run_id"]

    (tmp_path / "hook").write_text(LISTENS)
    await collector("run", "-i", "lab.yaml", "-l", "r1,refusing", cwd=tmp_path)
    calls = told(tmp_path)
    assert [call["event"] for call in calls] == [
        "device_failed",
        "device_changed",
        "run_finished",
        "run_finished",
    ]
    assert [calls[2]["run_id"], calls[3]["run_id"]] == [killed, manifest(tmp_path)["run_id"]]
    assert [each["name"] for each in calls[1]["devices"]] == ["r1"]


@pytest.mark.usefixtures("lab")
async def test_a_run_that_is_killed_and_resumed_is_told_once(tmp_path: Path) -> None:
    configure(tmp_path, f"hooks:\n- {{on: {ALL}, command: [./hook]}}\n")
    process = await start("run", "-i", "lab.yaml", "-l", "r1,refusing,silent", cwd=tmp_path)
    while len(_journal(tmp_path)) < 2:
        await asyncio.sleep(0.02)
    process.kill()
    await ended(process)
    assert told(tmp_path) == []
    with dead(tmp_path, "silent"):
        end = await collector("run", "--resume", "latest", cwd=tmp_path)
    assert end.status == Exit.SOME_FAILED
    calls = [(event, sorted(names)) for event, names in events(tmp_path)]
    assert calls == [
        ("device_failed", ["refusing", "silent"]),
        ("device_changed", ["r1"]),
        ("run_finished", ["r1", "refusing", "silent"]),
    ]


@pytest.mark.usefixtures("lab")
async def test_a_web_server_is_told_and_its_secrets_are_kept_nowhere(tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text("Bearer hunter2-token\n")
    secret.chmod(0o600)
    with web() as site:
        configure(
            tmp_path,
            "hooks:\n- on: [device_changed]\n  webhook: ${HOOK_URL}\n"
            "  headers: {Authorization: {file: token}, X-Source: show, X-Price: '5$$'}\n",
        )
        environ = {"HOOK_URL": f"{site.base}/hooks/hunter3-path", "no_proxy": "*"}
        run = ("run", "-i", "lab.yaml", "-l", "r1")
        end = await collector(*run, "--dry-run", cwd=tmp_path)
        assert (end.status, end.stderr) == (
            Exit.OK,
            "hooks[0]: a webhook: on device_changed\n",
        )
        end = await collector(*run, cwd=tmp_path)
        place = "config.yaml:4:12: hooks[0].webhook"
        line = f"collector: {place}: the environment variable HOOK_URL is not set\n"
        assert (end.status, end.stderr) == (Exit.USAGE, line)
        end = await collector(*run, cwd=tmp_path, environ=environ)
        assert (end.status, end.stderr) == (Exit.OK, "")
        (asked,) = site.asked
    assert asked.path == "/hooks/hunter3-path"
    assert asked.headers["Authorization"] == "Bearer hunter2-token"
    assert (asked.headers["X-Source"], asked.headers["X-Price"]) == ("show", "5$")
    assert json.loads(asked.body)["event"] == "device_changed"
    kept = [path for path in (tmp_path / "output").rglob("*") if path.is_file()]
    assert kept
    assert not [path for path in kept if b"hunter" in path.read_bytes()]


@pytest.mark.usefixtures("lab")
async def test_a_program_is_not_given_the_secrets_of_the_run(tmp_path: Path) -> None:
    configure(
        tmp_path,
        "backups: {enabled: false}\n"
        "hooks:\n- {on: [run_finished], command: [./hook], environment: [MAIL_TO]}\n",
        hook="#!/bin/sh\nenv > env.txt\n",
    )
    text = (tmp_path / "lab.yaml").read_text()
    (tmp_path / "lab.yaml").write_text(text.replace("password: admin", 'password: "${LAB_PW}"'))
    environ = {"LAB_PW": "admin", "MAIL_TO": "noc@example.net"}
    end = await collector("run", "-i", "lab.yaml", "-l", "r1", cwd=tmp_path, environ=environ)
    assert end.status == Exit.OK
    names = {line.partition("=")[0] for line in (tmp_path / "env.txt").read_text().splitlines()}
    assert "MAIL_TO" in names
    assert "LAB_PW" not in names


@pytest.mark.usefixtures("lab")
async def test_a_word_of_a_header_is_no_secret_elsewhere(tmp_path: Path) -> None:
    configure(
        tmp_path,
        "backups: {enabled: false}\n"
        "hooks: [{on: [device_changed], webhook: 'http://refused/', headers: {A: connection}}]\n",
    )
    end = await collector("run", "-i", "lab.yaml", "-l", "refusing", cwd=tmp_path)
    assert "connection" in end.stderr
