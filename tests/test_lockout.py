"""A wrong password against two hundred devices, five hundred at once: three of them ever see it."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.program import collector

from collector.errors import Exit
from collector.lab import Lab, LabDevice

COUNT = 200


def write_inventory(lab: Lab, folder: Path) -> None:
    lines = [f"  {name}: {{host: 127.0.0.1, port: {lab.port(name)}}}\n" for name in lab.devices]
    (folder / "fleet.yaml").write_text(
        "defaults: {platform: cisco_iosxe, credential: night}\n"
        "credentials: {night: {username: admin, password: outdated}}\n"
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
