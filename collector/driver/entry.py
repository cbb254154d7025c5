"""From a peer that was dialled to a session, or to a jump host that is logged in to.

Owns all of an opening that takes the libraries: key exchange, authentication, channel, login; it is
imported while the first devices are dialled (see `loading`). Refuses to know how a route is found.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from copy import copy
from functools import cache
from typing import Any

from scrapli import AsyncScrapli
from scrapli.driver import AsyncGenericDriver
from scrapli.exceptions import ScrapliException

from collector.credentials import Credential
from collector.driver import foreign, login, ssh, telnet
from collector.driver.bastion import Bastion
from collector.driver.channel import connected
from collector.driver.console import CTRL_E, Console
from collector.driver.hostkeys import KnownHosts, fingerprint
from collector.driver.link import Link
from collector.driver.opening import Opening
from collector.driver.route import Route
from collector.driver.session import DeviceSession
from collector.driver.stream import Stream
from collector.errors import DeviceError
from collector.model import Device, FaultClass, Jump, Phase, Step, Timeouts, Transport
from collector.platforms import Platform


class Entry:
    """The way into one device that was dialled; what is opened on it is closed by `give_up`.

    ``passed`` hears of the steps of the login. ``rng`` makes what the device is asked to echo.
    """

    def __init__(
        self,
        opening: Opening,
        device: Device,
        platform: Platform,
        credential: Credential,
        *,
        timeouts: Timeouts,
        output_limit: int,
        passed: Callable[[Step, str], None],
        rng: random.Random,
    ) -> None:
        opening.translate = foreign.translate
        self._opening = opening
        self._device = device
        self._platform = platform
        self._credential = credential
        self._timeouts = timeouts
        self._output_limit = output_limit
        self._passed = passed
        self._rng = rng
        self._link: Link | None = None
        self._stream: Stream | None = None

    async def connect(self, route: Route, known: KnownHosts, keys: ssh.Offered) -> None:
        """Have a terminal of the device, over SSH with its credential accepted."""
        if self._device.transport is Transport.TELNET:
            await self._telnet(route)
        else:
            await self._ssh(route, known, keys)

    async def session(self) -> DeviceSession:
        """Log in as far as there is something to do, up to a prompt for commands."""
        assert self._link is not None  # it is connected
        console = await self._console(self._link)
        client = self._opening.client
        return DeviceSession(
            console,
            self._platform,
            proof=self._device.proof,
            hang_up=self._link.hang_up,
            algorithms=client.algorithms if client else None,
        )

    async def give_up(self) -> None:
        """Close what was opened; bounded."""
        try:
            if self._stream:
                await self._stream.close()
        finally:  # whoever gives up waiting for this, too, must leave nothing open
            if self._link:
                await self._link.hang_up()
            elif self._opening.route:
                self._opening.route.close()

    async def _ssh(self, route: Route, known: KnownHosts, keys: ssh.Offered) -> None:
        device, opening, credential = self._device, self._opening, self._credential
        client = opening.client = ssh.Client(known, opening.enter, credential, opening.statements)
        seconds = self._timeouts.connect + self._timeouts.login
        options = ssh.options(client, credential, keys, device, known, seconds=seconds)
        transport = _transport(self._platform.driver, device.transport)
        self._link = Link(transport, route, client)
        try:
            transport.session = await connected(options, route.ssh())
            transport.stdin = transport.stdout = await transport.session.terminal()
        finally:
            if key := client.host_key:
                self._passed(Step.HOSTKEY, fingerprint(key))

    async def _telnet(self, route: Route) -> None:
        transport = _transport(self._platform.driver, self._device.transport)
        self._link = Link(transport, route, None)
        reader, writer = await route.telnet()
        transport.stdout, transport.stdin = reader, writer
        transport.read = telnet.TelnetReader(reader, writer).read

    async def _console(self, link: Link) -> Console:
        """Learn the prompt, with the login limit from here on."""
        platform, opening, credential = self._platform, self._opening, self._credential
        opening.enter(Phase.LOGIN)
        stream = self._stream = link.stream(limit=self._output_limit)
        newline = platform.return_char.encode()
        stream.allow(self._timeouts.login, Phase.LOGIN)
        if self._device.transport is Transport.TELNET:
            await telnet.log_in(
                *(stream, credential, newline, opening.statements), lambda: opening.hear(Phase.AUTH)
            )
            opening.hear(Phase.LOGIN)
            stream.phase = Phase.LOGIN
        editor_key = CTRL_E if platform.editor_key == "ctrl-e" else b""
        console = Console(
            stream,
            newline=newline,
            editor_key=editor_key,
            rng=self._rng,
            hint=platform.prompt,
        )
        await login.log_in(console, platform, credential, self._passed, opening.enabling)
        return console


async def bastion(
    jump: Jump,
    opening: Opening,
    credential: Credential,
    timeouts: Timeouts,
    *,
    route: Route,
    known: KnownHosts,
    keys: ssh.Offered,
) -> Bastion:
    """Log in to a jump host that was dialled."""
    opening.translate = foreign.translate
    seconds = timeouts.connect + timeouts.login
    client = opening.client = ssh.Client(known, opening.enter, credential)
    options = ssh.options(client, credential, keys, jump, known, seconds=seconds)
    await connected(options, route.ssh())
    return Bastion(jump, client)


async def _nothing(driver: AsyncGenericDriver) -> None:
    """Take the place of an opening dialogue: some configure the device, all eat the prompt."""


def _transport(driver: str | None, kind: Transport) -> Any:
    """Give scrapli's transport for a device.

    A driver takes half a millisecond to build, and differs from the next of its platform in nothing
    that is used here: there is one for each, and each device has a copy of its transport.
    """
    return copy(_driver(driver, kind).transport)


@cache
def _driver(driver: str | None, kind: Transport) -> AsyncGenericDriver:
    """Build scrapli's driver for devices like this, without a dialogue, timer or file of its own.

    It is never opened: scrapli would not let the class of a connection be chosen, and waits in
    tasks of which Python 3.11 swallows a cancellation. So it is told neither host nor credential.
    Raises `DeviceError` where scrapli has no driver of that name.
    """
    arguments: dict[str, Any] = {
        "host": "none",
        "auth_username": "",
        "auth_strict_key": False,
        "auth_bypass": kind is Transport.TELNET,
        "ssh_config_file": False,
        "timeout_transport": 0,
        "timeout_ops": 0,
        "on_open": _nothing,
        "on_close": _nothing,
        "transport": "asyncssh" if kind is Transport.SSH else "asynctelnet",
    }
    if driver is None:
        return AsyncGenericDriver(**arguments)
    try:
        return AsyncScrapli(platform=driver, **arguments)
    except (ImportError, ScrapliException) as error:
        raise DeviceError.of(
            FaultClass.INTERNAL,
            Phase.CONNECT,
            f"scrapli has no driver {driver!r}",
            hint="correct the driver of its platform, in the configuration",
        ) from error
