"""A cancelled caller loses nothing that was handed over, and leaves nothing locked."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from store import samples
from support import outcomes

from collector.model import DeviceResult, Status
from collector.store import RunWriter, read_journal, read_manifest

FAILED = outcomes.result("r1", status=Status.FAILED, why=outcomes.fault())


class Gate:
    """Holds every thread that redacts until it is opened: a disk as slow as the test needs it."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.opened = threading.Event()

    def __call__(self, evidence: bytes) -> bytes:
        self.reached.set()
        self.opened.wait()
        return evidence


@asynccontextmanager
async def _cancelled(writer: RunWriter, gate: Gate, *results: DeviceResult) -> AsyncIterator[None]:
    """Hand over results, cancel the callers while the disk is busy; let it go on at the end."""
    try:
        callers = [asyncio.create_task(writer.write(result)) for result in results]
        await asyncio.to_thread(gate.reached.wait)
        for caller in callers:
            caller.cancel()
        ends = await asyncio.gather(*callers, return_exceptions=True)
        assert all(isinstance(end, asyncio.CancelledError) for end in ends)
        yield
    finally:
        gate.opened.set()


async def test_a_cancelled_write_is_in_the_manifest(tmp_path: Path) -> None:
    gate = Gate()
    writer = await RunWriter.create(tmp_path, samples.header(), redact=gate)
    # More than there are threads: the last ones wait in line when they are cancelled.
    results = [outcomes.result(f"r{n}", status=Status.FAILED) for n in range(9)]
    async with _cancelled(writer, gate, *results):
        finishing = asyncio.create_task(writer.finish(samples.end(130, interrupted=True)))
        await asyncio.sleep(0)
    await finishing

    manifest = read_manifest(writer.folder)
    assert manifest["totals"]["failed"] == 9
    assert manifest["exit_status"] == 130


async def test_a_cancelled_finish_still_writes_the_manifest(tmp_path: Path) -> None:
    gate = Gate()
    writer = await RunWriter.create(tmp_path, samples.header(), redact=gate)
    async with writer, _cancelled(writer, gate, FAILED):
        finishing = asyncio.create_task(writer.finish(samples.end()))
        await asyncio.sleep(0)
        finishing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await finishing

    assert read_manifest(writer.folder)["totals"]["failed"] == 1
    await (await RunWriter.create(tmp_path, samples.header())).close()


async def test_a_run_that_is_left_has_its_journal_and_no_manifest(tmp_path: Path) -> None:
    async def leave() -> None:
        async with await RunWriter.create(tmp_path, samples.header()) as writer:
            folders.append(writer.folder)
            await writer.write(FAILED)
            raise asyncio.CancelledError

    folders: list[Path] = []
    with pytest.raises(asyncio.CancelledError):
        await leave()

    assert [row["name"] for row in read_journal(folders[0])] == ["r1"]
    assert not (folders[0] / "manifest.json").exists()
    await (await RunWriter.create(tmp_path, samples.header())).close()


async def test_a_cancelled_create_leaves_the_folder_unlocked(tmp_path: Path) -> None:
    creating = asyncio.create_task(RunWriter.create(tmp_path, samples.header()))
    await asyncio.sleep(0)
    creating.cancel()
    with pytest.raises(asyncio.CancelledError):
        await creating

    await (await RunWriter.create(tmp_path, samples.header())).close()


async def test_no_thread_outlives_a_run(tmp_path: Path) -> None:
    async with await RunWriter.create(tmp_path, samples.header()) as writer:
        await writer.write(FAILED)
        assert [thread for thread in threading.enumerate() if thread.name.startswith("store")]
        await writer.finish(samples.end())

    assert not [thread for thread in threading.enumerate() if thread.name.startswith("store")]


async def test_a_full_default_executor_does_not_hold_up_the_writes(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    hung = threading.Event()
    waiting = [loop.run_in_executor(None, hung.wait) for _ in range(64)]
    try:
        async with await RunWriter.create(tmp_path, samples.header()) as writer:
            await writer.write(FAILED)
            await writer.finish(samples.end())
    finally:
        hung.set()
        await asyncio.gather(*waiting)

    assert read_manifest(writer.folder)["totals"]["failed"] == 1
