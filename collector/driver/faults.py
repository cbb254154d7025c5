"""Errors of the system, translated once: what was raised, in which phase, as one of our faults.

Owns what the errors of the system mean, and what to do about each class. The first cause counts,
not the last wrapper. Refuses to know what is done about a fault, and the libraries: before they are
loaded nothing of theirs is raised, and then their own errors are told by `foreign`.
"""

from __future__ import annotations

import asyncio
import errno
import re
import socket
from collections.abc import Callable
from typing import Final

from collector.errors import DeviceError
from collector.model import Fault, FaultClass, Phase

NOTHING_CAME: Final = "nothing came in phase {phase}"
BEFORE_LOGIN: Final = frozenset({Phase.CONNECT, Phase.KEX})
_OWN_LIMITS: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_HANGS_UP: Final = (ConnectionResetError, ConnectionAbortedError, BrokenPipeError, EOFError)
_TIMED_OUT: Final = re.compile("time(?:out|d out)", re.IGNORECASE)

_TABLE: Final[tuple[tuple[type[Exception] | tuple[type[Exception], ...], FaultClass, str], ...]] = (
    ((socket.gaierror, UnicodeError), FaultClass.DNS, "the host name does not resolve: {words}"),
    (TimeoutError, FaultClass.TIMEOUT, NOTHING_CAME),
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

Meaning = tuple[FaultClass, str]
"""The class of an error, and what is said of it."""


def _unknown(cause: BaseException, phase: Phase, words: str, whom: str) -> Meaning | None:
    """Know no library: none is loaded."""


def translate(
    error: BaseException,
    phase: Phase,
    whom: str = DEVICE,
    known: Callable[[BaseException, Phase, str, str], Meaning | None] = _unknown,
) -> Fault:
    """Give the fault that an error of the system means in a phase.

    ``whom``: what the message and the hint call the other side. ``known`` is asked first, with the
    error's words before the last: it knows the errors of libraries.
    """
    cause = first_cause(error)
    if isinstance(cause, DeviceError):
        return cause.fault
    words = _words(cause)
    fault_class, message = known(cause, phase, words, whom) or _meant(cause, phase, words, whom)
    if fault_class is FaultClass.HOSTKEY:
        phase = Phase.HOSTKEY  # asyncssh tells it as a part of the key exchange
    hint = _OWN_LIMIT if _is_own_limit(cause) else _hint(fault_class, whom)
    return Fault(fault_class=fault_class, phase=phase, message=message, hint=hint)


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


def _meant(cause: BaseException, phase: Phase, words: str, whom: str) -> Meaning:
    if isinstance(cause, _HANGS_UP):
        return hung_up(phase, words, whom)
    for kinds, fault_class, message in _TABLE:
        if isinstance(cause, kinds):
            return fault_class, message.format(words=words, phase=phase)
    if isinstance(cause, OSError):
        return _of_the_system(cause, words)
    return FaultClass.INTERNAL, f"{type(cause).__name__}: {words}"


def hung_up(phase: Phase, words: str, whom: str) -> Meaning:
    """Say what it means that the other side has closed the connection."""
    if _TIMED_OUT.search(words):  # a limit of ours or of the system, not a word of the device
        return FaultClass.TIMEOUT, f"nothing came in phase {phase}: {words}"
    if phase in BEFORE_LOGIN:
        return FaultClass.BUSY, f"{whom} closed the connection before its greeting was over"
    return FaultClass.DISCONNECTED, f"{whom} closed the connection in phase {phase}"


def _of_the_system(cause: OSError, words: str) -> Meaning:
    if _is_own_limit(cause):
        return FaultClass.INTERNAL, f"a limit of this machine: {words}"
    return FaultClass.UNREACHABLE, words


def _is_own_limit(cause: BaseException) -> bool:
    return isinstance(cause, OSError) and cause.errno in _OWN_LIMITS


def _words(cause: BaseException) -> str:
    """Give the error's own words on one line, without control characters."""
    words = cause.strerror if isinstance(cause, OSError) and cause.strerror else str(cause)
    return printable(words or type(cause).__name__)


def printable(words: str) -> str:
    """Give words on one line, without control characters."""
    text = " ".join(words.split())
    return "".join(char if char.isprintable() else "?" for char in text)[:200]
