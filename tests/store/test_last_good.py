"""When each device last gave a good configuration, whatever became of the runs that say so."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from store.samples import end, header
from support import outcomes

from collector.model import Change, DeviceResult
from collector.store import RunWriter, count_last_good, last_good
from collector.store.last_good import LAST_GOOD

DAY = datetime(2026, 3, 1, 7, tzinfo=UTC)


def kept(name: str, change: Change | None, day: int) -> DeviceResult:
    files = (f"{name}.cfg",) if change and change is not Change.FAILED else ()
    result = outcomes.answered(name, show_run=b"x\n")
    at = DAY + timedelta(days=day)
    return replace(result, change=change, started=at, backup_files=files)


async def ran(output: Path, day: int, *results: DeviceResult, killed: bool = False) -> Path:
    """Do a run on that day; give its folder."""
    head = replace(header(), started=DAY + timedelta(days=day))
    async with await RunWriter.create(output, head) as writer:
        for result in results:
            await writer.write(result)
        if not killed:
            await writer.finish(end())
        return writer.folder


def days(output: Path) -> dict[str, int]:
    return {name: (good.at - DAY).days for name, good in last_good(output).items()}


async def test_the_newest_run_that_proved_it_good_counts(tmp_path: Path) -> None:
    first = await ran(tmp_path, 0, *(kept(name, Change.NEW, 0) for name in ("r1", "r2", "r3")))
    second = await ran(
        tmp_path,
        1,
        kept("r1", Change.UNCHANGED, 1),
        kept("r2", Change.FAILED, 1),
        kept("r3", Change.SUSPECT, 1),
        kept("sweep", None, 1),
    )
    found = last_good(tmp_path)
    assert days(tmp_path) == {"r1": 1, "r2": 0, "r3": 0}
    assert {name: good.run_id for name, good in found.items()} == {
        "r1": second.name,
        "r2": first.name,
        "r3": first.name,
    }
    assert (found["r1"].platform, found["r1"].files) == ("linux", ("r1.cfg",))


async def test_it_stays_known_when_the_runs_are_gone(tmp_path: Path) -> None:
    first = await ran(tmp_path, 0, kept("r1", Change.NEW, 0), kept("r2", Change.NEW, 0))
    await ran(tmp_path, 1, kept("r1", Change.UNCHANGED, 1))
    shutil.rmtree(first)
    assert days(tmp_path) == {"r1": 1, "r2": 0}


async def test_a_run_that_was_killed_counts_before_and_after_the_next_has_ended(
    tmp_path: Path,
) -> None:
    await ran(tmp_path, 0, kept("r1", Change.NEW, 0), kept("r2", Change.NEW, 0))
    killed = await ran(tmp_path, 1, kept("r1", Change.UNCHANGED, 1), killed=True)
    assert days(tmp_path) == {"r1": 1, "r2": 0}
    await ran(tmp_path, 2, kept("other", Change.NEW, 2))
    assert days(tmp_path) == {"r1": 1, "r2": 0, "other": 2}

    head = replace(header(), started=DAY + timedelta(days=3))
    async with await RunWriter.resume(killed, head, asked={"r2"}) as writer:
        await writer.write(kept("r2", Change.CHANGED, 3))
        assert days(tmp_path)["r2"] == 3  # killed again, here, it would be read from the journal
        await writer.finish(end())
    count_last_good(tmp_path)
    shutil.rmtree(killed)
    assert days(tmp_path) == {"r1": 1, "r2": 3, "other": 2}


async def test_a_clock_that_was_put_back_hides_no_run(tmp_path: Path) -> None:
    await ran(tmp_path, 5, kept("r1", Change.NEW, 5))
    await ran(tmp_path, 4, kept("r2", Change.NEW, 4))
    assert days(tmp_path) == {"r1": 5, "r2": 4}


@pytest.mark.parametrize("content", ["", "{", '{"schema": 99}\n', '{"schema": 1}\n', "[]\n"])
async def test_what_is_lost_or_damaged_is_made_anew(
    content: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await ran(tmp_path, 0, kept("r1", Change.NEW, 0), kept("r2", Change.NEW, 0))
    await ran(tmp_path, 1, kept("r1", Change.CHANGED, 1))
    whole = (tmp_path / LAST_GOOD).read_bytes()
    (tmp_path / LAST_GOOD).write_text(content)
    assert days(tmp_path) == {"r1": 1, "r2": 0}
    assert "made anew from the runs there are" in caplog.text
    (tmp_path / LAST_GOOD).unlink()
    count_last_good(tmp_path)
    assert (tmp_path / LAST_GOOD).read_bytes() == whole


async def test_what_is_no_run_is_passed_over(tmp_path: Path) -> None:
    run = await ran(tmp_path, 0, kept("r1", Change.NEW, 0))
    shutil.copytree(run, tmp_path / "runs" / "zzz")
    (tmp_path / "runs" / "20270101T000000Z-abcdef").mkdir()
    await ran(tmp_path, 1, kept("r1", Change.UNCHANGED, 1))
    assert days(tmp_path) == {"r1": 1}
    (run / "manifest.json").write_text("{")
    (tmp_path / LAST_GOOD).unlink()
    assert days(tmp_path) == {"r1": 1}


async def test_a_file_that_cannot_be_written_is_told_and_costs_nothing_else(tmp_path: Path) -> None:
    from collector.errors import StorageError

    (tmp_path / LAST_GOOD).mkdir()
    with pytest.raises(StorageError, match=r"last_good\.jsonl"):
        await ran(tmp_path, 0, kept("r1", Change.NEW, 0))
    [run] = (tmp_path / "runs").glob("2*")
    assert json.loads((run / "manifest.json").read_bytes())["exit_status"] == 6
    assert days(tmp_path) == {"r1": 0}
