"""What a command loads before it begins: nothing that it does not need.

The seconds are of `benchmarks/start.py`; what they are lost to is held here.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.program import ROOT, collector, ended, start
from support.sockets import becomes_true

from collector.cli import commands
from collector.collect import prepare
from collector.errors import Exit
from collector.settings import load_settings

SSH = ("asyncssh", "scrapli", "cryptography")
WORK = (*SSH, "uvloop", "tqdm", "urllib.request", "collector.driver", "collector.engine")
INPUT = ("pydantic", "yaml", "asyncio", "ssl", "rich", "collector.settings", "collector.collect")

LATE = (
    *SSH,
    *(
        "tqdm",
        "sqlite3",
        "multiprocessing",
        "html",
        "encodings.idna",
        "http",
        "urllib.request",
        "email.parser",
    ),
    *("rich", "keyring", "distributed", "collector.lab", "collector.crew"),
    *("collector.driver.entry", "collector.backups.git", "collector.telling.round"),
    *("collector.inventory.oxidized", "collector.store.pruning", "collector.store.verification"),
)
"""What a run does without until it has dialled; most of it goes on to be loaded then."""

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
    return told(folder, code + "print('loaded:', status, *sys.modules)")


def told(folder: Path, code: str) -> set[str]:
    """Have an interpreter tell which modules it has loaded, after its status."""
    done = subprocess.run(
        (sys.executable, "-c", code),
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


DIALLING = """\
import os, sys

def hear(event, arguments):
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        print("loaded:", 0, *sys.modules, flush=True)
        os._exit(0)

sys.addaudithook(hear)
sys.argv = ["collector", "run"]
from collector.__main__ import main
main()
"""


@pytest.mark.parametrize("content", ["", "r9 ssh-ed25519 AAAA\n"], ids=["no", "some"])
def test_a_device_is_dialled_before_what_only_a_login_needs_is_loaded(
    folder: Path, content: str
) -> None:
    """Also where host keys are on file, which the SSH library reads."""
    (folder / "known_hosts").write_text(content)
    (folder / "config.yaml").write_text("known_hosts: known_hosts\n")

    found = told(folder, DIALLING)

    assert {"collector.driver.connector", "collector.engine"} <= found
    assert not found & {*LATE}


def test_a_wrong_known_hosts_file_is_told_before_anybody_is_dialled(folder: Path) -> None:
    (folder / "known_hosts").write_text("nonsense\n")
    (folder / "config.yaml").write_text("known_hosts: known_hosts\n")

    with pytest.raises(subprocess.CalledProcessError) as caught:
        told(folder, DIALLING.replace("main()\n", "sys.exit(main())\n"))

    assert caught.value.returncode == Exit.USAGE
    assert "known_hosts:1: not a known_hosts entry" in caught.value.stderr


async def test_a_library_that_cannot_be_loaded_is_told_of_each_device(folder: Path) -> None:
    (folder / "asyncssh.py").write_text("raise ImportError('libcrypto.so.9: not there')\n")
    async with await asyncio.start_server(_listen, "127.0.0.1") as server:
        _served(folder, server)
        end = await collector("run", cwd=folder, environ=_instead(folder))

    assert end.status == Exit.ALL_FAILED, end.stderr
    assert "ImportError: libcrypto.so.9: not there" in end.stderr
    assert "Traceback" not in end.stderr


def _instead(folder: Path) -> dict[str, str]:
    return {"PYTHONPATH": os.pathsep.join((str(folder), str(ROOT)))}


def _served(folder: Path, server: asyncio.Server) -> None:
    port = server.sockets[0].getsockname()[1]
    inventory = INVENTORY.replace("127.0.0.1", f"127.0.0.1, port: {port}")
    (folder / "inventory" / "lab.yaml").write_text(inventory)
    (folder / "config.yaml").write_text("retries: {attempts: 1}\n")


async def _listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


SLOW = """\
import os, time
while not os.path.exists({sign!r}):
    time.sleep(0.05)
"""


async def test_a_run_is_ended_while_its_libraries_are_loaded(folder: Path) -> None:
    """What they are loaded by ends before the program does; the run does not wait for it."""
    (folder / "asyncssh.py").write_text(SLOW.format(sign=str(folder / "go on")))
    dialled = asyncio.Event()

    async def met(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        dialled.set()
        await _listen(reader, writer)

    def manifests() -> list[Path]:
        return [*(folder / "output" / "runs").glob("*/manifest.json")]

    async with await asyncio.start_server(met, "127.0.0.1") as server:
        _served(folder, server)
        process = await start("run", cwd=folder, environ=_instead(folder))
        await dialled.wait()
        process.send_signal(signal.SIGTERM)
        await becomes_true(lambda: bool(manifests()))
        (folder / "go on").touch()
        end = await ended(process)

    assert end.status == 128 + signal.SIGTERM, end.stderr
    (device,) = json.loads(manifests()[0].read_text())["devices"]
    assert device["status"] == "cancelled"


async def test_an_interrupt_while_the_program_is_imported_just_ends_it(folder: Path) -> None:
    (folder / "typer.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")

    end = await collector("run", cwd=folder, environ=_instead(folder))

    assert (end.status, end.stderr) == (-signal.SIGINT, "")


async def test_an_interrupt_that_is_ignored_stays_ignored(folder: Path) -> None:
    """As in the background of a script."""
    told = "import signal; print('told', signal.getsignal(signal.SIGINT).name, flush=True)\n"
    (folder / "typer.py").write_text(f"{told}raise SystemExit(3)\n")
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        process = await start("run", cwd=folder, environ=_instead(folder))
    finally:
        signal.signal(signal.SIGINT, before)
    end = await ended(process)

    assert (end.status, end.stdout) == (3, b"told SIG_IGN\n"), end.stderr


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
        _served(folder, server)
        path = f"{git.parent}{os.pathsep}{os.environ['PATH']}"
        end = await collector("run", cwd=folder, environ={"PATH": path})

    assert end.status == Exit.ALL_FAILED, end.stderr
    assert (folder / "output" / "configs" / ".git").is_dir()
