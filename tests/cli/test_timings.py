"""``collector timings``: over stored runs whose commands took as long as each case says."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support import outcomes

from collector.cli import main
from collector.errors import Exit
from collector.model import CommandResult, CommandStatus, DeviceResult, FaultClass, Phase, Status
from collector.store import RunEnd, RunHeader, RunWriter

INVENTORY = """
defaults: {platform: cisco_iosxe, credential: lab}
credentials: {lab: {username: admin, password: x}}
groups: {slow: {timeouts: {command: 200}}}
devices:
  r1: {host: 127.0.0.1, tags: {site: ams}}
  r2: {host: 127.0.0.1, groups: [slow]}
  j1: {host: 127.0.0.1, platform: juniper_junos}
"""
NOW = datetime.now(UTC)
Said = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("lab.yaml").write_text(INVENTORY)
    Path("config.yaml").write_text("inventory: lab.yaml\n")


def took(command: str, seconds: float) -> CommandResult:
    return replace(outcomes.good(command, b"x\n"), duration=seconds)


def late(command: str, seconds: float) -> CommandResult:
    why = outcomes.fault(FaultClass.TIMEOUT, Phase.COMMAND)
    return CommandResult(command=command, status=CommandStatus.FAILED, fault=why, duration=seconds)


def visited(name: str, *commands: CommandResult, platform: str = "cisco_iosxe") -> DeviceResult:
    is_good = all(one.status is CommandStatus.OK for one in commands)
    one = outcomes.result(name, *commands, status=Status.OK if is_good else Status.PARTIAL)
    seconds = 2.5 + sum(command.duration for command in commands)
    return replace(one, device=replace(one.device, platform=platform), duration=seconds)


def ran(days: float, *results: DeviceResult, killed: bool = False) -> Path:
    async def store() -> Path:
        head = RunHeader(started=NOW - timedelta(days=days), job="backup")
        async with await RunWriter.create(Path("output"), head) as writer:
            for result in results:
                await writer.write(result)
            if not killed:
                await writer.finish(RunEnd(finished=NOW, duration=1.0, exit_status=Exit.OK))
            return writer.folder

    return asyncio.run(store())


def told(capfd: Said, *words: str) -> tuple[int, dict[tuple[str, str | None], dict[str, Any]], str]:
    status = main(["timings", "--format", "json", *words])
    stdout, stderr = capfd.readouterr()
    rows = json.loads(stdout) if stdout else []
    return status, {(row["platform"], row["command"]): row for row in rows}, stderr


def test_commands_are_counted_by_platform_and_a_limit_is_suggested(capfd: Said) -> None:
    for day in range(20):
        slow = 7.0 if day == 3 else 1.0
        ran(
            20 - day,
            visited("r1", took("show version", 0.5), took("show running-config", slow)),
            visited("j1", took("show configuration", 2), platform="juniper_junos"),
            visited("gone", took("show running-config", 59)),
        )
    status, rows, stderr = told(capfd, "--runs", "20")
    assert (status, stderr) == (Exit.OK, "")
    run = rows["cisco_iosxe", "show running-config"]
    assert run == {
        "platform": "cisco_iosxe",
        "command": "show running-config",
        "answers": 20,
        "median_s": 1.0,
        "p95_s": 1.0,
        "max_s": 7.0,
        "near": 0,
        "late": 0,
        "limit_s": 60.0,
        "suggested_s": 25.0,  # three times 7
    }
    assert rows["cisco_iosxe", "show version"]["suggested_s"] == 10
    opening = rows["cisco_iosxe", None]
    assert (opening["answers"], opening["median_s"], opening["limit_s"]) == (20, 2.5, 35)
    assert opening["suggested_s"] is None

    assert told(capfd)[1]["cisco_iosxe", "show version"]["answers"] == 10
    assert told(capfd)[1]["cisco_iosxe", "show version"]["suggested_s"] is None
    assert told(capfd, "--since", "5.5d")[1]["cisco_iosxe", "show version"]["answers"] == 5
    assert {key[0] for key in told(capfd, "-l", "site=ams")[1]} == {"cisco_iosxe"}

    assert main(["timings", "--runs", "20"]) == Exit.OK
    stdout, stderr = capfd.readouterr()
    table = [line.split() for line in stdout.splitlines()]
    assert table[0][:3] == ["platform", "command", "answers"]
    assert ["cisco_iosxe", "-", "20", "2.5", "2.5", "2.5", "0", "0", "35", "-"] in table
    assert "  cisco_iosxe: {timeouts: {command: 25}}  # is 60\n" in stderr
    written = "platforms:\n" + "".join(
        line.split("#")[0].rstrip() + "\n" for line in stderr.splitlines() if "timeouts:" in line
    )
    Path("config.yaml").write_text(f"inventory: lab.yaml\n{written}")
    assert told(capfd)[1]["cisco_iosxe", "show version"]["limit_s"] == 25


def test_what_is_near_its_limit_or_late_comes_first(capfd: Said) -> None:
    for _ in range(20):
        ran(
            1,
            visited("r1", took("a", 1), took("show tech", 55), late("z", 60)),
            visited("r2", took("a", 100), late("show tech", 60), took("z", 3)),
        )
    status, rows, _ = told(capfd, "--runs", "20")
    assert status == Exit.SOME_FAILED
    assert [command for _, command in rows] == ["show tech", "z", "a"]
    tech, z, a = rows.values()
    assert (tech["near"], tech["late"], tech["suggested_s"]) == (20, 20, 200)
    assert (z["late"], z["suggested_s"]) == (20, 10)  # those that answered took 3 s
    assert (a["near"], a["max_s"]) == (0, 100)  # r2's group allows 200
    assert told(capfd, "--runs", "20", "-l", "r2")[1]["cisco_iosxe", "a"]["near"] == 0


def test_too_few_answers_lower_no_limit(capfd: Said) -> None:
    for day in range(20):
        extra = [took("show clock", 0.1)] if day == 0 else []
        ran(1, visited("r1", took("show version", 0.5), *extra))
    assert main(["timings", "--runs", "20"]) == Exit.OK
    stdout, stderr = capfd.readouterr()
    assert "too few" in stdout
    assert "timeouts" not in stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "no run that has ended in this folder"),
        (["--since", "1h"], "no run that has ended in this folder since 1h"),
        (["--since", "soon"], "--since: expected how long ago"),
        (["--runs", "0"], "--runs"),
        (["-l", "nobody"], "nobody"),
    ],
)
def test_nothing_to_tell_is_one_line_and_exit_2(words: list[str], says: str, capfd: Said) -> None:
    ran(1, visited("r1", took("show version", 1)), killed=True)
    if words:
        ran(2, visited("r1", took("show version", 1)))
    status, rows, stderr = told(capfd, *words)
    assert (status, rows) == (Exit.USAGE, {})
    assert says in stderr
    assert stderr.count("\n") == 1


def test_what_was_never_asked_is_not_told(capfd: Said) -> None:
    dead = outcomes.fault(FaultClass.REFUSED, Phase.CONNECT)
    skipped = CommandResult(command="show version", status=CommandStatus.SKIPPED, fault=dead)
    ran(1, replace(visited("r1", skipped), status=Status.FAILED, fault=dead))
    assert told(capfd) == (Exit.OK, {}, "")


def test_a_run_that_cannot_be_read_is_passed_over(capfd: Said) -> None:
    damaged = ran(1, visited("r1", took("show version", 1))) / "manifest.json"
    damaged.write_text("{")
    row = ran(2, visited("r1", took("show version", 2))) / "manifest.json"
    row.write_text(row.read_text().replace('"duration_s": 2}', '"duration_s": "x"}'))
    ran(3, visited("r1", took("show version", 3)))
    status, rows, _ = told(capfd)
    assert status == Exit.OK
    assert rows["cisco_iosxe", "show version"]["answers"] == 1
