"""The journal keeps its lines whole when the disk does not take one."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support import outcomes

from collector.store import DeviceRow, read_journal
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
