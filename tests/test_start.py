"""What a command loads before it begins: nothing that it does not need.

The seconds are of `benchmarks/start.py`; what they are lost to is held here.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.program import ROOT, collector

from collector.cli import commands
from collector.collect import prepare
from collector.errors import Exit
from collector.settings import load_settings

SSH = ("asyncssh", "scrapli", "cryptography")
WORK = (*SSH, "uvloop", "tqdm", "urllib.request", "collector.driver", "collector.engine")
INPUT = ("pydantic", "yaml", "asyncio", "ssl", "rich", "collector.settings", "collector.collect")

INVENTORY = """\
defaults: {platform: frr, credential: lab}
credentials: {lab: {username: admin, password: admin}}
devices: {r1: {host: 127.0.0.1}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory" / "lab.yaml").write_text(INVENTORY)
    return tmp_path


def loaded(folder: Path, *words: str) -> set[str]:
    """Run a command in an interpreter of its own; give the modules that it has loaded."""
    code = f"from collector.cli import main; status = main({list(words)!r})\nimport sys\n"
    told = "print('loaded:', status, *sys.modules)"
    done = subprocess.run(
        (sys.executable, "-c", code + told),
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
        capture_output=True,
        text=True,
    )
    status, *modules = done.stdout.rpartition("loaded:")[2].split()
    assert status == "0", done.stderr
    return set(modules)


def test_the_help_loads_no_command_and_no_library_of_one(folder: Path) -> None:
    found = loaded(folder, "--help")

    modules = {f"collector.cli.{command.module}" for command in commands.COMMANDS.values()}
    assert {"collector.cli", "typer"} <= found
    assert not found & {*WORK, *INPUT, *modules}


@pytest.mark.parametrize(
    "words",
    [
        ("run", "--help"),
        ("inventory", "list"),
        ("inventory", "check"),
        ("platforms",),
        ("runs",),
        ("schema", "config"),
        ("run", "--dry-run"),
    ],
)
def test_a_command_that_connects_to_nothing_loads_nothing_that_does(
    folder: Path, words: tuple[str, ...]
) -> None:
    found = loaded(folder, *words)

    others = {f"collector.cli.{command.module}" for command in commands.COMMANDS.values()}
    allowed = {commands.COMMANDS[words[0]].module, "inventory", "stored"}
    assert f"collector.cli.{commands.COMMANDS[words[0]].module}" in found
    assert not found & {*WORK, *(others - {f"collector.cli.{each}" for each in allowed})}


def test_a_plan_reads_the_platforms_of_its_inventory_alone(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    plan = prepare(load_settings(environ={}))

    made = getattr(plan.platforms, "_made")  # noqa: B009 - who makes them tells it to nobody
    assert set(made) == {"frr"}
    assert plan.kept


@pytest.mark.parametrize("name", commands.COMMANDS)
def test_the_help_says_of_a_command_what_the_command_says(name: str) -> None:
    said = commands.real(name).help

    assert " ".join(said.split("\n\n")[0].split()) == commands.COMMANDS[name].help


GIT = """\
#!/bin/sh
turns=0
until [ -e {sign} ]; do
    turns=$((turns + 1))
    [ $turns -lt 200 ] || exit 1
    sleep 0.1
done
exec {git} "$@"
"""


async def test_the_first_device_is_dialled_while_git_is_at_work(folder: Path) -> None:
    """Here git begins only when somebody was dialled: who waits for it first waits in vain."""
    sign, git = folder / "dialled", folder / "bin" / "git"
    git.parent.mkdir()
    git.write_text(GIT.format(sign=sign, git=shutil.which("git")))
    git.chmod(0o755)

    async def met(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sign.touch()
        writer.close()

    async with await asyncio.start_server(met, "127.0.0.1") as server:
        port = server.sockets[0].getsockname()[1]
        inventory = INVENTORY.replace("127.0.0.1", f"127.0.0.1, port: {port}")
        (folder / "inventory" / "lab.yaml").write_text(inventory)
        (folder / "config.yaml").write_text("retries: {attempts: 1}\n")
        path = f"{git.parent}{os.pathsep}{os.environ['PATH']}"
        end = await collector("run", cwd=folder, environ={"PATH": path})

    assert end.status == Exit.ALL_FAILED, end.stderr
    assert (folder / "output" / "configs" / ".git").is_dir()
