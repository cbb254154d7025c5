"""The ways to all devices of a run: straight, or through jump hosts that are logged in to once.

Owns the resolver, and the connection to each jump host from its opening to the end of the run.
Refuses to know how often and when one is opened: who uses it decides that.
"""
# ruff: noqa: PLC0415 - what takes the libraries is imported once it is loaded: see `loading`

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from collector.credentials import Credentials
from collector.driver.hostkeys import KnownHosts
from collector.driver.keys import Keys
from collector.driver.loading import Loading
from collector.driver.opening import Enter, Opening
from collector.driver.resolving import Resolver
from collector.driver.route import Route, Straight
from collector.errors import DeviceError
from collector.model import FaultClass, Jump, Phase, Timeouts

if TYPE_CHECKING:
    from collector.driver.bastion import Bastion


class Routes:
    """Routes to devices; jump hosts are opened by `reach` and closed by `close`."""

    def __init__(
        self, known: KnownHosts, credentials: Credentials, keys: Keys, loading: Loading
    ) -> None:
        self._known = known
        self._credentials = credentials
        self._keys = keys
        self._loading = loading
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
            raise _not_open(jump)
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
            try:
                if opening.client:
                    await opening.client.hang_up()
            finally:  # a socket that is thrown away might close another one's: see `lending`
                if opening.route:
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
        self._loading.begin()
        route = opening.route = await self.to(jump.host, jump.port, jump.jump, opening.enter)
        async with self._keys.offered(credential, opening) as keys:
            await route.dial(timeouts.connect)
            await opening.turn(self._loading.done())
            from collector.driver.entry import bastion

            return await bastion(
                *(jump, opening, credential, timeouts), route=route, known=self._known, keys=keys
            )


def _not_open(jump: Jump) -> DeviceError:
    """Say that a jump host must be opened first: the device has not been asked for anything."""
    message = f"jump host {jump.name} is not logged in to"
    return DeviceError.of(FaultClass.JUMP, Phase.RESOLVE, message)
