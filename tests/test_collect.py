"""Runs with a scripted connector: from inventory to manifest, without a network."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from collector.collect import Plan, RunOutcome, collect, execute, prepare
from collector.collect.again import repeat
from collector.collect.delivery import completed
from collector.collect.doctor import examination
from collector.collect.ending import Ending
from collector.collect.system import fitted
from collector.collect.tally import Tally
from collector.credentials import Credentials
from collector.engine import Enter, Stop
from collector.errors import DeviceError, Exit, InputError, SelectionError, StorageError
from collector.inventory import load_inventory
from collector.model import (
    CommandResult,
    CommandStatus,
    Device,
    DeviceResult,
    Fault,
    FaultClass,
    Limits,
    Phase,
    Status,
    Timeouts,
)
from collector.settings import Settings, load_settings

INVENTORY = """
defaults: {platform: cisco_iosxe, credential: lab}
credentials:
  lab: {username: admin, password: "${PASSWORD:-s3cret-word}"}
  unset: {username: "${NO_USER}", password: "${NO_PASSWORD}"}
  other: {username: "${NO_OTHER_USER}", password: x}
devices:
  r1: {host: 127.0.0.1}
  r2: {host: 127.0.0.1}
  r3: {host: 127.0.0.1}
"""
REFUSED = Fault(fault_class=FaultClass.REFUSED, phase=Phase.CONNECT, message="nobody listens")
REJECTED = Fault(fault_class=FaultClass.AUTH, phase=Phase.AUTH, message="rejected")
BREAKER = Fault(fault_class=FaultClass.AUTH_BREAKER, phase=Phase.AUTH, message="not tried")


class Script:
    """A connector whose devices do as they are told: fail with a fault, hang, wait, or answer."""

    algorithms = None

    def __init__(self, **devices: Fault | str) -> None:
        self.devices = devices
        self.opened: list[str] = []
        self.hanging = asyncio.Event()
        self.seen = asyncio.Event()

    async def open(self, device: Device, timeouts: Timeouts, enter: Enter) -> Script:
        self.opened.append(device.name)
        enter(Phase.AUTH)
        match self.devices.get(device.name, "answer"):
            case Fault() as fault:
                raise DeviceError(fault, evidence=b"login: admin s3cret-word denied")
            case "hang":
                self.hanging.set()
                await asyncio.Event().wait()
            case "wait":
                await self.seen.wait()
        return self

    async def run(self, command: str, *, timeout: float, least: int = 0) -> CommandResult:
        return CommandResult(command=command, status=CommandStatus.OK, output=b"answer\n")

    async def watch(self, results: AsyncIterator[DeviceResult], total: int) -> None:
        """Let those that wait go on once a result was seen."""
        async for _ in results:
            self.seen.set()

    async def finish(self) -> tuple[int, ...]:
        return ()

    async def close(self) -> None:
        pass


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    path = tmp_path / "devices.yaml"
    path.write_text(INVENTORY)
    return path


def planned(inventory: Path, *commands: str, **overrides: Any) -> Plan:
    """Plan a run over the inventory; ``timeouts__run`` is the key ``timeouts.run``."""
    dotted = {key.replace("__", "."): value for key, value in overrides.items()}
    paths = {"inventory": inventory, "output": inventory.parent / "out", "retries.attempts": 1}
    settings = load_settings(None, {}, {**paths, **dotted})
    return prepare(settings, commands=commands or ("show version",))


def with_job(inventory: Path, commands: str) -> Settings:
    """Load settings whose job ``facts`` asks these commands."""
    config = inventory.with_name("config.yaml")
    config.write_text(f"jobs: {{facts: {{commands: {commands}}}}}\n")
    paths = {"inventory": inventory, "output": inventory.parent / "out"}
    return load_settings(config, {}, paths)


def edit(path: Path, old: str, new: str) -> None:
    """Replace a part of a file."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def below(folder: Path) -> list[Path]:
    """List everything in a folder."""
    return sorted(folder.rglob("*"))


def statuses(outcome: RunOutcome) -> dict[str, str]:
    """Read from the manifest what became of each device."""
    assert outcome.manifest is not None
    manifest = json.loads(outcome.manifest.read_bytes())
    return {row["name"]: row["status"] for row in manifest["devices"]}


async def test_a_good_run_stores_everything_and_exits_0(inventory: Path) -> None:
    outcome = await execute(planned(inventory), connector=Script())

    assert outcome.exit_status is Exit.OK
    assert statuses(outcome) == {"r1": "ok", "r2": "ok", "r3": "ok"}
    stored = outcome.run_dir / "devices" / "r2" / "show_version.txt"
    assert stored.read_bytes() == b"answer\n"


@pytest.mark.parametrize(
    ("devices", "exit_status"),
    [
        ({"r1": REFUSED}, Exit.SOME_FAILED),
        ({"r1": REFUSED, "r2": REFUSED, "r3": REFUSED}, Exit.ALL_FAILED),
        ({"r1": BREAKER}, Exit.BREAKER),
    ],
)
async def test_the_exit_status_tells_how_many_failed(
    inventory: Path, devices: Mapping[str, Fault], exit_status: Exit
) -> None:
    outcome = await execute(planned(inventory), connector=Script(**devices))

    assert outcome.exit_status is exit_status
    assert {failure.device.name for failure in outcome.failures} == set(devices)


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kolkata"])
async def test_ids_and_stamps_are_utc_wherever_the_machine_is(
    inventory: Path, zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        outcome = await execute(planned(inventory), connector=Script())
    finally:
        monkeypatch.delenv("TZ")
        time.tzset()

    stamp = datetime.strptime(outcome.run_dir.name.split("-")[0] + "+0000", "%Y%m%dT%H%M%SZ%z")
    assert abs(datetime.now(UTC) - stamp) < timedelta(hours=1)
    assert outcome.manifest is not None
    manifest = json.loads(outcome.manifest.read_bytes())
    told = [manifest["started"], manifest["finished"], manifest["devices"][0]["started"]]
    assert [each[-1] for each in told] == ["Z", "Z", "Z"]


async def test_what_a_failed_device_said_is_kept_without_the_secret(inventory: Path) -> None:
    outcome = await execute(planned(inventory), connector=Script(r1=REFUSED))

    kept = [path for path in outcome.run_dir.rglob("*") if path.is_file()]
    texts = b"".join(path.read_bytes() for path in kept)
    assert b"admin <redacted> denied" in texts
    assert b"s3cret-word" not in texts


async def test_unset_variables_are_all_named_before_anything_connects(
    inventory: Path,
) -> None:
    edit(inventory, "credential: lab}", "credential: unset}")
    edit(inventory, "r2: {", "r2: {credential: other, ")
    script = Script()

    with pytest.raises(InputError) as refusal:
        await execute(planned(inventory), connector=script)

    named = [name in str(refusal.value) for name in ("NO_USER", "NO_PASSWORD", "NO_OTHER_USER")]
    assert named == [True, True, True]
    assert script.opened == []
    assert not (inventory.parent / "out").exists()


async def test_a_plan_touches_no_secret(inventory: Path) -> None:
    edit(inventory, "credential: lab}", "credential: unset}")

    assert planned(inventory).total == 3


@pytest.mark.parametrize(
    ("number", "exit_status"),
    [
        (signal.SIGINT, Exit.INTERRUPTED),
        (signal.SIGTERM, Exit.TERMINATED),
        (signal.SIGHUP, Exit.HANGUP),
    ],
)
@pytest.mark.usefixtures("hangup_heard")
async def test_a_signal_ends_the_run_with_a_result_for_every_device(
    inventory: Path, number: signal.Signals, exit_status: Exit
) -> None:
    script = Script(r2="hang")
    plan = planned(inventory, limits__sessions=1)
    running = asyncio.create_task(execute(plan, connector=script))
    await script.hanging.wait()

    os.kill(os.getpid(), number)
    outcome = await running

    assert outcome.exit_status is exit_status
    assert statuses(outcome) == {"r1": "ok", "r2": "cancelled", "r3": "skipped"}
    assert outcome.remarks == (f"the run was interrupted by {number.name}",)


def signalled(*numbers: signal.Signals, ignored: bool = False) -> tuple[int, str]:
    """Send these to a process that does nothing but watch; give its status and why it ends."""
    before = "IGN" if ignored else "DFL"
    code = f"""
import asyncio, signal
from collector.collect.ending import Ending
from collector.engine import Stop

async def main():
    ending = Ending(Stop())
    with ending.watching(0):
        for number in {[int(number) for number in numbers]}:
            signal.raise_signal(number)
            for _ in range(3):  # turns of the loop, to hear of it
                await asyncio.sleep(0)
        print(ending.reason)
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_{before}

signal.signal(signal.SIGHUP, signal.SIG_{before})
asyncio.run(main())
"""
    end = subprocess.run((sys.executable, "-c", code), check=False, capture_output=True, text=True)
    assert end.stderr == ""
    return end.returncode, end.stdout.strip()


def test_a_second_signal_ends_the_process_at_once() -> None:
    assert signalled(signal.SIGINT, signal.SIGTERM) == (Exit.TERMINATED, "")


def test_a_hangup_is_no_second_signal() -> None:
    # A terminal that is closed tells the shell, which tells its jobs, and then the jobs itself.
    once = (0, "the run was interrupted by SIGHUP")
    assert signalled(signal.SIGHUP, signal.SIGHUP) == once
    assert signalled(signal.SIGHUP, signal.SIGHUP, signal.SIGINT) == (Exit.INTERRUPTED, "")


def test_a_run_that_is_to_outlive_its_terminal_does() -> None:
    assert signalled(signal.SIGHUP, ignored=True) == (0, "")  # as under nohup


async def test_signals_are_given_back_after_the_run(inventory: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    await execute(planned(inventory), connector=Script())

    assert signal.getsignal(signal.SIGTERM) == before


async def test_a_run_that_reaches_its_own_limit_says_what_it_left(inventory: Path) -> None:
    plan = planned(inventory, limits__sessions=1, timeouts__run=0.2)
    outcome = await execute(plan, connector=Script(r1="hang"))

    assert outcome.exit_status is Exit.SOME_FAILED
    assert statuses(outcome) == {"r1": "cancelled", "r2": "skipped", "r3": "skipped"}
    assert outcome.remarks == ("the run reached its limit of 0.2 s",)


async def test_too_many_failures_let_no_more_devices_be_begun(inventory: Path) -> None:
    script = Script(r1=REFUSED, r2="wait")
    plan = planned(inventory, limits__sessions=1, max_failures="33%")
    outcome = await execute(plan, observe=script.watch, connector=script)

    assert statuses(outcome) == {"r1": "failed", "r2": "ok", "r3": "skipped"}
    assert outcome.exit_status is Exit.SOME_FAILED
    reason = "more than 33% of 3 devices failed (max_failures)"
    assert outcome.remarks == (reason,)
    faults = {failure.device.name: failure.fault for failure in outcome.failures}
    assert faults["r3"] is not None
    assert faults["r3"].message == f"not started: {reason}"


async def test_as_many_failures_as_are_allowed_are_borne(inventory: Path) -> None:
    plan = planned(inventory, limits__sessions=1, max_failures=1)
    outcome = await execute(plan, connector=Script(r1=REFUSED))

    assert statuses(outcome) == {"r1": "failed", "r2": "ok", "r3": "ok"}
    assert outcome.remarks == ()


async def test_a_credential_that_is_given_up_is_told_first(inventory: Path) -> None:
    plan = planned(inventory, limits__sessions=1, limits__rejections=2, max_failures=1)
    outcome = await execute(plan, connector=Script(r1=REJECTED, r2=REJECTED))

    assert statuses(outcome) == {"r1": "failed", "r2": "failed", "r3": "skipped"}
    assert outcome.exit_status is Exit.BREAKER
    assert outcome.remarks[0] == (
        "credential lab was rejected 2 times in a row (r1, r2); not tried with it any more: "
        "1 device"
    )


async def test_a_credential_that_everybody_rejected_is_exit_5_too(inventory: Path) -> None:
    rejecting = Script(r1=REJECTED, r2=REJECTED, r3=REJECTED)
    outcome = await execute(planned(inventory), connector=rejecting)

    assert statuses(outcome) == {"r1": "failed", "r2": "failed", "r3": "failed"}
    assert outcome.exit_status is Exit.BREAKER
    assert outcome.remarks[0].endswith("not tried with it any more: 0 devices")


async def test_the_observer_sees_each_result_stored(inventory: Path) -> None:
    seen: list[str] = []

    async def observe(results: AsyncIterator[DeviceResult], total: int) -> None:
        async for result in results:
            (stored,) = (inventory.parent / "out").glob(f"runs/*/devices/{result.device.name}/*")
            seen.append(f"{stored.name} 1/{total}")

    await execute(planned(inventory), observe=observe, connector=Script())

    assert seen == ["show_version.txt 1/3"] * 3


async def test_the_run_goes_on_without_an_observer_that_leaves(inventory: Path) -> None:
    async def observe(results: AsyncIterator[DeviceResult], total: int) -> None:
        await anext(results)

    outcome = await execute(planned(inventory), observe=observe, connector=Script())

    assert outcome.totals[Status.OK] == 3


async def test_an_observer_that_cannot_write_is_reported_and_nothing_is_lost(
    inventory: Path,
) -> None:
    async def observe(results: AsyncIterator[DeviceResult], total: int) -> None:
        raise StorageError("cannot write to standard output: No space left on device")

    outcome = await execute(planned(inventory), observe=observe, connector=Script())

    assert outcome.exit_status is Exit.STORAGE
    assert outcome.totals[Status.OK] == 3
    assert outcome.remarks == ("cannot write to standard output: No space left on device",)


async def test_a_stuck_observer_does_not_keep_a_signal_from_ending_the_run(
    inventory: Path,
) -> None:
    stuck = asyncio.Event()

    async def observe(results: AsyncIterator[DeviceResult], total: int) -> None:
        stuck.set()
        await asyncio.Event().wait()

    running = asyncio.create_task(execute(planned(inventory), observe=observe, connector=Script()))
    await stuck.wait()
    os.kill(os.getpid(), signal.SIGINT)
    outcome = await running

    assert outcome.exit_status is Exit.INTERRUPTED
    assert sum(outcome.totals.values()) == 3


async def test_a_device_that_the_engine_forgot_has_a_result_too(inventory: Path) -> None:
    devices = [assignment.device for assignment in planned(inventory).assignments]

    async def nothing() -> AsyncIterator[DeviceResult]:
        return
        yield

    results = [result async for result in completed(nothing(), devices, Ending(Stop()))]

    assert [result.status for result in results] == [Status.CANCELLED] * 3


async def test_devices_for_which_the_job_has_no_command_are_skipped(
    inventory: Path,
) -> None:
    edit(inventory, "r3: {", "r3: {platform: linux, ")
    settings = with_job(inventory, "{cisco_iosxe: [show inventory]}")

    outcome = await execute(prepare(settings, job="facts"), connector=Script())

    assert statuses(outcome) == {"r1": "ok", "r2": "ok", "r3": "skipped"}
    assert outcome.exit_status is Exit.OK


def test_a_job_without_a_command_for_anybody_is_an_error(inventory: Path) -> None:
    settings = with_job(inventory, "{arista_eos: [show inventory]}")

    with pytest.raises(InputError, match="no command for any selected device"):
        prepare(settings, job="facts")


@pytest.mark.parametrize("command", ["", "  ", "show version\nreload", "show\tversion\x03"])
def test_a_command_is_one_line_of_text(inventory: Path, command: str) -> None:
    with pytest.raises(InputError, match="command: expected"):
        planned(inventory, command)


def test_nothing_selected_is_an_error(inventory: Path) -> None:
    settings = load_settings(None, {}, {"inventory": inventory})

    with pytest.raises(SelectionError):
        prepare(settings, limits=["r99"])


async def test_collect_gives_results_and_writes_nothing(
    inventory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    read = load_inventory(inventory)
    before = below(tmp_path)

    results = [
        result
        async for result in collect(
            read.devices,
            credentials=Credentials(read.credentials, {}),
            settings=load_settings(None, {}, {"retries.attempts": 1}),
            commands=["show version"],
            connector=Script(r2=REFUSED),
        )
    ]

    assert {result.device.name: result.status for result in results} == {
        "r1": Status.OK,
        "r2": Status.FAILED,
        "r3": Status.OK,
    }
    assert below(tmp_path) == before


def test_sessions_are_lowered_to_the_open_files_and_it_is_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert fitted(Limits(sessions=500), open_files=256).sessions == 192
    assert "limits.sessions lowered from 500 to 192" in caplog.text


def test_a_storage_problem_outranks_failed_devices_but_not_a_signal() -> None:
    tally, ending = Tally(breaker=True), Ending(Stop())

    assert tally.exit_status(ending, stored=False) is Exit.STORAGE
    ending.signal = signal.SIGTERM
    assert tally.exit_status(ending, stored=False) is Exit.TERMINATED


def lasted(outcome: RunOutcome, **seconds: float) -> None:
    """Have a stored run say how long its devices took."""
    assert outcome.manifest is not None
    lines = outcome.manifest.read_text().splitlines(keepends=True)
    for place, line in enumerate(lines):
        for name, each in seconds.items():
            if line.lstrip().startswith(f'{{"name": "{name}"'):
                took = f'"duration_s": {each}'
                lines[place] = re.sub(r'"duration_s": [\d.]+', took, line, count=1)
    outcome.manifest.write_text("".join(lines))


async def opened_by(plan: Plan, **devices: Fault | str) -> list[str]:
    script = Script(**devices)
    await execute(plan, connector=script)
    return script.opened


async def test_those_that_took_longest_in_the_last_run_are_begun_first(inventory: Path) -> None:
    one_by_one = {"limits__sessions": 1}
    first = await execute(planned(inventory, **one_by_one), connector=Script())
    lasted(first, r1=2, r2=1, r3=40)

    plan = planned(inventory, **one_by_one)
    assert [one.device.name for one in plan.assignments] == ["r1", "r2", "r3"]  # a dry run's order
    assert await opened_by(plan) == ["r3", "r1", "r2"]
    (newest, *_) = sorted(first.run_dir.parent.glob("2*"), reverse=True)
    rows = json.loads((newest / "manifest.json").read_bytes())["devices"]
    assert [row["name"] for row in rows] == ["r1", "r2", "r3"]

    lasted(first, r1=1, r2=30, r3=2)
    assert await opened_by(planned(inventory, "show clock", **one_by_one)) == ["r1", "r2", "r3"]
    assert await opened_by(planned(inventory, order="inventory", **one_by_one)) == [
        *("r1", "r2", "r3"),
    ]


async def test_the_order_is_as_given_where_all_can_be_at_once(inventory: Path) -> None:
    first = await execute(planned(inventory), connector=Script())
    lasted(first, r1=2, r2=1, r3=40)
    assert await opened_by(planned(inventory)) == ["r1", "r2", "r3"]


@pytest.mark.parametrize("early", [{}, {"max_failures": "50%"}, {"timeouts__run": 600}])
async def test_what_failed_last_comes_last_where_failures_or_time_may_end_the_run(
    early: dict[str, Any], inventory: Path
) -> None:
    one_by_one = {"limits__sessions": 1}
    first = await execute(planned(inventory, **one_by_one), connector=Script(r2=REFUSED))
    lasted(first, r1=3, r2=90, r3=9)
    expected = ["r3", "r1", "r2"] if early else ["r3", "r2", "r1"]
    assert await opened_by(planned(inventory, **one_by_one, **early)) == expected


async def test_a_platform_has_time_limits_of_its_own_and_a_device_is_stronger(
    inventory: Path,
) -> None:
    edit(inventory, "r2: {host: 127.0.0.1}", "r2: {host: 127.0.0.1, timeouts: {command: 5}}")
    config = inventory.with_name("config.yaml")
    config.write_text("platforms: {cisco_iosxe: {timeouts: {command: 90, login: 30}}}\n")
    paths = {"inventory": inventory, "output": inventory.parent / "out"}
    plan = prepare(load_settings(config, {}, paths), commands=["show version"])
    limits = {one.device.name: dict(one.device.timeouts) for one in plan.assignments}
    assert limits["r1"] == {"command": 90, "login": 30}
    assert limits["r2"] == {"command": 5, "login": 30}

    seen: dict[str, Timeouts] = {}

    class Watch(Script):
        async def open(self, device: Device, timeouts: Timeouts, enter: Enter) -> Script:
            seen[device.name] = timeouts
            return await super().open(device, timeouts, enter)

    outcome = await execute(plan, connector=Watch(r1=REFUSED))
    assert (seen["r1"].command, seen["r2"].command, seen["r1"].connect) == (90, 5, 15)
    again = repeat(load_settings(config, {}, paths), outcome.run_dir.name)
    (left,) = again.assignments
    assert dict(left.device.timeouts) == limits["r1"]
    (_, second, _) = examination(load_settings(config, {}, paths)).assignments
    assert dict(second.device.timeouts) == limits["r2"]
