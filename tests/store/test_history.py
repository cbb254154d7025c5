"""What earlier runs know of an output's size."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from store.samples import end, header
from support.outcomes import STARTED, good, rejected, result

from collector.model import DeviceResult
from collector.store import RunWriter, last_good_sizes

SHOW = "show running-config"


async def stored(output: Path, hour: int, *results: DeviceResult, finished: bool = True) -> Path:
    """Store a run that was started at an hour; each device was asked the same."""
    asked = {one.device.platform: [each.command for each in one.commands] for one in results}
    told = replace(header(), started=STARTED + timedelta(hours=hour), commands=asked)
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


async def test_runs_that_did_not_ask_hide_nothing(tmp_path: Path) -> None:
    """Nor do those in which the device failed, however many."""
    await stored(tmp_path, 0, result("r1", good(SHOW, b"x" * 900)))
    for hour in range(1, 40):
        await stored(tmp_path, 2 * hour, result("r1", good("show clock", b"now")))
        await stored(tmp_path, 2 * hour + 1, result("r1", rejected(SHOW)))
    assert last_good_sizes(tmp_path, {"r1": [SHOW]}) == {"r1": {SHOW: 900}}


async def test_commands_whose_names_are_alike_keep_their_sizes(tmp_path: Path) -> None:
    alike = ["show ip route 10.0.0.0/8", "show ip route 10.0.0.0 8"]
    await stored(tmp_path, 0, result("r1", good(alike[0], b"x" * 7), good(alike[1], b"x" * 9)))
    await stored(tmp_path, 1, result("r1", rejected(alike[0]), good(alike[1], b"x" * 8)))
    assert last_good_sizes(tmp_path, {"r1": alike}) == {"r1": {alike[0]: 7, alike[1]: 8}}


@pytest.mark.parametrize("head", [b"damaged", b"[]", b'{"schema": 1, "commands": [1]}'])
async def test_a_run_that_cannot_be_read_is_passed_over(tmp_path: Path, head: bytes) -> None:
    await stored(tmp_path, 0, result("r1", good(SHOW, b"x" * 900)))
    damaged = await stored(tmp_path, 1, result("r1", good(SHOW, b"x")))
    (damaged / "run.json").write_bytes(head)
    (tmp_path / "runs" / "2026-notes" / "devices" / "r1").mkdir(parents=True)
    assert last_good_sizes(tmp_path, {"r1": [SHOW]}) == {"r1": {SHOW: 900}}


def test_an_output_folder_without_runs_knows_nothing(tmp_path: Path) -> None:
    assert last_good_sizes(tmp_path / "absent", {"r1": [SHOW]}) == {}
