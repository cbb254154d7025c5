"""A person at a keyboard, over SSH to an emulated device: types bytes, reads until what is awaited.

Owns nothing of the collector's driver, so that the lab is tested without it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncssh

from collector.lab import Lab

__all__ = ["Typist", "connected", "typist"]


class Typist:
    """One session; ``seen`` is all that the device has said."""

    def __init__(self, process: asyncssh.SSHClientProcess[bytes]) -> None:
        self._process = process
        self.seen = b""

    async def read_until(self, end: bytes) -> bytes:
        """What comes, up to and with ``end`` as the last bytes."""
        heard = b""
        async with asyncio.timeout(10):
            while not heard.endswith(end):
                piece = await self._process.stdout.read(65536)
                if not piece:
                    raise EOFError(heard)
                heard += piece
        self.seen += heard
        return heard

    async def type(self, typed: bytes, end: bytes) -> bytes:
        """Type, then `read_until`."""
        self.send(typed)
        return await self.read_until(end)

    def send(self, typed: bytes) -> None:
        self._process.stdin.write(typed)

    async def rest(self) -> bytes:
        """All that comes until the device closes the channel."""
        async with asyncio.timeout(10):
            return await self._process.stdout.read()


@asynccontextmanager
async def connected(
    lab: Lab,
    name: str,
    *,
    username: str = "admin",
    password: str | None = "admin",
    key: asyncssh.SSHKey | None = None,
) -> AsyncIterator[asyncssh.SSHClientConnection]:
    """A logged-in connection that trusts exactly the device's own host key."""
    host, port = lab.devices[name].host, lab.port(name)
    trusted = lab.host_keys[name].export_public_key().decode()
    async with asyncssh.connect(
        host,
        port,
        username=username,
        password=password,
        client_keys=[key] if key else None,
        agent_path=None,
        config=None,
        known_hosts=asyncssh.import_known_hosts(f"[{host}]:{port} {trusted}"),
    ) as connection:
        yield connection


@asynccontextmanager
async def typist(lab: Lab, name: str) -> AsyncIterator[Typist]:
    """A session on a device, its shell started."""
    async with connected(lab, name) as connection:
        process = await connection.create_process(term_type="vt100", encoding=None)
        yield Typist(process)
