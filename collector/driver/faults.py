"""Foreign errors, translated once: what a library raised, in which phase, as one of our faults.

Owns the table from exception types to classes. The first cause counts, not the last wrapper: the
libraries report a timeout as a failed authentication, and a dropped link as a session that was not
opened. Refuses to know what is done about a fault.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from typing import Final

import asyncssh

from collector.errors import DeviceError
from collector.model import Fault, FaultClass, Phase

_BEFORE_LOGIN: Final = frozenset({Phase.CONNECT, Phase.KEX})
_OWN_LIMITS: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_HANGS_UP: Final = (asyncssh.ConnectionLost, ConnectionResetError, BrokenPipeError, EOFError)

_TABLE: Final[tuple[tuple[type[Exception] | tuple[type[Exception], ...], FaultClass, str], ...]] = (
    (asyncssh.PermissionDenied, FaultClass.AUTH, "the device rejected the credential"),
    (asyncssh.HostKeyNotVerifiable, FaultClass.HOSTKEY, "{words}"),
    (
        (asyncssh.KeyExchangeFailed, asyncssh.ProtocolNotSupported),
        FaultClass.KEX,
        "{words}",
    ),
    (asyncssh.ChannelOpenError, FaultClass.BUSY, "the device opens no session: {words}"),
    ((socket.gaierror, UnicodeError), FaultClass.DNS, "the host name does not resolve: {words}"),
    (TimeoutError, FaultClass.TIMEOUT, "nothing came in phase {phase}"),
    (ConnectionRefusedError, FaultClass.REFUSED, "the connection was refused"),
)
"""The first row that fits counts: the kinds stand before the kinds that they derive from."""

_HINTS: Final = {
    FaultClass.DNS: "check the host name in the inventory and the resolver of this machine",
    FaultClass.REFUSED: "check the port, and whether the device's SSH or telnet server is enabled",
    FaultClass.UNREACHABLE: "check the address, and the route from this machine",
    FaultClass.HOSTKEY: "compare the fingerprint with the device's own before anything else",
    FaultClass.AUTH: "check the credential by hand; it is not tried again in this run",
    FaultClass.BUSY: "no session is free on the device: close idle ones, or lower the limits",
    FaultClass.KEX: "no algorithm is shared with the device, or it does not speak SSH",
}


def translate(error: BaseException, phase: Phase) -> Fault:
    """Give the fault that an error of the libraries or the system means in a phase."""
    cause = first_cause(error)
    if isinstance(cause, DeviceError):
        return cause.fault
    fault_class, message = _classified(cause, phase)
    return Fault(
        fault_class=fault_class, phase=phase, message=message, hint=_HINTS.get(fault_class, "")
    )


def first_cause(error: BaseException) -> BaseException:
    """Follow an error to what came first, leaving out the cancellations that a deadline makes."""
    while (
        cause := error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    ) and not isinstance(cause, asyncio.CancelledError):
        error = cause
    return error


def _classified(cause: BaseException, phase: Phase) -> tuple[FaultClass, str]:
    words = _words(cause)
    if isinstance(cause, _HANGS_UP):
        return _hung_up(phase)
    for kinds, fault_class, message in _TABLE:
        if isinstance(cause, kinds):
            return fault_class, message.format(words=words, phase=phase)
    if isinstance(cause, asyncssh.DisconnectError):
        return _disconnected(cause, phase, words)
    if isinstance(cause, OSError):
        return _of_the_system(cause, words)
    return FaultClass.INTERNAL, f"{type(cause).__name__}: {words}"


def _disconnected(
    cause: asyncssh.DisconnectError, phase: Phase, words: str
) -> tuple[FaultClass, str]:
    if cause.code == asyncssh.DISC_TOO_MANY_CONNECTIONS:
        return FaultClass.BUSY, f"the device has too many connections: {words}"
    return (FaultClass.KEX if phase in _BEFORE_LOGIN else FaultClass.DISCONNECTED), words


def _hung_up(phase: Phase) -> tuple[FaultClass, str]:
    if phase in _BEFORE_LOGIN:
        return FaultClass.BUSY, "the device closed the connection before its greeting was over"
    return FaultClass.DISCONNECTED, f"the device closed the connection in phase {phase}"


def _of_the_system(cause: OSError, words: str) -> tuple[FaultClass, str]:
    if cause.errno in _OWN_LIMITS:
        return FaultClass.INTERNAL, f"a limit of this machine: {words}"
    return FaultClass.UNREACHABLE, words


def _words(cause: BaseException) -> str:
    """Give the error's own words on one line, without control characters."""
    words = cause.strerror if isinstance(cause, OSError) and cause.strerror else str(cause)
    text = " ".join((words or type(cause).__name__).split())
    return "".join(char if char.isprintable() else "?" for char in text)[:200]
