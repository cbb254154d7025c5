"""How long devices took in earlier runs: which runs count, how far back, and what is damaged."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from store.samples import end, header
from support import outcomes
from support.outcomes import STARTED

from collector.model import DeviceResult, Fault, FaultClass, Phase, Status
from collector.store import RunWriter, last_durations
from collector.store.durations import LOOKED_AT, READ
from collector.store.manifest import MANIFEST, brief_rows, device_rows

TRICKY = 'it said: , "commands": [{"x": 1}]'


def took(
    name: str,
    seconds: float,
    status: Status = Status.OK,
    attempts: int = 1,
    why: Fault | None = None,
) -> DeviceResult:
    has_failed = status in {Status.FAILED, Status.SKIPPED}
    command = outcomes.good("show version", b"x\n")
    one = outcomes.result(
        name,
        *(() if has_failed else (command,)),
        status=status,
        why=why or outcomes.fault(message=TRICKY) if has_failed else None,
    )
    return replace(one, duration=seconds, attempts=attempts)


async def ran(
    output: Path,
    day: float,
    *results: DeviceResult,
    job: str = "backup",
    commands: Sequence[str] = (),
    killed: bool = False,
) -> Path:
    head = replace(
        header(),
        started=STARTED + timedelta(days=day),
        job=job,
        selection={"limits": [], "commands": list(commands)},
    )
    async with await RunWriter.create(output, head) as writer:
        for result in results:
            await writer.write(result)
        if not killed:
            await writer.finish(end())
        return writer.folder


def found(output: Path, names: str = "r1 r2 r3", **options: object) -> dict[str, float]:
    """Give the seconds of each device; of one that failed they are below zero."""
    asked = {"job": "backup", **options}
    known = last_durations(output, frozenset(names.split()), **asked)  # type: ignore[arg-type]
    return {
        name: -each.seconds if each.is_doubtful else each.seconds for name, each in known.items()
    }


def rejecting(output: Path) -> set[str]:
    known = last_durations(output, frozenset({"r1", "r2", "r3"}), job="backup")
    return {name for name, each in known.items() if each.has_rejected}


async def test_the_newest_run_of_the_job_counts(tmp_path: Path) -> None:
    assert found(tmp_path) == {}
    await ran(tmp_path, 0, took("r1", 1), took("r2", 2), took("gone", 9))
    await ran(tmp_path, 1, took("r1", 5, Status.PARTIAL))
    await ran(tmp_path, 2, took("r1", 70), job="facts")
    await ran(tmp_path, 3, took("r1", 80), killed=True)
    assert found(tmp_path) == {"r1": 5, "r2": 2}
    assert found(tmp_path, job="facts") == {"r1": 70}


async def test_of_commands_only_runs_of_the_same_ones_count(tmp_path: Path) -> None:
    await ran(tmp_path, 0, took("r1", 1), job="ad-hoc", commands=["show version"])
    await ran(tmp_path, 1, took("r1", 99), job="ad-hoc", commands=["show tech-support"])
    assert found(tmp_path, job="ad-hoc", commands=["show version"]) == {"r1": 1}
    assert found(tmp_path, job="ad-hoc", commands=["show clock"]) == {}


async def test_what_failed_counts_by_its_time_or_that_of_before(tmp_path: Path) -> None:
    await ran(tmp_path, 0, took("r1", 20), took("r2", 2), took("r3", 3))
    await ran(
        tmp_path,
        1,
        took("r1", 0.5, Status.FAILED),
        took("r2", 31, Status.FAILED, attempts=2),
        took("r3", 0, Status.SKIPPED, attempts=0),
    )
    assert found(tmp_path) == {"r1": -20, "r2": -31, "r3": 3}
    await ran(tmp_path, 2, took("r1", 4), took("r3", 7, Status.CANCELLED))
    assert found(tmp_path) == {"r1": 4, "r2": -31, "r3": 3}


async def test_who_rejected_the_credential_last_is_told_of(tmp_path: Path) -> None:
    auth = outcomes.fault(FaultClass.AUTH, Phase.AUTH)
    enable = outcomes.fault(FaultClass.ENABLE, Phase.LOGIN)
    await ran(tmp_path, 0, took("r1", 20), took("r2", 2), took("r3", 9, Status.FAILED, why=auth))
    await ran(
        tmp_path,
        1,
        took("r1", 0.5, Status.FAILED, why=auth),
        took("r2", 0.5, Status.FAILED, why=enable),
        took("r3", 31, Status.FAILED),
    )
    assert found(tmp_path) == {"r1": -20, "r2": -2, "r3": -31}
    assert rejecting(tmp_path) == {"r1", "r2"}
    await ran(tmp_path, 2, took("r1", 0, Status.SKIPPED, attempts=0, why=auth))
    assert rejecting(tmp_path) == {"r1", "r2"}
    await ran(tmp_path, 3, took("r1", 3), took("r2", 31, Status.FAILED))
    assert rejecting(tmp_path) == set()


async def test_the_walk_ends_with_most_devices_or_after_few_runs(tmp_path: Path) -> None:
    names = [f"r{number}" for number in range(20)]
    await ran(tmp_path, 0, took("new", 1))
    for day in range(READ):
        await ran(tmp_path, 1 + day, *(took(name, day) for name in names[:18]))
    asked = " ".join([*names, "new"])
    assert "new" not in found(tmp_path, asked)
    assert found(tmp_path, asked)["r0"] == READ - 1
    await ran(tmp_path, 8, took("new", 8), *(took(name, 8) for name in names))
    assert found(tmp_path, asked)["new"] == 8
    await ran(tmp_path, 9, *(took(name, 9) for name in names))
    assert set(found(tmp_path, asked)) == set(names)  # 20 of 21 are enough


async def test_runs_of_a_few_devices_keep_no_other_back(tmp_path: Path) -> None:
    names = [f"r{number}" for number in range(20)]
    await ran(tmp_path, 0, *(took(name, 1) for name in names))
    for day in range(READ + 1):
        await ran(tmp_path, 1 + day, took("r0", 5))
    assert len(found(tmp_path, " ".join(names))) == 20


async def test_no_more_runs_than_so_many_are_looked_at(tmp_path: Path) -> None:
    await ran(tmp_path, 0, took("r1", 1))
    for day in range(LOOKED_AT - 1):
        (tmp_path / "runs" / f"20260401T{day:06}Z-abcdef").mkdir()
    assert found(tmp_path) == {"r1": 1}
    (tmp_path / "runs" / "20260501T000000Z-abcdef").mkdir()
    assert found(tmp_path) == {}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"duration_s": 1,', '"duration_s": NaN,'),
        ('"duration_s": 1,', '"duration_s": "long",'),
        ('"duration_s": 1,', '"duration_s": null,'),
        ('"status": "ok"', '"status": ["ok"]'),
        ('{"name": "r1"', '{"nam": "r1"'),
        ('{"name": "r1"', '["name", "r1"'),
        ('"totals": {', '"totals": 3, "x": {'),
        ('"selection": {', '"selection": 3, "x": {'),
        (
            "{",
            "",
        ),
    ],
)
async def test_what_other_hands_wrote_says_nothing(old: str, new: str, tmp_path: Path) -> None:
    await ran(tmp_path, 0, took("r1", 3), took("r2", 3))
    folder = await ran(tmp_path, 1, took("r1", 1))
    text = (folder / MANIFEST).read_text()
    assert old in text
    (folder / MANIFEST).write_text(text.replace(old, new))
    assert found(tmp_path) == {"r1": 3, "r2": 3}


async def test_a_brief_row_is_the_row_without_its_commands(tmp_path: Path) -> None:
    folder = await ran(tmp_path, 0, took("r1", 1), took("r2", 2, Status.FAILED))
    rows = [{**row, "commands": []} for row in device_rows(folder)]
    assert [dict(row) for row in brief_rows(folder)] == rows
    assert rows[1]["message"] == TRICKY
    text = (folder / MANIFEST).read_text()
    line = next(line for line in text.splitlines() if '"r1"' in line)
    other = json.dumps(json.loads(line.strip().rstrip(",")), separators=(",", ":"))
    (folder / MANIFEST).write_text(text.replace(line, f"    {other},"))
    assert next(brief_rows(folder))["duration_s"] == 1  # laid out otherwise, read all the same
