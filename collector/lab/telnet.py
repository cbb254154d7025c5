"""Telnet on a port of the lab: option bytes, the login dialogue, a shell behind it.

Owns one connection's bytes between TCP and a `Terminal` (RFC 854: 0xFF doubled, a bare return with
a NUL behind it). Refuses to know what a device says once somebody is logged in.
"""

from __future__ import annotations

import asyncio
import re
from typing import Final

from collector.lab.device import DeviceStats, LabDevice, LabFault
from collector.lab.premises import Premises
from collector.lab.shell import Ending, Shell
from collector.lab.terminal import Echo, Terminal

__all__ = ["TelnetHost"]

_IAC: Final = b"\xff"
_WILL_TERMINAL_TYPE: Final = b"\xff\xfb\x18"
_SEND_TERMINAL_TYPE: Final = b"\xff\xfa\x18\x01\xff\xf0"
_COMMAND: Final = re.compile(
    rb"\xff(?:\xfa(?:[^\xff]|\xff[^\xf0])*\xff\xf0|[\xfb-\xfe][\x00-\xff]|[^\xfa-\xfe])"
)
_BARE_RETURN: Final = re.compile(rb"\r(?!\n)")


class TelnetHost(asyncio.Protocol):
    """One connection to one device."""

    def __init__(
        self, lab: Premises, device: LabDevice, stats: DeviceStats, shell: Shell, echo: Echo
    ) -> None:
        self._lab, self._device, self._stats, self._shell = lab, device, stats, shell
        self._terminal = Terminal(self._write, self._drain, echo=echo, pace=device.pace)
        self._transport: asyncio.Transport | None = None
        self._task: asyncio.Task[None] | None = None
        self._room = asyncio.Event()
        self._room.set()
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._lab.connected(self._device, transport)
        transport.write(self._device.telnet.options)
        self._task = self._lab.start(self._run())

    def data_received(self, data: bytes) -> None:
        self._terminal.feed(self._text(self._rest + data))

    def eof_received(self) -> None:
        """Whoever closes its side has left: nobody half-closes telnet."""

    def connection_lost(self, exc: Exception | None) -> None:
        transport, self._transport = self._transport, None
        self._terminal.hang_up()
        self._room.set()
        if self._task:
            self._task.cancel()
        if transport:
            self._lab.disconnected(self._device, transport)

    def pause_writing(self) -> None:
        self._room.clear()

    def resume_writing(self) -> None:
        self._room.set()

    async def _run(self) -> None:
        try:
            ending = await self._served()
        except EOFError:
            ending = Ending.EXIT
        transport = self._transport
        if not transport:
            return
        if ending is Ending.DROP:
            transport.abort()
        elif ending is Ending.EOF:
            transport.write_eof()
        else:
            transport.close()

    async def _served(self) -> Ending:
        if self._device.fault is LabFault.DENY_CHANNEL:
            return Ending.EXIT  # no free line: a router hangs up without a word
        if not await self._logged_in():
            return Ending.EXIT
        self._stats.logins += 1
        if self._device.fault in (LabFault.SILENT_LOGIN, LabFault.SILENT_CHANNEL):
            await _never()
        return await self._shell(self._terminal, self._device, self._stats)

    async def _logged_in(self) -> bool:
        manner, device = self._device.telnet, self._device
        if device.password is None:
            return True
        await self._say(manner.greeting)
        for _ in range(manner.attempts):
            name = device.username.encode()
            if manner.username:
                await self._say(manner.username)
                name = await self._terminal.read_line()
            await self._say(manner.password)
            password = await self._terminal.read_line(hidden=True)
            if device.fault is LabFault.SILENT_AUTH:
                await _never()
            await asyncio.sleep(manner.wait)
            await self._say("\n")
            if (name, password) == (device.username.encode(), device.password.encode()):
                return True
            self._stats.rejected_logins += 1
            await self._say(manner.refused)
        return False

    async def _say(self, text: str) -> None:
        await self._terminal.send(text.replace("\n", "\r\n").encode())

    def _text(self, data: bytes) -> bytes:
        """Take the commands out of what came; keep one that is not whole yet."""
        pieces, at = [], 0
        while (iac := data.find(_IAC, at)) >= 0:
            pieces.append(data[at:iac])
            command = _COMMAND.match(data, iac)
            if not command:
                at = iac
                break
            at = command.end()
            pieces.append(self._obeyed(command[0]))
        else:
            pieces.append(data[at:])
            at = len(data)
        self._rest = data[at:]
        return b"".join(pieces)

    def _obeyed(self, command: bytes) -> bytes:
        """Take note of a command; give the text that it stands for."""
        if command == _IAC + _IAC:
            return _IAC
        self._stats.options.append(command)
        if command == _WILL_TERMINAL_TYPE and self._transport:
            self._transport.write(_SEND_TERMINAL_TYPE)
        return b""

    def _write(self, data: bytes) -> None:
        if self._transport and not self._transport.is_closing():
            data = data.replace(_IAC, _IAC + _IAC)
            self._transport.write(_BARE_RETURN.sub(b"\r\0", data))

    async def _drain(self) -> None:
        if not self._transport or self._transport.is_closing():
            raise EOFError
        await self._room.wait()


def _never() -> asyncio.Future[None]:
    return asyncio.get_running_loop().create_future()
