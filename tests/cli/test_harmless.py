"""What may change a device is not sent unless it is allowed, and configuration never is."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.program import collector

from collector.errors import Exit
from collector.lab import Lab


@pytest.mark.parametrize(
    ("command", "flags", "words"),
    [
        ("clear counters", (), "--allow-unsafe"),
        ("show version | redirect flash:x", (), "--allow-unsafe"),
        ("sh run > flash:x", (), "--allow-unsafe"),
        ("reload", ("--allow-unsafe",), "never sent"),
        ("conf t", (), "never sent"),
        ("conf t", ("--allow-unsafe",), "never sent"),
        ("configure terminal", ("--allow-unsafe",), "never sent"),
        ("write erase", ("--allow-unsafe",), "never sent"),
    ],
)
async def test_a_command_that_may_change_the_device_is_one_line_and_nothing_is_sent(
    lab: Lab, tmp_path: Path, command: str, flags: tuple[str, ...], words: str
) -> None:
    end = await collector("run", "-i", "lab.yaml", "-l", "r1", "-c", command, *flags, cwd=tmp_path)
    assert end.status == Exit.USAGE
    (line,) = end.stderr.splitlines()
    assert command in line
    assert words in line
    assert lab.stats["r1"].ever == 0


@pytest.mark.parametrize("command", ["show version\nreload", "show\x03version", "show\tversion"])
async def test_a_command_of_other_than_one_printable_line_is_refused(
    lab: Lab, tmp_path: Path, command: str
) -> None:
    end = await collector(
        "run", "-i", "lab.yaml", "-l", "r1", "-c", command, "--allow-unsafe", cwd=tmp_path
    )
    assert end.status == Exit.USAGE
    assert len(end.stderr.splitlines()) == 1
    assert lab.stats["r1"].ever == 0


async def test_what_is_allowed_is_sent(lab: Lab, tmp_path: Path) -> None:
    end = await collector(
        "run", "-i", "lab.yaml", "-l", "r1", "-c", "clear counters", "--allow-unsafe", cwd=tmp_path
    )
    assert end.status == Exit.SOME_FAILED  # sent, and denied by the emulated device
    assert "clear counters" in lab.stats["r1"].lines
