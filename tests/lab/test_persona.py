"""The data of the emulated platforms, and a whole session on each."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.typist import typist

from collector.lab import Lab, LabDevice, personas, truth
from collector.lab.persona import persona
from collector.lab.text import Text, facts_of, fill
from collector.platforms import load_platforms

ROUTER = LabDevice(name="r1", platform="cisco_iosxe")
NO_CONFIGURATION = {"linux"}  # a host: many small commands in its place


def test_the_platforms_that_were_promised() -> None:
    assert {"cisco_iosxe", "cisco_nxos", "arista_eos", "juniper_junos"} <= set(personas())


@pytest.mark.parametrize("name", personas())
def test_every_text_has_its_facts(name: str) -> None:
    device = LabDevice(name="r1", platform=name)
    facts = {**facts_of("r1", 1), "username": "admin", "argument": "0", "line": "x", "caret": ""}
    manner = persona(name)
    texts = [manner.banner, manner.greeting, manner.unknown, manner.incomplete, manner.ambiguous]
    texts += [mode.prompt for mode in manner.modes.values()]
    texts += [command.text.render(facts, device.size) for command in manner.commands]
    assert [text for text in texts if "%{" in fill(text, facts)] == []


@pytest.mark.parametrize("name", personas())
def test_the_lab_knows_what_the_collector_sends(name: str) -> None:
    platform = load_platforms()[name]
    for line in (*platform.backup, *platform.version):
        assert truth(LabDevice(name="r1", platform=name), line), line


@pytest.mark.parametrize("name", personas())
async def test_paging_off_is_not_denied(name: str) -> None:
    denials = load_platforms()[name].denials
    device = LabDevice(name="r1", platform=name, privileged=True)
    prompt = fill(
        persona(name).modes[persona(name).privileged].prompt,
        {**facts_of("r1", 1), "username": "admin"},
    )
    end = prompt.replace("\n", "\r\n").encode()
    async with Lab([device]) as lab, typist(lab, "r1") as person:
        await person.read_until(end)
        for line in load_platforms()[name].paging_off:
            heard = await person.type(line.encode() + b"\n", end)
            for said in heard.decode().splitlines():
                assert not any(denial.fullmatch(said.strip()) for denial in denials), said
        command = load_platforms()[name].backup[0]
        heard = await person.type(command.encode() + b"\n", end)
        text = lab.text("r1", command).replace("\n", "\r\n").encode()
        assert heard == command.encode() + b"\r\n" + text + end


@pytest.mark.parametrize("name", sorted(set(personas()) - NO_CONFIGURATION))
def test_a_configuration_is_as_large_as_asked_for(name: str) -> None:
    command = load_platforms()[name].backup[0]
    text = truth(LabDevice(name="r1", platform=name, size=100_000), command)
    assert 100_000 <= len(text) < 101_000


@pytest.mark.parametrize("name", sorted(set(personas()) - NO_CONFIGURATION))
def test_a_configuration_holds_a_line_like_a_prompt(name: str) -> None:
    device = LabDevice(name="r1", platform=name)
    prompts = [mode.prompt.strip() for mode in persona(name).modes.values() if not mode.configures]
    facts = {**facts_of("r1", 1), "username": "admin"}
    text = truth(device, load_platforms()[name].backup[0])
    assert any(fill(prompt, facts).split("\n")[-1] in text for prompt in prompts)


def test_contents_depend_on_name_and_seed_alone() -> None:
    version = truth(ROUTER, "show version")
    assert truth(replace(ROUTER), "show version") == version
    assert truth(replace(ROUTER, seed=2), "show version") != version
    assert truth(replace(ROUTER, name="r2"), "show version") != version


def test_a_command_that_the_persona_does_not_have() -> None:
    with pytest.raises(KeyError):
        truth(ROUTER, "show nothing")


def test_a_repeated_block_stops_at_the_size() -> None:
    text = Text(head="<", each="%{n},", tail=">", sized=True)
    assert text.render({}, 0) == "<>"
    assert text.render({}, 8) == "<1,2,3,>"
