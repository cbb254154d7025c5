"""Whatever a run writes, says and shows, at its most verbose: no secret in it.

Secrets of every source, devices that fail in every phase in which one is used, and devices that
give back what was typed.
"""

from __future__ import annotations

import asyncio
import io
import json
import logging
import pprint
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn
from urllib.parse import quote

import asyncssh
import pytest
from support.program import start

from collector import log
from collector.cli import main
from collector.collect import credentials_of, execute, prepare
from collector.errors import Exit
from collector.lab import DeviceStats, Ending, Lab, LabDevice, LabFault, Terminal
from collector.lab.server import play
from collector.model import Device, FaultClass, Timeouts
from collector.redaction import Redaction
from collector.settings import Settings

PASSWORD = 'pä"ss w%rd/1<&'  # each of its characters is escaped by somebody
WRONG = "wr0ng-secret"
ENABLE = "en4ble-secret"
WRONG_ENABLE = "wr0ng-en4ble"
PASSPHRASE = "p4ssphrase-secret"
FROM_FILE = "fr0m-file-secret"
FROM_COMMAND = "fr0m-command-secret"
FALLBACK = "f4ll-back-secret"
SECRETS = (PASSWORD, WRONG, ENABLE, WRONG_ENABLE, PASSPHRASE, FROM_FILE, FROM_COMMAND, FALLBACK)
AWAY = f"Authentication servers are not responding: {WRONG} not judged\n"

INVENTORY = """
defaults: {platform: cisco_iosxe, credential: good, timeouts: {login: 5, command: 2}}
credentials:
  good: {username: admin, password: "${LAB_PASSWORD}", enable: "${LAB_ENABLE}"}
  wrong: {username: admin, password: "${LAB_WRONG}"}
  half: {username: admin, password: "${LAB_PASSWORD}", enable: "${LAB_WRONG_ENABLE}"}
  key: {username: admin, private_key: id, passphrase: "${LAB_PASSPHRASE}", enable: "${LAB_ENABLE}"}
  rescue: {username: admin, password: "${LAB_FALLBACK}", enable: "${LAB_ENABLE}"}
  file: {username: admin, password: {file: secret}, enable: "${LAB_ENABLE}"}
  command: {username: admin, password: {command: [sh, print.sh]}, enable: "${LAB_ENABLE}"}
"""
ENVIRON = {
    "LAB_PASSWORD": PASSWORD,
    "LAB_WRONG": WRONG,
    "LAB_ENABLE": ENABLE,
    "LAB_WRONG_ENABLE": WRONG_ENABLE,
    "LAB_PASSPHRASE": PASSPHRASE,
    "LAB_FALLBACK": FALLBACK,
}
CREDENTIALS = {
    "good": "good",
    "refused": "good",
    "dropped": "good",
    "telling": "good",
    "denying": "good",
    "rejected": "wrong",
    "kept-out": "half",
    "keyed": "key",
    "filed": "file",
    "commanded": "command",
    "away": "wrong",
    "rescued": "[wrong, rescue]",
    "lost": "[wrong, rescue]",
}
SAYING = {"away", "rescued", "lost"}


async def shell(terminal: Terminal, device: LabDevice, stats: DeviceStats) -> Ending:
    """Play a router, or one that has heard the secrets and repeats them."""
    if device.name not in {"telling", "denying", "rescued"}:
        return await play(terminal, device, stats)
    await terminal.send(f"{device.name}#".encode())
    while True:
        line = await terminal.read_line()
        if device.name == "rescued" and line.strip().startswith(b"show clock"):
            await terminal.send(f"% Invalid input: {FALLBACK}, not {WRONG}\r\n".encode())
        elif device.name == "denying" and line.strip().startswith(b"show clock"):
            await terminal.send(f"% Invalid input: {PASSWORD}\r\n".encode())
        elif line.strip().startswith(b"show clock"):
            for piece in _tales():
                await terminal.send(piece)
                await asyncio.sleep(0)
            await asyncio.Event().wait()
        await terminal.send(f"{device.name}#".encode())


def _tales() -> Iterator[bytes]:
    """Give back the password in one form after the other, and last the half of it."""
    utf8, half = PASSWORD.encode(), len(PASSWORD) // 2
    yield b"typed: " + utf8 + b"\r\n"
    yield b"in two reads: " + utf8[:half]
    yield utf8[half:] + b"\r\n"
    yield b"wrapped: " + utf8[:half] + b"\r\n" + utf8[half:] + b"\r\n"
    yield b"coloured: " + utf8[:half] + b"\x1b[1;31m" + utf8[half:] + b"\x1b[0m\r\n"
    yield b"latin: " + PASSWORD.encode("latin-1") + b"\r\n"
    yield b"json: " + json.dumps({"p": PASSWORD, "e": ENABLE}).encode() + b"\r\n"
    yield (
        b"url: https://x/?p="
        + quote(PASSWORD, safe="").encode()
        + b"&e="
        + ENABLE.encode()
        + b"\r\n"
    )
    yield b"cut: " + utf8[: len(utf8) - 2]


def devices(key: str) -> list[LabDevice]:
    """Give the lab's devices, each with what its own credential should be."""
    passwords = {"filed": FROM_FILE, "commanded": FROM_COMMAND, "rescued": FALLBACK}
    faults = {"refused": LabFault.REFUSE, "dropped": LabFault.DROP_OUTPUT}
    return [
        LabDevice(
            name=name,
            platform="cisco_iosxe",
            password=None if name == "keyed" else passwords.get(name, PASSWORD),
            enable=ENABLE,
            public_keys=(key,) if name == "keyed" else (),
            fault=faults.get(name, LabFault.NONE),
            refused=AWAY if name in SAYING else "",
        )
        for name in CREDENTIALS
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make the files that the secrets are in, apart from the folder in which the run writes."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    home = tmp_path / "inventory"
    home.mkdir()
    home.joinpath("id").write_bytes(key.export_private_key(passphrase=PASSPHRASE))
    home.joinpath("id.pub").write_bytes(key.export_public_key())
    home.joinpath("print.sh").write_text(f"echo {FROM_COMMAND}\necho {FROM_COMMAND} >&2\n")
    home.joinpath("secret").touch(mode=0o600)
    home.joinpath("secret").write_text(f"{FROM_FILE}\n")
    return tmp_path


def write_inventory(folder: Path, lab: Lab) -> None:
    lines = [
        f"  {name}: {{host: 127.0.0.1, port: {lab.port(name)}, credential: {credential}}}\n"
        for name, credential in CREDENTIALS.items()
    ]
    (folder / "inventory/lab.yaml").write_text(f"{INVENTORY}devices:\n{''.join(lines)}")


def forms(secret: str) -> set[bytes]:
    """Give a secret as it might be written, by rules that are not those of the redaction."""
    texts = {secret, json.dumps(secret)[1:-1], quote(secret, safe=""), repr(secret)[1:-1]}
    return {text.encode() for text in texts} | {secret.encode("latin-1")}


def found_in(data: bytes) -> list[str]:
    """Give the secrets that stand in some bytes, control characters and colours aside."""
    plain = data.replace(b"\x1b[1;31m", b"").translate(None, bytes(range(32)))
    return [s for s in SECRETS if any(form in data or form in plain for form in forms(s))]


async def command_lines(process: asyncio.subprocess.Process) -> set[bytes]:
    """Collect what the process list shows of a program and what it starts, until it ends."""
    seen: set[bytes] = set()
    while process.returncode is None:
        for number in [process.pid, *_children(process.pid)]:
            try:
                seen.add(Path(f"/proc/{number}/cmdline").read_bytes())
            except OSError:  # it has ended
                continue
        await asyncio.sleep(0.005)
    return seen


def _children(pid: int) -> list[int]:
    try:
        paths = [*Path(f"/proc/{pid}/task").glob("*/children")]
        return [int(number) for path in paths for number in path.read_text().split()]
    except OSError:
        return []


@pytest.mark.parametrize("processes", ["1", "2"])
async def test_nothing_that_a_run_writes_or_says_has_a_secret_in_it(
    folder: Path, processes: str
) -> None:
    key = (folder / "inventory/id.pub").read_text()
    async with Lab(devices(key), shells={"cisco_iosxe": shell}) as lab:
        write_inventory(folder, lab)
        process = await start(
            *("run", "-i", "inventory/lab.yaml", "-c", "show clock", "-f", "jsonl"),
            *("-vvv", "--log-json", "--processes", processes),
            cwd=folder,
            environ={
                **ENVIRON,
                "HOME": str(folder / "home"),
                "COLLECTOR_LIMITS_TRIAL": "1",  # the others are for the other processes
            },
        )
        watching = asyncio.create_task(command_lines(process))
        stdout, stderr = await process.communicate()
        shown = await watching

    manifest = json.loads((folder / "output/runs/latest/manifest.json").read_bytes())
    ends = {row["name"]: (row["status"], row.get("class")) for row in manifest["devices"]}
    assert process.returncode == Exit.SOME_FAILED, stderr
    assert {name for name, (status, _) in ends.items() if status == "ok"} == {
        "good", "keyed", "filed", "commanded",
    }, ends  # fmt: skip
    assert ends["rejected"] == ("failed", "auth")
    assert ends["kept-out"] == ("failed", "enable")
    assert ends["away"] == ("failed", "auth_unreachable")
    assert ends["rescued"] == ("partial", "rejected")
    assert ends["lost"] == ("failed", "auth")
    assert b"<redacted> not judged" in stderr
    assert b"--log-json" in b"".join(shown)

    evidence = (folder / "output/runs/latest/failures/telling/session.log").read_bytes()
    assert evidence.count(b"<redacted>") >= 10, evidence
    assert "<redacted>" in json.dumps(manifest)
    written = {
        path: path.read_bytes()
        for root in ("output", "home")
        for path in (folder / root).rglob("*")
        if path.is_file()
    }
    assert any(path.name == "known_hosts" for path in written)
    said = {"stdout": stdout, "stderr": stderr, "process list": b"\n".join(shown)}
    for what, data in [*written.items(), *said.items()]:
        assert not found_in(data), f"{what}: {data!r}"
    assert not list(folder.glob("**/core*"))


class Failing:
    """A connector with an error of its own inside, which quotes what it was told."""

    async def open(self, device: Device, timeouts: Timeouts, *_: object) -> NoReturn:
        raise LookupError(f"no such key: {PASSWORD!r}, {ENABLE}")


@pytest.fixture
def _logging_as_it_was() -> Iterator[None]:
    root, own, raising = logging.getLogger(), logging.getLogger(log.OWN), logging.raiseExceptions
    handlers, levels = root.handlers[:], (root.level, own.level)
    yield
    root.handlers[:], logging.raiseExceptions = handlers, raising
    root.setLevel(levels[0])
    own.setLevel(levels[1])


@pytest.mark.usefixtures("_logging_as_it_was")
async def test_an_internal_error_tells_no_secret(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)
    (folder / "inventory/lab.yaml").write_text(f"{INVENTORY}devices: {{r1: {{host: 127.0.0.1}}}}")
    settings = Settings(inventory=folder / "inventory/lab.yaml", output=folder / "output")
    said = io.StringIO()
    log.configure(3, said, as_json=True)

    outcome = await execute(prepare(settings, commands=["show clock"]), connector=Failing())

    (failure,) = outcome.failures
    assert failure.fault is not None
    assert failure.fault.fault_class is FaultClass.INTERNAL
    assert "LookupError" in said.getvalue()
    written = [path.read_bytes() for path in (folder / "output").rglob("*") if path.is_file()]
    shown = [said.getvalue().encode(), repr(outcome).encode()]
    for data in (*written, *shown):
        assert not found_in(data), data


async def test_no_value_shows_a_secret(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)
    key = (folder / "inventory/id.pub").read_text()
    async with Lab(devices(key)) as lab:
        write_inventory(folder, lab)
    settings = Settings(inventory=folder / "inventory/lab.yaml", output=folder / "output")

    plan = prepare(settings, commands=["show clock"])
    credentials = credentials_of(plan)

    held = [credentials.get(name) for name in plan.inventory.credentials]
    secrets = {one.password for one in held} | {one.enable for one in held}
    assert {one.passphrase for one in held} | secrets >= set(SECRETS)
    specs = [*plan.inventory.credentials.values()]
    for shown in (plan, plan.inventory, credentials, *held, *specs, Redaction(SECRETS)):
        for text in (repr(shown), str(shown), pprint.pformat(shown), f"{[shown]}"):
            assert not found_in(text.encode()), text
            assert "print.sh" not in text


async def test_a_plan_fetches_no_secret(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    text = "devices: {r1: {host: r1, platform: linux, credential: c}}\n"
    text += "credentials: {c: {username: u, password: {command: [touch, ran]}}}\n"
    (folder / "inventory/lab.yaml").write_text(text)
    inventory = str(folder / "inventory/lab.yaml")
    for words in (["run", "--dry-run"], ["inventory", "check"], ["inventory", "list"]):
        assert main([*words, "-i", inventory]) == Exit.OK
    assert not (folder / "inventory/ran").exists()
    assert capfd.readouterr().err == ""
