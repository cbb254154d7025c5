"""The servers of recordings serve what was recorded: shown here, before others trust them."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.oxidized import Dialogue, OxidizedServer, find_dialogues, unescape
from support.recorded import MANNERS, RecordedServer, find_recordings
from support.typist import typist

COUNT = 293
DIALOGUES = 8


def test_every_recording_is_found_once(recordings: Path) -> None:
    found = find_recordings(recordings / "ntc-templates")
    assert len(found) == COUNT
    assert len({(each.device, each.command) for each in found}) == COUNT
    assert {each.platform for each in found} == {"cisco_iosxe", "arista_eos", "juniper_junos"}


async def test_recorded_outputs_come_back_between_echo_and_prompt(recordings: Path) -> None:
    served = 0
    found = find_recordings(recordings / "ntc-templates")
    async with RecordedServer(found) as server:
        for device in server.lab.devices:
            manner = MANNERS[server.lab.devices[device].platform]
            async with typist(server.lab, device) as person:
                await person.read_until(manner.prompt)
                for command in server.commands(device):
                    typed = command.encode()
                    text = server.truth(device, command).replace(b"\n", b"\r\n")
                    whole = typed + b"\r\n" + text + manner.prompt
                    heard = b""
                    person.send(typed + b"\x05\n")
                    while len(heard) < len(whole):
                        heard += await person.read_until(manner.prompt)
                    assert heard == whole
                    served += 1
    assert served == COUNT


async def test_recorded_devices_answer_blanks_settings_and_the_unknown(recordings: Path) -> None:
    found = find_recordings(recordings / "ntc-templates", ["juniper_junos"])
    async with (
        RecordedServer(found) as server,
        typist(server.lab, "juniper_junos-1") as person,
    ):
        prompt = b"\r\nuser@mx1> "
        await person.read_until(prompt)
        assert await person.type(b"   \x05\n", prompt) == b"   \r\n" + prompt
        line = b"set cli screen-length 0"
        assert await person.type(line + b"\n", prompt) == line + b"\r\n" + prompt
        assert b"unknown command." in await person.type(b"show nothing\n", prompt)


def test_every_dialogue_is_read(recordings: Path) -> None:
    dialogues = find_dialogues(recordings / "oxidized")
    assert len(dialogues) == DIALOGUES
    assert all(dialogue.commands for dialogue in dialogues)
    assert [dialogue.name for dialogue in dialogues if dialogue.bare] == ["junos-srx300_22.4"]


async def test_dialogues_come_back_as_recorded(recordings: Path) -> None:
    dialogues = find_dialogues(recordings / "oxidized")
    async with OxidizedServer(dialogues) as server:
        for dialogue in dialogues:
            async with typist(server.lab, dialogue.name) as person:
                last = sent(dialogue.prompt)
                await person.read_until(last)
                assert await person.type(b"  \x05\n", last) == b"  \r\n" + last
                for command in dialogue.commands:
                    answer = dialogue.answer(command + "\n")
                    end = sent(answer.rpartition("\n")[2])
                    heard = await person.type(command.encode() + b"\n", end)
                    assert heard == command.encode() + b"\r\n" + sent(answer)


async def test_a_recorded_pager_is_answered_by_the_recorded_keys() -> None:
    dialogue = Dialogue(
        name="d",
        platform="cisco_iosxe",
        greeting="sw#",
        answers={
            "show run\n": ("show run\na\nb\n --More-- ",),
            " ": ("\r        \rc\n --More-- ", "\r        \rd\nsw#"),
        },
        unknown="%no\n",
        bare=False,
    )
    async with OxidizedServer([dialogue]) as server, typist(server.lab, "d") as person:
        await person.read_until(b"sw#")
        assert await person.type(b"show run\n", b"-- ") == b"show run\r\na\r\nb\r\n --More-- "
        assert await person.type(b" ", b"-- ") == b"\r        \rc\r\n --More-- "
        assert await person.type(b" ", b"sw#") == b"\r        \rd\r\nsw#"
        assert await person.type(b"what\n", b"sw#") == b"what\r\n%no\r\nsw#"


@pytest.mark.parametrize(
    ("written", "meant"),
    [(r"a\r", "a\r"), (r"\x20b", " b"), (r"\"q\"", '"q"'), (r"\e[K", "\x1b[K"), (r"\\n", r"\n")],
)
def test_ruby_escapes(written: str, meant: str) -> None:
    assert unescape(written) == meant


def sent(text: str) -> bytes:
    """How a text of a dialogue travels."""
    return text.replace("\r\n", "\n").replace("\n", "\r\n").encode()
