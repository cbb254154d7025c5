"""The phases that an opening tells on its way, and that it can be ended before the credential."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import replace

import pytest
from support.direct import connector, device
from support.sockets import becomes_true, open_sockets

from collector.errors import DeviceError
from collector.lab import Lab, LabDevice
from collector.model import Device, FaultClass, Phase, Timeouts, Transport

TRANSPORTS = pytest.mark.parametrize("transport", list(Transport))


def target(lab: Lab, transport: Transport) -> Device:
    return replace(device("r1", lab.port("r1"), "cisco_iosxe"), transport=transport)


@TRANSPORTS
async def test_whoever_hears_of_authentication_may_prevent_it(transport: Transport) -> None:
    def prevent(phase: Phase) -> None:
        if phase is Phase.AUTH:
            raise DeviceError.of(FaultClass.SKIPPED, phase, "not now")

    async with Lab([LabDevice(name="r1", platform="cisco_iosxe", transport=transport)]) as lab:
        before = open_sockets()
        with pytest.raises(DeviceError) as caught:
            await connector(password="wrong").open(target(lab, transport), Timeouts(), prevent)
        await becomes_true(lambda: not lab.stats["r1"].open and open_sockets() == before)
        seen = lab.stats["r1"]
        assert (seen.ever, seen.logins, seen.rejected_logins) == (1, 0, 0)
    assert caught.value.fault.message == "not now"


class Waiting:
    """One who lets nobody go on before it is told to."""

    def __init__(self) -> None:
        self.waits = asyncio.Event()
        self.goes_on = asyncio.Event()

    def __call__(self, phase: Phase) -> None:
        assert self.goes_on.is_set() or phase in {Phase.RESOLVE, Phase.CONNECT}

    async def turn(self, first: Awaitable[None]) -> None:
        await first
        self.waits.set()
        await self.goes_on.wait()

    async def enabling(self) -> None:
        """Let the secret be sent."""


@TRANSPORTS
async def test_waiting_for_ones_turn_is_no_part_of_a_limit(transport: Transport) -> None:
    limits = Timeouts(connect=1.0)
    async with Lab([LabDevice(name="r1", platform="cisco_iosxe", transport=transport)]) as lab:
        enter = Waiting()
        opening = asyncio.create_task(connector().open(target(lab, transport), limits, enter))
        await enter.waits.wait()
        await asyncio.sleep(limits.connect * 1.2)
        assert not opening.done()
        enter.goes_on.set()
        session = await opening
        await session.close()


@TRANSPORTS
async def test_cancelled_while_it_waits_for_its_turn_it_leaves_no_connection(
    transport: Transport,
) -> None:
    async with Lab([LabDevice(name="r1", platform="cisco_iosxe", transport=transport)]) as lab:
        before = open_sockets()
        enter = Waiting()
        opening = asyncio.create_task(connector().open(target(lab, transport), Timeouts(), enter))
        await enter.waits.wait()
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        await becomes_true(lambda: not lab.stats["r1"].open and open_sockets() == before)


async def test_an_ssh_credential_is_known_to_be_good_before_there_is_a_prompt() -> None:
    phases: list[Phase] = []
    async with Lab([LabDevice(name="r1", platform="cisco_iosxe")]) as lab:
        r1 = device("r1", lab.port("r1"), "cisco_iosxe")
        session = await connector().open(r1, Timeouts(), phases.append)
        await session.close()
    assert phases == [
        Phase.RESOLVE,
        Phase.CONNECT,
        Phase.KEX,
        Phase.AUTH,
        Phase.CHANNEL,
        Phase.LOGIN,
    ]
