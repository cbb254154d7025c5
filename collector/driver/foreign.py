"""The errors of asyncssh and scrapli, and what a key exchange failed on, as faults of ours.

Owns the table from their exception types to classes. They report a timeout as a failed
authentication, and a dropped link as a session that was not opened: see `faults`, which knows the
system's errors beneath. Refuses to know what is done about a fault.
"""

from __future__ import annotations

import re
from typing import Final

import asyncssh
from scrapli import exceptions as scrapli

from collector.driver import faults
from collector.driver.algorithms import KINDS, Suite, missing
from collector.driver.faults import BEFORE_LOGIN, DEVICE, NOTHING_CAME, Meaning, hung_up, printable
from collector.model import Fault, FaultClass, Phase, SshProfile

_HANGS_UP: Final = (
    asyncssh.ConnectionLost,
    scrapli.ScrapliConnectionNotOpened,
    scrapli.ScrapliConnectionError,
)
_TOO_MANY_FAILURES: Final = re.compile("too many authentication failures", re.IGNORECASE)

_TABLE: Final[tuple[tuple[type[Exception] | tuple[type[Exception], ...], FaultClass, str], ...]] = (
    (
        (asyncssh.PermissionDenied, scrapli.ScrapliAuthenticationFailed),
        FaultClass.AUTH,
        "{whom} rejected the credential",
    ),
    (
        (asyncssh.IllegalUserName, asyncssh.PasswordChangeRequired),
        FaultClass.AUTH,
        "{whom} rejected the credential: {words}",
    ),
    (asyncssh.HostKeyNotVerifiable, FaultClass.HOSTKEY, "{words}"),
    (
        (asyncssh.KeyExchangeFailed, asyncssh.ProtocolNotSupported),
        FaultClass.KEX,
        "{words}",
    ),
    (asyncssh.ChannelOpenError, FaultClass.BUSY, "{whom} opens no session: {words}"),
    (scrapli.ScrapliTimeout, FaultClass.TIMEOUT, NOTHING_CAME),
)
"""The first row that fits counts: the kinds stand before the kinds that they derive from."""

_WANTED: Final = {
    "kex": "diffie-hellman-group14-sha256",
    "host_key": "rsa-sha2-256",
    "cipher": "aes128-ctr",
    "mac": "hmac-sha2-256",
}
"""By kind of algorithm: a modern one that old software has most often."""
_WIDER: Final = {
    SshProfile.MODERN: (SshProfile.DEFAULT, SshProfile.LEGACY),
    SshProfile.DEFAULT: (SshProfile.LEGACY,),
    SshProfile.LEGACY: (),
}


def translate(error: BaseException, phase: Phase, whom: str = DEVICE) -> Fault:
    """Give the fault that an error of the libraries or the system means in a phase.

    ``whom``: what the message and the hint call the other side.
    """
    return faults.translate(error, phase, whom, _meant)


def kex_fault(fault: Fault, offer: Suite | None, profile: SshProfile, whom: str = DEVICE) -> Fault:
    """Give the fault again in terms of what the device offers, where nothing of it is shared.

    Some devices say so and some just hang up; both have said before what they offer. The way out is
    another profile only where with that one everything would be shared.
    """
    kinds = [*missing(profile, offer)] if offer else []
    if not offer or not kinds:
        return fault
    kind, wider = kinds[0], [each for each in _WIDER[profile] if not [*missing(each, offer)]]
    named = ", ".join(getattr(offer, kind)) or "nothing"
    renew = f"allow another {KINDS[kind]} algorithm on {whom} (most have {_WANTED[kind]})"
    way_out = f"set ssh_profile: {wider[0]} for it; better, " if wider else ""
    return Fault(
        fault_class=FaultClass.KEX,
        phase=Phase.KEX,
        message=f"no {KINDS[kind]} algorithm is shared: {whom} offers only {printable(named)}",
        hint=f"{way_out}{renew}, or renew its software",
    )


def _meant(cause: BaseException, phase: Phase, words: str, whom: str) -> Meaning | None:
    if isinstance(cause, _HANGS_UP):
        return hung_up(phase, words, whom)
    for kinds, fault_class, message in _TABLE:
        if isinstance(cause, kinds):
            return fault_class, message.format(words=words, phase=phase, whom=whom)
    if isinstance(cause, asyncssh.DisconnectError):
        return _disconnected(cause, phase, words, whom)
    return None


def _disconnected(cause: asyncssh.DisconnectError, phase: Phase, words: str, whom: str) -> Meaning:
    if phase is Phase.AUTH and _TOO_MANY_FAILURES.search(words):
        return FaultClass.AUTH, f"{whom} rejected the credential: {words}"
    if cause.code == asyncssh.DISC_TOO_MANY_CONNECTIONS:
        return FaultClass.BUSY, f"{whom} has too many connections: {words}"
    return (FaultClass.KEX if phase in BEFORE_LOGIN else FaultClass.DISCONNECTED), words
