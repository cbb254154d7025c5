"""From a device of the inventory to a session that is logged in.

Owns the opening: route, connect, and then what is in `entry`; each phase named when it fails, and
nothing left open whatever happens. Refuses to know of runs, retries and limits.
"""
# ruff: noqa: PLC0415 - what takes the libraries is imported once it is loaded: see `loading`

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from collector.credentials import Credential, Credentials
from collector.driver.hostkeys import KnownHosts
from collector.driver.keys import Keys
from collector.driver.loading import Loading, unheeded
from collector.driver.opening import Opening
from collector.driver.routes import Routes
from collector.driver.statements import Statements
from collector.model import Device, Jump, Phase, Step, Timeouts, Transport
from collector.platforms import Platform
from collector.settings import Settings

if TYPE_CHECKING:
    from collector.driver.entry import Entry
    from collector.driver.session import DeviceSession
    from collector.driver.ssh import Offered


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
        loaded: Callable[[], None] = unheeded,
    ) -> None:
        """``passed`` hears of each step of a login behind the credential, with what came of it.

        And of `Step.HOSTKEY`, with the fingerprint of the key that the device has shown. ``loaded``
        is called when all is imported that a session needs: see `loading`.
        """
        known = KnownHosts(settings.known_hosts.expanduser(), settings.host_keys)
        loading = Loading(known, loaded)
        keys = Keys(loading)
        self._routes = Routes(known, credentials, keys, loading)
        self._shared = _Shared(
            loading=loading,
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

    loading: Loading
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
        statements = Statements(says, has_next=bool(device.fallbacks))
        self._opening = Opening(timeouts, enter, profile=device.ssh_profile, statements=statements)
        self._entry: Entry | None = None

    async def session(self) -> DeviceSession:
        return await self._opening.whole(self._opened, self._give_up)

    async def _opened(self) -> DeviceSession:
        device, shared, opening = self._device, self._shared, self._opening
        credential = _known_as(self._platform, shared.credentials.get(device.credential))
        shared.loading.begin()
        route = await shared.routes.to(device.host, device.port, device.jump, opening.enter)
        opening.route = route
        async with self._keys(credential) as keys:
            await route.dial(self._timeouts.connect)
            await opening.turn(shared.loading.done())
            entry = self._entry = self._begun(credential)
            await entry.connect(route, shared.known, keys)
        return await entry.session()

    def _keys(self, credential: Credential) -> AbstractAsyncContextManager[Offered]:
        if self._device.transport is Transport.TELNET:
            return nullcontext([])
        return self._shared.keys.offered(credential, self._opening)

    def _begun(self, credential: Credential) -> Entry:
        from collector.driver.entry import Entry

        return Entry(
            *(self._opening, self._device, self._platform, credential),
            timeouts=self._timeouts,
            output_limit=self._shared.output_limit,
            passed=partial(self._shared.passed, self._device),
            rng=self._shared.rng,
        )

    async def _give_up(self) -> None:
        """Close what was opened; bounded."""
        route = self._opening.route
        if self._entry:
            await self._entry.give_up()
        elif route:
            route.close()


def _known_as(platform: Platform, credential: Credential) -> Credential:
    """Give the credential with the user name that the platform expects."""
    return replace(credential, username=credential.username + platform.username_suffix)
