"""SSH on a port of the lab: who may log in, and the sessions of a connection.

Owns one connection's logins and the bytes between its channels and a `Terminal`. Refuses to know
what a device says once somebody is logged in: a `Shell` is handed in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

import asyncssh

from collector.lab.device import DeviceStats, LabDevice, LabFault, Offers
from collector.lab.persona import persona, personas
from collector.lab.premises import Premises
from collector.lab.shell import Ending, Shell
from collector.lab.terminal import Echo, Terminal

__all__ = ["SshHost", "new_key", "options_of"]

_ALL = Offers()


async def options_of(
    key: asyncssh.SSHKey, offers: Offers = _ALL
) -> asyncssh.SSHServerConnectionOptions:
    """Give what all connections to a device with that host key have in common."""
    options: asyncssh.SSHServerConnectionOptions
    options = await asyncssh.SSHServerConnectionOptions.construct(
        server_host_keys=[_pair(key, offers)],
        line_editor=False,
        encoding=None,
        login_timeout=0,  # a device that is slow to answer is a fault to be shown, not cut short
        agent_forwarding=False,
        kex_algs=offers.kex,
        encryption_algs=offers.cipher,
        mac_algs=offers.mac,
    )
    return options


def _pair(key: asyncssh.SSHKey, offers: Offers) -> asyncssh.SSHKeyPair:
    """Give the key with the signatures that are offered: an old device has the oldest alone."""
    (pair,) = asyncssh.load_keypairs(key)
    if offers.host_key:
        pair.host_key_algorithms = [name.encode() for name in offers.host_key]
    return pair


def new_key(offers: Offers) -> asyncssh.SSHKey:
    """Make a host key of the first kind that is offered."""
    kind = offers.host_key[0] if offers.host_key else "ssh-ed25519"
    return asyncssh.generate_private_key("ssh-rsa" if kind.startswith("rsa-") else kind)


class SshHost(asyncssh.SSHServer):
    """One connection to one device: who may log in, and what a session request gets."""

    def __init__(
        self, lab: Premises, device: LabDevice, stats: DeviceStats, shell: Shell, echo: Echo
    ) -> None:
        self._lab, self._device, self._stats, self._shell = lab, device, stats, shell
        self._echo = echo
        self._connection: asyncssh.SSHServerConnection | None = None
        self._keys = [asyncssh.import_public_key(line) for line in device.public_keys]

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        self._lab.connected(self._device, conn)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._connection:
            self._lab.disconnected(self._device, self._connection)

    async def begin_auth(self, username: str) -> bool:
        if self._device.fault is LabFault.SILENT_AUTH:
            await _never()
        banner = self._device.banner
        if banner is None and self._device.platform in personas():
            banner = persona(self._device.platform).banner
        self._show(banner or "")
        return True

    def auth_completed(self) -> None:
        self._stats.logins += 1

    def password_auth_supported(self) -> bool:
        return self._device.password is not None

    def validate_password(self, username: str, password: str) -> bool:
        good = (username, password) == (self._device.username, self._device.password)
        if not good:
            self._show(self._device.refused)
        return self._judge(good)

    def public_key_auth_supported(self) -> bool:
        return bool(self._keys)

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return username == self._device.username and key in self._keys

    def session_requested(self) -> asyncssh.SSHServerSession[bytes] | Awaitable[_Session] | bool:
        if self._device.fault is LabFault.DENY_CHANNEL:
            return False
        if self._device.fault is LabFault.SILENT_LOGIN:
            return _never()
        return _Session(
            self._lab, self._device, self._stats, self._shell, self._connection, echo=self._echo
        )

    def _show(self, text: str) -> None:
        if self._connection and text:
            self._connection.send_auth_banner(text.replace("\n", "\r\n"))

    def _judge(self, good: bool) -> bool:
        self._stats.rejected_logins += not good
        return good


class _Session(asyncssh.SSHServerSession[bytes]):
    """One channel: bytes between asyncssh and a `Terminal`, and the task of its shell."""

    def __init__(
        self,
        lab: Premises,
        device: LabDevice,
        stats: DeviceStats,
        shell: Shell,
        connection: asyncssh.SSHServerConnection | None,
        *,
        echo: Echo,
    ) -> None:
        self._lab, self._device, self._stats, self._shell = lab, device, stats, shell
        self._connection = connection
        self._channel: asyncssh.SSHServerChannel[bytes] | None = None
        self._task: asyncio.Task[None] | None = None
        self._room = asyncio.Event()
        self._room.set()
        self._terminal = Terminal(self._write, self._drain, echo=echo, pace=device.pace)

    def connection_made(self, chan: asyncssh.SSHServerChannel[bytes]) -> None:
        self._channel = chan

    def pty_requested(self, *_: object) -> bool:
        return True

    def shell_requested(self) -> bool:
        return True

    def session_started(self) -> None:
        if self._device.fault is not LabFault.SILENT_CHANNEL:
            self._task = self._lab.start(self._run())

    def data_received(self, data: bytes, datatype: int | None) -> None:
        self._terminal.feed(data)

    def eof_received(self) -> bool:
        self._terminal.hang_up()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self._channel = None
        self._terminal.hang_up()
        self._room.set()
        if self._task:
            self._task.cancel()

    def pause_writing(self) -> None:
        self._room.clear()

    def resume_writing(self) -> None:
        self._room.set()

    async def _run(self) -> None:
        try:
            ending = await self._shell(self._terminal, self._device, self._stats)
        except EOFError:
            ending = Ending.EXIT
        if ending is Ending.DROP and self._connection:
            self._connection.abort()
        elif self._channel:
            self._channel.exit(0)
            if ending is Ending.EXIT and self._connection:
                await self._channel.wait_closed()
                self._connection.close()

    def _write(self, data: bytes) -> None:
        if self._channel and not self._channel.is_closing():
            self._channel.write(data)

    async def _drain(self) -> None:
        if not self._channel or self._channel.is_closing():
            raise EOFError
        await self._room.wait()


def _never() -> asyncio.Future[Any]:
    return asyncio.get_running_loop().create_future()
