"""From a device of the inventory to a session that is logged in.

Owns the opening: route, connect, key exchange, authentication, channel, login; each phase named
when it fails, and nothing left open whatever happens. Refuses to know of runs, retries and limits.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from scrapli import AsyncScrapli
from scrapli.driver import AsyncGenericDriver

from collector.credentials import Credential, Credentials
from collector.driver import login, ssh, telnet
from collector.driver.console import CTRL_E, Console
from collector.driver.hostkeys import KnownHosts, fingerprint
from collector.driver.keys import Keys
from collector.driver.link import Link
from collector.driver.opening import Opening, cancellable
from collector.driver.route import Route
from collector.driver.routes import Routes
from collector.driver.session import DeviceSession
from collector.driver.statements import Statements
from collector.driver.stream import Stream
from collector.model import Device, Jump, Phase, Step, Timeouts, Transport
from collector.platforms import Platform
from collector.settings import Settings


def _unheard(*_: object) -> None:
    """Let every phase be, and every step."""


class DeviceConnector:
    """Opens sessions; holds what all devices share: host keys, private keys, jump hosts."""

    def __init__(
        self,
        settings: Settings,
        platforms: Mapping[str, Platform],
        credentials: Credentials,
        passed: Callable[[Device, Step, str], None] = _unheard,
    ) -> None:
        """``passed`` hears of each step of a login behind the credential, with what came of it.

        And of `Step.HOSTKEY`, with the fingerprint of the key that the device has shown.
        """
        known = KnownHosts(settings.known_hosts.expanduser(), settings.host_keys)
        keys = Keys()
        self._routes = Routes(known, credentials, keys)
        self._shared = _Shared(
            known=known,
            keys=keys,
            routes=self._routes,
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
        return await _SessionOpening(self._shared, device, timeouts, enter).session()

    def is_reached(self, jump: Jump) -> bool:
        """Tell whether devices behind a jump host can be opened."""
        return self._routes.is_reached(jump)

    async def reach(
        self, jump: Jump, timeouts: Timeouts, enter: Callable[[Phase], None] = _unheard
    ) -> None:
        """Log in to a jump host, once for all devices behind it; phases and errors as for `open`.

        One that it is itself behind has been reached before.
        """
        await self._routes.reach(jump, timeouts, enter)

    async def close(self) -> None:
        """Hang up on the jump hosts, after the last session; bounded, and never raises."""
        await self._routes.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shared:
    """What all openings have in common."""

    known: KnownHosts
    keys: Keys
    routes: Routes
    output_limit: int
    platforms: Mapping[str, Platform]
    credentials: Credentials
    passed: Callable[[Device, Step, str], None]
    rng: random.Random = field(default_factory=random.Random)


class _SessionOpening:
    """The opening of one session, and what must be closed if it fails."""

    def __init__(
        self,
        shared: _Shared,
        device: Device,
        timeouts: Timeouts,
        enter: Callable[[Phase], None],
    ) -> None:
        self._shared = shared
        self._device = device
        self._timeouts = timeouts
        self._platform = shared.platforms[device.platform]
        says = self._platform.auth_unreachable
        self._statements = Statements(says, has_next=bool(device.fallbacks))
        self._opening = Opening(
            timeouts, enter, profile=device.ssh_profile, statements=self._statements
        )
        self._link: Link | None = None
        self._stream: Stream | None = None

    async def session(self) -> DeviceSession:
        return await self._opening.whole(self._opened, self._give_up)

    async def _opened(self) -> DeviceSession:
        device = self._device
        credential = _known_as(self._platform, self._shared.credentials.get(device.credential))
        enter = self._opening.enter
        route = await self._shared.routes.to(device.host, device.port, device.jump, enter)
        self._opening.route = route
        if device.transport is Transport.TELNET:
            link = await self._telnet(route, credential)
        else:
            link = await self._ssh(route, credential)
        console = await self._console(link, credential)
        client = self._opening.client
        return DeviceSession(
            console,
            self._platform,
            proof=device.proof,
            hang_up=link.hang_up,
            algorithms=client.algorithms if client else None,
        )

    async def _ssh(self, route: Route, credential: Credential) -> Link:
        device, known = self._device, self._shared.known
        async with self._shared.keys.offered(credential) as keys:
            client = self._opening.client = ssh.Client(
                known, self._opening.enter, credential, self._statements
            )
            seconds = self._timeouts.connect + self._timeouts.login
            options = ssh.options(client, credential, keys, seconds=seconds)
            options |= ssh.protection(device.host, device.port, device.ssh_profile, known)
            options |= await route.ssh(self._timeouts.connect)
            driver = _driver(device, self._platform, credential, seconds, asyncssh=options)
            self._link = Link(driver, route, client)
            await self._opening.turn()
            try:
                await cancellable(driver.open())
            finally:
                if key := client.host_key:
                    self._shared.passed(device, Step.HOSTKEY, fingerprint(key))
        return self._link

    async def _telnet(self, route: Route, credential: Credential) -> Link:
        driver = _driver(self._device, self._platform, credential, self._timeouts.connect)
        self._link = Link(driver, route, None)
        transport: Any = driver.transport
        reader, writer = await route.telnet(self._timeouts.connect)
        await self._opening.turn()
        transport.stdout, transport.stdin = reader, writer
        driver.transport.read = telnet.TelnetReader(reader, writer).read
        return self._link

    async def _console(self, link: Link, credential: Credential) -> Console:
        """Learn the prompt, with the login limit from here on."""
        platform = self._platform
        opening = self._opening
        opening.enter(Phase.LOGIN)
        stream = self._stream = Stream(
            link.read,
            link.write,
            link.cut,
            limit=self._shared.output_limit,
            loss=lambda: link.route.loss,
        )
        newline = platform.return_char.encode()
        stream.allow(self._timeouts.login, Phase.LOGIN)
        if self._device.transport is Transport.TELNET:
            await telnet.log_in(
                *(stream, credential, newline, self._statements), lambda: opening.hear(Phase.AUTH)
            )
            opening.hear(Phase.LOGIN)
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
        await login.log_in(console, platform, credential, passed, opening.enabling)
        return console

    async def _give_up(self) -> None:
        """Close what was opened; bounded."""
        try:
            if self._stream:
                await self._stream.close()
        finally:  # whoever gives up waiting for this, too, must leave nothing open
            if self._link:
                await self._link.hang_up()
            elif self._opening.route:
                self._opening.route.close()


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
