"""A jump host on loopback that counts: who logged in, how many tunnels at once, what went through.

It relays direct-tcpip channels as OpenSSH does, and can be told to die, or to refuse.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Self

import asyncssh

from collector.model import Jump

USER, PASSWORD = "hopper", "through-the-wall"


class JumpHost:
    """One SSH server for the length of an ``async with`` block.

    ``on_tunnel`` is told how many tunnels were ever opened, before the last of them is confirmed.
    ``refusal`` is what every tunnel gets, where it is not None.
    """

    def __init__(
        self,
        *,
        key: asyncssh.SSHKey | None = None,
        on_tunnel: Callable[[int], None] | None = None,
        refusal: asyncssh.ChannelOpenError | None = None,
        port: int = 0,
    ) -> None:
        self.key = key or asyncssh.generate_private_key("ssh-ed25519")
        self.connections = self.attempts = self.logins = 0
        self.tunnels = self.most_tunnels = self.tunnels_ever = 0
        self.heard = bytearray()
        self.refusal = refusal
        self.on_tunnel = on_tunnel
        self.open: set[asyncssh.SSHServerConnection] = set()
        self._asked_port = port

    async def __aenter__(self) -> Self:
        self._server = await asyncssh.listen(
            "127.0.0.1",
            self._asked_port,
            server_host_keys=[self.key],
            server_factory=lambda: _Server(self),
            login_timeout=0,
        )
        self.port = self._server.get_port()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.shut()

    async def shut(self) -> None:
        """Hang up on everybody and listen no more."""
        self._server.close()
        self.die()
        await self._server.wait_closed()

    def die(self) -> None:
        """Drop every connection without a word, as a machine does that loses its power."""
        for connection in tuple(self.open):
            connection.abort()

    def as_jump(self, name: str = "edge", **keys: Any) -> Jump:
        """Give it as an inventory would."""
        return Jump(
            **{"name": name, "host": "127.0.0.1", "port": self.port, "credential": "hop", **keys}
        )


class _Server(asyncssh.SSHServer):
    def __init__(self, host: JumpHost) -> None:
        self._host = host

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        self._host.connections += 1
        self._host.open.add(conn)

    def connection_lost(self, exc: Exception | None) -> None:
        self._host.open.discard(self._connection)

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        self._host.attempts += 1
        return (username, password) == (USER, PASSWORD)

    def auth_completed(self) -> None:
        self._host.logins += 1

    async def connection_requested(
        self, dest_host: str, dest_port: int, orig_host: str, orig_port: int
    ) -> Any:
        host = self._host
        host.tunnels_ever += 1
        if host.on_tunnel:
            host.on_tunnel(host.tunnels_ever)
        if host.refusal:
            raise host.refusal
        relay = _Relay(host)
        try:
            loop = asyncio.get_running_loop()
            await loop.create_connection(lambda: _FarEnd(relay), dest_host, dest_port)
        except OSError as error:
            raise asyncssh.ChannelOpenError(
                asyncssh.OPEN_CONNECT_FAILED, "Connection refused"
            ) from error
        if self._connection not in host.open:
            relay.hang_up()
        return relay


class _Relay(asyncssh.SSHTCPSession[bytes]):
    """The near end of a tunnel: a channel."""

    channel: asyncssh.SSHTCPChannel[bytes] | None = None
    far: asyncio.Transport | None = None

    def __init__(self, host: JumpHost) -> None:
        self._host = host

    def connection_made(self, chan: asyncssh.SSHTCPChannel[bytes]) -> None:
        self.channel = chan
        self._host.tunnels += 1
        self._host.most_tunnels = max(self._host.most_tunnels, self._host.tunnels)

    def session_started(self) -> None:
        assert self.far
        self.far.resume_reading()

    def data_received(self, data: bytes, datatype: int | None) -> None:
        self._host.heard += data
        if self.far:
            self.far.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._host.tunnels -= 1
        self.hang_up()

    def hang_up(self) -> None:
        """Let the far end go."""
        if self.far:
            self.far.abort()


class _FarEnd(asyncio.Protocol):
    """The far end of a tunnel: a connection to the device."""

    def __init__(self, relay: _Relay) -> None:
        self._relay = relay

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._relay.far = transport
        transport.pause_reading()  # until the channel is there

    def data_received(self, data: bytes) -> None:
        if self._relay.channel:
            self._relay.channel.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._relay.channel:
            self._relay.channel.close()
