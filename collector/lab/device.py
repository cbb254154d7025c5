"""What is asked of the lab: a device to emulate, its character, and how it misbehaves.

Owns values only. Refuses to know where they come from: secrets are handed in resolved.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from collector.lab.terminal import Echo, Pace
from collector.model import Transport

__all__ = ["OUTDATED", "DeviceStats", "LabDevice", "LabFault", "Offers", "TelnetLogin"]

_LINES_KEPT = 10_000  # `collector lab` may serve for weeks


class LabFault(StrEnum):
    """How a device misbehaves: one fault each. Over telnet a login is a channel as well."""

    NONE = ""
    REFUSE = "refuse"  # nobody listens on the port
    RESET = "reset"  # TCP accepted, then reset in place of the SSH banner
    SILENT_TCP = "silent-tcp"  # TCP accepted, then nothing
    GARBAGE = "garbage"  # bytes that are not SSH, then nothing
    SILENT_AUTH = "silent-auth"  # the password is never answered
    SILENT_LOGIN = "silent-login"  # logged in, the request for a channel never answered
    DENY_CHANNEL = "deny-channel"  # logged in, the channel refused: no free terminal line
    SILENT_CHANNEL = "silent-channel"  # the shell is started and says nothing
    SILENT_COMMAND = "silent-command"  # commands are echoed and never answered
    STALL_OUTPUT = "stall-output"  # half of a command's output, then nothing
    DROP_OUTPUT = "drop-output"  # half of a command's output, then the TCP connection is lost
    EOF_OUTPUT = "eof-output"  # half of a command's output, the channel closed, TCP left open
    ENDLESS_OUTPUT = "endless-output"  # a command's output repeats for ever
    SLOW_CLOSE = "slow-close"  # `exit` is not answered; only hanging up ends the session


@dataclass(frozen=True, slots=True, kw_only=True)
class TelnetLogin:
    """How a device asks who is there, over telnet; line ends ``\\n``.

    An empty ``username`` asks for the password alone, as zebra's VTY does. ``refused`` answers a
    wrong password; after ``attempts`` of them the device hangs up. ``wait``: seconds before a
    password is answered. ``options`` are offered on connecting, raw bytes.
    """

    greeting: str = "\n\nUser Access Verification\n\n"
    username: str = "Username: "
    password: str = "Password: "
    refused: str = "% Login invalid\n\n"
    attempts: int = 3
    wait: float = 0.0
    # WILL ECHO, WILL SUPPRESS-GO-AHEAD, DO TERMINAL-TYPE, DO NAWS: what a router says first
    options: bytes = b"\xff\xfb\x01\xff\xfb\x03\xff\xfd\x18\xff\xfd\x1f"


@dataclass(frozen=True, slots=True, kw_only=True)
class Offers:
    """The algorithms of a device's SSH server; an empty kind is asyncssh's own.

    A device whose ``host_key`` is not empty has a key of its own, of that kind.
    """

    kex: tuple[str, ...] = ()
    host_key: tuple[str, ...] = ()
    cipher: tuple[str, ...] = ()
    mac: tuple[str, ...] = ()


OUTDATED: Final = Offers(
    kex=("diffie-hellman-group1-sha1",),
    host_key=("ssh-rsa",),
    cipher=("aes128-cbc", "3des-cbc"),
    mac=("hmac-sha1", "hmac-md5"),
)
"""What routers of the years around 2005 offer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabDevice:
    """A device to emulate on loopback.

    ``port`` 0 takes a free one (see `Lab.port`). An empty ``enable`` needs no password.
    ``public_keys`` are OpenSSH lines that may log in. ``size``: the least bytes of the
    running configuration. ``page_lines``: of the pager, 0 turns it off, None takes the
    persona's own. ``think``: seconds before a command's answer; ``slow`` overrides it by command.
    ``faulty_commands``: which commands the faults of output touch; empty for all that print.
    ``privileged``: logged in without a need for enable. ``greeting``: in place of the persona's
    own, before the first prompt. ``chatter``: log lines; each breaks into one output of a session.
    ``telnet`` counts only where that is the ``transport``, ``offers`` only over SSH. ``banner``: in
    place of the persona's own before an SSH login; ``refused`` is shown over SSH to a password that
    is wrong, as `TelnetLogin.refused` is over telnet.
    """

    name: str
    platform: str
    host: str = "127.0.0.1"
    port: int = 0
    username: str = "admin"
    password: str | None = field(default="admin", repr=False)
    enable: str = field(default="enable", repr=False)
    public_keys: tuple[str, ...] = ()
    seed: int = 1
    size: int = 4000
    page_lines: int | None = None
    think: float = 0.0
    slow: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    privileged: bool = False
    greeting: str | None = None
    chatter: tuple[str, ...] = ()
    echo: Echo | None = None
    transport: Transport = Transport.SSH
    telnet: TelnetLogin = field(default_factory=TelnetLogin)
    pace: Pace = field(default_factory=Pace)
    fault: LabFault = LabFault.NONE
    faulty_commands: tuple[str, ...] = ()
    offers: Offers = field(default_factory=Offers)
    banner: str | None = None
    refused: str = ""


@dataclass(slots=True, kw_only=True)
class DeviceStats:
    """What a device has seen so far; ``lines`` are those typed at a prompt, passwords excepted.

    Connections are counted once SSH has begun, or at TCP accept where a fault keeps it from that,
    and over telnet. ``options``: each telnet option command that came, raw.
    """

    open: int = 0
    ever: int = 0
    peak: int = 0
    logins: int = 0
    rejected_logins: int = 0
    rejected_enables: int = 0
    configured: int = 0  # how often a configuration mode was entered
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=_LINES_KEPT))
    options: deque[bytes] = field(default_factory=lambda: deque(maxlen=_LINES_KEPT))

    def connected(self) -> None:
        self.open += 1
        self.ever += 1
        self.peak = max(self.peak, self.open)

    def disconnected(self) -> None:
        self.open -= 1
