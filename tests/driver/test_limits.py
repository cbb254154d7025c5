"""Each limit of time names itself, the phase it fired in, and the setting that moves it."""

from __future__ import annotations

import pytest
from support.direct import ask, connector, device

from collector.errors import DeviceError
from collector.lab import Lab, LabDevice, LabFault
from collector.model import FaultClass, Phase, Timeouts

COMMAND = "show version"
LIMITS = [
    pytest.param(
        LabFault.SILENT_TCP,
        Timeouts(connect=1.5),
        Phase.KEX,
        "nothing more came in phase kex within 1.5 s (connect limit)",
        id="connect",
    ),
    pytest.param(
        LabFault.SILENT_AUTH,
        Timeouts(login=1.5),
        Phase.AUTH,
        "nothing more came in phase auth within 1.5 s (login limit)",
        id="login, at the credential",
    ),
    pytest.param(
        LabFault.SILENT_CHANNEL,
        Timeouts(login=1.5),
        Phase.LOGIN,
        "no prompt within 1.5 s (login limit)",
        id="login, at the prompt",
    ),
    pytest.param(
        LabFault.SILENT_COMMAND,
        Timeouts(command=1.5),
        Phase.COMMAND,
        "no whole output within 1.5 s (command limit)",
        id="command",
    ),
]


@pytest.mark.parametrize(("fault", "limits", "phase", "message"), LIMITS)
async def test_a_limit_that_fires_names_itself(
    fault: LabFault, limits: Timeouts, phase: Phase, message: str
) -> None:
    silent = LabDevice(name="r1", platform="cisco_iosxe", fault=fault, faulty_commands=(COMMAND,))
    async with Lab([silent]) as lab:
        target = device("r1", lab.port("r1"), "cisco_iosxe")
        with pytest.raises(DeviceError) as caught:
            await ask(connector(), target, [COMMAND], timeouts=limits)
    told = caught.value.fault
    assert (told.fault_class, told.phase) == (FaultClass.TIMEOUT, phase)
    assert told.message == message
    assert "raise timeouts." in told.hint
