"""FRRouting whose configuration is changed between runs: the commit has what was changed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.backups import git, last_files, subjects
from support.hosts import Collect, Site
from support.program import ROOT

pytestmark = pytest.mark.real

COUNTED = ("name", "run_id", "added", "removed")
CONFIGURATION = "show running-config"
DESCRIPTION = "description uplink of r1 # not a prompt>"


def test_what_is_changed_on_a_router_is_in_the_commit(
    routers: Site, collect: Collect, tmp_path: Path
) -> None:
    output = tmp_path / "output"
    devices = {f"r{number}": {"host": routers.address(number)} for number in (1, 2, 3)}

    first = collect(routers, devices, platform="frr")
    assert first.status == 0, first.stderr
    assert first.manifest["changes"]["new"] == len(devices)
    again = collect(routers, devices, platform="frr")
    assert again.manifest["changes"]["unchanged"] == len(devices)
    assert again.manifest["commit"] is None

    try:
        routers.configure(1, "interface eth0", "description moved to r9")
        routers.configure(2, "ip route 203.0.113.0/24 10.2.0.254", "no router ospf")
        changed = collect(routers, devices, platform="frr")
        said = {number: routers.vtysh(number, CONFIGURATION) for number in (1, 2, 3)}
    finally:
        routers.configure(1, "interface eth0", DESCRIPTION)
        routers.configure(2, "no ip route 203.0.113.0/24 10.2.0.254")
        routers.configure(
            2, "router ospf", "ospf router-id 10.255.0.2", "network 10.2.0.0/24 area 0"
        )

    assert changed.status == 0, changed.stderr
    assert {row["name"]: row["change"] for row in changed.manifest["devices"]} == {
        "r1": "changed",
        "r2": "changed",
        "r3": "unchanged",
    }
    assert changed.manifest["commit"] == git(output, "rev-parse", "HEAD")
    assert subjects(output) == ["Backup: 2 changed", "Backup: 3 new"]
    assert last_files(output) == ["M\tr1.cfg", "M\tr2.cfg"]
    for number, text in said.items():
        assert git(output, "show", f"HEAD:r{number}.cfg") == text.decode().rstrip("\n")
    lines = git(output, "show", "--format=", "--unified=0", "HEAD").splitlines()
    different = {line for line in lines if line[0] in "+-" and not line.startswith(("+++", "---"))}
    assert different == {
        f"- {DESCRIPTION}",
        "+ description moved to r9",
        "+ip route 203.0.113.0/24 10.2.0.254",
        *("-router ospf", "- ospf router-id 10.255.0.2", "- network 10.2.0.0/24 area 0"),
        *("-exit", "-!"),
    }


def test_a_router_that_is_gone_keeps_its_file(
    routers: Site, collect: Collect, tmp_path: Path
) -> None:
    devices = {f"r{number}": {"host": routers.address(number)} for number in (1, 2)}
    first = collect(routers, devices, platform="frr")
    kept = (tmp_path / "output" / "configs" / "r2.cfg").read_bytes()
    assert kept == first.output("r2", CONFIGURATION)

    second = collect(
        routers, {"r1": devices["r1"], "r2": {**devices["r2"], "port": 9}}, platform="frr"
    )
    assert second.device("r2")["change"] == "failed"
    third = collect(routers, {"r1": devices["r1"]}, platform="frr")
    assert [row["name"] for row in third.manifest["devices"]] == ["r1"]
    assert (tmp_path / "output" / "configs" / "r2.cfg").read_bytes() == kept
    assert len(subjects(tmp_path / "output")) == 1


def test_what_was_changed_on_a_router_is_told_again_later(
    routers: Site, collect: Collect, tmp_path: Path
) -> None:
    devices = {"r1": {"host": routers.address(1)}, "r3": {"host": routers.address(3)}}
    first = collect(routers, devices, platform="frr")
    try:
        routers.configure(1, "interface eth0", "description moved to r9")
        second = collect(routers, devices, platform="frr")
        routers.configure(1, "router ospf", "redistribute static")
        third = collect(routers, devices, platform="frr")
        said = routers.vtysh(1, CONFIGURATION)
    finally:
        routers.configure(1, "interface eth0", DESCRIPTION)
        routers.configure(1, "router ospf", "no redistribute static")
    ids = [each.manifest["run_id"] for each in (first, second, third)]

    assert [(row["run_id"], row["change"]) for row in told(tmp_path, "history", "r1")] == [
        (ids[2], "changed"),
        (ids[1], "changed"),
        (ids[0], "new"),
    ]
    changes = told(tmp_path, "changes", "--since", "1h")
    assert [tuple(row[key] for key in COUNTED) for row in changes[:2]] == [
        ("r1", ids[2], 1, 0),
        ("r1", ids[1], 1, 1),
    ]
    assert {row["name"] for row in changes[2:]} == {"r1", "r3"}

    newest = ask(tmp_path, "diff", "r1").decode()
    assert section(newest.splitlines()) == "router ospf"
    assert "\n+ redistribute static\n" in newest
    older = ask(tmp_path, "diff", "r1", "--from", ids[0], "--to", ids[1]).decode().splitlines()
    assert section(older) == "interface eth0"
    assert {line for line in older[2:] if line[0] in "+-"} == {
        f"- {DESCRIPTION}",
        "+ description moved to r9",
    }
    assert ask(tmp_path, "show", "r1") == said
    stored = tmp_path / "output/runs" / ids[0] / "devices/r1/show_running-config.txt"
    assert ask(tmp_path, "show", "r1", "--at", ids[0]) == stored.read_bytes()
    assert ask(tmp_path, "show", "r1", CONFIGURATION, "--at", ids[0]) == stored.read_bytes()
    inventory = ("-i", "inventory.yaml")
    assert told(tmp_path, "stale", "--older", "1h", *inventory) == []


def section(lines: list[str]) -> str:
    """Give what stands in the head of the first hunk."""
    return next(line for line in lines if line.startswith("@@")).rpartition("@@ ")[2]


def told(folder: Path, *words: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(ask(folder, *words, "--format", "json"))
    return rows


def ask(folder: Path, *words: str) -> bytes:
    """Ask the collector about what it has stored."""
    program = [sys.executable, "-m", "collector", *words]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        program, cwd=folder, env=environ, check=True, capture_output=True, timeout=30
    ).stdout
