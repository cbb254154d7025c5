"""A small lab, and an inventory that leads to it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from collector.lab import Lab, LabDevice, LabFault

DEVICES = (
    LabDevice(name="r1", platform="cisco_iosxe"),
    LabDevice(name="r2", platform="cisco_iosxe"),
    LabDevice(name="refusing", platform="cisco_iosxe", fault=LabFault.REFUSE),
    LabDevice(name="silent", platform="cisco_iosxe", fault=LabFault.SILENT_COMMAND),
)


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    """Serve two good devices and two bad ones; ``lab.yaml`` in ``tmp_path`` lists them."""
    async with Lab(DEVICES) as running:
        lines = [
            f"  {device.name}: {{host: 127.0.0.1, port: {running.port(device.name)}}}\n"
            for device in DEVICES
        ]
        text = (
            "defaults: {platform: cisco_iosxe, credential: lab}\n"
            "credentials: {lab: {username: admin, password: admin, enable: enable}}\n"
            f"devices:\n{''.join(lines)}"
        )
        write(tmp_path / "lab.yaml", text)
        yield running


def write(path: Path, text: str) -> None:
    """Write a file."""
    path.write_text(text)
