"""FRRouting whose configuration is changed between runs: a hook is told what was changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.backups import git
from support.hosts import Collect, Site

pytestmark = pytest.mark.real

DESCRIPTION = "description uplink of r1 # not a prompt>"
CONFIG = """
retries: {attempts: 1}
hooks:
- {on: [device_changed, device_failed, device_recovered], command: [./hook]}
"""


def test_a_hook_is_told_what_was_changed_on_a_router(
    routers: Site, collect: Collect, tmp_path: Path
) -> None:
    (tmp_path / "config.yaml").write_text(CONFIG)
    (tmp_path / "hook").write_text("#!/bin/sh\ncat >> calls.jsonl\n")
    (tmp_path / "hook").chmod(0o700)
    devices: dict[str, Any] = {
        f"r{number}": {"host": routers.address(number)} for number in (1, 2, 3)
    }
    assert collect(routers, devices, platform="frr").status == 0
    dying = {**devices, "r2": {**devices["r2"], "port": 9}}
    collect(routers, dying, platform="frr")
    try:
        routers.configure(1, "interface eth0", "description moved to r9")
        routers.configure(3, "router ospf", "neighbor 10.3.0.9")
        changed = collect(routers, devices, platform="frr")
    finally:
        routers.configure(1, "interface eth0", DESCRIPTION)
        routers.configure(3, "router ospf", "no neighbor 10.3.0.9")

    assert changed.status == 0, changed.stderr
    calls = [json.loads(line) for line in (tmp_path / "calls.jsonl").read_text().splitlines()]
    told = [(call["event"], [each["name"] for each in call["devices"]]) for call in calls]
    assert [(event, sorted(names)) for event, names in told] == [
        ("device_changed", ["r1", "r2", "r3"]),
        ("device_failed", ["r2"]),
        ("device_recovered", ["r2"]),
        ("device_changed", ["r1", "r3"]),
    ]
    last = calls[-1]
    assert last["commit"] == git(tmp_path / "output", "rev-parse", "HEAD")
    assert last["diff"] == {"devices": 2, "added": 2, "removed": 1}
    found = {each["name"]: each["diff"] for each in last["devices"]}
    assert found["r1"]["sections"] == ["interface eth0"]
    assert {line for line in found["r1"]["text"].splitlines() if line[0] in "+-"} == {
        *("--- a/r1.cfg", "+++ b/r1.cfg"),
        f"- {DESCRIPTION}",
        "+ description moved to r9",
    }
    assert (found["r3"]["added"], found["r3"]["removed"]) == (1, 0)
    assert found["r3"]["sections"] == ["router ospf"]
    assert "+ neighbor 10.3.0.9" in found["r3"]["text"].splitlines()
    assert calls[1]["devices"][0]["class"] == "refused"
    assert calls[2]["devices"][0]["since"] == calls[1]["devices"][0]["since"]
