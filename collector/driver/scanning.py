"""The keys of SSH servers, asked for without logging in: what ``hostkeys scan`` shows and records.

Owns one connection per device up to the end of the key exchange, where it is cut: no credential of
a device is needed or sent. Jump hosts are logged in to, as there is no other way to what is behind
them. Refuses to know why anybody wants to look.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

import asyncssh

from collector.credentials import Credentials
from collector.driver import ssh
from collector.driver.foreign import translate
from collector.driver.hostkeys import KnownHosts, fingerprint
from collector.driver.keys import Keys
from collector.driver.loading import Loading
from collector.driver.route import Route
from collector.driver.routes import Routes
from collector.errors import DeviceError, InputError
from collector.model import Device, Fault, FaultClass, HostKeys, Jump, Phase, Timeouts

WHOM = "the server"  # it may be a jump host


class Finding(StrEnum):
    """What the key of a server is to the file."""

    KNOWN = "known"
    NEW = "new"
    RECORDED = "recorded"
    CHANGED = "changed"
    NONE = "none"  # the server showed no key: see the fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanned:
    """One device's key. ``on_file`` are the fingerprints that the file has for it."""

    device: Device
    finding: Finding
    fingerprint: str = ""
    on_file: tuple[str, ...] = ()
    fault: Fault | None = None

    @property
    def good(self) -> bool:
        """Whether the server showed a key that is not another one than before."""
        return self.finding not in {Finding.CHANGED, Finding.NONE}


async def scan(
    devices: Iterable[Device],
    known: KnownHosts,
    credentials: Credentials,
    *,
    at_once: int,
    seconds: float,
) -> tuple[Scanned, ...]:
    """Ask devices for their keys, ``at_once`` of them, each within so many seconds.

    With the policy ``accept-new`` what is new goes on file; another key than before never does.
    ``credentials`` are for jump hosts.
    """
    wanted = tuple(devices)
    scanning = _Scanning(known, credentials, seconds)
    try:
        # A jump host is asked for its key before it is logged in to.
        for depth in sorted({len(device.jumps) for device in wanted}):
            left = iter([each for each in enumerate(wanted) if len(each[1].jumps) == depth])
            async with asyncio.TaskGroup() as group:
                for _ in range(min(at_once, len(wanted))):
                    group.create_task(scanning.work(left))
    finally:
        await scanning.close()
    return tuple(scanning.found[place] for place in range(len(wanted)))


class _Scanning:
    """One scan: what was found, by the device's place, and the jump hosts that it goes through."""

    def __init__(self, known: KnownHosts, credentials: Credentials, seconds: float) -> None:
        self.found: dict[int, Scanned] = {}
        self._known = known
        self._seconds = seconds
        loading = Loading(known)
        self._routes = Routes(known, credentials, Keys(loading), loading)
        self._faults: dict[Jump, Fault | None] = {}
        self._turns: defaultdict[Jump | str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._rejected: dict[str, Fault] = {}

    async def work(self, devices: Iterator[tuple[int, Device]]) -> None:
        """Scan one device after the other."""
        for place, device in devices:
            fault = await self._reach(device.jump) if device.jump else None
            if fault:
                self.found[place] = _unknown(device, fault)
            else:
                self.found[place] = await self._scanned(device)

    async def close(self) -> None:
        """Hang up on the jump hosts."""
        await self._routes.close()

    async def _reach(self, jump: Jump) -> Fault | None:
        """Log in to the jump hosts on the way, each once; says why that cannot be done."""
        async with self._turns[jump]:
            if jump not in self._faults:
                fault = await self._reach(jump.jump) if jump.jump else None
                self._faults[jump] = fault or await self._log_in(jump)
            return self._faults[jump]

    async def _log_in(self, jump: Jump) -> Fault | None:
        """Log in to one jump host; a credential that another has rejected is not tried."""
        timeouts = Timeouts(connect=self._seconds, login=self._seconds)
        async with self._turns[jump.credential]:
            if jump.credential in self._rejected:
                return self._rejected[jump.credential]
            try:
                await self._routes.reach(jump, timeouts, lambda phase: None)
            except DeviceError as error:
                fault = jump.blamed(self._hinted(jump, error.fault))
                if error.fault.fault_class is FaultClass.AUTH:
                    self._rejected[jump.credential] = fault
                return fault
        return None

    def _hinted(self, jump: Jump, fault: Fault) -> Fault:
        """Say what helps here, where `host_keys` has no say."""
        met = self._known.entries_for(jump.host, jump.port)
        if fault.fault_class is not FaultClass.HOSTKEY or met:
            return fault
        return replace(fault, hint="compare its key, then put it on file: hostkeys scan --record")

    async def _scanned(self, device: Device) -> Scanned:
        phase = Phase.RESOLVE
        witness = ssh.Witness()

        def enter(entered: Phase) -> None:
            nonlocal phase
            phase = entered

        try:
            async with asyncio.timeout(self._seconds):
                route = await self._routes.to(device.host, device.port, device.jump, enter)
                try:
                    key = await self._key(device, route, witness)
                finally:
                    route.close()
        except TimeoutError:
            message = f"no host key came within {self._seconds:g} s"
            phase = Phase.KEX if witness.connection else phase
            fault = Fault(fault_class=FaultClass.TIMEOUT, phase=phase, message=message)
            return _unknown(device, fault)
        except Exception as error:  # noqa: BLE001 - every library has kinds of its own: see translate
            fault = translate(error, Phase.KEX if witness.connection else phase, WHOM)
            return _unknown(device, witness.explained(fault, device.ssh_profile, WHOM))
        if key is None:
            message = "the server showed no host key"
            fault = Fault(fault_class=FaultClass.KEX, phase=phase, message=message)
            return _unknown(device, fault)
        return _judged(device, self._known, key)

    async def _key(
        self, device: Device, route: Route, witness: ssh.Witness
    ) -> asyncssh.SSHKey | None:
        """Ask for the kind of key that is on file first: a server may have several."""
        chosen = ssh.protection(device.host, device.port, device.ssh_profile, self._known)
        asked = {name: chosen.pop(name) for name in ("kex_algs", "server_host_key_algs")}
        await route.dial(self._seconds)
        return await asyncssh.get_server_host_key(
            device.host,  # said, as a socket that was reset cannot be asked for its peer
            device.port,
            **route.ssh(),
            config=None,
            options=asyncssh.SSHClientConnectionOptions(
                client_factory=lambda: witness, config=None, client_keys=None, **chosen
            ),
            **asked,
        )


def _judged(device: Device, known: KnownHosts, key: asyncssh.SSHKey) -> Scanned:
    on_file = known.entries_for(device.host, device.port)
    shown = fingerprint(key)
    finding = Finding.NEW
    try:
        if key.public_data in {each.public_data for each in on_file}:
            finding = Finding.KNOWN
        elif on_file:
            finding = Finding.CHANGED
        elif known.policy is HostKeys.ACCEPT_NEW:
            accepted = known.accepts(device.host, device.port, key)
            finding = Finding.RECORDED if accepted else Finding.CHANGED
    except (OSError, InputError) as error:
        why = f"{known.path} cannot be written: {getattr(error, 'strerror', None) or error}"
        fault = Fault(fault_class=FaultClass.STORAGE, phase=Phase.HOSTKEY, message=why)
        return Scanned(device=device, finding=Finding.NONE, fingerprint=shown, fault=fault)
    return Scanned(
        device=device,
        finding=finding,
        fingerprint=shown,
        on_file=tuple(map(fingerprint, on_file)),
    )


def _unknown(device: Device, fault: Fault) -> Scanned:
    return Scanned(device=device, finding=Finding.NONE, fault=fault)
