"""Runs whose job redacts: no secret of a configuration in what is stored, shown or told."""

from __future__ import annotations

import hashlib
import io
import json
import logging
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from collector.collect import (
    Plan,
    collect,
    credentials_of,
    execute,
    prepare,
)
from collector.collect.again import repeat, resume
from collector.collect.concealment import Concealment
from collector.credentials import Credentials
from collector.engine import Enter
from collector.errors import DeviceError, InputError
from collector.inventory import load_inventory
from collector.log import configure
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
    Status,
    Timeouts,
)
from collector.platforms import load_platforms
from collector.settings import Settings, load_settings

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


class Talker(Router):
    """A connector that logs what a device says."""

    async def open(self, device: Device, timeouts: Timeouts, enter: Enter) -> Router:
        logging.getLogger("collector.driver").info("unknown: 'enable secret 9 two words'")
        return await super().open(device, timeouts, enter)


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
    paths = f"inventory: devices.yaml\noutput: {folder / 'out'}\n"
    path.write_text(CONFIG % (mode, str(raw).lower(), key) + paths)
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
    assert watcher.said().count(b"<secret") == 8  # of evidence the last two lines are left
    stored = (run / "devices/r1/show_running-config.txt").read_bytes()
    assert re.fullmatch(
        rb"hostname r1\nenable secret 9 <secret\S*>\nsnmp-server community <secret\S*> RO\nend\n",
        stored,
    )
    log = (run / "failures/gone/session.log").read_bytes()
    assert b"(the last 2 lines, without secrets: the job redacts)\n" in log
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
    told = [each.read_bytes() for each in run.iterdir() if each.is_file()]
    assert len(told) == 3  # the manifest, the journal, and what was to be done
    assert leaks(b"".join(told)) == []
    assert leaks(files(run, "failures")) == []


async def test_of_what_is_kept_raw_no_failure_is_told(folder: Path) -> None:
    plan = prepare(load_settings(configured(folder, "mask", raw=True), {}))
    outcome = await execute(plan, connector=Router())
    assert {each.device.name for each in outcome.failures} == {"gone", "r1", "r2"}
    assert leaks(repr(outcome.failures).encode()) == []
    assert leaks(b"".join(each.evidence for each in outcome.failures)) == []


def again(plan: str, settings: Settings) -> Plan:
    return resume(settings, "latest") if plan == "resume" else repeat(settings, "latest")


@pytest.mark.parametrize("plan", ["resume", "repeat"])
@pytest.mark.parametrize(
    ("mode", "raw", "found"),
    [
        ("off", False, "redact: off"),
        ("fingerprint", False, "redact: fingerprint"),
        ("mask", True, "redact: mask, keep_raw: true"),
    ],
)
async def test_nobody_goes_on_with_a_run_that_hid_more(
    folder: Path, plan: str, mode: str, raw: bool, found: str
) -> None:
    run, _ = await ran(configured(folder, "mask"))
    if plan == "resume":
        (run / "manifest.json").unlink()
    settings = load_settings(configured(folder, mode, raw=raw, key=KEY), {})
    with pytest.raises(InputError) as caught:
        again(plan, settings)
    assert caught.value.problems == (
        f"run {run.name} was of job 'nightly' with redact: mask; it would go on with {found}; "
        "--config names the settings of that run",
    )


@pytest.mark.parametrize("plan", ["resume", "repeat"])
async def test_nobody_goes_on_with_a_run_of_a_job_that_is_unknown(folder: Path, plan: str) -> None:
    run, _ = await ran(configured(folder, "mask"))
    if plan == "resume":
        (run / "manifest.json").unlink()
    settings = load_settings(None, {}, {"output": folder / "out"})
    with pytest.raises(InputError, match="'nightly' with redact: mask, which is not in these"):
        again(plan, settings)


async def test_a_run_that_hides_more_goes_on_and_stays_so(folder: Path) -> None:
    run, _ = await ran(configured(folder, "fingerprint", key=KEY))
    (run / "manifest.json").unlink()
    settings = load_settings(configured(folder, "mask"), {})
    outcome = await execute(resume(settings, "latest"), connector=Router())
    assert outcome.run_dir == run
    recorded = json.loads((run / "run.json").read_bytes())
    assert (recorded["redact"], recorded["keep_raw"], recorded["history"]) == ("mask", False, True)


async def test_a_run_of_a_version_that_recorded_less_goes_on(folder: Path) -> None:
    run, _ = await ran(configured(folder, "mask"))
    recorded = json.loads((run / "run.json").read_bytes())
    older = {name: recorded[name] for name in recorded.keys() - {"redact", "keep_raw", "history"}}
    (run / "run.json").write_text(json.dumps(older))
    assert repeat(load_settings(configured(folder, "mask"), {}), "latest").total == 3
    (run / "run.json").write_text(json.dumps({**recorded, "redact": ["mask"]}))
    with pytest.raises(InputError, match="does not say how it redacts"):
        repeat(load_settings(configured(folder, "mask"), {}), "latest")


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


def test_what_is_logged_is_read_by_the_tables_of_its_device() -> None:
    platforms = load_platforms()
    said = "r1: no prompt after 'enable secret 9 two words'"  # on IOS a secret may have a blank
    half = "r1: no prompt after 'enable secret 9 <secret> words'"
    hidden = "r1: no prompt after 'enable secret 9 <secret>"
    conceal = Concealment(platforms=platforms, mode=Redact.MASK)
    assert conceal.text(said, "generic") == half
    assert conceal.text(said, "cisco_iosxe") == hidden
    assert conceal.text(said, "frr", "cisco_iosxe") == hidden
    assert "words" not in conceal.text(said)
    assert Concealment(platforms=platforms).text(said) == said


async def test_a_log_line_is_hidden_as_its_device_says_it(folder: Path) -> None:
    """What the connector logs of a device is told by the tables of that device's platform."""
    stream = io.StringIO()
    root = logging.getLogger()
    before = root.handlers[:], root.level
    configure(1, stream)
    try:
        plan = prepare(load_settings(configured(folder, "mask"), {}))
        await execute(plan, connector=Talker())
    finally:
        root.handlers[:], root.level = before
        logging.raiseExceptions = True
    assert "enable secret 9 <secret>" in stream.getvalue()
    assert "words" not in stream.getvalue()


def test_of_evidence_its_last_lines_are_left() -> None:
    """It is what a terminal showed: pagers are in it, and its beginning is cut off."""
    conceal = Concealment(platforms=load_platforms(), mode=Redact.MASK)
    seen = b"ter2\n" + b"x\n" * 40_000 + b" --More-- \r          \rusername a secret 0 hunter2\r\n"
    result = DeviceResult(
        device=Device(name="r1", host="h", platform="cisco_iosxe", credential="c"),
        status=Status.FAILED,
        started=datetime.now(UTC),
        duration=0.0,
        evidence=seen[-EVIDENCE_KEPT:],
    )
    assert conceal.concealed(result).evidence.splitlines() == [
        b"(the last 2 lines, without secrets: the job redacts)",
        b" --More--",
        b"username a secret 0 <secret>",
    ]
