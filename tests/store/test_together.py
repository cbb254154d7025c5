"""Devices that wait for the disk are stored together: fewer flushes, each one its own end."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

import pytest
from store import samples
from support import outcomes

from collector.model import DeviceResult, FaultClass, Status
from collector.store import RunWriter, read_journal
from collector.store.outputs import OPEN_AT_ONCE

WAITING = 3


class Gate:
    """Holds the thread that redacts until it is opened."""

    def __init__(self) -> None:
        self.reached, self.opened = threading.Event(), threading.Event()

    def __call__(self, evidence: bytes) -> bytes:
        self.reached.set()
        self.opened.wait()
        return evidence


async def _together(writer: RunWriter, gate: Gate, *results: DeviceResult) -> list[DeviceResult]:
    """Store results that have all come while the disk was busy with another one."""
    first = asyncio.create_task(
        writer.write(outcomes.result("first", status=Status.FAILED, why=outcomes.fault()))
    )
    await asyncio.to_thread(gate.reached.wait)
    others = [asyncio.create_task(writer.write(result)) for result in results]
    await asyncio.sleep(0)
    gate.opened.set()
    await first
    return [await other for other in others]


async def test_those_that_wait_share_the_flushes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate()
    async with await RunWriter.create(tmp_path, samples.header(), redact=gate) as writer:
        flushed: list[int] = []
        flush = os.fsync

        def counted(handle: int) -> None:
            if gate.opened.is_set():
                flushed.append(handle)
            flush(handle)

        monkeypatch.setattr(os, "fsync", counted)
        results = [outcomes.result(f"r{n}", outcomes.good("show x", b"x")) for n in range(WAITING)]
        recorded = await _together(writer, gate, *results)
        monkeypatch.undo()
        assert recorded == results
        assert [row["name"] for row in read_journal(writer.folder)] == ["first", "r0", "r1", "r2"]
    of_the_first = 4  # its evidence, the folder of that, the folder of all such, its line
    of_all = 2  # the folder of devices, their lines
    assert len(flushed) == of_the_first + 2 * WAITING + of_all


async def test_one_that_cannot_be_stored_fails_alone(tmp_path: Path) -> None:
    gate = Gate()
    async with await RunWriter.create(tmp_path, samples.header(), redact=gate) as writer:
        (writer.folder / "devices" / "r1").write_text("in the way")
        results = [outcomes.result(f"r{n}", outcomes.good("show x", b"x")) for n in range(WAITING)]
        recorded = await _together(writer, gate, *results)
        assert [each.status for each in recorded] == [Status.OK, Status.FAILED, Status.OK]
        assert recorded[1].fault is not None
        assert recorded[1].fault.fault_class is FaultClass.STORAGE
        assert (writer.folder / "devices" / "r2" / "show_x.txt").read_bytes() == b"x"


async def test_a_device_with_more_outputs_than_may_be_open_is_stored_whole(tmp_path: Path) -> None:
    commands = [outcomes.good(f"show {n}", b"%d" % n) for n in range(2 * OPEN_AT_ONCE + 1)]
    async with await RunWriter.create(tmp_path, samples.header()) as writer:
        await writer.write(outcomes.result("r1", *commands))
        folder = writer.folder / "devices" / "r1"
        texts = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert texts == {f"show_{n}.txt": b"%d" % n for n in range(2 * OPEN_AT_ONCE + 1)}
