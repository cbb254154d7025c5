"""One run at a time in an output folder, whoever dies how."""

from __future__ import annotations

import os
import re
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from store import samples
from support import outcomes

from collector.errors import Exit, LockedError
from collector.store import RunWriter
from collector.store.lock import LOCK_FILE, Holder, OutputLock

Program = Callable[..., tuple[list[str], dict[str, str]]]

HOLDER = Holder(since=outcomes.STARTED, command="collector run")


@contextmanager
def _held_elsewhere(program: Program, output: Path) -> Iterator[subprocess.Popen[bytes]]:
    command, environment = program("holder.py", output)
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"held\n"
            yield holder
        finally:
            holder.kill()


async def test_a_second_run_learns_who_holds_the_folder(program: Program, tmp_path: Path) -> None:
    with _held_elsewhere(program, tmp_path) as holder, pytest.raises(LockedError) as caught:
        await RunWriter.create(tmp_path, samples.header())

    line = str(caught.value)
    assert caught.value.exit_status == Exit.LOCKED
    assert "\n" not in line
    assert f"pid {holder.pid} on {socket.gethostname()} since 2026-03-01T07:05:09.000Z" in line
    assert "collector run -c x" in line
    assert len(list((tmp_path / "runs").iterdir())) == 1, "nothing of the second run"


async def test_the_lock_of_a_dead_process_does_not_block(program: Program, tmp_path: Path) -> None:
    with _held_elsewhere(program, tmp_path) as holder:
        holder.kill()
        holder.wait()
        assert str(holder.pid) in (tmp_path / LOCK_FILE).read_text()

        async with await RunWriter.create(tmp_path, samples.header()) as writer:
            assert str(os.getpid()) in (tmp_path / LOCK_FILE).read_text()
            await writer.finish(samples.end())


def test_a_lock_is_free_again_after_its_release(tmp_path: Path) -> None:
    first = OutputLock.acquire(tmp_path, HOLDER)
    with pytest.raises(LockedError):
        OutputLock.acquire(tmp_path, HOLDER)
    first.release()
    first.release()

    OutputLock.acquire(tmp_path, HOLDER).release()


@pytest.mark.parametrize(
    "told", [b"", b"\xff\x00", b"[1]", b"{}", b'{"pid": 1}', b"x" * 9000], ids=repr
)
def test_an_unreadable_holder_is_not_named(tmp_path: Path, told: bytes) -> None:
    lock = OutputLock.acquire(tmp_path, HOLDER)
    (tmp_path / LOCK_FILE).write_bytes(told)
    try:
        with pytest.raises(LockedError, match=re.escape("another run holds this folder") + "$"):
            OutputLock.acquire(tmp_path, HOLDER)
    finally:
        lock.release()


def test_a_holder_cannot_break_the_line_it_is_told_in(tmp_path: Path) -> None:
    lock = OutputLock.acquire(tmp_path, Holder(since=outcomes.STARTED, command="a\r\n\x1b[2Jb"))
    try:
        with pytest.raises(LockedError, match=r"\(a \\x1b\[2Jb\)$"):
            OutputLock.acquire(tmp_path, HOLDER)
    finally:
        lock.release()


def test_a_holder_of_a_very_long_command_is_named(tmp_path: Path) -> None:
    lock = OutputLock.acquire(
        tmp_path, Holder(since=outcomes.STARTED, command="\N{SNOWMAN}" * 9000)
    )
    try:
        with pytest.raises(LockedError, match=f"pid {os.getpid()} on"):
            OutputLock.acquire(tmp_path, HOLDER)
    finally:
        lock.release()


def test_the_lock_file_is_private_and_no_link_is_followed(tmp_path: Path) -> None:
    OutputLock.acquire(tmp_path, HOLDER).release()
    assert (tmp_path / LOCK_FILE).stat().st_mode & 0o777 == 0o600

    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("precious")
    (tmp_path / LOCK_FILE).unlink()
    (tmp_path / LOCK_FILE).symlink_to(elsewhere)
    with pytest.raises(OSError, match=re.escape(LOCK_FILE)):
        OutputLock.acquire(tmp_path, HOLDER)
    assert elsewhere.read_text() == "precious"
