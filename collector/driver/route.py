"""One way to one device: straight to its address, or through a jump host.

Owns what a route is, and the straight one. Refuses to know what is said on it.
"""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from collector.driver.lending import LentSocket
from collector.driver.resolving import Address, connected
from collector.model import Fault


class Route(Protocol):
    """A way to a device that is taken once; `seconds` are those to connect in."""

    @property
    def loss(self) -> Fault | None:
        """Why nothing comes through any more, if that is not the device's doing."""
        ...

    async def ssh(self, seconds: float) -> dict[str, Any]:
        """Give what `asyncssh.connect` needs to take this way."""
        ...

    async def telnet(self, seconds: float) -> tuple[Any, Any]:
        """Connect; give a reader and a writer as asyncio has them."""
        ...

    def cut(self) -> None:
        """End a telnet connection now."""
        ...

    def close(self) -> None:
        """Let go of all that no connection has taken over."""
        ...


class Straight:
    """The way to the first address that answers."""

    loss: Fault | None = None

    def __init__(self, addresses: list[Address]) -> None:
        self._addresses = addresses
        self._lent: LentSocket | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def ssh(self, seconds: float) -> dict[str, Any]:
        """Give a socket that is connected."""
        self._lent = LentSocket(await connected(self._addresses, seconds))
        return {"sock": self._lent.sock}

    async def telnet(self, seconds: float) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect, without a word."""
        self._lent = LentSocket(await connected(self._addresses, seconds))
        reader, self._writer = await asyncio.open_connection(sock=self._lent.sock)
        return reader, self._writer

    def cut(self) -> None:
        """End a telnet connection now."""
        if self._writer:
            self._writer.transport.abort()

    def close(self) -> None:
        """Close the socket."""
        if self._lent:
            self._lent.close()
