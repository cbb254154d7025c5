"""The floor: what asyncssh alone needs, tuned, for the same logins, commands and bytes.

Owns the least of a reader: the output ends where the prompt is the last that came. That proves
nothing, and nothing is kept. No collector on this library can be cheaper.
"""

from __future__ import annotations

import asyncio

import asyncssh

from fleet.work import PASSWORD, USERNAME, Places, Work


class Reader(asyncssh.SSHClientSession[bytes]):
    """Hears a session, and tells when the prompt is the last that came."""

    def __init__(self) -> None:
        self.prompt = b"#"
        self._heard = bytearray()
        self._waiter: asyncio.Future[None] | None = None

    def data_received(self, data: bytes, datatype: object) -> None:
        """Take what comes."""
        self._heard += data
        if self._waiter and not self._waiter.done() and self._heard.endswith(self.prompt):
            self._waiter.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave nobody waiting."""
        if self._waiter and not self._waiter.done():
            self._waiter.set_exception(exc or EOFError())

    async def prompted(self) -> bytes:
        """Wait for the prompt; give all that came since the last one."""
        self._waiter = asyncio.get_running_loop().create_future()
        if not self._heard.endswith(self.prompt):
            await self._waiter
        heard = bytes(self._heard)
        self._heard.clear()
        return heard


async def visit(work: Work, port: int, places: Places) -> int:
    """Ask one device everything; give how many bytes came."""
    async with places.sessions, asyncio.timeout(len(work.commands) * work.patience):
        async with places.connecting:
            connection = await _connected(port, work.patience)
        try:
            channel, reader = await connection.create_session(
                Reader, term_type="vt100", encoding=None
            )
            assert isinstance(reader, Reader)
            first = await reader.prompted()
            reader.prompt = b"\r\n" + first.rsplit(b"\r\n", 1)[-1]
            size = 0
            for command in ("terminal length 0", *work.commands):
                channel.write(command.encode() + b"\n")
                size += len(await reader.prompted())
        finally:
            connection.abort()
        return size


async def _connected(port: int, patience: float) -> asyncssh.SSHClientConnection:
    return await asyncssh.connect(
        "127.0.0.1",
        port,
        username=USERNAME,
        password=PASSWORD,
        known_hosts=None,
        client_keys=None,
        agent_path=None,
        config=None,
        preferred_auth=["password"],
        kex_algs=["curve25519-sha256"],
        encryption_algs=["aes128-gcm@openssh.com"],
        login_timeout=patience,
    )
