"""A secret that a person types: the whole program on a terminal of its own, and without one."""

from __future__ import annotations

import asyncio
import os
import pty
import select
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path

from support.program import ROOT

from collector.errors import Exit
from collector.lab import Lab, LabDevice

INVENTORY = """
defaults: {{platform: cisco_iosxe, credential: lab}}
credentials:
  lab: {{username: admin, password: {{prompt: true}}, enable: {{prompt: true}}}}
devices:
  r1: {{host: 127.0.0.1, port: {first}}}
  r2: {{host: 127.0.0.1, port: {second}}}
"""
# A session of its own has no terminal until it opens one.
ALONE = "import os, sys; os.setsid(); [os.open(tty, os.O_RDWR) for tty in sys.argv[1:2] if tty]; "
ALONE += "os.execv(sys.executable, [sys.executable, '-m', 'collector', *sys.argv[2:]])"
DEVICES = [
    LabDevice(name=name, platform="cisco_iosxe", password="hunter2") for name in ("r1", "r2")
]


async def start(folder: Path, terminal: str, *arguments: str) -> Process:
    """Start the program with that terminal, or none."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", ALONE, terminal, *arguments),
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
    )


async def asked(master: int, question: bytes) -> bytes:
    """Read a terminal up to a question."""
    seen = b""
    while not seen.endswith(question):
        ready, _, _ = await asyncio.to_thread(select.select, [master], [], [], 20)
        assert ready, f"no question, but {seen!r}"
        seen += os.read(master, 1024)
    return seen


async def test_every_question_is_asked_once_before_anything_connects(tmp_path: Path) -> None:
    async with Lab(DEVICES) as lab:
        text = INVENTORY.format(first=lab.port("r1"), second=lab.port("r2"))
        (tmp_path / "lab.yaml").write_text(text)
        master, slave = pty.openpty()
        process = await start(tmp_path, os.ttyname(slave), "run", "-i", "lab.yaml", "-vvv")
        seen = await asked(master, b"lab: password: ")
        assert [lab.stats[name].ever for name in ("r1", "r2")] == [0, 0]
        os.write(master, b"hunter2\n")
        seen += await asked(master, b"lab: enable: ")
        os.write(master, b"enable\n")
        stdout, stderr = await process.communicate()
        assert (process.returncode, stdout) == (Exit.OK, b"")
        assert [lab.stats[name].logins for name in ("r1", "r2")] == [1, 1]
        assert b"hunter2" not in seen + stderr
        os.close(slave)
        os.close(master)


async def test_an_interrupt_ends_the_question(tmp_path: Path) -> None:
    (tmp_path / "lab.yaml").write_text(INVENTORY.format(first=1, second=2))
    master, slave = pty.openpty()
    process = await start(tmp_path, os.ttyname(slave), "run", "-i", "lab.yaml")
    await asked(master, b"lab: password: ")
    os.write(master, b"\x03")
    stdout, stderr = await process.communicate()
    assert (process.returncode, stdout, stderr) == (Exit.INTERRUPTED, b"", b"")
    assert not (tmp_path / "output").exists()
    os.close(slave)
    os.close(master)


async def test_nobody_is_asked_where_there_is_no_terminal(tmp_path: Path) -> None:
    (tmp_path / "lab.yaml").write_text(INVENTORY.format(first=1, second=2))
    process = await start(tmp_path, "", "run", "-i", "lab.yaml")
    stdout, stderr = await process.communicate()
    assert (process.returncode, stdout) == (Exit.USAGE, b"")
    said = "expected a terminal to ask on, found none: give it another source"
    assert stderr.decode().splitlines() == [
        f"collector: lab.yaml:4:36: credentials.lab.password: {said}",
        f"collector: lab.yaml:4:60: credentials.lab.enable: {said}",
    ]
    assert not (tmp_path / "output").exists()


async def test_nobody_is_asked_in_vain(tmp_path: Path) -> None:
    (tmp_path / "lab.yaml").write_text(INVENTORY.format(first=1, second=2))
    for words in (["inventory", "check"], ["inventory", "list"], ["run", "--dry-run"]):
        process = await start(tmp_path, "", *words, "-i", "lab.yaml")
        _, stderr = await process.communicate()
        assert (process.returncode, stderr) == (Exit.OK, b""), words
