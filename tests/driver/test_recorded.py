"""Every recorded output of real devices, served as a device: collected byte for byte."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from support.direct import ask, connector, device
from support.oxidized import OxidizedServer, find_dialogues
from support.recorded import RecordedServer, find_recordings

from collector.driver.terminal import clean
from collector.lab import Echo, Pace
from collector.model import CommandStatus

COUNT = 293


@pytest.mark.parametrize(
    ("echo", "pace"),
    [
        (Echo.WHEN_READ, Pace()),
        (Echo.READLINE, Pace(chunk=997)),
        (Echo.WHEN_READ, Pace(chunk=512, delay=0.001)),
    ],
    ids=["as-it-comes", "readline", "in-packets-of-512"],
)
async def test_every_recording_is_collected_byte_for_byte(
    recordings: Path, echo: Echo, pace: Pace
) -> None:
    found = find_recordings(recordings / "ntc-templates")
    opener = connector()
    async with RecordedServer(found, echo=echo, pace=pace) as server:

        async def compare(name: str) -> int:
            commands = server.commands(name)
            target = device(name, server.port(name), server.platform(name))
            for result in await ask(opener, target, commands):
                assert result.status is CommandStatus.OK, (name, result.command, result.fault)
                assert result.output == server.truth(name, result.command), (name, result.command)
            return len(commands)

        counts = await asyncio.gather(*(compare(name) for name in server.lab.devices))
    assert sum(counts) == COUNT


DENIED = {("ios-asr920_16.8.1b", "show vtp status")}


@pytest.mark.parametrize("known", [True, False], ids=["its-platform", "generic"])
@pytest.mark.parametrize("echo", [Echo.WHEN_READ, Echo.READLINE, Echo.AT_ONCE])
async def test_every_recorded_dialogue_is_collected_whole(
    recordings: Path, echo: Echo, known: bool
) -> None:
    dialogues = find_dialogues(recordings / "oxidized")
    opener = connector()
    async with OxidizedServer(dialogues, echo=echo) as server:

        async def compare(name: str) -> int:
            dialogue = server.dialogues[name]
            platform = dialogue.platform if known else "generic"
            target = device(name, server.port(name), platform)
            commands = dialogue.commands
            for result in await ask(opener, target, commands):
                if (name, result.command) in DENIED:
                    assert result.status is CommandStatus.REJECTED
                    continue
                assert result.status is CommandStatus.OK, (name, result.command, result.fault)
                truth = clean(dialogue.truth(result.command))
                assert result.output == truth, (name, result.command)
            return len(commands)

        counts = await asyncio.gather(*(compare(name) for name in server.dialogues))
    assert len(counts) == 8
    assert all(counts)
