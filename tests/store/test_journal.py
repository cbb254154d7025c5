"""The journal keeps its lines whole when the disk does not take one."""

from __future__ import annotations

import errno
import json
import os
import resource
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest
from store import samples
from support import outcomes

from collector.store import DeviceRow, RunWriter, read_journal, read_manifest
from collector.store.journal import JOURNAL, Journal
from collector.store.rows import device_row


def _row(name: str) -> DeviceRow:
    return device_row(outcomes.result(name), ())


@contextmanager
def _largest_file(size: int) -> Iterator[None]:
    """Let the kernel cut every write of this process at ``size``, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_line_that_was_cut_short_leaves_no_trace(tmp_path: Path) -> None:
    journal = Journal.create(tmp_path / JOURNAL)
    journal.append([_row("r1")])
    size = (tmp_path / JOURNAL).stat().st_size

    with _largest_file(size + 500), pytest.raises(OSError, match="File too large"):
        journal.append([_row("x" * 900)])
    assert (tmp_path / JOURNAL).stat().st_size == size

    journal.append([_row("r2")])
    assert [row["name"] for row in read_journal(tmp_path)] == ["r1", "r2"]
    assert [line.status for line in journal.lines()] == ["ok", "ok"]
    journal.close()


def test_a_line_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    journal = Journal.create(tmp_path / JOURNAL)
    for name in ("r1", "r2"):
        journal.append([_row(name)])

    lines = [journal.read(line) for line in journal.lines(["r2"])]
    assert lines == list(reversed((tmp_path / JOURNAL).read_bytes().splitlines()))
    journal.close()


def test_a_journal_that_shrank_is_no_row(tmp_path: Path) -> None:
    journal = Journal.create(tmp_path / JOURNAL)
    journal.append([_row("r1")])
    (tmp_path / JOURNAL).write_bytes(b"")

    with pytest.raises(OSError, match="shorter"):
        journal.read(next(journal.lines()))
    journal.close()


def test_an_existing_journal_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / JOURNAL).write_bytes(b"{}\n")

    with pytest.raises(FileExistsError):
        Journal.create(tmp_path / JOURNAL)


@contextmanager
def _failing_flush(monkeypatch: pytest.MonkeyPatch, error: int = errno.ENOSPC) -> Iterator[None]:
    """Have the next flush fail as the kernel says it of a full disk: once, and then no more."""
    plain = os.fsync
    failed: list[int] = []

    def fsync(handle: int) -> None:
        if not failed:
            failed.append(handle)
            raise OSError(error, os.strerror(error))
        plain(handle)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        yield


def test_what_could_not_be_flushed_is_not_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal.create(tmp_path / JOURNAL)
    journal.append([_row("r1")])
    with _failing_flush(monkeypatch), pytest.raises(OSError, match="No space left"):
        journal.append([_row("r2"), _row("r3")])
    assert [*journal.names] == ["r1"]
    assert [row["name"] for row in read_journal(tmp_path)] == ["r1"]

    # The kernel would call the next flush good, though nobody knows what became of the page.
    with pytest.raises(OSError, match="could not be flushed before"):
        journal.append([_row("r4")])
    assert [row["name"] for row in read_journal(tmp_path)] == ["r1"]
    journal.renew()
    journal.append([_row("r5")])
    assert [row["name"] for row in read_journal(tmp_path)] == ["r1", "r5"]
    assert [journal.read(line) for line in journal.lines()] == [
        *(tmp_path / JOURNAL).read_bytes().splitlines()
    ]
    journal.close()


def test_of_many_that_are_written_at_once_only_those_are_in_it_that_were_flushed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal.create(tmp_path / JOURNAL)
    plain, flushes, lock = os.fsync, count(), threading.Lock()

    def fsync(handle: int) -> None:
        with lock:
            number = next(flushes)
        if number == 5:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        plain(handle)

    monkeypatch.setattr(os, "fsync", fsync)

    def append(number: int) -> str:
        name = f"r{number:03}" + "x" * (number % 7 * 40)
        try:
            journal.append([_row(name)])
        except OSError:
            return ""
        return name

    with ThreadPoolExecutor(8) as threads:
        recorded = {*threads.map(append, range(200))} - {""}
    assert 5 <= len(recorded) < 200
    assert {*journal.names} == recorded
    assert {row["name"] for row in read_journal(tmp_path)} == recorded
    for line in journal.lines():
        assert json.loads(journal.read(line))["name"] in recorded
    journal.close()


async def test_rows_that_could_not_be_flushed_are_in_the_manifest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = os.fsync
    failed: list[int] = []

    def fsync(handle: int) -> None:
        if not failed and os.readlink(f"/proc/self/fd/{handle}").endswith(JOURNAL):
            failed.append(handle)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        plain(handle)

    async with await RunWriter.create(tmp_path, samples.header()) as writer:
        await writer.write(outcomes.result("r1"))
        monkeypatch.setattr(os, "fsync", fsync)
        await writer.write(outcomes.result("r2"))
        await writer.write(outcomes.result("r3"))
        assert [row["name"] for row in read_journal(writer.folder)] == ["r1"]
        await writer.finish(samples.end())
    assert failed
    assert {row["name"] for row in read_manifest(writer.folder)["devices"]} == {"r1", "r2", "r3"}
    assert {row["name"] for row in read_journal(writer.folder)} == {"r1", "r2", "r3"}
