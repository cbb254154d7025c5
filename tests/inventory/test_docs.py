"""The examples of docs/selecting.md, as they stand there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from collector.inventory import load_inventory, select

PAGE = Path(__file__).parents[2] / "docs" / "selecting.md"
TEXT = PAGE.read_text(encoding="utf-8")
ROWS: list[tuple[str, str]] = re.findall(r"^\| `(-l [^|]+)` \|.*\|([^|]*)\|$", TEXT, re.M)
NAMED = {words: re.findall(r"`([^`]+)`", devices) for words, devices in ROWS}
FILES = {words for words, devices in NAMED.items() if not devices}


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    (text,) = re.findall(r"^```yaml\n(.*?)^```$", TEXT, re.S | re.M)
    path = tmp_path / "lab.yaml"
    path.write_text(text)
    return path


def test_there_are_examples() -> None:
    assert len(NAMED) == TEXT.count("\n| `-l ")
    assert {"@" in words for words in FILES} == {True}


@pytest.mark.parametrize("words", [words for words in NAMED if words not in FILES])
def test_an_example_selects_what_it_says(words: str, inventory: Path) -> None:
    given = shlex.split(words)
    limits = [each for each in given if each != "-l"]
    assert len(given) == 2 * len(limits)

    devices = load_inventory(inventory, environ={}).devices
    assert [device.name for device in select(devices, limits)] == NAMED[words]
