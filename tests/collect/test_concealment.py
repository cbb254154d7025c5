"""Runs whose job redacts: no secret of a configuration in what is stored, shown or told."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from collector.collect import collect, credentials_of, execute, prepare
from collector.collect.concealment import Concealment
from collector.credentials import Credentials
from collector.engine import Enter
from collector.errors import DeviceError, InputError
from collector.inventory import load_inventory
from collector.model import (
    EVIDENCE_KEPT,
    CommandResult,
    CommandStatus,
    Device,
    DeviceResult,
    Fault,
    FaultClass,
    Phase,
    Redact,
    Timeouts,
)
from collector.platforms import load_platforms
from collector.settings import load_settings

INVENTORY = """
defaults: {platform: cisco_iosxe, credential: lab}
credentials: {lab: {username: admin, password: s3cret-word}}
devices: {r1: {host: 127.0.0.1}, r2: {host: 127.0.0.1}, gone: {host: 127.0.0.1}}
"""
CONFIG = """
job: nightly
jobs:
  nightly: {commands: backup, redact: %s, keep_raw: %s}
backups:
  fingerprint_key: %s
"""
TEXT = b"hostname %b\nenable secret 9 hunter2\nsnmp-server community %b RO\nend\n"
SECRETS = (b"hunter2", b"r1-public", b"r2-public", b"gone-public", b"s3cret-word")
KEY = "{file: key}"


class Router:
    """A connector whose devices have secrets in all that they say, also where they fail."""

    algorithms = None

    def __init__(self, name: str = "") -> None:
        self.name = name.encode()

    async def open(self, device: Device, timeouts: Timeouts, enter: Enter) -> Router:
        enter(Phase.AUTH)
        if device.name == "gone":
            raise DeviceError.of(
                FaultClass.PROMPT,
                Phase.LOGIN,
                "no prompt after 'snmp-server community gone-public RO'",
                evidence=TEXT % (b"gone", b"gone-public"),
            )
        return Router(device.name)

    async def run(self, command: str, *, timeout: float, least: int = 0) -> CommandResult:
        output = TEXT % (self.name, self.name + b"-public")
        if command != "show version":
            return CommandResult(command=command, status=CommandStatus.OK, output=output)
        fault = Fault(fault_class=FaultClass.SUSPECT, phase=Phase.COMMAND, message="small")
        return CommandResult(
            command=command, status=CommandStatus.SUSPECT, fault=fault, evidence=output
        )

    async def finish(self) -> tuple[int, ...]:
        return ()

    async def close(self) -> None:
        pass


class Watcher:
    def __init__(self) -> None:
        self.seen: list[DeviceResult] = []

    async def __call__(self, results: AsyncIterator[DeviceResult], total: int) -> None:
        self.seen += [result async for result in results]

    def said(self) -> bytes:
        commands = [command for result in self.seen for command in result.commands]
        texts = [part for each in commands for part in (each.output, each.evidence)]
        told = [repr(result.fault).encode() + result.evidence for result in self.seen]
        return b"".join(texts + told)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "devices.yaml").write_text(INVENTORY)
    (tmp_path / "key").write_text("0123456789abcdef\n")
    (tmp_path / "key").chmod(0o600)
    return tmp_path


def configured(folder: Path, mode: str, *, raw: bool = False, key: str = "") -> Path:
    path = folder / "config.yaml"
    path.write_text(CONFIG % (mode, str(raw).lower(), key) + "inventory: devices.yaml\n")
    return path


async def ran(config: Path) -> tuple[Path, Watcher]:
    plan = prepare(load_settings(config, {}))
    watcher = Watcher()
    outcome = await execute(plan, observe=watcher, connector=Router())
    assert outcome.manifest is not None
    return outcome.run_dir, watcher


def files(folder: Path, below: str = "") -> bytes:
    paths = (folder / below).rglob("*")
    return b"".join(each.read_bytes() for each in paths if each.is_file())


def leaks(text: bytes) -> list[bytes]:
    return [secret for secret in SECRETS if secret in text]


@pytest.mark.parametrize("mode", ["mask", "fingerprint"])
async def test_no_secret_is_stored_shown_or_told(folder: Path, mode: str) -> None:
    run, watcher = await ran(configured(folder, mode, key=KEY))
    assert leaks(files(run)) == []
    assert leaks(watcher.said()) == []
    assert watcher.said().count(b"<secret") == 11
    stored = (run / "devices/r1/show_running-config.txt").read_bytes()
    assert re.fullmatch(
        rb"hostname r1\nenable secret 9 <secret\S*>\nsnmp-server community <secret\S*> RO\nend\n",
        stored,
    )
    log = (run / "failures/gone/session.log").read_bytes()
    assert log.count(b"snmp-server community <secret") == 2  # in the fault, in the evidence
    rows = json.loads((run / "manifest.json").read_text())["devices"]
    row = next(row for row in rows if row["name"] == "r1")["commands"][0]
    assert row["sha256"] == hashlib.sha256(stored).hexdigest()
    assert row["bytes"] == len(stored)


async def test_a_shared_secret_can_be_told_by_its_fingerprint(folder: Path) -> None:
    run, _ = await ran(configured(folder, "fingerprint", key=KEY))
    one, other = (
        (run / f"devices/{name}/show_running-config.txt").read_text().splitlines()
        for name in ("r1", "r2")
    )
    assert one[1] == other[1]
    assert one[2] != other[2]


async def test_off_keeps_all_as_it_came(folder: Path) -> None:
    run, watcher = await ran(configured(folder, "off"))
    assert TEXT % (b"r1", b"r1-public") in files(run, "devices/r1")
    assert b"hunter2" in watcher.said()
    assert b"s3cret-word" not in files(run)


async def test_raw_text_is_kept_in_the_run_alone(folder: Path) -> None:
    run, watcher = await ran(configured(folder, "mask", raw=True))
    assert TEXT % (b"r1", b"r1-public") in files(run, "devices/r1")
    assert leaks(watcher.said()) == []


async def test_a_script_gets_what_its_job_says(folder: Path) -> None:
    settings = load_settings(configured(folder, "fingerprint", key=KEY), {})
    inventory = load_inventory(folder / "devices.yaml")
    credentials = Credentials(inventory.credentials, {})
    watcher = Watcher()
    devices = inventory.devices
    results = collect(devices, credentials=credentials, settings=settings, connector=Router())
    await watcher(results, 3)
    assert leaks(watcher.said()) == []
    commands = collect(
        devices,
        credentials=credentials,
        settings=settings,
        commands=["show running-config"],
        connector=Router(),
    )
    await watcher(commands, 3)
    assert b"hunter2" in watcher.said()  # commands of no job


@pytest.mark.parametrize(
    ("key", "environ", "problem"),
    [
        ("short", {}, r"backups.fingerprint_key: expected 16 characters .* 5; .*rand.*"),
        ("'${NO_SUCH_KEY}'", {}, r".*config.yaml:6:20: backups.fingerprint_key: .* is not set"),
        ("{file: nowhere}", {}, r".*config.yaml:6:20: backups.fingerprint_key: .* be read.*"),
    ],
)  # fmt: skip
def test_a_key_that_cannot_be_had_is_told_before_anything_connects(
    folder: Path, key: str, environ: dict[str, str], problem: str
) -> None:
    plan = prepare(load_settings(configured(folder, "fingerprint", key=key), environ))
    with pytest.raises(InputError) as caught:
        credentials_of(plan)
    (told,) = caught.value.problems
    assert re.fullmatch(problem, told)


def test_the_key_is_fetched_only_for_fingerprints(folder: Path) -> None:
    plan = prepare(load_settings(configured(folder, "mask", key="{file: nowhere}"), {}))
    credentials_of(plan)
    plan = prepare(
        load_settings(configured(folder, "fingerprint", key="{file: nowhere}"), {}),
        commands=["show version"],
    )
    credentials_of(plan)


def test_what_is_logged_is_read_by_the_general_table() -> None:
    said = "r1: no prompt after 'snmp-server community hunter2 RO'"
    platforms = load_platforms()
    hidden = "r1: no prompt after 'snmp-server community <secret> RO'"
    assert Concealment(platforms=platforms, mode=Redact.MASK).text(said) == hidden
    assert Concealment(platforms=platforms).text(said) == said


def test_evidence_that_was_cut_begins_with_no_half_of_a_secret() -> None:
    conceal = Concealment(platforms=load_platforms(), mode=Redact.MASK)
    cut = (b"ter2\n" + b"x\n" * EVIDENCE_KEPT)[:EVIDENCE_KEPT]
    result = DeviceResult(
        device=Device(name="r1", host="h", platform="cisco_iosxe", credential="c"),
        status="failed",  # type: ignore[arg-type]  # the word is enough here
        started=None,  # type: ignore[arg-type]  # no time is looked at
        duration=0.0,
        evidence=cut,
    )
    assert conceal.concealed(result).evidence.startswith(b"<secret>\nx\n")
