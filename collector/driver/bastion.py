"""A jump host that is logged in to, and the tunnels through it.

Owns one SSH connection that many devices share, how it is known to be dead, and what its refusals
mean for a device. Refuses to know when it is opened, and what is said in a tunnel.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any, Final

import asyncssh

from collector.driver import ssh
from collector.errors import DeviceError
from collector.model import Fault, FaultClass, Jump, Phase

KEEPALIVE: Final = {"interval": 3, "count_max": 3}
"""A jump host that has been silent for 12 s is lost: before the 15 s in which a device must answer,
so that it is not the device that is blamed."""

_REFUSED: Final = re.compile("refused", re.IGNORECASE)
_NO_NAME: Final = re.compile(r"resol|not known|no address|nodename|lookup", re.IGNORECASE)
_HINTS: Final = {
    FaultClass.REFUSED: "check the port, and whether the device's server is enabled; "
    "try it from the jump host",
    FaultClass.DNS: "the jump host looks the name up: check it there",
    FaultClass.UNREACHABLE: "check the address, and the way there from the jump host",
    FaultClass.BUSY: "lower the jump host's sessions in the inventory",
}
_FORBIDDEN: Final = "the jump host must allow it: see AllowTcpForwarding and PermitOpen there"


class Bastion:
    """The connection to a jump host."""

    def __init__(self, jump: Jump, client: ssh.Client) -> None:
        self.jump = jump
        self._client = client
        self.connection.set_keepalive(**KEEPALIVE)
        self._abandoned: set[asyncio.Task[Any]] = set()

    @property
    def connection(self) -> asyncssh.SSHClientConnection:
        """What is shared."""
        assert self._client.connection is not None  # it has been opened
        return self._client.connection

    @property
    def is_lost(self) -> bool:
        """Whether nothing goes through any more."""
        return self._client.is_lost

    def tunnel(self, host: str, port: int) -> Tunnel:
        """Give the way through to a host as the jump host knows it."""
        return Tunnel(self, host, port)

    async def opened(
        self, opening: Callable[[], Awaitable[tuple[Any, Any]]], drop: Callable[[Any, Any], None]
    ) -> tuple[Any, Any]:
        """Wait for a tunnel. Whoever gives up does so alone: what still comes of it is dropped.

        The jump host goes on connecting, and there is no word in SSH by which to stop it.
        """
        task = asyncio.ensure_future(opening())
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            self._abandoned.add(task)
            task.add_done_callback(lambda _: self._forget(task, drop))
            raise

    async def close(self) -> None:
        """Hang up; bounded."""
        await ssh.hang_up(self.connection)

    def _forget(self, task: asyncio.Task[Any], drop: Callable[[Any, Any], None]) -> None:
        self._abandoned.discard(task)
        if not task.cancelled() and task.exception() is None:
            drop(*task.result())


class Tunnel:
    """The way to one device through a jump host: a `Route`.

    It stands in for the jump host's connection where asyncssh asks for a ``tunnel``.
    """

    def __init__(self, bastion: Bastion, host: str, port: int) -> None:
        self._bastion = bastion
        self._host, self._port = host, port
        self._channel: asyncssh.SSHTCPChannel[bytes] | None = None
        self._is_wanted = True

    @property
    def loss(self) -> Fault | None:
        """That the jump host is gone, where it is."""
        return self._bastion.jump.lost() if self._bastion.is_lost else None

    async def dial(self, seconds: float) -> None:
        """Wait: it is the jump host that dials, when it is told what for."""

    def ssh(self) -> dict[str, Any]:
        """Give what leads asyncssh to `create_connection`."""
        return {"tunnel": self}

    async def create_connection(
        self, session_factory: Callable[[], Any], host: str, port: int
    ) -> tuple[asyncssh.SSHTCPChannel[bytes], Any]:
        """Have the jump host connect to the device: what asyncssh calls, with a session of its."""

        def session() -> Any:
            return session_factory() if self._is_wanted else asyncssh.SSHTCPSession[bytes]()

        connect = self._bastion.connection.create_connection
        self._channel, made = await self._through(
            lambda: connect(session, host, port), lambda channel, _: channel.abort()
        )
        return self._channel, made

    async def telnet(self) -> tuple[asyncssh.SSHReader[bytes], asyncssh.SSHWriter[bytes]]:
        """Have the jump host connect to the device; gives a reader and a writer."""
        connect = self._bastion.connection.open_connection
        reader, writer = await self._through(
            lambda: connect(self._host, self._port, encoding=None),
            lambda _, writer: writer.channel.abort(),
        )
        self._channel = writer.channel
        return reader, writer

    def cut(self) -> None:
        """End the tunnel now."""
        if self._channel:
            self._channel.abort()

    def close(self) -> None:
        """End the tunnel now."""
        self.cut()

    async def _through(
        self, opening: Callable[[], Awaitable[tuple[Any, Any]]], drop: Callable[[Any, Any], None]
    ) -> tuple[Any, Any]:
        try:
            return await self._bastion.opened(opening, drop)
        except asyncio.CancelledError:
            self._is_wanted = False
            raise
        except (asyncssh.Error, OSError) as error:
            raise DeviceError(self.loss or _refused(self._bastion.jump, error)) from error


def _refused(jump: Jump, error: Exception) -> Fault:
    """Tell of a tunnel that the jump host does not open, in its words."""
    words = "".join(char if char.isprintable() else "?" for char in str(error))[:200]
    code = error.code if isinstance(error, asyncssh.ChannelOpenError) else 0
    hint = ""
    if code == asyncssh.OPEN_RESOURCE_SHORTAGE:
        fault_class = FaultClass.BUSY
    elif code == asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED:
        fault_class, hint = FaultClass.UNREACHABLE, _FORBIDDEN
    elif _REFUSED.search(words):
        fault_class = FaultClass.REFUSED
    else:
        fault_class = FaultClass.DNS if _NO_NAME.search(words) else FaultClass.UNREACHABLE
    return Fault(
        fault_class=fault_class,
        phase=Phase.CONNECT,
        message=f"jump host {jump.name} opens no tunnel to it: {words or 'it does not say why'}",
        hint=hint or _HINTS[fault_class],
    )
