"""The lab's listening ports: who is served on which, and the faults below a login.

Owns sockets, host keys and tasks. Refuses to know what a device says: a `Shell` is handed in.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import os
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

import asyncssh

from collector.errors import InputError
from collector.lab.device import DeviceStats, LabDevice, LabFault, Offers
from collector.lab.persona import persona, personas
from collector.lab.premises import Connection
from collector.lab.shell import Ending, PersonaShell, Shell, truth
from collector.lab.ssh import SshHost, new_key, options_of
from collector.lab.telnet import TelnetHost
from collector.lab.terminal import Echo, Terminal
from collector.model import Transport

__all__ = ["KEY_FILE", "Lab", "load_host_key", "serve"]

KEY_FILE = Path("~/.config/collector/lab_host_key")

# Five times the sessions that one lab is asked to serve at once may knock in the same instant.
_BACKLOG = 1024
_GARBAGE = b"HTTP/1.1 400 Bad Request\r\n\r\n\x00\xff\xfe\x80\x1b[2J"
_BELOW_LOGIN = (LabFault.RESET, LabFault.SILENT_TCP, LabFault.GARBAGE)
# SO_LINGER on, zero seconds: closing sends RST in place of FIN.
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Lab:
    """Emulated devices, served for the length of an ``async with`` block.

    All devices answer with one host key (``host_key``, made anew when absent) unless
    ``key_per_device``. ``shells`` adds platforms: what plays a session, by platform name.
    Raises InputError, naming every device that cannot be served, before any is.
    """

    def __init__(
        self,
        devices: Sequence[LabDevice],
        *,
        host_key: asyncssh.SSHKey | None = None,
        key_per_device: bool = False,
        shells: Mapping[str, Shell] | None = None,
    ) -> None:
        self.devices = {device.name: device for device in devices}
        self.stats = {device.name: DeviceStats() for device in devices}
        self.host_keys: dict[str, asyncssh.SSHKey] = {}
        self._given = tuple(devices)
        self._host_key = host_key
        self._key_per_device = key_per_device
        self._shells = dict(shells or {})
        self._ports: dict[str, int] = {}
        self._sockets: list[socket.socket] = []
        self._servers: list[asyncio.Server | asyncssh.SSHAcceptor] = []
        self._connections: set[Connection] = set()
        # Sessions are begun by callbacks, and pytest may leave the block in another task than the
        # one that entered it, which a TaskGroup does not allow; so this set owns them.
        self._tasks: set[asyncio.Task[None]] = set()
        self._nobody = asyncio.Event()
        self._nobody.set()

    async def __aenter__(self) -> Self:
        self._check()
        played = {device.platform for device in self._given} - self._shells.keys()
        await asyncio.to_thread(lambda: [persona(name) for name in played])  # reads files
        try:
            await self._listen()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    def port(self, name: str) -> int:
        """Where a device listens (or, refusing, does not)."""
        return self._ports[name]

    def text(self, name: str, command: str) -> str:
        """What a device prints for a whole, unabbreviated command: the truth to compare with."""
        return truth(self.devices[name], command)

    @property
    def open_connections(self) -> int:
        """How many connections stand now, over all devices."""
        return sum(stats.open for stats in self.stats.values())

    async def drop(self, name: str) -> None:
        """Stop listening for a device, as if it were switched off; open sessions stay."""
        port = self._ports[name]
        for server in self._servers:
            if any(each.getsockname()[1] == port for each in server.sockets):
                server.close()

    async def close(self) -> None:
        """Hang up on everybody and free the ports."""
        for server in self._servers:
            server.close()
        for connection in tuple(self._connections):
            connection.abort()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for each in self._sockets:
            each.close()
        await self._nobody.wait()  # aborted connections leave in the loop's next turns

    def _check(self) -> None:
        known = {*personas(), *self._shells}
        problems = [problem for device in self._given for problem in _problems(device, known)]
        if len(self.devices) < len(self._given):
            problems.append("two devices of the lab have the same name")
        if problems:
            raise InputError(*problems)

    async def _listen(self) -> None:
        bound = [(device, self._bind(device)) for device in self._given]
        if problems := [each for _, each in bound if isinstance(each, str)]:
            raise InputError(*problems)
        shared = self._host_key or asyncssh.generate_private_key("ssh-ed25519")
        usual = await options_of(shared)
        for device, place in bound:
            assert isinstance(place, socket.socket)
            key, options, offers = shared, usual, device.offers
            if self._key_per_device or offers.host_key:
                key = new_key(offers)
            if key is not shared or offers != Offers():
                options = await options_of(key, offers)
            self.host_keys[device.name] = key
            await self._serve(device, place, options)

    def _bind(self, device: LabDevice) -> socket.socket | str:
        """A bound socket, not listening yet; or why there is none."""
        family = socket.AF_INET6 if ":" in device.host else socket.AF_INET
        place = socket.socket(family, socket.SOCK_STREAM)
        place.setblocking(False)
        place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._sockets.append(place)
        try:
            place.bind((device.host, device.port))
            if device.fault is not LabFault.REFUSE:
                place.listen(_BACKLOG)  # here, since only listening shows that a port is taken
        except OSError as error:
            reason = _REASONS.get(error.errno or 0, os.strerror(error.errno or 0))
            return f"{device.name}: cannot listen on {device.host}:{device.port}: {reason}"
        self._ports[device.name] = place.getsockname()[1]
        return place

    async def _serve(
        self,
        device: LabDevice,
        place: socket.socket,
        options: asyncssh.SSHServerConnectionOptions,
    ) -> None:
        if device.fault is LabFault.REFUSE:
            return  # bound and not listening: refused, and nobody else can take the port
        loop = asyncio.get_running_loop()
        if device.fault in _BELOW_LOGIN:
            server = await loop.create_server(lambda: _NoServer(self, device), sock=place)
            self._servers.append(server)
            return
        shell = self._shells.get(device.platform, play)
        if device.transport is Transport.TELNET:
            server = await loop.create_server(
                lambda: TelnetHost(self, device, self.stats[device.name], shell, _echo(device)),
                sock=place,
            )
            self._servers.append(server)
            return
        acceptor = await asyncssh.listen(
            sock=place,
            backlog=_BACKLOG,
            options=options,
            server_factory=lambda: SshHost(
                self, device, self.stats[device.name], shell, _echo(device)
            ),
        )
        self._servers.append(acceptor)

    # What follows are the `Premises` of all connections.

    def connected(self, device: LabDevice, connection: Connection) -> None:
        self._connections.add(connection)
        self._nobody.clear()
        self.stats[device.name].connected()

    def disconnected(self, device: LabDevice, connection: Connection) -> None:
        self._connections.discard(connection)
        if not self._connections:
            self._nobody.set()
        self.stats[device.name].disconnected()

    def start(self, work: Awaitable[None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        assert isinstance(task, asyncio.Task)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


async def serve(
    devices: Sequence[LabDevice],
    *,
    key_file: Path = KEY_FILE,
    ready: Callable[[Lab], None] | None = None,
) -> None:
    """Serve until cancelled; ``ready`` is called once when all devices listen.

    The host key is kept in ``key_file``: whoever trusted this lab on first use still knows it when
    it is started again. Raises InputError, a line per device, when a port is taken or a platform
    cannot be played.
    """
    host_key = await asyncio.to_thread(load_host_key, key_file)
    async with Lab(devices, host_key=host_key) as lab:
        if ready:
            ready(lab)
        await _never()


def load_host_key(path: Path) -> asyncssh.SSHKey:
    """The host key kept in a file (``~`` expanded), made with mode 0600 when absent; blocking."""
    path = path.expanduser()
    try:
        return asyncssh.read_private_key(path)
    except FileNotFoundError:
        pass
    except (OSError, asyncssh.KeyImportError) as error:
        raise InputError(f"{path}: not a usable host key: {error}") from error
    key = asyncssh.generate_private_key("ssh-ed25519", comment="collector lab")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(key.export_private_key())
    except FileExistsError:  # another lab, started at the same time, was faster
        return asyncssh.read_private_key(path)
    except OSError as error:
        raise InputError(f"{path}: the host key cannot be kept: {error.strerror}") from error
    return key


async def play(terminal: Terminal, device: LabDevice, stats: DeviceStats) -> Ending:
    """The shell of a built-in persona."""
    return await PersonaShell(persona(device.platform), device, terminal, stats).run()


_REASONS = {
    errno.EADDRINUSE: "the port is taken (is another lab running?)",
    errno.EACCES: "ports below 1024 need more rights",
    errno.EADDRNOTAVAIL: "this machine does not have that address",
}


def _problems(device: LabDevice, known: set[str]) -> list[str]:
    problems = []
    if device.platform not in known:
        names = ", ".join(sorted(known))
        problems.append(f"{device.name}: the lab cannot play {device.platform!r}; it knows {names}")
    if not _is_loopback(device.host):
        # Its passwords are public, so the lab must not be reachable from elsewhere.
        problems.append(f"{device.name}: {device.host!r} is not a loopback address")
    return problems


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _never() -> asyncio.Future[Any]:
    return asyncio.get_running_loop().create_future()


class _NoServer(asyncio.Protocol):
    """A port behind which nobody answers as a device would."""

    def __init__(self, lab: Lab, device: LabDevice) -> None:
        self._lab, self._device = lab, device
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport = cast("asyncio.Transport", transport)  # uvloop's: no subclass
        self._lab.connected(self._device, transport)
        if self._device.fault is LabFault.RESET:
            wire = transport.get_extra_info("socket")
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            transport.abort()
        elif self._device.fault is LabFault.GARBAGE:
            transport.write(_GARBAGE)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._transport:
            self._lab.disconnected(self._device, self._transport)


def _echo(device: LabDevice) -> Echo:
    if device.echo:
        return device.echo
    return persona(device.platform).echo if device.platform in personas() else Echo.WHEN_READ
