"""Sessions on emulated devices, byte for byte: privilege, pager, denials, modes, faults."""

from __future__ import annotations

import asyncio
import tracemalloc
from dataclasses import replace

import pytest
from support.typist import typist

from collector.lab import Lab, LabDevice, LabFault, Pace

IOS = LabDevice(name="r1", platform="cisco_iosxe")
MORE = b" --More-- "
ERASE = b"\b" * 9 + b" " * 8 + b"\b" * 9


async def test_enable_asks_for_its_password_and_does_not_show_it() -> None:
    async with Lab([IOS]) as lab, typist(lab, "r1") as person:
        await person.read_until(b"r1>")
        assert await person.type(b"enable\n", b"Password: ") == b"enable\r\nPassword: "
        assert await person.type(b"enable\n", b"r1#") == b"\r\nr1#"
        assert list(lab.stats["r1"].lines) == ["enable"]


async def test_a_wrong_enable_password_is_refused_in_the_words_of_the_os() -> None:
    async with Lab([IOS]) as lab, typist(lab, "r1") as person:
        await person.read_until(b"r1>")
        await person.type(b"enable\n", b"Password: ")
        heard = await person.type(b"wrong\nwrong\nwrong\n", b"r1>")
        assert heard == b"\r\nPassword: \r\nPassword: \r\n% Bad secrets\r\n\r\nr1>"


async def test_enable_without_a_password() -> None:
    device = LabDevice(name="r1", platform="cisco_iosxe", enable="")
    async with Lab([device]) as lab, typist(lab, "r1") as person:
        await person.read_until(b"r1>")
        assert await person.type(b"enable\n", b"r1#") == b"enable\r\nr1#"


async def test_the_configuration_needs_privilege() -> None:
    async with Lab([IOS]) as lab, typist(lab, "r1") as person:
        await person.read_until(b"r1>")
        heard = await person.type(b"show running-config\n", b"r1>")
        assert b"% Invalid input detected at '^' marker.\r\n" in heard
        caret = heard.split(b"\r\n")[1]
        assert caret.index(b"^") == len("r1>show ")  # under the word, as the prompt is shown


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (b"show foo", b"        ^\r\n% Invalid input detected at '^' marker.\r\n\r\n"),
        (b"show", b"% Incomplete command.\r\n\r\n"),
        (b"show i", b'% Ambiguous command:  "show i"\r\n'),
        (b"   \x05", b""),
        (b"", b""),
    ],
)
async def test_denials_of_ios(typed: bytes, said: bytes) -> None:
    device = LabDevice(name="r1", platform="cisco_iosxe", privileged=True)
    async with Lab([device]) as lab, typist(lab, "r1") as person:
        await person.read_until(b"r1#")
        echoed = typed.replace(b"\x05", b"")
        assert await person.type(typed + b"\n", b"r1#") == echoed + b"\r\n" + said + b"r1#"


async def test_the_pager_shows_pages_and_erases_itself() -> None:
    device = LabDevice(name="r1", platform="cisco_iosxe", privileged=True, page_lines=10)
    async with Lab([device]) as lab, typist(lab, "r1") as person:
        lines = lab.text("r1", "show version").replace("\n", "\r\n").encode().splitlines(True)
        await person.read_until(b"r1#")
        heard = await person.type(b"show version\n", MORE)
        assert heard == b"show version\r\n" + b"".join(lines[:10]) + MORE
        heard = await person.type(b" ", MORE)
        assert heard == ERASE + b"".join(lines[10:20]) + MORE
        heard = await person.type(b"\r", MORE)
        assert heard == ERASE + lines[20] + MORE
        assert await person.type(b"q", b"r1#") == ERASE + b"r1#"


async def test_the_pager_is_turned_off_for_the_session() -> None:
    device = LabDevice(name="r1", platform="cisco_iosxe", privileged=True, size=50_000)
    async with Lab([device]) as lab, typist(lab, "r1") as person:
        await person.read_until(b"r1#")
        await person.type(b"term len 0\n", b"r1#")
        text = lab.text("r1", "show running-config").replace("\n", "\r\n").encode()
        person.send(b"show run\n")
        expected = b"show run\r\n" + text + b"r1#"
        heard = b""
        while len(heard) < len(expected):  # prompts stand inside, so the length must tell
            heard += await person.read_until(b"#")
        assert heard == expected


async def test_filters() -> None:
    device = LabDevice(name="r1", platform="cisco_iosxe", privileged=True)
    async with Lab([device]) as lab, typist(lab, "r1") as person:
        await person.read_until(b"r1#")
        heard = await person.type(b"show version | include Model Number\n", b"r1#")
        assert heard.split(b"\r\n")[1:-1] == [b"Model Number                       : C9300-48UXM"]


async def test_configuring_is_served_and_counted() -> None:
    device = LabDevice(name="r1", platform="cisco_iosxe", privileged=True)
    async with Lab([device]) as lab, typist(lab, "r1") as person:
        await person.read_until(b"r1#")
        await person.type(b"configure terminal\n", b"r1(config)#")
        assert await person.type(b"no router ospf 1\n", b"#") == b"no router ospf 1\r\nr1(config)#"
        await person.type(b"end\n", b"r1#")
        assert lab.stats["r1"].configured == 1
        assert "no router ospf 1" in lab.stats["r1"].lines


async def test_junos_puts_a_block_before_its_prompt() -> None:
    device = LabDevice(name="mx1", platform="juniper_junos")
    prompt = b"\r\n{master}\r\nadmin@mx1> "
    async with Lab([device]) as lab, typist(lab, "mx1") as person:
        await person.read_until(prompt)
        assert await person.type(b"  \x05\n", b"> ") == b"  \r\n" + prompt
        heard = await person.type(b"show version | no-more\n", b"> ")
        text = lab.text("mx1", "show version").replace("\n", "\r\n").encode()
        assert heard == b"show version | no-more\r\n" + text + prompt


@pytest.mark.parametrize("word", [b"exit", b"quit", b"logout"])
async def test_leaving_closes_the_connection(word: bytes) -> None:
    async with Lab([IOS]) as lab, typist(lab, "r1") as person:
        await person.read_until(b"r1>")
        person.send(word + b"\n")
        assert await person.rest() == word + b"\r\n"


async def test_output_stops_halfway() -> None:
    device = LabDevice(name="r1", platform="cisco_iosxe", fault=LabFault.EOF_OUTPUT)
    async with Lab([device]) as lab, typist(lab, "r1") as person:
        await person.read_until(b"r1>")
        person.send(b"show version\n")
        heard = await person.rest()
        text = lab.text("r1", "show version")
        half = text[: len(text) // 2].replace("\n", "\r\n").encode()
        assert heard == b"show version\r\n" + half
        assert lab.open_connections == 1  # the channel is closed, the connection stands


async def test_the_connection_drops_in_mid_output() -> None:
    device = LabDevice(name="r1", platform="cisco_iosxe", fault=LabFault.DROP_OUTPUT)
    async with Lab([device]) as lab, typist(lab, "r1") as person:
        await person.read_until(b"r1>")
        person.send(b"show version\n")
        heard = await person.rest()
        text = lab.text("r1", "show version").replace("\n", "\r\n").encode()
        assert (b"show version\r\n" + text).startswith(heard)
        assert lab.open_connections == 0


@pytest.mark.parametrize("fault", [LabFault.STALL_OUTPUT, LabFault.SILENT_COMMAND])
async def test_silence_spares_the_commands_that_are_not_named(fault: LabFault) -> None:
    device = LabDevice(
        name="r1", platform="cisco_iosxe", fault=fault, faulty_commands=("show version",)
    )
    async with Lab([device]) as lab, typist(lab, "r1") as person:
        await person.read_until(b"r1>")
        await person.type(b"show clock\n", b"r1>")
        person.send(b"show version\nshow clock\n")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await person.rest()


async def test_an_endless_output_waits_for_its_reader() -> None:
    device = LabDevice(
        name="r1", platform="cisco_iosxe", fault=LabFault.ENDLESS_OUTPUT, page_lines=0
    )
    lab = Lab([device, replace(IOS, name="r2")])
    async with lab, typist(lab, "r1") as deaf, typist(lab, "r2") as other:
        await deaf.read_until(b"r1>")
        await other.read_until(b"r2>")
        tracemalloc.start()
        try:
            deaf.send(b"show version\n")
            for _ in range(50):  # all the while nobody reads what r1 says
                await other.type(b"show clock\n", b"r2>")
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert 2_000_000 < most < 8_000_000  # a window of SSH is 2 MiB


async def test_output_arrives_at_the_pace_of_the_device() -> None:
    pace = Pace(chunk=100, delay=0.001)
    device = LabDevice(name="r1", platform="cisco_iosxe", pace=pace, page_lines=0)
    async with Lab([device]) as lab, typist(lab, "r1") as person:
        await person.read_until(b"r1>")
        text = lab.text("r1", "show version").replace("\n", "\r\n").encode()
        assert await person.type(b"show version\n", b"r1>") == b"show version\r\n" + text + b"r1>"


async def test_a_log_line_breaks_into_one_output() -> None:
    line = "*Mar  3 10:01:11.456: %LINK-3-UPDOWN: Interface Gi1/0/3, changed state to up"
    device = LabDevice(name="r1", platform="cisco_iosxe", page_lines=0, chatter=(line,))
    async with Lab([device]) as lab, typist(lab, "r1") as person:
        await person.read_until(b"r1>")
        text = lab.text("r1", "show version").replace("\n", "\r\n").encode()
        broken = await person.type(b"show version\n", b"r1>")
        assert broken.replace(line.encode() + b"\r\n", b"") == b"show version\r\n" + text + b"r1>"
        assert len(broken) == len(b"show version\r\n" + text + b"r1>") + len(line) + 2
        assert line.encode() not in await person.type(b"show version\n", b"r1>")


async def test_a_greeting_of_ones_own() -> None:
    notice = "Your password expires in 3 days\nr1#\n"
    device = LabDevice(name="r1", platform="cisco_iosxe", greeting=notice)
    async with Lab([device]) as lab, typist(lab, "r1") as person:
        heard = await person.read_until(b"r1>")
        assert heard == b"Your password expires in 3 days\r\nr1#\r\nr1>"


async def test_a_command_thinks_as_long_as_it_is_told() -> None:
    device = LabDevice(name="r1", platform="cisco_iosxe", slow={"show clock": 30.0})
    async with Lab([device]) as lab, typist(lab, "r1") as person:
        await person.read_until(b"r1>")
        await person.type(b"show privilege\n", b"r1>")
        person.send(b"show clock\nshow privilege\n")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await person.rest()
