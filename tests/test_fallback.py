"""A list of credentials in the whole program: who is sent the second one, and how it is told."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.program import collector, ended, start

from collector.errors import Exit
from collector.lab import Lab, LabDevice, LabFault, TelnetLogin
from collector.model import Transport

AWAY = "Remote AAA servers unreachable; local authentication failed.\n"
REMARK = (
    "collector: credential local was used as fall-back for 1 device (saying): "
    "the authentication server could not be reached from there"
)
TRANSPORTS = pytest.mark.parametrize("transport", Transport)


def lab_device(
    name: str, transport: Transport, *, says: str = "", to_everyone: str = "", **how: Any
) -> LabDevice:
    """Give a device that takes the local credential, and says something to any other."""
    return LabDevice(
        name=name,
        platform="cisco_nxos",
        username="rescue",
        password="l0cal-pw",
        privileged=True,
        transport=transport,
        banner=to_everyone,
        refused=says,
        telnet=TelnetLogin(greeting=f"\n{to_everyone}", refused=f"{says}Login incorrect\n\n"),
        **how,
    )


def devices(transport: Transport) -> list[LabDevice]:
    accepting = lab_device("accepting", transport)
    return [
        lab_device("saying", transport, says=AWAY),
        lab_device("mute", transport),
        lab_device("showing", transport, to_everyone=AWAY, says=AWAY),
        replace(accepting, username="night", password="tacacs-pw"),
    ]


def write_inventory(folder: Path, lab: Lab, credential: str = "[tacacs, local]") -> None:
    lines = [
        f"  {name}: {{host: 127.0.0.1, port: {lab.port(name)}, transport: {device.transport}}}\n"
        for name, device in lab.devices.items()
    ]
    (folder / "lab.yaml").write_text(
        f"defaults: {{platform: cisco_nxos, credential: {credential}}}\n"
        "credentials:\n"
        "  tacacs: {username: night, password: tacacs-pw}\n"
        "  local: {username: rescue, password: l0cal-pw}\n"
        f"devices:\n{''.join(lines)}"
    )
    (folder / "config.yaml").write_text("host_keys: 'off'\nlimits: {trial: 9, rejections: 9}\n")


def manifest(folder: Path) -> dict[str, dict[str, Any]]:
    rows = json.loads((folder / "output/runs/latest/manifest.json").read_bytes())["devices"]
    return {row["name"]: row for row in rows}


@TRANSPORTS
@pytest.mark.parametrize("processes", ["1", "2"])
async def test_only_who_says_it_is_sent_the_next_one(
    tmp_path: Path, transport: Transport, processes: str
) -> None:
    async with Lab(devices(transport)) as lab:
        write_inventory(tmp_path, lab)
        end = await collector(
            *("run", "-i", "lab.yaml", "-c", "show clock", "--processes", processes), cwd=tmp_path
        )
        seen = {name: (each.ever, each.rejected_logins) for name, each in lab.stats.items()}

    ends = {name: (row["status"], row["class"]) for name, row in manifest(tmp_path).items()}
    assert ends == {
        "saying": ("ok", None),
        "mute": ("failed", "auth"),
        "showing": ("failed", "auth"),
        "accepting": ("ok", None),
    }
    assert seen == {"saying": (2, 1), "mute": (1, 1), "showing": (1, 1), "accepting": (1, 0)}
    fallbacks = {name: row["fallback"] for name, row in manifest(tmp_path).items()}
    assert fallbacks == {**dict.fromkeys(ends), "saying": "local"}
    assert end.status == Exit.SOME_FAILED
    assert REMARK in end.stderr.splitlines()
    assert "tacacs-pw" not in end.stderr


@TRANSPORTS
async def test_doctor_tells_it_as_a_step(tmp_path: Path, transport: Transport) -> None:
    async with Lab(devices(transport)) as lab:
        write_inventory(tmp_path, lab)
        listed = await collector("doctor", "-i", "lab.yaml", "-f", "jsonl", cwd=tmp_path)
        write_inventory(tmp_path, lab, "tacacs")
        alone = await collector("doctor", "-i", "lab.yaml", "-l", "saying", cwd=tmp_path)

    rows = {row["name"]: row for row in map(json.loads, listed.stdout.splitlines())}
    assert {name: row["status"] for name, row in rows.items()} == {
        "saying": "ok",
        "mute": "failed",
        "showing": "failed",
        "accepting": "ok",
    }
    auth = {
        name: each for name, row in rows.items() for each in row["steps"] if each["step"] == "auth"
    }
    assert auth["saying"]["detail"].startswith("user rescue")
    assert "credential local, as the device's authentication server" in auth["saying"]["detail"]
    assert "local" not in auth["accepting"]["detail"]
    assert "authentication server: Remote AAA servers unreachable" in alone.stdout.decode()
    assert "auth_unreachable (auth)" in alone.stdout.decode()
    assert "next: see to the authentication server" in alone.stdout.decode()


async def test_what_had_no_fall_back_is_repeated_with_one(tmp_path: Path) -> None:
    async with Lab([lab_device("saying", Transport.SSH, says=AWAY)]) as lab:
        write_inventory(tmp_path, lab, "tacacs")
        first = await collector("run", "-i", "lab.yaml", "-c", "show clock", cwd=tmp_path)
        row = manifest(tmp_path)["saying"]
        write_inventory(tmp_path, lab)
        second = await collector("run", "--failed-of", "latest", cwd=tmp_path)

    assert first.status == Exit.ALL_FAILED
    assert (row["class"], row["phase"], row["attempts"]) == ("auth_unreachable", "auth", 1)
    assert row["fallback"] is None
    assert AWAY.strip() in row["message"]
    assert second.status == Exit.OK
    assert manifest(tmp_path)["saying"]["fallback"] == "local"


async def test_a_run_that_goes_on_tells_of_those_before(tmp_path: Path) -> None:
    silent = lab_device("silent", Transport.SSH, fault=LabFault.SILENT_CHANNEL)
    taking = replace(silent, username="night", password="tacacs-pw")
    async with Lab([lab_device("saying", Transport.SSH, says=AWAY), taking]) as lab:
        write_inventory(tmp_path, lab)
        process = await start(
            *("run", "-i", "lab.yaml", "-c", "show clock", "-f", "jsonl"), cwd=tmp_path
        )
        assert process.stdout is not None
        assert json.loads(await process.stdout.readline())["name"] == "saying"
        process.kill()
        await ended(process)
        end = await collector("run", "--resume", "latest", "-t", "1", cwd=tmp_path)
        attempts = lab.stats["saying"].ever

    assert attempts == 2  # it was not asked again
    assert REMARK in end.stderr.splitlines()
    assert manifest(tmp_path)["saying"]["fallback"] == "local"


async def test_the_list_is_shown(tmp_path: Path) -> None:
    async with Lab([lab_device("saying", Transport.SSH)]) as lab:
        write_inventory(tmp_path, lab)
    table = await collector("inventory", "list", "-i", "lab.yaml", cwd=tmp_path)
    rows = await collector("inventory", "list", "-i", "lab.yaml", "-f", "jsonl", cwd=tmp_path)
    found = await collector(
        *("inventory", "list", "-i", "lab.yaml", "-l", "credential=local"), cwd=tmp_path
    )
    planned = await collector("run", "-i", "lab.yaml", "--dry-run", cwd=tmp_path)
    checked = await collector("inventory", "check", "-i", "lab.yaml", cwd=tmp_path)
    assert b" tacacs,local\n" in table.stdout
    assert table.stdout == found.stdout
    assert b"credential=tacacs,local\n" in planned.stdout
    row = json.loads(rows.stdout)
    assert (row["credential"], row["fallbacks"]) == ("tacacs", ["local"])
    assert b"2 credentials: good" in checked.stdout
    assert "no device uses" not in checked.stderr
