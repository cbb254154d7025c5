"""What earlier runs know of an output's size."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from store.samples import STARTED, end, good, header, rejected, result

from collector.model import DeviceResult
from collector.store import RunWriter, last_good_sizes

SHOW = "show running-config"


async def stored(output: Path, hour: int, *results: DeviceResult, finished: bool = True) -> Path:
    """Store a run that was started at an hour."""
    told = replace(header(), started=STARTED + timedelta(hours=hour))
    async with await RunWriter.create(output, told) as writer:
        for one in results:
            await writer.write(one)
        if finished:
            await writer.finish(end())
        return writer.folder


async def test_the_newest_good_copy_counts_also_of_a_run_that_was_killed(tmp_path: Path) -> None:
    await stored(tmp_path, 0, result("r1", good(SHOW, b"x" * 900)), result("r2", good(SHOW, b"y")))
    await stored(tmp_path, 1, result("r1", good(SHOW, b"x" * 70)), finished=False)
    await stored(tmp_path, 2, result("r1", rejected(SHOW)))
    wanted = {"r1": [SHOW, "show version"], "r2": [SHOW], "r3": [SHOW]}
    assert last_good_sizes(tmp_path, wanted) == {"r1": {SHOW: 70}, "r2": {SHOW: 1}}


async def test_a_run_that_cannot_be_read_is_passed_over(tmp_path: Path) -> None:
    await stored(tmp_path, 0, result("r1", good(SHOW, b"x" * 900)))
    damaged = await stored(tmp_path, 1, result("r1", good(SHOW, b"x")))
    (damaged / "journal.jsonl").write_text('{"damaged\n{}\n')
    (tmp_path / "runs" / "2026-notes").mkdir()
    assert last_good_sizes(tmp_path, {"r1": [SHOW]}) == {"r1": {SHOW: 900}}


def test_an_output_folder_without_runs_knows_nothing(tmp_path: Path) -> None:
    assert last_good_sizes(tmp_path / "absent", {"r1": [SHOW]}) == {}
