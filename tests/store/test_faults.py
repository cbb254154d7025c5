"""Disks that are full, read-only or in the way: the cause in one line, the others go on."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from store import samples
from support import outcomes

from collector.errors import Exit, StorageError
from collector.model import CommandStatus, FaultClass, Phase, Status
from collector.store import RunWriter, latest_run, read_journal, read_manifest

Program = Callable[..., tuple[list[str], dict[str, str]]]

VERSION = outcomes.good("show version", b"FRRouting 10.2\n")
ROUTES = outcomes.good("show ip route", b"C>* 127.0.0.0/8\n")
OK = ["ok"]


@cache
def _private_mounts() -> bool:
    probe = ["unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    try:
        return subprocess.run(probe, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


@pytest.fixture
def on_disk(program: Program, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Run ``one_run.py`` on a small file system that only it can see."""
    if not _private_mounts():
        pytest.skip("mounting a small disk is not permitted here (unshare -rm mount)")
    script = 'mount -t tmpfs -o "$1" tmpfs "$2" && shift 2 && exec "$@"'

    def start(options: str, *arguments: object) -> dict[str, Any]:
        command, environment = program("one_run.py", tmp_path, *arguments)
        mounted = ["unshare", "-rm", "sh", "-c", script, "sh", options, str(tmp_path), *command]
        return _told(mounted, environment)

    return start


def _told(command: list[str], environment: dict[str, str]) -> dict[str, Any]:
    done = subprocess.run(command, env=environment, capture_output=True, check=True, text=True)
    assert done.stderr == ""
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def _entries(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_an_output_that_does_not_fit_fails_alone(on_disk: Callable[..., dict[str, Any]]) -> None:
    told = on_disk("size=1m", "no", 200_000, 5_000_000, 200_000)

    assert told["recorded"] == [
        OK,
        [
            "failed",
            "storage",
            "store",
            "could not be stored: No space left on device: devices/r1/show.txt",
        ],
        OK,
    ]
    assert told["manifest"]["exit_status"] == 6
    assert told["manifest"]["totals"]["ok"] == 2
    assert "r1: could not be stored: No space left on device" in told["error"]
    assert [file for file in told["files"] if "tmp" in file] == []


def test_rows_that_a_full_disk_refused_are_written_when_there_is_room(
    on_disk: Callable[..., dict[str, Any]],
) -> None:
    told = on_disk("size=1m", "while", 20_000, 20_000)

    assert [result[:3] for result in told["recorded"]] == [["failed", "storage", "store"]] * 2
    assert [device["name"] for device in told["manifest"]["devices"]] == ["r0", "r1"]
    assert told["manifest"]["totals"]["failed"] == 2
    assert told["manifest"]["exit_status"] == 6


def test_a_disk_that_stays_full_is_told_in_one_line(
    on_disk: Callable[..., dict[str, Any]],
) -> None:
    told = on_disk("size=1m", "on", 20_000)

    assert told["manifest"] == 0
    assert "cannot write the manifest" in told["error"]
    assert "No space left on device" in told["error"]
    assert "free some space" in told["error"]
    assert "\n" not in told["error"]


def test_a_read_only_disk_is_refused_before_anything_is_written(
    on_disk: Callable[..., dict[str, Any]],
) -> None:
    told = on_disk("size=1m,ro", "no", 20_000)

    assert "Read-only file system" in told["refused"]
    assert "\n" not in told["refused"]


def test_a_file_too_large_for_its_limit_fails_alone(program: Program, tmp_path: Path) -> None:
    command, environment = program("one_run.py", tmp_path, "no", 200_000, 5_000_000, 200_000)
    limited = ["sh", "-c", 'ulimit -f 1000 && exec "$@"', "sh", *command]
    told = _told(limited, environment)

    assert [result[0] for result in told["recorded"]] == ["ok", "failed", "ok"]
    assert "File too large" in told["error"]


async def test_one_output_of_two_that_fails_makes_the_device_partial(tmp_path: Path) -> None:
    writer = await RunWriter.create(tmp_path, samples.header())
    async with writer:
        (writer.folder / "devices/r1/show_version.txt").mkdir(parents=True)
        recorded = await writer.write(outcomes.result("r1", VERSION, ROUTES))
        assert writer.problems == 1
        with pytest.raises(StorageError) as caught:
            await writer.finish(samples.end())

    assert recorded.status is Status.PARTIAL
    assert [command.status for command in recorded.commands] == [
        CommandStatus.FAILED,
        CommandStatus.OK,
    ]
    assert recorded.fault is not None
    assert (recorded.fault.fault_class, recorded.fault.phase) == (FaultClass.STORAGE, Phase.STORE)
    assert caught.value.exit_status == Exit.STORAGE
    assert str(caught.value) == (
        f"{writer.folder}: r1: could not be stored: Is a directory: devices/r1/show_version.txt"
    )
    [row] = read_manifest(writer.folder)["devices"]
    assert (row["status"], row["class"]) == ("partial", "storage")
    assert [command["file"] for command in row["commands"]] == [
        None,
        "devices/r1/show_ip_route.txt",
    ]


async def test_a_device_that_cannot_be_stored_leaves_the_others_alone(tmp_path: Path) -> None:
    writer = await RunWriter.create(tmp_path, samples.header())
    async with writer:
        (writer.folder / "devices/r1").touch()
        ends = [
            (await writer.write(outcomes.result(name, VERSION))).status for name in ("r1", "r2")
        ]
        rows = list(read_journal(writer.folder))
        with pytest.raises(StorageError, match="Not a folder: devices/r1"):
            await writer.finish(samples.end(Exit.SOME_FAILED))

    assert ends == [Status.FAILED, Status.OK]
    assert [row["class"] for row in rows] == ["storage", None]
    assert read_manifest(writer.folder)["exit_status"] == 6


async def test_a_failed_device_keeps_its_own_class(tmp_path: Path) -> None:
    writer = await RunWriter.create(tmp_path, samples.header())
    result = outcomes.result(
        "r1", VERSION, outcomes.rejected("x"), status=Status.PARTIAL, why=outcomes.fault()
    )
    async with writer:
        (writer.folder / "devices/r1").touch()
        recorded = await writer.write(result)

    assert recorded.status is Status.FAILED
    assert recorded.fault == outcomes.fault()


async def test_evidence_that_cannot_be_written_is_a_problem_of_the_run(tmp_path: Path) -> None:
    writer = await RunWriter.create(tmp_path, samples.header())
    failed = outcomes.result("r1", status=Status.FAILED, why=outcomes.fault())
    async with writer:
        (writer.folder / "failures").touch()
        assert await writer.write(failed) == failed
        with pytest.raises(StorageError, match=r"r1: .*failures/r1/session\.log"):
            await writer.finish(samples.end(Exit.ALL_FAILED))

    assert read_manifest(writer.folder)["exit_status"] == 6


async def test_an_interrupt_is_told_before_a_storage_fault(tmp_path: Path) -> None:
    writer = await RunWriter.create(tmp_path, samples.header())
    async with writer:
        (writer.folder / "devices/r1").touch()
        await writer.write(outcomes.result("r1", VERSION))
        with pytest.raises(StorageError):
            await writer.finish(samples.end(Exit.INTERRUPTED, interrupted=True))

    assert read_manifest(writer.folder)["exit_status"] == 130


@pytest.mark.parametrize("name", ["../x", "a/b", "x" * 300, "", ".."])
async def test_an_unsafe_device_name_writes_nothing(tmp_path: Path, name: str) -> None:
    writer = await RunWriter.create(tmp_path / "output", samples.header())
    async with writer:
        recorded = await writer.write(outcomes.result(name, VERSION))
        await writer.write(outcomes.result(name, status=Status.FAILED, evidence=b"seen"))
        with pytest.raises(StorageError, match="cannot be the name of a folder"):
            await writer.finish(samples.end())

    assert recorded.status is Status.FAILED
    assert _entries(tmp_path) == {"output"}
    assert _entries(writer.folder) == {"devices", "journal.jsonl", "manifest.json", "run.json"}
    assert _entries(writer.folder / "devices") == set()


async def test_a_latest_that_cannot_be_replaced_is_told(tmp_path: Path) -> None:
    (tmp_path / "runs" / "latest").mkdir(parents=True)
    async with await RunWriter.create(tmp_path, samples.header()) as writer:
        with pytest.raises(StorageError, match="latest"):
            await writer.finish(samples.end())

    assert read_manifest(writer.folder)["exit_status"] == 6


@pytest.mark.parametrize("in_the_way", ["output", "output/runs", "output/.lock/x"])
async def test_what_is_in_the_way_of_the_output_is_told_in_one_line(
    tmp_path: Path, in_the_way: str
) -> None:
    (tmp_path / in_the_way).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / in_the_way).touch()

    with pytest.raises(StorageError, match="cannot write to") as caught:
        await RunWriter.create(tmp_path / "output", samples.header())
    assert str(tmp_path / "output") in str(caught.value)
    assert "\n" not in str(caught.value)
    assert latest_run(tmp_path / "output") is None


async def test_a_refused_run_leaves_the_folder_free(tmp_path: Path) -> None:
    (tmp_path / "runs").touch()
    with pytest.raises(StorageError):
        await RunWriter.create(tmp_path, samples.header())
    (tmp_path / "runs").unlink()

    await (await RunWriter.create(tmp_path, samples.header())).close()
