"""A run that was killed is taken up again, in its own folder and under the lock."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from store import samples
from support import outcomes

from collector.errors import InputError, LockedError
from collector.model import Status
from collector.store import RunWriter, find_run, latest_run, read_journal, read_manifest, read_run
from collector.store.verification import Verification

VERSION = outcomes.good("show version", b"FRRouting 10.2\n")
ROUTES = outcomes.good("show ip route", b"C>* 127.0.0.0/8\n")
HEADER = samples.header(["r1", "r2", "r3"])
LATER = replace(HEADER, started=outcomes.STARTED + timedelta(hours=1), inventory_digest="2e" * 32)


async def killed(output: Path) -> Path:
    """Leave a run as a kill does: r1 good, r2 failed, r3 half written and not in the journal."""
    async with await RunWriter.create(output, HEADER) as writer:
        await writer.write(outcomes.result("r1", VERSION))
        await writer.write(outcomes.result("r2", VERSION, ROUTES, status=Status.PARTIAL))
        run = writer.folder
    (run / "devices/r3").mkdir(mode=0o700)
    (run / "devices/r3/show_version.txt").write_text("FRR")
    (run / ".0123456789abcdef.tmp").write_text('{"schema"')
    with (run / "journal.jsonl").open("a") as journal:
        journal.write('{"name": "r3", "stat')
    return run


async def resume(run: Path, asked: Collection[str] = ("r2", "r3")) -> RunWriter:
    return await RunWriter.resume(run, LATER, asked=asked)


def files(run: Path) -> list[str]:
    return sorted(p.relative_to(run).as_posix() for p in run.rglob("*") if p.is_file())


async def test_the_manifest_covers_what_came_before_and_after(tmp_path: Path) -> None:
    run = await killed(tmp_path)
    async with await resume(run) as writer:
        await writer.write(outcomes.result("r3", VERSION))
        await writer.write(outcomes.result("r2", VERSION))
        await writer.finish(samples.end())

    manifest = read_manifest(run)
    assert [row["name"] for row in manifest["devices"]] == ["r1", "r2", "r3"]
    assert manifest["totals"]["ok"] == 3
    assert manifest["started"] == "2026-03-01T07:05:09.000Z"
    assert manifest["resumed"] == [
        {
            "at": "2026-03-01T08:05:09.000Z",
            "settings_digest": "5e" * 32,
            "inventory_digest": "2e" * 32,
        }
    ]
    assert latest_run(tmp_path) == run
    assert files(run) == [
        *(f"devices/r{number}/show_version.txt" for number in (1, 2, 3)),
        "journal.jsonl",
        "manifest.json",
        "run.json",
    ]


async def test_what_the_kill_left_is_gone_before_anything_is_asked(tmp_path: Path) -> None:
    run = await killed(tmp_path)
    async with await resume(run):
        assert files(run) == ["devices/r1/show_version.txt", "journal.jsonl", "run.json"]
        assert [row["name"] for row in read_journal(run)] == ["r1"]


async def test_a_device_that_is_not_asked_again_keeps_its_row(tmp_path: Path) -> None:
    run = await killed(tmp_path)
    before = list(read_journal(run))
    async with await resume(run, asked=["r3"]) as writer:
        await writer.finish(samples.end())

    assert read_manifest(run)["devices"] == before
    assert list(Verification().verify(run)) == []


async def test_a_run_may_be_killed_and_resumed_again(tmp_path: Path) -> None:
    run = await killed(tmp_path)
    for asked in (["r2", "r3"], ["r2", "r3"], ["r2"]):
        async with await resume(run, asked) as writer:
            if len(asked) == 2:
                await writer.write(outcomes.result("r3", VERSION))

    assert [row["name"] for row in read_journal(run)] == ["r1", "r3"]
    assert len(read_run(run).get("resumed", ())) == 3


async def test_an_ended_run_stands_as_it_is(tmp_path: Path) -> None:
    async with await RunWriter.create(tmp_path, HEADER) as writer:
        await writer.write(outcomes.result("r1", VERSION))
        await writer.finish(samples.end())
    before = {path: (writer.folder / path).read_bytes() for path in files(writer.folder)}

    with pytest.raises(InputError, match="has ended"):
        await resume(writer.folder, ["r1"])
    assert {path: (writer.folder / path).read_bytes() for path in files(writer.folder)} == before


async def test_a_run_that_is_being_written_is_not_touched(tmp_path: Path) -> None:
    async with await RunWriter.create(tmp_path, HEADER) as writer:
        await writer.write(outcomes.result("r1", VERSION))
        with pytest.raises(LockedError, match="another run holds this folder: pid"):
            await resume(writer.folder, ["r1"])
        assert "devices/r1/show_version.txt" in files(writer.folder)


async def test_a_journal_damaged_in_its_middle_is_told_and_left_alone(tmp_path: Path) -> None:
    run = await killed(tmp_path)
    journal = run / "journal.jsonl"
    journal.write_bytes(b'{"name": \n' + journal.read_bytes())
    damaged = journal.read_bytes()

    with pytest.raises(InputError, match=r"journal\.jsonl:1: expected a JSON object"):
        await resume(run)
    assert journal.read_bytes() == damaged


async def test_a_run_says_from_its_start_what_is_to_be_done(tmp_path: Path) -> None:
    header = replace(HEADER, inventory="/inv/lab.yaml", commands={"linux": ("show version",)})
    async with await RunWriter.create(tmp_path, header) as writer:
        row = read_run(writer.folder)

    assert row["planned"] == ["r1", "r2", "r3"]
    assert row["commands"] == {"linux": ["show version"]}
    assert row["inventory"] == "/inv/lab.yaml"


async def test_a_run_folder_has_its_name_only_when_it_is_complete(tmp_path: Path) -> None:
    unborn = tmp_path / "runs/.new-20260301T070509Z-1f9c3a"
    unborn.mkdir(parents=True)
    (unborn / "run.json").write_text("{")

    async with await RunWriter.create(tmp_path, HEADER) as writer:
        assert not unborn.exists()
        assert find_run(tmp_path, "latest").folder == writer.folder


async def test_latest_is_the_newest_run_or_the_newest_that_has_ended(tmp_path: Path) -> None:
    async with await RunWriter.create(tmp_path, HEADER) as writer:
        await writer.finish(samples.end(interrupted=True))
    async with await RunWriter.create(tmp_path, LATER) as later:
        pass

    newest, ended = find_run(tmp_path, "latest"), find_run(tmp_path, "latest", ended=True)
    assert (newest.folder, newest.state) == (later.folder, "unfinished")
    assert (ended.folder, ended.state) == (writer.folder, "interrupted")
    assert find_run(tmp_path, str(later.folder)).run_id == later.run_id
    assert find_run(tmp_path, later.run_id).output == tmp_path


@pytest.mark.parametrize("name", ["nonsense", "", ".", "..", "/", "../..", "runs/../..", "latest"])
def test_a_run_that_is_not_there_is_one_line(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError) as caught:
        find_run(tmp_path, name)
    assert "\n" not in str(caught.value)


def test_a_folder_elsewhere_is_no_run(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(InputError, match="no such run"):
        find_run(tmp_path, str(tmp_path))


@pytest.mark.parametrize("content", ["", "{}", "[]", "{", '{"schema": 2}'])
def test_a_run_json_that_is_none_is_one_line(tmp_path: Path, content: str) -> None:
    (tmp_path / "run.json").write_text(content)
    with pytest.raises(InputError, match=r"run\.json"):
        read_run(tmp_path)
