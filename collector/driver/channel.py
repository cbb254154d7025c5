"""The terminal of a device over SSH, on a connection that does no more for a packet than it must.

Owns what asyncssh does beside the protocol itself: for each connection a hop to a thread, and for
each packet a task and a lock between it and who reads it, words for a log that nobody keeps, an
empty packet before each of ours. Refuses to know what the bytes mean.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

import asyncssh
from asyncssh.constants import MSG_IGNORE


class Terminal(asyncssh.SSHClientSession[bytes]):
    """One device's terminal; what it says goes to whoever listens, as soon as it comes."""

    def __init__(self) -> None:
        self._channel: Any = None
        self._early: list[bytes] = []
        self._hear: Callable[[bytes], None] = self._early.append
        self._lost: Callable[[], None] | None = None
        self._is_over = False

    def connection_made(self, chan: asyncssh.SSHClientChannel[bytes]) -> None:
        """Keep the channel, to write to it."""
        self._channel = chan

    def data_received(self, data: bytes, datatype: int | None) -> None:
        """Pass on what comes; a terminal has no second output."""
        if datatype is None:
            self._hear(data)

    def eof_received(self) -> bool:
        """Pass on that nothing more will come."""
        self._end()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Pass on the end, however it came."""
        del exc
        self._end()

    def listen(self, hear: Callable[[bytes], None], lost: Callable[[], None]) -> None:
        """Have what comes heard, first what has come before, and then the end of it."""
        for data in self._early:
            hear(data)
        self._hear, self._lost = hear, lost
        if self._is_over:
            lost()

    def write(self, data: bytes) -> None:
        """Send bytes; raises what asyncssh raises when the channel is closed."""
        self._channel.write(data)

    def _end(self) -> None:
        self._is_over = True
        if self._lost:
            self._lost()


class Connection(asyncssh.SSHClientConnection):
    """A connection with a device: see `connected`."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._is_unlogged = not self.logger.isEnabledFor(logging.DEBUG)

    def send_packet(self, pkttype: int, *args: bytes, handler: Any = None) -> None:
        """Send a packet, unless it is an empty one that protects nothing.

        asyncssh puts one before each of its own, as RFC 4251 (9.3.1) advises for ciphers whose
        next block can be foreseen: those in CBC mode, and no other (RFC 4344).
        """
        if pkttype == MSG_IGNORE and "-cbc" not in (self.get_extra_info("send_cipher") or "-cbc"):
            return
        super().send_packet(pkttype, *args, handler=None if self._is_unlogged else handler)

    def log_sent_packet(self, pkttype: int, pktid: int | None, packet: Any, note: str = "") -> None:
        """Put it into words if somebody keeps them."""
        if not self._is_unlogged:
            super().log_sent_packet(pkttype, pktid, packet, note)

    def log_received_packet(
        self, pkttype: int, pktid: int | None, packet: Any, note: str = ""
    ) -> None:
        """Put it into words if somebody keeps them."""
        if not self._is_unlogged:
            super().log_received_packet(pkttype, pktid, packet, note)

    async def terminal(self) -> Terminal:
        """Open a terminal of the size that the options name."""
        terminal = Terminal()
        channel, _ = await self.create_session(lambda: terminal, term_type="xterm", encoding=None)
        if self._is_unlogged:
            channel.log_received_packet = self.log_received_packet  # type: ignore[method-assign]  # no option for it
        return terminal


async def connected(
    options: asyncssh.SSHClientConnectionOptions, way: Mapping[str, Any]
) -> Connection:
    """Connect and log in, by a way that `Route.ssh` gives; raises what asyncssh raises.

    `asyncssh.connect` lets nobody choose the class, and prepares its options in a thread, for which
    each device waits. The options' client has the connection as soon as there is one, and whoever
    made it closes that when this fails.
    """
    loop = asyncio.get_running_loop()
    waiter = options.waiter = loop.create_future()

    def made() -> Connection:
        return Connection(loop, options, wait="auth")

    try:
        if tunnel := way.get("tunnel"):
            _, connection = await tunnel.create_connection(made, options.host, options.port)
        else:
            _, connection = await loop.create_connection(made, **way)
        await waiter
    finally:
        waiter.cancel()  # else it would be missed that nobody asks any more why it ended
    assert isinstance(connection, Connection)
    return connection
