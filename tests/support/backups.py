"""A history of backups for a test: runs of scripted devices, and what git itself says of it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from support import outcomes

from collector.backups.history import History, Part
from collector.backups.rules import Rules
from collector.errors import Exit
from collector.model import Change, CommandResult, CommandStatus, DeviceResult, Status
from collector.settings import Backups
from collector.store import RunEnd, RunHeader, RunWriter

COMMAND = "show running-config"
PART = Part(commands=(COMMAND,), rules=Rules())
NONE = Backups()
_DATES = ("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE")


def configured(name: str, text: str) -> DeviceResult:
    """Make the result of a device that gave this configuration."""
    return outcomes.result(name, outcomes.good(COMMAND, text.encode()))


def unsure(name: str, status: CommandStatus) -> DeviceResult:
    """Make the result of a device whose configuration is not good."""
    command = CommandResult(command=COMMAND, status=status)
    return outcomes.result(name, command, status=Status.PARTIAL)


async def backed_up(
    output: Path,
    texts: Mapping[str, str],
    *others: DeviceResult,
    run: str = "run-1",
    settings: Backups = NONE,
) -> tuple[dict[str, Change | None], str]:
    """Do what a run does of devices and their configurations; give the changes and the commit."""
    output.mkdir(exist_ok=True)
    history = await History.open(output, settings, run=run, job="backup")
    try:
        results = [configured(name, text) for name, text in texts.items()]
        kept = [await history.keep(result, PART) for result in (*results, *others)]
        assert history.problem == ""
        commit = await history.commit({Status.OK: len(kept)})
        await history.push()
    finally:
        history.close()
    return {result.device.name: result.change for result in kept}, commit


def git(output: Path, *words: str, stdin: str = "") -> str:
    """Ask git itself, as a person would, in the repository of an output folder."""
    done = subprocess.run(
        ["git", "-C", str(output / "configs"), *words],
        check=True,
        capture_output=True,
        text=True,
        input=stdin,
    )
    return done.stdout.rstrip("\n")


def subjects(output: Path) -> list[str]:
    """Give the first line of every commit, the newest first."""
    return git(output, "log", "--format=%s").splitlines()


def last_files(output: Path) -> list[str]:
    """Give the files of the last commit, each with what became of it."""
    return git(output, "show", "--name-status", "--format=", "HEAD").splitlines()


async def ran(
    output: Path,
    moment: datetime,
    texts: Mapping[str, str],
    *others: DeviceResult,
    settings: Backups = NONE,
    part: Part = PART,
    killed: bool = False,
) -> Path:
    """Do a whole run at a moment of the past: its folder, and its commit; give the folder."""
    header = RunHeader(started=moment, job="backup", commands={"linux": part.commands})
    async with await RunWriter.create(output, header) as writer:
        with git_at(moment):
            history = await History.open(output, settings, run=writer.run_id, job="backup")
            try:
                for each in (*(configured(name, text) for name, text in texts.items()), *others):
                    result = replace(each, started=moment)
                    await writer.write(await history.keep(result, part))
                commit = "" if killed else await history.commit({Status.OK: len(texts)})
            finally:
                history.close()
        if not killed:
            end = moment + timedelta(seconds=2)
            ending = RunEnd(finished=end, duration=2.0, exit_status=Exit.OK, commit=commit)
            await writer.finish(ending)
        return writer.folder


@contextmanager
def git_at(moment: datetime) -> Iterator[None]:
    """Let git believe that it is that time."""
    named = {name: f"@{int(moment.timestamp()) + 1} +0000" for name in _DATES}
    before = {name: os.environ.get(name) for name in named}
    os.environ.update(named)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value
