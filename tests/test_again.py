"""Who is asked again when a run is resumed or repeated, with a scripted connector."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from collector.collect import Plan, RunOutcome, Tie, execute, prepare
from collector.collect.again import repeat, resume
from collector.errors import DeviceError, Exit, InputError
from collector.model import (
    CommandResult,
    CommandStatus,
    Device,
    Fault,
    FaultClass,
    Phase,
    Timeouts,
)
from collector.settings import Settings, load_settings

INVENTORY = """
defaults: {platform: cisco_iosxe, credential: lab}
credentials: {lab: {username: admin, password: admin}}
devices:
  good: {host: 127.0.0.1}
  half: {host: 127.0.0.1}
  dead: {host: 127.0.0.1}
  wrong: {host: 127.0.0.1}
"""
FAULTS = {
    "dead": Fault(fault_class=FaultClass.REFUSED, phase=Phase.CONNECT, message="nobody listens"),
    "wrong": Fault(fault_class=FaultClass.AUTH, phase=Phase.AUTH, message="rejected"),
}
DENIED = Fault(fault_class=FaultClass.REJECTED, phase=Phase.COMMAND, message="% Invalid input")


class Script:
    """A connector whose devices fail as told; ``half`` refuses to show its clock."""

    def __init__(self, faults: Mapping[str, Fault]) -> None:
        self.faults = faults
        self.opened: list[str] = []

    async def open(self, device: Device, timeouts: Timeouts, *_: object) -> Answers:
        self.opened.append(device.name)
        if fault := self.faults.get(device.name):
            raise DeviceError(fault)
        return Answers(partial=device.name == "half")


class Answers:
    algorithms = None

    def __init__(self, *, partial: bool) -> None:
        self.partial = partial

    async def run(self, command: str, *, timeout: float, least: int = 0) -> CommandResult:
        if self.partial and command == "show clock":
            return CommandResult(command=command, status=CommandStatus.REJECTED, fault=DENIED)
        return CommandResult(command=command, status=CommandStatus.OK, output=b"answer\n")

    async def finish(self) -> tuple[int, ...]:
        return ()

    async def close(self) -> None:
        pass


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "devices.yaml").write_text(INVENTORY)
    paths = {"inventory": tmp_path / "devices.yaml", "output": tmp_path / "out"}
    return load_settings(None, {}, {**paths, "retries.attempts": 1})


async def first_run(settings: Settings, *, killed: bool) -> RunOutcome:
    plan = prepare(settings, commands=["show version", "show clock"])
    outcome = await execute(plan, connector=Script(FAULTS))
    if killed:
        assert outcome.manifest is not None
        outcome.manifest.unlink()
    return outcome


def asked(plan: Plan) -> list[str]:
    return [assignment.device.name for assignment in plan.assignments]


def edit(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_bytes()), **changes}))


async def test_a_resumed_run_tries_no_credential_twice_and_keeps_what_it_got(
    settings: Settings,
) -> None:
    first = await first_run(settings, killed=True)
    plan = resume(settings, "latest")
    script = Script({})
    outcome = await execute(plan, connector=script)

    assert plan.again is not None
    assert (plan.again.tie, asked(plan), script.opened) == (Tie.CONTINUES, ["dead"], ["dead"])
    assert outcome.run_dir == first.run_dir
    assert outcome.totals == {"ok": 2, "partial": 1, "failed": 1, "skipped": 0, "cancelled": 0}
    assert outcome.exit_status is Exit.SOME_FAILED
    faults = {one.device.name: one.fault.fault_class for one in outcome.failures if one.fault}
    assert faults == {"half": "rejected", "wrong": "auth"}
    assert outcome.manifest is not None
    rows = json.loads(outcome.manifest.read_bytes())["devices"]
    assert [row["name"] for row in rows] == ["good", "half", "dead", "wrong"]
    assert (outcome.run_dir / "journal.jsonl").read_bytes().count(b"\n") == len(rows)


async def first_lockout(settings: Settings, names: Sequence[str]) -> RunOutcome:
    """Run over devices of one wrong credential, a rejection of which is enough; kill it at last."""
    lines = "".join(f"  {name}: {{host: 127.0.0.1}}\n" for name in names)
    head, _, _ = INVENTORY.partition("  good:")
    settings.inventory.write_text(head + lines)
    limits = replace(settings.limits, trial=1, rejections=1)
    plan = prepare(replace(settings, limits=limits), commands=["show version"])
    outcome = await execute(plan, connector=Script(dict.fromkeys(names, FAULTS["wrong"])))
    assert outcome.manifest is not None
    outcome.manifest.unlink()
    return outcome


async def test_a_credential_that_was_given_up_is_not_tried_in_a_resumed_run(
    settings: Settings,
) -> None:
    first = await first_lockout(settings, ("r1", "r2", "r3"))
    rows = map(json.loads, (first.run_dir / "journal.jsonl").read_bytes().splitlines())
    assert Counter(row["class"] for row in rows) == {"auth": 1, "auth_breaker": 2}

    script = Script({})
    outcome = await execute(resume(settings, "latest"), connector=script)
    assert (script.opened, outcome.exit_status) == ([], Exit.BREAKER)


async def test_a_repeat_asks_all_that_was_not_ok(settings: Settings) -> None:
    first = await first_run(settings, killed=False)
    script = Script({})
    outcome = await execute(repeat(settings, "latest"), connector=script)

    assert sorted(script.opened) == ["dead", "half", "wrong"]
    assert outcome.run_dir != first.run_dir
    assert outcome.exit_status is Exit.SOME_FAILED


async def test_a_run_that_has_not_ended_cannot_be_repeated(settings: Settings) -> None:
    outcome = await first_run(settings, killed=True)
    with pytest.raises(InputError, match=r"has not ended: --resume 2"):
        repeat(settings, outcome.run_dir.name)


async def test_the_commands_are_those_of_the_run(settings: Settings) -> None:
    outcome = await first_run(settings, killed=False)
    edit(outcome.run_dir / "run.json", commands={"cisco_iosxe": ["show inventory"]})

    assert {one.commands for one in repeat(settings, "latest").assignments} == {
        ("show inventory",),
    }


async def test_a_platform_that_is_new_is_asked_what_was_given(
    settings: Settings, tmp_path: Path
) -> None:
    await first_run(settings, killed=False)
    inventory = tmp_path / "other.yaml"
    inventory.write_text(INVENTORY.replace("cisco_iosxe", "arista_eos"))

    plan = repeat(settings, "latest", inventory=inventory)
    assert {one.commands for one in plan.assignments} == {("show version", "show clock")}


async def test_commands_that_change_a_device_are_refused_wherever_they_are_written(
    settings: Settings,
) -> None:
    outcome = await first_run(settings, killed=True)
    edit(outcome.run_dir / "run.json", commands={"cisco_iosxe": ["configure terminal"]})
    with pytest.raises(InputError, match="never sent"):
        resume(settings, "latest", allow_unsafe=True)


@pytest.mark.parametrize(
    "changes",
    [
        {"planned": None},
        {"planned": ["dead", 1]},
        {"commands": []},
        {"commands": {"cisco_iosxe": "show version"}},
        {"inventory": 1},
        {"selection": []},
    ],
)
async def test_a_run_json_of_other_hands_is_one_line(
    settings: Settings, changes: dict[str, Any]
) -> None:
    outcome = await first_run(settings, killed=True)
    edit(outcome.run_dir / "run.json", **changes)
    with pytest.raises(InputError, match=r"its run\.json does not say what was to be done"):
        resume(settings, "latest")


@pytest.mark.parametrize(
    "changes", [{"status": "splendid"}, {"started": "then"}, {"commands": [{}]}]
)
async def test_a_journal_of_other_hands_is_one_line(
    settings: Settings, changes: dict[str, Any]
) -> None:
    outcome = await first_run(settings, killed=True)
    journal = outcome.run_dir / "journal.jsonl"
    rows = [json.loads(line) for line in journal.read_bytes().splitlines()]
    journal.write_text(
        "".join(json.dumps(row | (changes if row["name"] == "half" else {})) + "\n" for row in rows)
    )
    if "status" in changes:  # not a word that settles it: asked again, and the row is gone
        assert "half" in asked(resume(settings, "latest"))
        return
    with pytest.raises(InputError, match="its journal has a row that cannot be read"):
        resume(settings, "latest")
