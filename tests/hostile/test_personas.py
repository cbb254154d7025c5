"""Every persona of the lab denies in its own words, and never is that an output."""

from __future__ import annotations

import pytest
from support.direct import ask, connector, device

from collector.lab import Lab, LabDevice, personas
from collector.model import CommandStatus, FaultClass

KNOWN = {"linux": "uname -a"}


@pytest.mark.parametrize("platform", personas())
@pytest.mark.parametrize("command", ["show bogus-thing", "bogus-thing"])
async def test_a_denied_command_is_rejected(platform: str, command: str) -> None:
    async with Lab([LabDevice(name="r1", platform=platform)]) as lab:
        known = KNOWN.get(platform, "display version" if "huawei" in platform else "show version")
        target = device("r1", lab.port("r1"), platform)
        denied, good = await ask(connector(), target, [command, known])
        assert denied.status is CommandStatus.REJECTED, denied
        assert denied.fault is not None
        assert denied.fault.fault_class is FaultClass.REJECTED
        assert denied.output == b""
        assert good.status is CommandStatus.OK
        assert good.output.decode() == lab.text("r1", known)
