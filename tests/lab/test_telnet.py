"""Telnet devices of the lab, byte by byte, seen by a client that knows nothing of the driver."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from collector.lab import DeviceStats, Ending, Lab, LabDevice, LabFault, TelnetLogin, Terminal
from collector.model import Transport

OFFER = b"\xff\xfb\x01\xff\xfb\x03\xff\xfd\x18\xff\xfd\x1f"
ROUTER = LabDevice(name="r1", platform="cisco_iosxe", transport=Transport.TELNET)


@asynccontextmanager
async def dialled(lab: Lab) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", lab.port("r1"))
    async with asyncio.timeout(10):
        try:
            yield reader, writer
        finally:
            writer.close()
            await writer.wait_closed()


async def test_a_login_and_a_command() -> None:
    async with Lab([ROUTER]) as lab, dialled(lab) as (reader, writer):
        said = await reader.readuntil(b"Username: ")
        assert said == OFFER + b"\r\n\r\nUser Access Verification\r\n\r\nUsername: "
        writer.write(b"admin\r\0")
        assert await reader.readuntil(b"Password: ") == b"admin\r\nPassword: "
        writer.write(b"admin\r\n")
        assert (await reader.readuntil(b"r1>")).startswith(b"\r\n")  # the password is not shown
        writer.write(b"show clock\r\0exit\r\0")
        assert (await reader.read()).startswith(b"show clock\r\n")
        stats = lab.stats["r1"]
        assert (stats.logins, stats.rejected_logins, list(stats.lines)) == (
            1,
            0,
            ["show clock", "exit"],
        )
    assert lab.open_connections == 0


async def test_options_are_noted_wherever_they_are_cut_and_are_no_text() -> None:
    async with Lab([ROUTER]) as lab, dialled(lab) as (reader, writer):
        await reader.readuntil(b"Username: ")
        for byte in b"ad\xff\xfd\x01m\xff\xfb\x18in\xff\xfa\x18\x00vt\xff\xff100\xff\xf0\r":
            writer.write(bytes([byte]))
            await asyncio.sleep(0)
        said = await reader.readuntil(b"Password: ")
        assert said.replace(b"\xff\xfa\x18\x01\xff\xf0", b"") == b"admin\r\nPassword: "
        assert b"\xff\xfa\x18\x01\xff\xf0" in said  # what type of terminal, since there is one
        assert list(lab.stats["r1"].options) == [
            b"\xff\xfd\x01",
            b"\xff\xfb\x18",
            b"\xff\xfa\x18\x00vt\xff\xff100\xff\xf0",
        ]


async def test_the_password_alone_and_a_hang_up_after_the_attempts() -> None:
    login = TelnetLogin(username="", options=b"", greeting="", attempts=2, refused="no\n")
    device = LabDevice(name="r1", platform="frr", transport=Transport.TELNET, telnet=login)
    async with Lab([device]) as lab, dialled(lab) as (reader, writer):
        writer.write(b"wrong\r\nwronger\r\n")
        assert await reader.read() == b"Password: \r\nno\r\nPassword: \r\nno\r\n"
        assert (lab.stats["r1"].logins, lab.stats["r1"].rejected_logins) == (0, 2)


async def test_bytes_that_telnet_means_otherwise_are_doubled_and_padded() -> None:
    async def shell(terminal: Terminal, _: LabDevice, __: DeviceStats) -> Ending:
        await terminal.send(b"\xff 10%\r100%\r\n\xff\xf0")
        return Ending.EXIT

    login = TelnetLogin(options=b"")
    device = LabDevice(
        name="r1", platform="played", password=None, transport=Transport.TELNET, telnet=login
    )
    async with Lab([device], shells={"played": shell}) as lab, dialled(lab) as (reader, _):
        assert await reader.read() == b"\xff\xff 10%\r\x00100%\r\n\xff\xff\xf0"


async def test_the_lab_ends_while_somebody_is_logged_in() -> None:
    silent = LabDevice(
        name="r1", platform="cisco_iosxe", transport=Transport.TELNET, fault=LabFault.SILENT_AUTH
    )
    async with Lab([silent]) as lab:
        reader, writer = await asyncio.open_connection("127.0.0.1", lab.port("r1"))
        await reader.readuntil(b"Username: ")
    async with asyncio.timeout(10):
        assert await reader.read() == b""
    assert lab.open_connections == 0
    writer.close()
    await writer.wait_closed()
