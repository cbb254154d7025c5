"""From a device of the inventory to a session that is logged in.

Owns the opening: resolve, connect, key exchange, authentication, channel, login; each phase named
when it fails, and nothing left open whatever happens. Refuses to know of runs, retries and limits.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol, runtime_checkable

import asyncssh
from scrapli import AsyncScrapli
from scrapli.driver import AsyncGenericDriver

from collector.credentials import Credential, Credentials
from collector.driver import login, ssh, telnet
from collector.driver.agent import agent_keys
from collector.driver.console import CTRL_E, Console
from collector.driver.faults import kex_fault, translate
from collector.driver.hostkeys import KnownHosts
from collector.driver.lending import LentSocket
from collector.driver.resolving import Address, Resolver, connected
from collector.driver.session import DeviceSession
from collector.driver.stream import Stream
from collector.errors import DeviceError
from collector.model import Algorithms, Device, FaultClass, Phase, Step, Timeouts, Transport
from collector.platforms import Platform
from collector.settings import Settings

log = logging.getLogger(__name__)

HANG_UP: Final = 1.0
"""Seconds in which a connection may close by itself before it is cut."""


@runtime_checkable
class Queued(Protocol):
    """Whoever hears of the phases, where openings wait for each other."""

    async def turn(self) -> None:
        """Wait until what costs time of the loop may begin."""
        ...


def _unheard(*_: object) -> None:
    """Let every phase be, and every step."""


class DeviceConnector:
    """Opens sessions; holds what all devices share: host keys, private keys, the resolver."""

    def __init__(
        self,
        settings: Settings,
        platforms: Mapping[str, Platform],
        credentials: Credentials,
        passed: Callable[[Device, Step, str], None] = _unheard,
    ) -> None:
        """``passed`` hears of each step of a login behind the credential, with what came of it."""
        self._shared = _Shared(
            known=KnownHosts(settings.known_hosts.expanduser(), settings.host_keys),
            output_limit=settings.output_limit,
            platforms=platforms,
            credentials=credentials,
            passed=passed,
        )

    async def open(
        self, device: Device, timeouts: Timeouts, enter: Callable[[Phase], None] = _unheard
    ) -> DeviceSession:
        """Open a session within ``timeouts.connect`` and then ``timeouts.login`` seconds.

        ``enter`` hears each phase before anything of it is done, and may end the opening by a
        `DeviceError`: before ``auth`` no credential was sent, and at ``channel`` it was accepted.
        Where it is `Queued`, its turn is waited for once the peer is there.
        Raises `DeviceError` with the phase that was reached. What was opened is closed then, also
        when the opening is cancelled.
        """
        return await _Opening(self._shared, device, timeouts, enter).session()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shared:
    """What all openings have in common; ``keys`` fills with each private key that is loaded."""

    known: KnownHosts
    output_limit: int
    platforms: Mapping[str, Platform]
    credentials: Credentials
    passed: Callable[[Device, Step, str], None]
    resolver: Resolver = field(default_factory=Resolver)
    keys: dict[Path, asyncssh.SSHKey] = field(default_factory=dict, repr=False)
    rng: random.Random = field(default_factory=random.Random)


class _Opening:
    """One opening: the phase it has reached and what must be closed if it fails."""

    def __init__(
        self,
        shared: _Shared,
        device: Device,
        timeouts: Timeouts,
        enter: Callable[[Phase], None],
    ) -> None:
        self._on_phase = enter
        self._queue: object = enter  # a mere function knows of no queue
        self._shared = shared
        self._device = device
        self._timeouts = timeouts
        self._platform = shared.platforms[device.platform]
        self._phase = Phase.CREDENTIALS
        self._limit: asyncio.Timeout | None = None
        self._link: _Link | None = None
        self._client: ssh.Client | None = None
        self._stream: Stream | None = None

    async def session(self) -> DeviceSession:
        try:
            async with asyncio.timeout(self._timeouts.connect) as self._limit:
                return await self._opened()
        except asyncio.CancelledError:
            await self._give_up()
            raise
        except DeviceError as error:
            await self._give_up()
            error.algorithms = self._algorithms
            raise
        # Every library below raises its own kinds: translated here, once.
        except Exception as error:
            await self._give_up()
            fault = self._fault(error)
            fault.algorithms = self._algorithms
            raise fault from error

    @property
    def _algorithms(self) -> Algorithms | None:
        return self._client.algorithms if self._client else None

    async def _opened(self) -> DeviceSession:
        credential = _known_as(
            self._platform, self._shared.credentials.get(self._device.credential)
        )
        self._enter(Phase.RESOLVE)
        addresses = await self._shared.resolver.addresses(self._device.host, self._device.port)
        self._enter(Phase.CONNECT)
        if self._device.transport is Transport.TELNET:
            self._link = await self._telnet(addresses, credential)
        else:
            self._link = await self._ssh(addresses, credential)
        console = await self._console(self._link, credential)
        self._allow(None)
        await asyncio.sleep(0)  # a limit that is over ends the opening here, not its caller
        return DeviceSession(
            console,
            self._platform,
            proof=self._device.proof,
            hang_up=self._link.hang_up,
            algorithms=self._algorithms,
        )

    async def _ssh(self, addresses: list[Address], credential: Credential) -> _Link:
        key = await self._key(credential)
        async with agent_keys(credential) as agent:
            keys: list[asyncssh.SSHKey | asyncssh.SSHKeyPair] = [key, *agent] if key else [*agent]
            sock = await connected(addresses, self._timeouts.connect)
            self._client = ssh.Client(self._device, self._shared.known, self._enter)
            seconds = self._timeouts.connect + self._timeouts.login
            options = {**ssh.options(self._client, credential, keys, seconds=seconds), "sock": sock}
            options |= ssh.protection(
                self._device.host, self._device.port, self._device.ssh_profile, self._shared.known
            )
            driver = _driver(self._device, self._platform, credential, seconds, asyncssh=options)
            self._link = _Link(driver, LentSocket(sock), self._client)
            await self._turn()
            await driver.open()
        return self._link

    async def _telnet(self, addresses: list[Address], credential: Credential) -> _Link:
        seconds = self._timeouts.connect
        sock = await connected(addresses, seconds)
        driver = _driver(self._device, self._platform, credential, seconds)
        self._link = _Link(driver, LentSocket(sock), None)
        await self._turn()
        reader, writer = await asyncio.open_connection(sock=sock)
        transport: Any = driver.transport
        transport.stdout, transport.stdin = reader, writer
        driver.transport.read = telnet.TelnetReader(reader, writer).read
        return self._link

    async def _turn(self) -> None:
        """Wait, now that the peer is there, until the rest may begin; no limit runs meanwhile."""
        if not isinstance(self._queue, Queued):
            return
        loop = asyncio.get_running_loop()
        assert self._limit  # entered before anything else
        left = (self._limit.when() or 0.0) - loop.time()
        self._allow(None)
        await self._queue.turn()
        self._allow(loop.time() + left)

    async def _console(self, link: _Link, credential: Credential) -> Console:
        """Learn the prompt, with the login limit from here on."""
        platform = self._platform
        self._enter(Phase.LOGIN)
        stream = Stream(
            link.driver.transport.read,
            link.driver.transport.write,
            link.cut,
            limit=self._shared.output_limit,
        )
        self._stream = stream
        newline = platform.return_char.encode()
        stream.allow(self._timeouts.login, Phase.LOGIN)
        if self._device.transport is Transport.TELNET:
            await telnet.log_in(stream, credential, newline, lambda: self._on_phase(Phase.AUTH))
            self._on_phase(Phase.LOGIN)
            stream.phase = Phase.LOGIN
        editor_key = CTRL_E if platform.editor_key == "ctrl-e" else b""
        console = Console(
            stream,
            newline=newline,
            editor_key=editor_key,
            rng=self._shared.rng,
            hint=platform.prompt,
        )
        passed = partial(self._shared.passed, self._device)
        await login.log_in(console, platform, credential, passed)
        return console

    def _enter(self, phase: Phase) -> None:
        """Mark the phase; the login limit runs from authentication to the prompt."""
        self._phase = phase
        self._on_phase(phase)
        loop = asyncio.get_running_loop()
        if phase is Phase.AUTH:
            self._allow(loop.time() + self._timeouts.login)
        elif phase is Phase.LOGIN:
            # The stream keeps this limit by itself; this one is the second, a little later.
            self._allow(loop.time() + self._timeouts.login + 2 * HANG_UP)

    def _allow(self, until: float | None) -> None:
        """Move the limit, unless it is over already: then the next wait ends by it."""
        if self._limit and not self._limit.expired():
            self._limit.reschedule(until)

    async def _key(self, credential: Credential) -> asyncssh.SSHKey | None:
        """Load the private key once; off the loop, since a passphrase is slow on purpose."""
        path = credential.private_key
        if path is None:
            return None
        keys = self._shared.keys
        if path not in keys:
            try:
                keys[path] = await asyncio.to_thread(
                    asyncssh.read_private_key, path, credential.passphrase
                )
            except (OSError, asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
                raise DeviceError.of(
                    FaultClass.AUTH,
                    Phase.CREDENTIALS,
                    f"the private key {path} cannot be used: {error}",
                    hint="check the path and the passphrase",
                ) from error
        return keys[path]

    def _fault(self, error: Exception) -> DeviceError:
        if self._client and self._client.refusal:
            return self._client.refusal
        if isinstance(error, TimeoutError) and self._limit and self._limit.expired():
            limit = "connect" if self._phase in _CONNECTING else "login"
            seconds = getattr(self._timeouts, limit)
            return DeviceError.of(
                FaultClass.TIMEOUT,
                self._phase,
                f"nothing more came in phase {self._phase} within {seconds:g} s ({limit} limit)",
                hint=f"try the device by hand; raise timeouts.{limit} if it is slow",
            )
        fault = translate(error, self._phase)
        if self._client and self._phase is Phase.KEX:
            fault = kex_fault(fault, self._client.offer(), self._device.ssh_profile)
        if fault.fault_class is FaultClass.INTERNAL:
            log.debug("untranslated error", exc_info=error)
        return DeviceError(fault)

    async def _give_up(self) -> None:
        """Close what was opened; bounded."""
        try:
            if self._stream:
                await self._stream.close()
        finally:  # whoever gives up waiting for this, too, must leave nothing open
            if self._link:
                await self._link.hang_up()


_CONNECTING: Final = frozenset({Phase.RESOLVE, Phase.CONNECT, Phase.KEX, Phase.HOSTKEY})


class _Link:
    """What lies under a session, and how it is brought down without waiting for the device."""

    def __init__(
        self, driver: AsyncGenericDriver, lent: LentSocket, client: ssh.Client | None
    ) -> None:
        self.driver = driver
        self._lent = lent
        self._client = client

    def cut(self) -> None:
        """End the connection now."""
        connection = self._client.connection if self._client else None
        if connection:
            connection.abort()
        elif writer := getattr(self.driver.transport, "stdin", None):
            writer.transport.abort()

    async def hang_up(self) -> None:
        """Close politely within `HANG_UP` seconds, else cut; leaves no socket open."""
        transport: Any = self.driver.transport
        connection = self._client.connection if self._client else None
        writer = None if self._client else transport.stdin
        try:
            transport.close()
            self.driver.channel.close()
            if connection:
                connection.close()
                await _closed(connection.wait_closed(), connection.abort)
            elif writer:
                await _closed(writer.wait_closed(), writer.transport.abort)
        except Exception as error:  # noqa: BLE001 - it is being thrown away anyway
            log.debug("closing: %r", error)
        finally:
            self.cut()
            self._lent.close()


async def _closed(closing: Any, cut: Any) -> None:
    waiting = asyncio.ensure_future(closing)
    done, _ = await asyncio.wait([waiting], timeout=HANG_UP)
    if not done:
        cut()
        waiting.cancel()
    elif not waiting.cancelled():
        waiting.exception()


def _known_as(platform: Platform, credential: Credential) -> Credential:
    """Give the credential with the user name that the platform expects."""
    return replace(credential, username=credential.username + platform.username_suffix)


async def _nothing(driver: AsyncGenericDriver) -> None:
    """Take the place of an opening dialogue: some configure the device, all eat the prompt."""


def _driver(
    device: Device,
    platform: Platform,
    credential: Credential,
    seconds: float,
    **transport_options: Any,
) -> AsyncGenericDriver:
    """Build scrapli's driver for a device, without any dialogue, timer or file of its own."""
    arguments: dict[str, Any] = {
        "host": device.host,
        "port": device.port,
        "auth_username": credential.username,
        "auth_strict_key": False,
        "auth_bypass": device.transport is Transport.TELNET,
        "ssh_config_file": False,
        "timeout_socket": seconds,
        "timeout_transport": 0,
        "timeout_ops": 0,
        "on_open": _nothing,
        "on_close": _nothing,
        "transport": "asyncssh" if device.transport is Transport.SSH else "asynctelnet",
        "transport_options": transport_options,
    }
    if platform.driver:
        return AsyncScrapli(platform=platform.driver, **arguments)
    return AsyncGenericDriver(**arguments)
