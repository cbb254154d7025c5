"""``collector run`` as a process of its own, against emulated devices."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from support.program import NONE, ROOT, collector, ended, start

from collector.errors import Exit
from collector.lab import Lab


def manifest(folder: Path) -> dict[str, Any]:
    """Read the manifest of the only run below a folder."""
    (path,) = folder.glob("output/runs/2*/manifest.json")
    content: dict[str, Any] = json.loads(path.read_bytes())
    return content


def stored(folder: Path, device: str, file: str) -> bytes:
    """Read what the last run stored."""
    return (folder / "output/runs/latest/devices" / device / file).read_bytes()


async def test_a_good_backup_says_nothing_without_a_terminal(lab: Lab, tmp_path: Path) -> None:
    end = await collector("run", "-i", "lab.yaml", "-l", "r1,r2", cwd=tmp_path)

    assert (end.status, end.stdout, end.stderr) == (Exit.OK, b"", "")
    assert stored(tmp_path, "r1", "show_version.txt").decode() == lab.text("r1", "show version")
    assert manifest(tmp_path)["totals"]["ok"] == 2


async def test_an_ad_hoc_sweep_is_stored_and_printed(lab: Lab, tmp_path: Path) -> None:
    end = await collector(
        "run", "-i", "lab.yaml", "-l", "r1", "-c", "show version", "-c", "show clock", cwd=tmp_path
    )

    assert end.stdout.decode() == (
        f"== r1: show version ==\n{lab.text('r1', 'show version')}\n"
        f"== r1: show clock ==\n{lab.text('r1', 'show clock')}\n"
    )
    assert end.stderr == ""
    assert stored(tmp_path, "r1", "show_clock.txt").decode() == lab.text("r1", "show clock")


async def test_a_failure_is_one_short_block_on_standard_error(lab: Lab, tmp_path: Path) -> None:
    end = await collector(
        "run", "-i", "lab.yaml", "-l", "r1,refusing", "-c", "show clock",
        "--format", "jsonl", cwd=tmp_path,
    )  # fmt: skip

    assert end.status == Exit.SOME_FAILED
    rows = {row["name"]: row for row in map(json.loads, end.stdout.splitlines())}
    assert rows["r1"]["output"] == lab.text("r1", "show clock")
    assert rows["refusing"]["class"] == "refused"
    totals, failure, hint, outputs = end.stderr.splitlines()
    assert totals.startswith("2 devices in ")
    assert totals.endswith(" s: 1 ok, 1 failed")
    assert failure.split()[:4] == ["refusing", "failed", "refused", "(connect):"]
    assert hint.lstrip().startswith("next: ")
    assert outputs.startswith("outputs: output/runs/2")


@pytest.mark.parametrize(
    ("number", "exit_status"),
    [
        (signal.SIGINT, Exit.INTERRUPTED),
        (signal.SIGTERM, Exit.TERMINATED),
        (signal.SIGHUP, Exit.HANGUP),
    ],
)
@pytest.mark.usefixtures("hangup_heard")
async def test_a_signal_ends_in_order(
    lab: Lab, tmp_path: Path, number: signal.Signals, exit_status: Exit
) -> None:
    process = await start(
        "run", "-i", "lab.yaml", "-l", "r1,silent", "-c", "show clock", "-f", "jsonl",
        cwd=tmp_path,
    )  # fmt: skip
    assert process.stdout is not None
    first = json.loads(await process.stdout.readline())  # r1 is done, the other one never will be

    process.send_signal(number)
    async with asyncio.timeout(5):
        end = await ended(process)

    assert first["name"] == "r1"
    assert end.status == exit_status
    assert f"interrupted by {number.name}" in end.stderr
    assert "Traceback" not in end.stderr
    told = manifest(tmp_path)
    assert {row["name"]: row["status"] for row in told["devices"]} == {
        "r1": "ok",
        "silent": "cancelled",
    }
    assert (told["state"], told["exit_status"]) == ("interrupted", exit_status)


async def test_a_run_ends_at_its_limit_and_says_so_first(lab: Lab, tmp_path: Path) -> None:
    end = await collector(
        "run", "-i", "lab.yaml", "-l", "silent", "-c", "show clock", "--max-runtime", "2",
        cwd=tmp_path,
    )  # fmt: skip

    assert end.status == Exit.SOME_FAILED
    assert end.stderr.startswith("collector: the run reached its limit of 2 s\n")
    (row,) = manifest(tmp_path)["devices"]
    assert (row["status"], row["message"]) == (
        "cancelled",
        "cut off: the run reached its limit of 2 s",
    )


async def test_a_run_that_bears_no_failure_says_so_first(lab: Lab, tmp_path: Path) -> None:
    end = await collector(
        "run", "-i", "lab.yaml", "-l", "refusing", "--max-failures", "0", cwd=tmp_path
    )

    assert end.status == Exit.ALL_FAILED
    assert end.stderr.startswith(
        "collector: more than 0 of 1 devices failed (max_failures)\n1 device in "
    )


async def test_a_tolerance_that_is_none_is_told_by_its_flag(lab: Lab, tmp_path: Path) -> None:
    end = await collector("run", "-i", "lab.yaml", "--max-failures", "some", cwd=tmp_path)

    assert end.status == Exit.USAGE
    assert "--max-failures: expected a number of devices, or a share such as 5%" in end.stderr


async def test_a_reader_that_leaves_is_no_error(lab: Lab, tmp_path: Path) -> None:
    process = await start(
        "run", "-i", "lab.yaml", "-l", "r1,r2", "-c", "show running-config", cwd=tmp_path
    )
    assert process.stdout is not None
    process.stdout._transport.close()  # type: ignore[attr-defined]  # as `| head` does
    assert process.stderr is not None
    stderr = await process.stderr.read()

    assert (await process.wait(), stderr) == (Exit.OK, b"")
    assert manifest(tmp_path)["totals"]["ok"] == 2


async def test_a_full_standard_output_is_exit_6(lab: Lab, tmp_path: Path) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    end = await collector(
        "run", "-i", "lab.yaml", "-l", "r1", "-c", "show clock", cwd=tmp_path, stdout=full
    )
    os.close(full)

    assert end.status == Exit.STORAGE
    assert "standard output: No space left on device" in end.stderr
    told = manifest(tmp_path)
    assert (told["totals"]["ok"], told["exit_status"]) == (1, Exit.STORAGE)


async def test_a_closed_standard_error_is_no_reason_to_fail(lab: Lab, tmp_path: Path) -> None:
    code = "import os, sys; os.close(2); os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", code, "-m", "collector"),
        *("run", "-i", "lab.yaml", "-l", "r1,refusing", "-v"),
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )

    assert await process.wait() == Exit.SOME_FAILED
    assert manifest(tmp_path)["totals"]["ok"] == 1


async def test_log_lines_can_be_json(lab: Lab, tmp_path: Path) -> None:
    end = await collector("run", "-i", "lab.yaml", "-l", "r1", "-v", "--log-json", cwd=tmp_path)

    rows = [json.loads(line) for line in end.stderr.splitlines()]
    assert end.status == Exit.OK
    assert {row["level"] for row in rows} == {"info"}
    assert rows[0]["run_id"].startswith("2")


@pytest.mark.parametrize(("environ", "colours"), [({}, True), ({"NO_COLOR": "1"}, False)])
async def test_a_terminal_sees_progress_and_where_the_outputs_are(
    lab: Lab, tmp_path: Path, environ: dict[str, str], colours: bool
) -> None:
    screen = await on_terminal("run", "-i", "lab.yaml", "-l", "r1", cwd=tmp_path, environ=environ)

    assert "1/1" in screen
    assert "ok=1, failed=0" in screen
    assert "outputs: output/runs/2" in screen
    assert ("\x1b[32m1 ok\x1b[0m" in screen, "1 ok" in screen) == (colours, True)


async def test_quiet_is_quiet_on_a_terminal_too(lab: Lab, tmp_path: Path) -> None:
    assert await on_terminal("run", "-i", "lab.yaml", "-l", "r1", "-q", cwd=tmp_path) == ""


@pytest.mark.usefixtures("hangup_heard")
async def test_a_terminal_that_is_closed_ends_the_run_in_order(lab: Lab, tmp_path: Path) -> None:
    # What `ssh` and a window leave behind: the terminal is gone, and the shell passes it on.
    master, slave = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", IN_A_TERMINAL, "-m", "collector"),
        *("run", "-i", "lab.yaml", "-l", "r1,silent", "-c", "show clock", "-f", "jsonl"),
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm"},
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    await asyncio.to_thread(read_until, master, b'"ok"')  # r1 is done, the other one never will be
    os.close(master)
    process.send_signal(signal.SIGHUP)
    async with asyncio.timeout(8):
        status = await process.wait()

    told = manifest(tmp_path)
    assert {row["name"]: row["status"] for row in told["devices"]} == {
        "r1": "ok",
        "silent": "cancelled",
    }
    assert (status, told["state"], told["exit_status"]) == (129, "interrupted", 129)


# Makes its input the terminal that it is told of when it goes away.
IN_A_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


def read_until(master: int, mark: bytes) -> None:
    """Read a terminal until it shows ``mark``."""
    seen = b""
    while mark not in seen:
        seen += os.read(master, 4096)


async def on_terminal(*arguments: str, cwd: Path, environ: Mapping[str, str] = NONE) -> str:
    """Run the program with a terminal for standard error; give what it showed there."""
    master, slave = pty.openpty()
    process = await start(*arguments, cwd=cwd, stderr=slave, environ={"TERM": "xterm", **environ})
    os.close(slave)
    seen = asyncio.create_task(asyncio.to_thread(read_all, master))
    await process.wait()
    return await seen


def read_all(master: int) -> str:
    """Read a terminal until its other end is closed."""
    seen = b""
    with open(master, "rb", buffering=0) as terminal:
        try:
            while data := terminal.read(4096):
                seen += data
        except OSError:  # how Linux says that nobody is at the other end
            pass
    return seen.decode()
