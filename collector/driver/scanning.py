"""The keys of SSH servers, asked for without logging in: what ``hostkeys scan`` shows and records.

Owns one connection per device up to the end of the key exchange, where it is cut: no credential is
needed, none is obtained and none is sent. Refuses to know why anybody wants to look.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

import asyncssh

from collector.driver import ssh
from collector.driver.faults import kex_fault, translate
from collector.driver.hostkeys import KnownHosts, fingerprint
from collector.driver.lending import LentSocket
from collector.driver.resolving import Resolver, connected
from collector.errors import InputError
from collector.model import Device, Fault, FaultClass, HostKeys, Phase


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
    devices: Iterable[Device], known: KnownHosts, *, at_once: int, seconds: float
) -> tuple[Scanned, ...]:
    """Ask devices for their keys, ``at_once`` of them, each within so many seconds.

    With the policy ``accept-new`` what is new goes on file; another key than before never does.
    """
    wanted = tuple(devices)
    found: dict[str, Scanned] = {}
    left = iter(wanted)
    resolver = Resolver()

    async def work(devices: Iterator[Device]) -> None:
        for device in devices:
            found[device.name] = await _scanned(device, known, resolver, seconds)

    async with asyncio.TaskGroup() as group:
        for _ in range(min(at_once, len(wanted))):
            group.create_task(work(left))
    return tuple(found[device.name] for device in wanted)


async def _scanned(
    device: Device, known: KnownHosts, resolver: Resolver, seconds: float
) -> Scanned:
    phase = Phase.RESOLVE
    witness = ssh.Witness()
    try:
        async with asyncio.timeout(seconds):
            addresses = await resolver.addresses(device.host, device.port)
            phase = Phase.CONNECT
            lent = LentSocket(await connected(addresses, seconds))
            phase = Phase.KEX
            try:
                key = await _shown(device, known, witness, lent.sock)
            finally:
                lent.close()
    except TimeoutError:
        message = f"no host key came within {seconds:g} s"
        return _unknown(device, Fault(fault_class=FaultClass.TIMEOUT, phase=phase, message=message))
    except Exception as error:  # noqa: BLE001 - every library has kinds of its own: see translate
        fault = translate(error, phase)
        return _unknown(device, kex_fault(fault, witness.offer(), device.ssh_profile))
    if key is None:
        message = "the server showed no host key"
        return _unknown(device, Fault(fault_class=FaultClass.KEX, phase=phase, message=message))
    return _judged(device, known, key)


async def _shown(
    device: Device, known: KnownHosts, witness: ssh.Witness, sock: socket.socket
) -> asyncssh.SSHKey | None:
    """Ask for the kind of key that is on file first: a server may have several."""
    chosen = ssh.protection(device.host, device.port, device.ssh_profile, known)
    asked = {name: chosen.pop(name) for name in ("kex_algs", "server_host_key_algs")}
    return await asyncssh.get_server_host_key(
        device.host,  # said, as a socket that was reset cannot be asked for its peer
        device.port,
        sock=sock,
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
