"""Foreign errors, translated once: what a library raised, in which phase, as one of our faults.

Owns the table from exception types to classes. The first cause counts, not the last wrapper: the
libraries report a timeout as a failed authentication, and a dropped link as a session that was not
opened. Refuses to know what is done about a fault.
"""

from __future__ import annotations

import asyncio
import errno
import re
import socket
from typing import Final

import asyncssh
from scrapli import exceptions as scrapli

from collector.driver.algorithms import KINDS, Suite, missing
from collector.errors import DeviceError
from collector.model import Fault, FaultClass, Phase, SshProfile

_BEFORE_LOGIN: Final = frozenset({Phase.CONNECT, Phase.KEX})
_OWN_LIMITS: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_HANGS_UP: Final = (
    asyncssh.ConnectionLost,
    ConnectionResetError,
    ConnectionAbortedError,
    BrokenPipeError,
    EOFError,
    scrapli.ScrapliConnectionNotOpened,
    scrapli.ScrapliConnectionError,
)
_TIMED_OUT: Final = re.compile("time(?:out|d out)", re.IGNORECASE)
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
    ((socket.gaierror, UnicodeError), FaultClass.DNS, "the host name does not resolve: {words}"),
    (
        (TimeoutError, scrapli.ScrapliTimeout),
        FaultClass.TIMEOUT,
        "nothing came in phase {phase}",
    ),
    (ConnectionRefusedError, FaultClass.REFUSED, "the connection was refused"),
)
"""The first row that fits counts: the kinds stand before the kinds that they derive from."""

DEVICE: Final = "the device"
_HINTS: Final = {
    FaultClass.DNS: "check the host name in the inventory and the resolver of this machine",
    FaultClass.REFUSED: "check the port, and whether {whose} {server} is enabled",
    FaultClass.UNREACHABLE: "check the address, and the route from this machine",
    FaultClass.HOSTKEY: "compare the fingerprint with {whose} own before anything else",
    FaultClass.AUTH: "check the credential by hand; it is not tried again in this run",
    FaultClass.BUSY: "no session is free on {whom}: close idle ones, or lower the limits",
    FaultClass.KEX: "no algorithm is shared with {whom}, or it does not speak SSH",
    FaultClass.TIMEOUT: "try {whom} by hand; raise the timeouts if it is slow",
    FaultClass.DISCONNECTED: "look into {whose} own log for why it hung up",
    FaultClass.INTERNAL: "this is a fault of the program or of this machine: run again with -vv",
}
"""What to do about each class; whoever is no device is a jump host, and has no telnet."""
_OWN_LIMIT: Final = "raise this machine's limit of open files, or lower limits.sessions"

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
    cause = first_cause(error)
    if isinstance(cause, DeviceError):
        return cause.fault
    fault_class, message = _classified(cause, phase, whom)
    if fault_class is FaultClass.HOSTKEY:
        phase = Phase.HOSTKEY  # asyncssh tells it as a part of the key exchange
    hint = _OWN_LIMIT if _is_own_limit(cause) else _hint(fault_class, whom)
    return Fault(fault_class=fault_class, phase=phase, message=message, hint=hint)


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
        message=f"no {KINDS[kind]} algorithm is shared: {whom} offers only {_printable(named)}",
        hint=f"{way_out}{renew}, or renew its software",
    )


def _hint(fault_class: FaultClass, whom: str) -> str:
    whose, server = (
        ("the device's", "SSH or telnet server") if whom == DEVICE else ("its", "SSH server")
    )
    return _HINTS.get(fault_class, "").format(whom=whom, whose=whose, server=server)


def first_cause(error: BaseException) -> BaseException:
    """Follow an error to what came first, leaving out the cancellations that a deadline makes.

    One of ours has been translated before.
    """
    while (
        not isinstance(error, DeviceError)
        and (
            cause := error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        )
        and not isinstance(cause, asyncio.CancelledError)
    ):
        error = cause
    return error


def _classified(cause: BaseException, phase: Phase, whom: str) -> tuple[FaultClass, str]:
    words = _words(cause)
    if isinstance(cause, _HANGS_UP):
        return _hung_up(phase, words, whom)
    for kinds, fault_class, message in _TABLE:
        if isinstance(cause, kinds):
            return fault_class, message.format(words=words, phase=phase, whom=whom)
    if isinstance(cause, asyncssh.DisconnectError):
        return _disconnected(cause, phase, words, whom)
    if isinstance(cause, OSError):
        return _of_the_system(cause, words)
    return FaultClass.INTERNAL, f"{type(cause).__name__}: {words}"


def _disconnected(
    cause: asyncssh.DisconnectError, phase: Phase, words: str, whom: str
) -> tuple[FaultClass, str]:
    if phase is Phase.AUTH and _TOO_MANY_FAILURES.search(words):
        return FaultClass.AUTH, f"{whom} rejected the credential: {words}"
    if cause.code == asyncssh.DISC_TOO_MANY_CONNECTIONS:
        return FaultClass.BUSY, f"{whom} has too many connections: {words}"
    return (FaultClass.KEX if phase in _BEFORE_LOGIN else FaultClass.DISCONNECTED), words


def _hung_up(phase: Phase, words: str, whom: str) -> tuple[FaultClass, str]:
    if _TIMED_OUT.search(words):  # a limit of ours or of the system, not a word of the device
        return FaultClass.TIMEOUT, f"nothing came in phase {phase}: {words}"
    if phase in _BEFORE_LOGIN:
        return FaultClass.BUSY, f"{whom} closed the connection before its greeting was over"
    return FaultClass.DISCONNECTED, f"{whom} closed the connection in phase {phase}"


def _of_the_system(cause: OSError, words: str) -> tuple[FaultClass, str]:
    if _is_own_limit(cause):
        return FaultClass.INTERNAL, f"a limit of this machine: {words}"
    return FaultClass.UNREACHABLE, words


def _is_own_limit(cause: BaseException) -> bool:
    return isinstance(cause, OSError) and cause.errno in _OWN_LIMITS


def _words(cause: BaseException) -> str:
    """Give the error's own words on one line, without control characters."""
    words = cause.strerror if isinstance(cause, OSError) and cause.strerror else str(cause)
    return _printable(words or type(cause).__name__)


def _printable(words: str) -> str:
    text = " ".join(words.split())
    return "".join(char if char.isprintable() else "?" for char in text)[:200]
