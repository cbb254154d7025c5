"""The ways to all devices of a run: straight, or through jump hosts that are logged in to once.

Owns the resolver, and the connection to each jump host from its opening to the end of the run.
Refuses to know how often and when one is opened: who uses it decides that.
"""

from __future__ import annotations

import asyncio

import asyncssh

from collector.credentials import Credentials
from collector.driver import ssh
from collector.driver.bastion import KEEPALIVE, Bastion, not_open
from collector.driver.hostkeys import KnownHosts
from collector.driver.keys import Keys
from collector.driver.opening import Enter, Opening, cancellable
from collector.driver.resolving import Resolver
from collector.driver.route import Route, Straight
from collector.model import Jump, Phase, Timeouts


class Routes:
    """Routes to devices; jump hosts are opened by `reach` and closed by `close`."""

    def __init__(self, known: KnownHosts, credentials: Credentials, keys: Keys) -> None:
        self._known = known
        self._credentials = credentials
        self._keys = keys
        self._resolver = Resolver()
        self._bastions: dict[Jump, Bastion] = {}

    async def to(self, host: str, port: int, jump: Jump | None, enter: Enter) -> Route:
        """Find the way to a host, up to the phase ``connect``.

        Raises `DeviceError` of class `jump` in the phase ``resolve`` where `reach` has to come
        first. A host behind a jump host is looked up there.
        """
        enter(Phase.RESOLVE)
        route: Route
        if jump is None:
            route = Straight(await self._resolver.addresses(host, port))
        elif self.is_reached(jump):
            route = self._bastions[jump].tunnel(host, port)
        else:
            raise not_open(jump)
        enter(Phase.CONNECT)
        return route

    def is_reached(self, jump: Jump) -> bool:
        """Tell whether devices behind a jump host can be connected to."""
        bastion = self._bastions.get(jump)
        return bastion is not None and not bastion.is_lost

    async def reach(self, jump: Jump, timeouts: Timeouts, enter: Enter) -> None:
        """Log in to a jump host, unless that is done; the one before it has been reached.

        ``enter`` hears its phases as those of a device. Raises `DeviceError`; what was opened is
        closed then, also when this is cancelled.
        """
        if self.is_reached(jump):
            return
        opening = Opening(timeouts, enter, profile=jump.ssh_profile, whom="it")

        async def undo() -> None:
            if opening.client and opening.client.connection:
                await ssh.hang_up(opening.client.connection)
            elif opening.route:
                opening.route.close()

        self._bastions[jump] = await opening.whole(
            lambda: self._logged_in(jump, timeouts, opening), undo
        )

    async def close(self) -> None:
        """Hang up on all jump hosts, those behind others first; bounded, and never raises."""
        deepest = sorted(self._bastions.values(), key=lambda each: -len(each.jump.chain))
        self._bastions.clear()
        try:
            await asyncio.gather(*(bastion.close() for bastion in deepest))
        finally:  # whoever gives up waiting for this leaves nothing open
            for bastion in deepest:
                bastion.connection.abort()

    async def _logged_in(self, jump: Jump, timeouts: Timeouts, opening: Opening) -> Bastion:
        credential = self._credentials.get(jump.credential)
        seconds = timeouts.connect + timeouts.login
        route = opening.route = await self.to(jump.host, jump.port, jump.jump, opening.enter)
        async with self._keys.offered(credential) as keys:
            client = opening.client = ssh.Client(self._known, opening.enter, credential)
            options = ssh.options(client, credential, keys, seconds=seconds)
            options |= ssh.protection(jump.host, jump.port, jump.ssh_profile, self._known)
            way = await route.ssh(timeouts.connect)
            await opening.turn()
            connecting = asyncssh.connect(jump.host, jump.port, **{**options, **KEEPALIVE, **way})
            await cancellable(connecting)
        return Bastion(jump, client)
