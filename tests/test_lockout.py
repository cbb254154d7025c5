"""A wrong secret against two hundred devices, five hundred at once: three of them ever see it."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.program import collector

from collector.errors import Exit
from collector.lab import DeviceStats, Ending, Lab, LabDevice, TelnetLogin, Terminal
from collector.model import Transport

COUNT = 200


def write_inventory(lab: Lab, folder: Path, secrets: str = "password: outdated") -> None:
    lines = [
        f"  {name}: {{host: 127.0.0.1, port: {lab.port(name)}, transport: {device.transport}}}\n"
        for name, device in lab.devices.items()
    ]
    (folder / "fleet.yaml").write_text(
        "defaults: {platform: cisco_iosxe, credential: night}\n"
        f"credentials: {{night: {{username: admin, {secrets}}}}}\n"
        f"devices:\n{''.join(lines)}"
    )
    (folder / "config.yaml").write_text(
        "host_keys: 'off'\nlimits: {sessions: 500, connecting: 500}\n"
    )


@pytest.mark.slow
async def test_a_wrong_password_is_seen_by_three_devices(tmp_path: Path) -> None:
    devices = [LabDevice(name=f"d{number:03}", platform="cisco_iosxe") for number in range(COUNT)]
    async with Lab(devices) as lab:
        write_inventory(lab, tmp_path)
        end = await collector("run", "-i", "fleet.yaml", "-c", "show clock", cwd=tmp_path)
        stats = lab.stats.values()

        assert sum(each.rejected_logins for each in stats) == 3
        assert max(each.rejected_logins for each in stats) == 1
        assert sum(each.ever for each in stats) == 3

    assert end.status == Exit.BREAKER
    first, totals, *_ = end.stderr.splitlines()
    assert first.startswith("collector: credential night was rejected 3 times in a row (d")
    assert first.endswith("not tried with it any more: 197 devices")
    assert totals.endswith("3 failed, 197 skipped")


AWAY = "Remote AAA servers unreachable; local authentication failed.\n"


@pytest.mark.slow
@pytest.mark.timeout(180)  # three at a time, as nothing becomes known of the first credential
@pytest.mark.parametrize("transport", Transport)
@pytest.mark.parametrize("words", ["", AWAY])
async def test_a_wrong_fall_back_is_seen_by_three_devices(
    tmp_path: Path, transport: Transport, words: str
) -> None:
    manner = TelnetLogin(refused=f"{words}Login incorrect\n\n")
    devices = [
        LabDevice(
            name=f"d{number:03}",
            platform="cisco_iosxe",
            transport=transport,
            refused=words,
            telnet=manner,
        )
        for number in range(COUNT)
    ]
    async with Lab(devices) as lab:
        write_inventory(lab, tmp_path)
        inventory = tmp_path / "fleet.yaml"
        text = inventory.read_text().replace("credential: night", "credential: [night, own]")
        own = "credentials: {own: {username: own, password: wrong}, "
        inventory.write_text(text.replace("credentials: {", own))
        end = await collector("run", "-i", "fleet.yaml", "-c", "show clock", cwd=tmp_path)
        seen = [each.rejected_logins for each in lab.stats.values()]

    # With the words: the first one of each device, and three times the second one.
    assert (sum(seen), max(seen)) == ((COUNT + 3, 2) if words else (3, 1))
    assert end.status == Exit.BREAKER
    first, *_ = end.stderr.splitlines()
    given_up = "own" if words else "night"
    assert first.startswith(f"collector: credential {given_up} was rejected 3 times in a row (d")
    assert first.endswith("not tried with it any more: 197 devices")
    if words:
        assert "credential own was used as fall-back for 3 devices (d" in end.stderr
        assert "credential night" not in end.stderr


ENABLE = "password: admin, enable: outdated"


def assert_given_up(status: int, stderr: str) -> None:
    assert status == Exit.BREAKER
    first, totals, *_ = stderr.splitlines()
    words = "collector: the enable secret of credential night was rejected 3 times in a row (d"
    assert first.startswith(words)
    assert first.endswith("not tried with it any more: 197 devices")
    assert totals.endswith("3 failed, 197 skipped")


@pytest.mark.slow
async def test_a_wrong_enable_secret_is_seen_by_three_devices(tmp_path: Path) -> None:
    devices = [LabDevice(name=f"d{number:03}", platform="cisco_iosxe") for number in range(COUNT)]
    async with Lab(devices) as lab:
        write_inventory(lab, tmp_path, ENABLE)
        end = await collector("run", "-i", "fleet.yaml", "-c", "show clock", cwd=tmp_path)
        seen = [each.rejected_enables for each in lab.stats.values()]

    assert (sum(seen), max(seen)) == (3, 1)
    assert_given_up(end.status, end.stderr)


@pytest.mark.slow
@pytest.mark.parametrize("transport", Transport)
async def test_a_device_that_hangs_up_on_the_enable_secret_sees_it_once(
    tmp_path: Path, transport: Transport
) -> None:
    seen: list[str] = []

    async def shell(terminal: Terminal, device: LabDevice, stats: DeviceStats) -> Ending:
        while True:
            await terminal.send(b"\r\nr1>")
            if (await terminal.read_line()).endswith(b"enable"):
                await terminal.send(b"Password: ")
                await terminal.read_line(hidden=True)
                seen.append(device.name)
                return Ending.DROP

    devices = [
        LabDevice(name=f"d{number:03}", platform="touchy", transport=transport)
        for number in range(COUNT)
    ]
    async with Lab(devices, shells={"touchy": shell}) as lab:
        write_inventory(lab, tmp_path, ENABLE)
        end = await collector("run", "-i", "fleet.yaml", "-c", "show clock", cwd=tmp_path)

    assert len(seen) == len(set(seen)) == 3
    assert_given_up(end.status, end.stderr)
