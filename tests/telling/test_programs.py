"""Programs that are told: started as they are, given all of it, and ended when they hang."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from collector.telling.hooks import Program

Script = Callable[[str], str]


@pytest.fixture
def script(tmp_path: Path) -> Script:
    """Write a shell script, and give its path below the folder of the configuration."""

    def write(text: str) -> str:
        (tmp_path / "bin").mkdir(exist_ok=True)
        path = tmp_path / "bin" / "hook"
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o700)
        return "bin/hook"

    return write


def program(folder: Path, *command: str, timeout: float = 30.0) -> Program:
    environment = {"PATH": os.environ["PATH"], "MORE": "given"}
    return Program(
        events=(), command=command, folder=folder, environment=environment, timeout=timeout
    )


async def test_it_is_given_everything_and_no_shell(tmp_path: Path, script: Script) -> None:
    text = b"x" * 1_000_000 + b"\n"
    name = script('cat > got; printf "%s\\n" "$@" > words; env > env; echo noise')
    assert await program(tmp_path, name, "$HOME; *", "b").call(text) == ""
    assert (tmp_path / "got").read_bytes() == text
    assert (tmp_path / "words").read_text() == "$HOME; *\nb\n"
    names = {line.partition("=")[0] for line in (tmp_path / "env").read_text().splitlines()}
    assert names - {"_", "SHLVL", "OLDPWD"} == {"PATH", "MORE", "PWD"}


async def test_one_that_reads_nothing_is_well(tmp_path: Path, script: Script) -> None:
    assert await program(tmp_path, script("exit 0")).call(b"x" * 1_000_000) == ""


async def test_one_that_leaves_a_program_behind_is_well(tmp_path: Path, script: Script) -> None:
    """That has the pipe for what is said, and never closes it."""
    name = script("(read -r _ < wait) & echo $! > pid; exit 0")
    os.mkfifo(tmp_path / "wait")
    assert await program(tmp_path, name).call(b"") == ""
    pid = int((tmp_path / "pid").read_text())
    os.kill(pid, 0)  # it lives on
    with (tmp_path / "wait").open("w") as release:
        release.write("\n")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "echo first >&2; echo 'no  such\tuser' >&2; exit 3",
            "it ended with status 3: no such user",
        ),
        ("exit 1", "it ended with status 1"),
        ("kill -9 $$", "it was ended by signal 9"),
        ("head -c 3000000 /dev/zero >&2; echo end >&2; exit 1", "it ended with status 1: "),
    ],
)
async def test_one_that_fails_is_a_line(
    tmp_path: Path, script: Script, text: str, line: str
) -> None:
    said = await program(tmp_path, script(text)).call(b"{}")
    assert said.startswith(line)
    assert said.isprintable()


async def test_one_that_hangs_is_ended_with_all_it_started(tmp_path: Path, script: Script) -> None:
    os.mkfifo(tmp_path / "wait")
    name = script(
        "trap '' TERM; (trap '' TERM; echo > started; read -r _ < wait; echo > survived) & "
        "read -r _ < wait"
    )
    calling = program(tmp_path, name, timeout=0.3)
    assert await calling.call(b"") == "it did not end within 0.3 s and was ended"
    # Nobody reads the fifo any more: to open it for writing without waiting is refused.
    with pytest.raises(OSError, match="No such device or address"):
        for _ in range(1000):  # the kernel ends them in its own time
            os.close(os.open(tmp_path / "wait", os.O_WRONLY | os.O_NONBLOCK))
            await asyncio.sleep(0.02)


async def test_one_that_is_not_there_is_a_line(tmp_path: Path, script: Script) -> None:
    assert await program(tmp_path, "bin/absent").call(b"") == (
        "it cannot be started: No such file or directory"
    )
    name = script("exit 0")
    (tmp_path / name).chmod(0o600)
    assert await program(tmp_path, name).call(b"") == "it cannot be started: Permission denied"
    assert await program(tmp_path, "a\0b").call(b"") == "it cannot be started: it has a NUL in it"


async def test_a_cancelled_call_ends_it(tmp_path: Path, script: Script) -> None:
    os.mkfifo(tmp_path / "wait")
    calling = asyncio.create_task(
        program(tmp_path, script("echo > up; read -r _ < wait")).call(b"")
    )
    while not (tmp_path / "up").exists():
        await asyncio.sleep(0.01)
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling
    with pytest.raises(OSError, match="No such device or address"):
        os.close(os.open(tmp_path / "wait", os.O_WRONLY | os.O_NONBLOCK))
