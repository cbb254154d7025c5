"""A whole run: the folder, the journal and the manifest as other programs read them."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import stat
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from store import samples
from support import outcomes
from support.outcomes import STARTED

from collector.errors import Exit, InputError
from collector.model import Change, CommandResult, DeviceResult, Proof, ProofLevel, Status
from collector.store import RunWriter, latest_run, read_journal, read_manifest

VERSION = outcomes.good("show version", b"FRRouting 10.2\n")
ROUTES = outcomes.good("show ip route", b"C>* 127.0.0.0/8 is directly connected, lo\n")


async def _run(
    output: Path, *results: DeviceResult, order: Sequence[str] = (), interrupted: bool = False
) -> Path:
    async with await RunWriter.create(output, samples.header(order)) as writer:
        for result in results:
            await writer.write(result)
        await writer.finish(samples.end(interrupted=interrupted))
        return writer.folder


def _files(folder: Path) -> list[str]:
    return sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()
    )


async def test_the_run_folder_holds_what_the_contract_names(tmp_path: Path) -> None:
    run = await _run(
        tmp_path,
        outcomes.result("r1", VERSION, ROUTES),
        outcomes.result("r2", status=Status.FAILED, why=outcomes.fault()),
    )

    assert re.fullmatch(r"20260301T070509Z-[0-9a-f]{6}", run.name)
    assert _files(run) == [
        "devices/r1/show_ip_route.txt",
        "devices/r1/show_version.txt",
        "failures/r2/session.log",
        "journal.jsonl",
        "manifest.json",
        "run.json",
    ]
    assert (run / "devices/r1/show_version.txt").read_bytes() == VERSION.output


async def test_every_folder_is_0700_and_every_file_0600(tmp_path: Path) -> None:
    output = tmp_path / "new" / "output"
    run = await _run(
        output, outcomes.result("r1", VERSION, outcomes.rejected("x"), status=Status.PARTIAL)
    )

    modes = {
        path: stat.S_IMODE(path.lstat().st_mode)
        for path in (output, *output.rglob("*"))
        if not path.is_symlink()
    }
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}
    assert {mode for path, mode in modes.items() if path.is_file()} == {0o600}
    assert run / "failures/r1/session.log" in modes


async def test_the_manifest_has_the_names_of_the_contract(tmp_path: Path) -> None:
    whole = replace(VERSION, proofs=(Proof.PROBE, Proof.SIZE), notes=("prompt changed",))
    device = replace(outcomes.result("r1").device, proof=ProofLevel.PROMPT)
    result = replace(outcomes.result("r1", whole), device=device, attempts=2)
    run = await _run(tmp_path, result)

    assert read_manifest(run) == {
        "schema": 1,
        "run_id": run.name,
        "started": "2026-03-01T07:05:09.000Z",
        "finished": "2026-03-01T07:05:12.500Z",
        "duration_s": 3.5,
        "state": "finished",
        "exit_status": 0,
        "job": "backup",
        "versions": {"collector": "0.1.0", "python": "3.11.7"},
        "settings_digest": "5e" * 32,
        "inventory_digest": "1d" * 32,
        "selection": {"limit": ["site=ams"], "devices": 3},
        "totals": {"ok": 1, "partial": 0, "failed": 0, "skipped": 0, "cancelled": 0},
        "devices": [
            {
                "name": "r1",
                "host": "127.0.0.1",
                "port": 2201,
                "transport": "ssh",
                "platform": "linux",
                "jump": [],
                "groups": ["ams"],
                "status": "ok",
                "class": None,
                "phase": None,
                "message": None,
                "attempts": 2,
                "duration_s": 1.5,
                "started": "2026-03-01T07:05:09.000Z",
                "proof_level": "prompt",
                "ssh_profile": "default",
                "algorithms": None,
                "change": None,
                "backup_files": [],
                "fallback": None,
                "commands": [
                    {
                        "command": "show version",
                        "status": "ok",
                        "class": None,
                        "phase": None,
                        "message": None,
                        "file": "devices/r1/show_version.txt",
                        "bytes": 15,
                        "sha256": hashlib.sha256(VERSION.output).hexdigest(),
                        "encoding": "utf-8",
                        "proofs": ["probe", "size"],
                        "notes": ["prompt changed"],
                        "attempts": 1,
                        "duration_s": 0.25,
                    }
                ],
            }
        ],
    }


async def test_only_a_good_output_has_a_file(tmp_path: Path) -> None:
    bad = outcomes.rejected("show nonsense")
    run = await _run(
        tmp_path, outcomes.result("r1", bad, VERSION, status=Status.PARTIAL, why=bad.fault)
    )

    [device] = read_manifest(run)["devices"]
    refused, kept = device["commands"]
    assert (device["status"], device["class"]) == ("partial", "rejected")
    assert (refused["status"], refused["class"], refused["phase"]) == (
        "rejected",
        "rejected",
        "command",
    )
    assert [refused[key] for key in ("file", "bytes", "sha256", "encoding")] == [None] * 4
    assert kept["file"] == "devices/r1/show_version.txt"
    assert _files(run / "devices") == ["r1/show_version.txt"]


async def test_a_file_has_its_name_whichever_other_command_failed(tmp_path: Path) -> None:
    alike = "show ip route 10.0.0.0/8", "show ip route 10.0.0.0 8"
    good = [outcomes.good(command, b"C>* 10.0.0.0/8\n") for command in alike]
    whole = await _run(tmp_path, outcomes.result("r1", *good))
    part = await _run(tmp_path, outcomes.result("r1", outcomes.rejected(alike[0]), good[1]))

    names = [
        [command["file"] for run in read_manifest(folder)["devices"] for command in run["commands"]]
        for folder in (whole, part)
    ]
    assert names[0][1] == names[1][1]


async def test_an_empty_good_output_has_an_empty_file(tmp_path: Path) -> None:
    run = await _run(tmp_path, outcomes.result("r1", outcomes.good("show logging", b"")))

    [device] = read_manifest(run)["devices"]
    assert device["commands"][0]["bytes"] == 0
    assert (run / "devices/r1/show_logging.txt").read_bytes() == b""


async def test_the_manifest_follows_the_inventory_and_counts_every_status(tmp_path: Path) -> None:
    results = [outcomes.result(f"d-{status}", status=status) for status in Status]
    order = ["d-cancelled", "not-heard-of", "d-ok", "d-skipped"]
    run = await _run(tmp_path, *results, order=order)

    manifest = read_manifest(run)
    assert [device["name"] for device in manifest["devices"]] == [
        "d-cancelled",
        "d-ok",
        "d-skipped",
        "d-partial",
        "d-failed",
    ]
    assert manifest["totals"] == {status.value: 1 for status in Status}


async def test_the_manifest_has_a_line_per_device(tmp_path: Path) -> None:
    names = ["r1", "r2", "r3"]
    run = await _run(tmp_path, *(outcomes.result(name) for name in names))

    lines = (run / "manifest.json").read_text().splitlines()
    rows = [json.loads(line.strip().rstrip(",")) for line in lines if '"proof_level"' in line]
    assert [row["name"] for row in rows] == names


async def test_a_run_of_no_device_has_a_manifest(tmp_path: Path) -> None:
    assert read_manifest(await _run(tmp_path))["devices"] == []


async def test_text_that_is_no_text_is_kept_readable(tmp_path: Path) -> None:
    message = 'a "quote", a\nline, \u2028, \udcff and \N{SNOWMAN}'
    result = outcomes.result("r1", status=Status.FAILED, why=outcomes.fault(message=message))
    run = await _run(tmp_path, result)

    assert read_manifest(run)["devices"][0]["message"] == message
    assert len((run / "journal.jsonl").read_bytes().splitlines()) == 1


async def test_the_journal_has_a_line_as_soon_as_a_device_is_written(tmp_path: Path) -> None:
    async with await RunWriter.create(tmp_path, samples.header()) as writer:
        assert list(read_journal(writer.folder)) == []
        await writer.write(outcomes.result("r1", VERSION))
        await writer.write(outcomes.result("r2"))

        rows = list(read_journal(writer.folder))
        assert [row["name"] for row in rows] == ["r1", "r2"]
        assert rows[0]["commands"][0]["file"] == "devices/r1/show_version.txt"


async def test_a_torn_last_line_is_passed_over_and_a_damaged_one_named(tmp_path: Path) -> None:
    run = await _run(tmp_path, outcomes.result("r1"), outcomes.result("r2"))
    journal = run / "journal.jsonl"
    whole = journal.read_bytes()

    journal.write_bytes(whole[:-10])
    assert [row["name"] for row in read_journal(run)] == ["r1"]

    journal.write_bytes(whole[:20] + b"\0" + whole[21:])
    with pytest.raises(InputError, match=r"journal\.jsonl:1: expected a JSON object"):
        list(read_journal(run))


async def test_a_device_written_twice_counts_once_as_it_was_last(tmp_path: Path) -> None:
    first = outcomes.result("r1", VERSION, ROUTES)
    run = await _run(tmp_path, first, outcomes.result("r1", ROUTES))

    manifest = read_manifest(run)
    assert manifest["totals"]["ok"] == 1
    assert len(manifest["devices"][0]["commands"]) == 1
    assert _files(run / "devices") == ["r1/show_ip_route.txt"]


async def test_latest_points_at_the_newest_run_that_ran_to_its_end(tmp_path: Path) -> None:
    assert latest_run(tmp_path) is None
    await _run(tmp_path, interrupted=True)
    assert latest_run(tmp_path) is None

    first = await _run(tmp_path)
    await _run(tmp_path, interrupted=True)
    assert latest_run(tmp_path) == first
    assert os.readlink(tmp_path / "runs" / "latest") == first.name

    second = await _run(tmp_path)
    assert latest_run(tmp_path) == second


async def test_an_interrupted_run_says_so(tmp_path: Path) -> None:
    run = await _run(tmp_path, outcomes.result("r1", VERSION), interrupted=True)

    manifest = read_manifest(run)
    assert manifest["state"] == "interrupted"
    assert manifest["totals"]["ok"] == 1


@pytest.mark.parametrize("target", ["latest", "absent", "other"])
def test_a_latest_that_leads_nowhere_is_no_run(tmp_path: Path, target: str) -> None:
    (tmp_path / "runs" / "other").mkdir(parents=True)
    (tmp_path / "runs" / "latest").symlink_to(target)

    assert latest_run(tmp_path) is None


async def test_what_did_not_change_is_linked_to_the_last_run(tmp_path: Path) -> None:
    first = await _run(tmp_path, outcomes.result("r1", VERSION, ROUTES))
    changed = replace(ROUTES, output=ROUTES.output + b"one more\n")
    second = await _run(tmp_path, outcomes.result("r1", VERSION, changed))

    assert (second / "devices/r1/show_version.txt").samefile(first / "devices/r1/show_version.txt")
    assert (second / "devices/r1/show_ip_route.txt").read_bytes() == changed.output
    assert (first / "devices/r1/show_ip_route.txt").read_bytes() == ROUTES.output


async def _at(output: Path, hours: int, *commands: CommandResult, change: Change | None) -> Path:
    """Write a run, so many hours after the first, in which r1 gave these outputs."""
    head = replace(samples.header(["r1"]), started=STARTED + timedelta(hours=hours))
    async with await RunWriter.create(output, head) as writer:
        await writer.write(replace(outcomes.result("r1", *commands), change=change))
        await writer.finish(samples.end())
        return writer.folder


@pytest.mark.parametrize("sweeps", [1, 40])
async def test_a_sweep_between_two_backups_costs_no_second_copy(
    tmp_path: Path, sweeps: int
) -> None:
    first = await _at(tmp_path, 0, VERSION, change=Change.NEW)
    for hour in range(sweeps):
        await _at(tmp_path, 1 + hour, ROUTES, change=None)
    second = await _at(tmp_path, 50, VERSION, change=Change.UNCHANGED)

    stored = second / "devices/r1/show_version.txt"
    assert stored.samefile(first / "devices/r1/show_version.txt")
    assert stored.read_bytes() == VERSION.output


async def test_of_several_runs_the_newest_one_that_has_it_is_compared(tmp_path: Path) -> None:
    other = replace(VERSION, output=b"FRRouting 10.3\n")
    await _at(tmp_path, 0, VERSION, change=Change.NEW)
    newer = await _at(tmp_path, 1, other, change=Change.CHANGED)
    await _at(tmp_path, 2, ROUTES, change=None)
    last = await _at(tmp_path, 3, VERSION, ROUTES, change=Change.CHANGED)
    await _at(tmp_path, 4, ROUTES, change=None)
    again = await _at(tmp_path, 5, VERSION, change=Change.UNCHANGED)

    place = "devices/r1/show_version.txt"
    assert (newer / place).read_bytes() == other.output
    assert (last / place).read_bytes() == VERSION.output
    assert (again / place).samefile(last / place)


async def test_a_copy_further_back_that_was_edited_is_not_linked(tmp_path: Path) -> None:
    first = await _at(tmp_path, 0, VERSION, change=Change.NEW)
    await _at(tmp_path, 1, ROUTES, change=None)
    copy = first / "devices/r1/show_version.txt"
    copy.chmod(0o640)  # others may have it open, and write to it
    second = await _at(tmp_path, 2, VERSION, change=Change.UNCHANGED)
    assert not (second / "devices/r1/show_version.txt").samefile(copy)


async def test_a_damaged_old_output_is_not_linked(tmp_path: Path) -> None:
    first = await _run(tmp_path, outcomes.result("r1", VERSION))
    (first / "devices/r1/show_version.txt").write_bytes(b"FRRouting 1O.2\n")
    second = await _run(tmp_path, outcomes.result("r1", VERSION))

    stored = second / "devices/r1/show_version.txt"
    assert stored.read_bytes() == VERSION.output
    assert stored.stat().st_nlink == 1


async def test_foreign_files_in_the_output_folder_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / ".gitkeep").touch()
    (tmp_path / "runs" / "notes").mkdir(parents=True)
    (tmp_path / "runs" / "notes" / "a.md").write_text("mine")
    await _run(tmp_path, outcomes.result("r1", VERSION))

    assert (tmp_path / ".gitkeep").exists()
    assert (tmp_path / "runs" / "notes" / "a.md").read_text() == "mine"


async def test_two_runs_in_one_second_have_their_own_folders(tmp_path: Path) -> None:
    assert await _run(tmp_path) != await _run(tmp_path)


async def test_run_json_tells_of_a_run_before_its_end(tmp_path: Path) -> None:
    async with await RunWriter.create(tmp_path, samples.header()) as writer:
        started = json.loads((writer.folder / "run.json").read_text())
        assert started["run_id"] == writer.run_id == writer.folder.name
        assert started["job"] == "backup"
        with pytest.raises(InputError, match="the run has not ended"):
            read_manifest(writer.folder)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"\xff", b'{"schema": 2}'], ids=repr)
def test_a_foreign_manifest_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "manifest.json").write_bytes(content)

    with pytest.raises(InputError, match="expected") as caught:
        read_manifest(tmp_path)
    assert "\n" not in str(caught.value)


async def test_the_session_of_a_failed_device_is_kept_without_its_secrets(tmp_path: Path) -> None:
    result = outcomes.result(
        "r1",
        outcomes.rejected("show x", b"% Invalid input: hunter2\n"),
        status=Status.FAILED,
        why=outcomes.fault(message="said hunter2\nand left"),
        evidence=b"r1# hunter2\r\nbye",
    )
    writer = await RunWriter.create(
        tmp_path, samples.header(), redact=lambda text: text.replace(b"hunter2", b"***")
    )
    async with writer:
        await writer.write(result)
        log = (writer.folder / "failures/r1/session.log").read_bytes()

    assert log.decode().splitlines() == [
        "device: r1",
        "host: 127.0.0.1 port 2201",
        "platform: linux",
        "status: failed",
        "class: timeout",
        "phase: command",
        "message: said *** and left",
        "hint: raise timeouts",
        "time: 2026-03-01T07:05:10.500Z",
        "command: show x: rejected: rejected: % Invalid input detected",
        "",
        "--- show x ---",
        "% Invalid input: ***",
        "",
        "--- last of the session ---",
        "r1# ***",
        "bye",
    ]


async def test_the_last_of_a_long_session_is_kept_and_no_half_secret(tmp_path: Path) -> None:
    tail = b"." * (64 * 1024 - 3)
    writer = await RunWriter.create(
        tmp_path, samples.header(), redact=lambda text: text.replace(b"hunter2", b"***")
    )
    async with writer:
        await writer.write(
            outcomes.result("r1", status=Status.FAILED, evidence=b"begin hunter2" + tail)
        )
        log = (writer.folder / "failures/r1/session.log").read_bytes()

    assert log.endswith(b"\n\n***" + tail)


@pytest.mark.parametrize("status", [Status.OK, Status.SKIPPED, Status.CANCELLED])
async def test_a_device_that_did_not_fail_has_no_session(tmp_path: Path, status: Status) -> None:
    run = await _run(tmp_path, outcomes.result("r1", status=status, evidence=b"seen"))

    assert not (run / "failures").exists()


async def test_nothing_is_written_to_a_run_that_has_ended(tmp_path: Path) -> None:
    async with await RunWriter.create(tmp_path, samples.header()) as writer:
        manifest = await writer.finish(samples.end(Exit.SOME_FAILED))
        assert manifest == writer.folder / "manifest.json"

        with pytest.raises(RuntimeError, match="ended"):
            await writer.write(outcomes.result("r1"))
        with pytest.raises(RuntimeError, match="ended"):
            await writer.finish(samples.end())
    assert read_manifest(writer.folder)["exit_status"] == 3


async def test_many_devices_at_once_each_have_their_own_files(tmp_path: Path) -> None:
    def outputs(number: int) -> tuple[CommandResult, ...]:
        return tuple(
            outcomes.good(f"show {part}", f"{number} {part}".encode()) for part in range(3)
        )

    names = [f"r{number}" for number in range(60)]
    async with await RunWriter.create(tmp_path, samples.header(names)) as writer:
        async with asyncio.TaskGroup() as group:
            for number, name in enumerate(names):
                group.create_task(writer.write(outcomes.result(name, *outputs(number))))
        await writer.finish(samples.end())

    devices = read_manifest(writer.folder)["devices"]
    assert [device["name"] for device in devices] == names
    for number, device in enumerate(devices):
        for part, command in enumerate(device["commands"]):
            assert command["file"]
            content = (writer.folder / command["file"]).read_bytes()
            assert content == f"{number} {part}".encode()
            assert hashlib.sha256(content).hexdigest() == command["sha256"]
