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
    """A way to a device that is taken once: dialled, and then spoken on."""

    @property
    def loss(self) -> Fault | None:
        """Why nothing comes through any more, if that is not the device's doing."""
        ...

    async def dial(self, seconds: float) -> None:
        """Connect within so many seconds, where that needs no word of a protocol."""
        ...

    def ssh(self) -> dict[str, Any]:
        """Give what asyncssh needs to take this way: a connected ``sock``, or a ``tunnel``."""
        ...

    async def telnet(self) -> tuple[Any, Any]:
        """Give a reader and a writer as asyncio has them."""
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

    async def dial(self, seconds: float) -> None:
        """Connect, without a word."""
        self._lent = LentSocket(await connected(self._addresses, seconds))

    def ssh(self) -> dict[str, Any]:
        """Give the socket that is connected."""
        assert self._lent is not None  # it was dialled
        return {"sock": self._lent.sock}

    async def telnet(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Give both ends of the socket that is connected."""
        assert self._lent is not None
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
