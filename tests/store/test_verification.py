"""What was changed behind a run's back is found, and named by one word."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from store import samples
from support import outcomes

from collector.model import Status
from collector.store import RunWriter
from collector.store.verification import Kind, Verification

VERSION = outcomes.good("show version", b"FRRouting 10.2\n")
ROUTES = outcomes.good("show ip route", b"C>* 127.0.0.0/8\n")
VERSION_FILE = "devices/r1/show_version.txt"


async def stored(output: Path, *, ended: bool = True) -> Path:
    """Write a run of one good device and one that failed."""
    async with await RunWriter.create(output, samples.header()) as writer:
        await writer.write(outcomes.result("r1", VERSION, ROUTES))
        await writer.write(outcomes.result("r2", status=Status.FAILED, why=outcomes.fault()))
        if ended:
            await writer.finish(samples.end())
        return writer.folder


def found(run: Path) -> list[tuple[Kind, str]]:
    return [(finding.kind, finding.path) for finding in Verification().verify(run)]


@pytest.mark.parametrize("ended", [True, False])
async def test_what_is_as_it_was_stored_is_good(tmp_path: Path, ended: bool) -> None:
    run = await stored(tmp_path, ended=ended)
    work = Verification()

    assert list(work.verify(run)) == []
    assert (work.runs, work.outputs, work.good) == (1, 2, True)


@pytest.mark.parametrize("ended", [True, False])
async def test_one_byte_is_enough(tmp_path: Path, ended: bool) -> None:
    run = await stored(tmp_path, ended=ended)
    (run / VERSION_FILE).write_bytes(b"FRRouting 10.3\n")
    work = Verification()

    [finding] = work.verify(run)
    assert (finding.kind, finding.path) == (Kind.DAMAGED, VERSION_FILE)
    assert finding.message.startswith("expected SHA-256 ")
    assert not work.good


async def test_a_file_cut_short_is_told_by_its_size(tmp_path: Path) -> None:
    run = await stored(tmp_path)
    os.truncate(run / VERSION_FILE, 3)

    [finding] = Verification().verify(run)
    assert finding.message == "expected 15 bytes, found 3"


async def test_a_file_that_is_gone_is_missing(tmp_path: Path) -> None:
    run = await stored(tmp_path)
    (run / VERSION_FILE).unlink()

    assert found(run) == [(Kind.MISSING, VERSION_FILE)]


async def test_what_nobody_stored_is_foreign_and_no_damage(tmp_path: Path) -> None:
    run = await stored(tmp_path)
    (run / "devices/r1/notes.txt").write_text("mine")
    (run / "devices/r9").mkdir()
    work = Verification()

    told = {(finding.kind, finding.path) for finding in work.verify(run)}
    assert told == {(Kind.FOREIGN, "devices/r1/notes.txt"), (Kind.FOREIGN, "devices/r9")}
    assert work.good


async def test_what_a_kill_leaves_is_not_told(tmp_path: Path) -> None:
    run = await stored(tmp_path, ended=False)
    (run / "devices/r3").mkdir()
    (run / "devices/r3/.0123456789abcdef.tmp").write_text("FRR")

    assert found(run) == []


async def test_a_link_or_a_pipe_in_place_of_a_file_is_damage(tmp_path: Path) -> None:
    run = await stored(tmp_path)
    copy = tmp_path / "copy"
    (run / VERSION_FILE).rename(copy)
    (run / VERSION_FILE).symlink_to(copy)
    routes = run / "devices/r1/show_ip_route.txt"
    routes.unlink()
    os.mkfifo(routes)

    assert [kind for kind, _ in found(run)] == [Kind.DAMAGED, Kind.DAMAGED]


async def test_a_manifest_that_names_other_files_is_not_followed(tmp_path: Path) -> None:
    run = await stored(tmp_path)
    manifest = run / "manifest.json"
    manifest.write_text(manifest.read_text().replace(VERSION_FILE, "devices/r1/../../../x"))

    assert (Kind.DAMAGED, "manifest.json") in found(run)


@pytest.mark.parametrize("keep", [0, 20, 400, 700])
async def test_a_manifest_cut_short_is_damaged(tmp_path: Path, keep: int) -> None:
    run = await stored(tmp_path)
    os.truncate(run / "manifest.json", keep)

    assert [kind for kind, path in found(run) if path == "manifest.json"] == [Kind.DAMAGED]


async def test_runs_that_share_a_file_are_damaged_together(tmp_path: Path) -> None:
    first, second = await stored(tmp_path), await stored(tmp_path)
    assert (first / VERSION_FILE).samefile(second / VERSION_FILE)
    (first / VERSION_FILE).write_bytes(b"FRRouting 10.3\n")
    work = Verification()

    told = [finding.path for run in (first, second) for finding in work.verify(run)]
    assert told == [VERSION_FILE, VERSION_FILE]
    assert (work.runs, work.outputs) == (2, 4)
