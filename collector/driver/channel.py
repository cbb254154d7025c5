"""The terminal of a device over SSH, on a connection that does no more for a packet than it must.

Owns what asyncssh does beside the protocol itself, for each packet: a task and a lock between the
packet and who reads it, words for a log that nobody keeps, an empty packet before each of ours.
Refuses to know what the bytes mean.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final

import asyncssh
from asyncssh.constants import MSG_IGNORE

MOST: Final = 4 << 20
"""Bytes that may wait to be read before the device is asked to wait."""


class Terminal(asyncssh.SSHClientSession[bytes]):
    """One device's terminal; `read` gives all that has come since it was read last."""

    def __init__(self) -> None:
        self._channel: Any = None
        self._heard: list[bytes] = []
        self._size = 0
        self._is_over = False
        self._waiter: asyncio.Future[None] | None = None

    def connection_made(self, chan: asyncssh.SSHClientChannel[bytes]) -> None:
        """Keep the channel, to write to it."""
        self._channel = chan

    def data_received(self, data: bytes, datatype: int | None) -> None:
        """Take what comes; a terminal has no second output."""
        if datatype is not None:
            return
        self._heard.append(data)
        self._size += len(data)
        if self._size > MOST:
            self._channel.pause_reading()
        self._wake()

    def eof_received(self) -> bool:
        """Mark the end of what comes."""
        self._end()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Mark the end, however it came."""
        del exc
        self._end()

    async def read(self, most: int = -1) -> bytes:
        """Wait for bytes, and give all there are, whatever the ``most`` asked for; none at the end.

        For one reader.
        """
        del most
        if not self._heard and not self._is_over:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        heard = self._heard[0] if len(self._heard) == 1 else b"".join(self._heard)
        self._heard.clear()
        is_paused, self._size = self._size > MOST, 0
        if is_paused:
            self._channel.resume_reading()  # which hands over at once what has come meanwhile
        return heard

    def at_eof(self) -> bool:
        """Tell whether all was read that will ever come."""
        return self._is_over and not self._heard

    def write(self, data: bytes) -> None:
        """Send bytes; raises what asyncssh raises when the channel is closed."""
        self._channel.write(data)

    def _end(self) -> None:
        self._is_over = True
        self._wake()

    def _wake(self) -> None:
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(None)


class Connection(asyncssh.SSHClientConnection):
    """What a connection becomes as soon as there is one: see `lighten`."""

    def send_packet(self, pkttype: int, *args: bytes, handler: Any = None) -> None:
        """Send a packet, unless it is an empty one that protects nothing.

        asyncssh puts one before each of its own, as RFC 4251 (9.3.1) advises for ciphers whose
        next block can be foreseen: those in CBC mode, and no other (RFC 4344).
        """
        if pkttype == MSG_IGNORE and "-cbc" not in (self.get_extra_info("send_cipher") or "-cbc"):
            return
        super().send_packet(pkttype, *args, handler=None if self._is_unlogged() else handler)

    def log_sent_packet(self, pkttype: int, pktid: int | None, packet: Any, note: str = "") -> None:
        """Put it into words if somebody keeps them."""
        if not self._is_unlogged():
            super().log_sent_packet(pkttype, pktid, packet, note)

    def log_received_packet(
        self, pkttype: int, pktid: int | None, packet: Any, note: str = ""
    ) -> None:
        """Put it into words if somebody keeps them."""
        if not self._is_unlogged():
            super().log_received_packet(pkttype, pktid, packet, note)

    async def open_session(self, *args: Any, **options: Any) -> Any:
        """Open a `Terminal`, in the place of a writer, a reader and a second reader."""
        channel, terminal = await self.create_session(Terminal, *args, **options)
        if self._is_unlogged():
            channel.log_received_packet = self.log_received_packet  # type: ignore[method-assign]  # no option for it
        return terminal, terminal, terminal

    def _is_unlogged(self) -> bool:
        return not self.logger.isEnabledFor(logging.DEBUG)


def lighten(connection: asyncssh.SSHClientConnection) -> None:
    """Make a `Connection` of one that asyncssh has made: it lets nobody choose the class."""
    connection.__class__ = Connection
