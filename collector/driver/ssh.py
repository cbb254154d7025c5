"""SSH underneath a session: what asyncssh is asked for, and what it tells on the way.

Owns the options of a connection and the client that asyncssh calls back: phases, host keys, one
attempt per credential. Refuses to know of prompts and commands.
"""

from __future__ import annotations

import asyncio
import re
import warnings
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from copy import copy
from functools import lru_cache
from typing import Any, Final

import asyncssh

from collector.credentials import Credential
from collector.driver.algorithms import Suite, agreed, host_keys, offered, suite
from collector.driver.faults import DEVICE
from collector.driver.foreign import kex_fault
from collector.driver.hostkeys import KnownHosts, fingerprint
from collector.driver.statements import Statements
from collector.errors import DeviceError, InputError
from collector.model import (
    Algorithms,
    Device,
    Fault,
    FaultClass,
    HostKeys,
    Jump,
    Phase,
    SshProfile,
)

# It is for those who choose algorithms, which the device does; it would come out on the terminal.
warnings.filterwarnings("ignore", message="Diffie-Hellman over finite fields")

SCREEN: Final = (511, 1000)
"""Columns and rows asked for: wide enough that no echo wraps."""

_PASSWORD: Final = re.compile("password|passcode", re.IGNORECASE)

Offered = Sequence[asyncssh.SSHKey | asyncssh.SSHKeyPair]
"""The keys that a credential is tried with, in this order."""

HANG_UP: Final = 1.0
"""Seconds in which a connection may close by itself before it is cut."""


class Witness(asyncssh.SSHClient):
    """What asyncssh calls while it connects; keeps the connection, and what was agreed on in it."""

    connection: asyncssh.SSHClientConnection | None = None
    algorithms: Algorithms | None = None

    @property
    def host_key(self) -> asyncssh.SSHKey | None:
        """The key that the server has proved to be its own; a certificate's, where it shows one."""
        return self.connection.get_server_host_key() if self.connection else None

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        """Keep the connection, so that it can be cut whenever the opening is given up."""
        self.connection = conn

    def begin_auth(self, username: str) -> None:
        """Note what was agreed on: the key exchange is done, and no other one has begun."""
        del username
        with suppress(ValueError):  # another asyncssh may keep the offers elsewhere
            self.algorithms = agreed(self._said("client"), self._said("server"))

    async def hang_up(self) -> None:
        """Close the connection, where there is one, within `HANG_UP` seconds, else cut it."""
        if self.connection:
            await hang_up(self.connection)

    def offer(self) -> Suite | None:
        """Give what the server has offered; None where it has not said that yet."""
        try:
            return offered(self._said("server"))
        except ValueError:
            return None

    def explained(self, fault: Fault, profile: SshProfile, whom: str = DEVICE) -> Fault:
        """Give a fault of the key exchange again in terms of what the server has offered."""
        return kex_fault(fault, self.offer(), profile, whom)

    def _said(self, end: str) -> bytes:
        # asyncssh has no name for it, and tells of the key exchange in its debug log alone.
        said: bytes = getattr(self.connection, f"_{end}_kexinit", b"")
        return said


class Client(Witness):
    """Beside that, tells the phase, decides about the host's key, and has the password to give."""

    def __init__(
        self,
        known: KnownHosts,
        on_phase: Callable[[Phase], None],
        credential: Credential,
        statements: Statements | None = None,
    ) -> None:
        self.refusal: DeviceError | None = None
        self.is_lost = False
        self.statements = statements or Statements(())
        self._known = known
        self._on_phase = on_phase
        self._password = credential.password

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        """Mark that the peer has answered."""
        super().connection_made(conn)
        self._on_phase(Phase.KEX)

    def connection_lost(self, exc: Exception | None) -> None:
        """Mark the end of the connection, however it came."""
        self.is_lost = True
        if isinstance(exc, asyncssh.DisconnectError):
            self.statements.hear(exc.reason, is_challenge=True)

    def validate_host_public_key(
        self, host: str, addr: str, port: int, key: asyncssh.SSHKey
    ) -> bool:
        """Accept a first contact if that is the policy; all else ends before authentication."""
        del addr
        try:
            if self._known.accepts(host, port, key):
                return True
        except OSError as error:
            self._refuse(f"{self._known.path} cannot be written: {error.strerror}")
            return False
        except InputError as error:  # somebody has just written something else to it
            self._refuse(str(error))
            return False
        on_file = self._known.entries_for(host, port)
        if not on_file:
            self._refuse(
                f"unknown host key {fingerprint(key)}, and no entry in {self._known.path}",
                "compare it, then put it there by hostkeys scan --record, or host_keys: accept-new",
            )
            return False
        known = on_file[0]
        self._refuse(
            f"the host key has changed: {fingerprint(key)}, but {fingerprint(known)} is on file "
            f"({self._known.path}:{self._known.line_of(host, port, known)})",
            "find out why before anything else; if the device was replaced, remove that line",
        )
        return False

    def begin_auth(self, username: str) -> None:
        """Mark that the key exchange is done and the host's key was accepted.

        Whoever is told may object: then it ends here, and no credential is sent.
        """
        super().begin_auth(username)
        try:
            self._on_phase(Phase.AUTH)
        except DeviceError as error:
            self.refusal = error
            raise asyncssh.DisconnectError(asyncssh.DISC_BY_APPLICATION, "not now") from error

    def auth_banner_received(self, msg: str, lang: str) -> None:
        """Hear what the device shows, to everyone at first."""
        del lang
        self.statements.hear(msg)

    def password_auth_requested(self) -> str | None:
        """Give the password, once: one that was rejected is not repeated by another method."""
        password, self._password = self._password, None
        if password is not None:
            self.statements.answered()
        return password

    def kbdint_auth_requested(self) -> str | None:
        """Take part where there is a password left to answer with."""
        return None if self._password is None else ""

    def kbdint_challenge_received(
        self, name: str, instructions: str, lang: str, prompts: Sequence[tuple[str, bool]]
    ) -> list[str] | None:
        """Answer the one question for a password; a challenge without a question just shows."""
        del lang
        asked = [prompt for prompt, _ in prompts]
        self.statements.hear("\n".join((name, instructions, *asked)), is_challenge=True)
        if not asked:
            return []
        if len(asked) > 1 or not _PASSWORD.search(asked[0]):
            return None
        if self.statements.is_enough:
            self.refusal = self.statements.yielded()
            raise asyncssh.DisconnectError(asyncssh.DISC_BY_APPLICATION, "not now")
        password = self.password_auth_requested()
        return None if password is None else [password]

    def auth_completed(self) -> None:
        """Mark that the device took the credential."""
        self._on_phase(Phase.CHANNEL)

    def _refuse(self, message: str, hint: str = "") -> None:
        self.refusal = DeviceError.of(FaultClass.HOSTKEY, Phase.HOSTKEY, message, hint=hint)


def protection(host: str, port: int, profile: SshProfile, known: KnownHosts) -> dict[str, Any]:
    """Give the arguments by which asyncssh chooses algorithms, and trusts a host's key."""
    return _algorithms(profile) | _trust(host, port, profile, known)


def _algorithms(profile: SshProfile) -> dict[str, Any]:
    chosen = suite(profile)
    return {
        "kex_algs": chosen.kex,
        "encryption_algs": chosen.cipher,
        "mac_algs": chosen.mac,
        "signature_algs": chosen.host_key if profile is SshProfile.MODERN else (),
        # Else the authorities of the home folder were trusted, and one that is damaged ended all.
        "x509_trusted_certs": [],
        "x509_trusted_cert_paths": [],
    }


def _trust(host: str, port: int, profile: SshProfile, known: KnownHosts) -> dict[str, Any]:
    """Give what is trusted; the file is asked once: a match takes 30 us for each hashed entry."""
    trusted = known.trusted(host, port)
    return {
        "server_host_key_algs": host_keys(profile, trusted.kinds, certified=trusted.certified),
        "known_hosts": None if known.policy is HostKeys.OFF else trusted,
    }


def options(
    client: Client,
    credential: Credential,
    keys: Offered,
    peer: Device | Jump,
    known: KnownHosts,
    *,
    seconds: float,
) -> asyncssh.SSHClientConnectionOptions:
    """Say to asyncssh who logs in to whom, in so many ``seconds``, and what is trusted there.

    Nothing of the user's own SSH set-up is read: no configuration file, no agent, no keys of the
    home folder. The password is asked of the ``client``.
    """
    methods: tuple[str, ...] = ("publickey",) if keys else ()
    if credential.password is not None:
        methods += ("password", "keyboard-interactive")
    chosen = copy(_alike(peer.ssh_profile, credential.username, methods, seconds))
    chosen.protocol_factory = lambda: client
    chosen.host, chosen.port = peer.host, peer.port
    chosen.client_keys = asyncssh.load_keypairs(list(keys)) if keys else None
    for name, value in _trust(peer.host, peer.port, peer.ssh_profile, known).items():
        setattr(chosen, name, value)
    return chosen


@lru_cache(maxsize=64)
def _alike(
    profile: SshProfile, username: str, methods: tuple[str, ...], seconds: float
) -> asyncssh.SSHClientConnectionOptions:
    """Give what many connections have in common: to prepare it takes asyncssh 0.2 ms.

    Nobody is trusted by it: what a connection should forget to set, ends it.
    """
    return asyncssh.SSHClientConnectionOptions(
        username=username,
        preferred_auth=list(methods),
        password=None,
        client_keys=None,  # an empty list would mean the keys of the home folder
        agent_path=None,
        gss_host=None,
        config=None,
        login_timeout=seconds,
        term_size=SCREEN,
        known_hosts=_nobody,
        **_algorithms(profile),
    )


def _nobody(host: str, addr: str, port: int | None) -> Sequence[Sequence[str]]:
    del host, addr, port
    return ((),) * 7


async def hang_up(connection: asyncssh.SSHClientConnection) -> None:
    """Close a connection within `HANG_UP` seconds, else cut it."""
    try:
        with suppress(Exception):  # uvloop's transport says so where it is closed already
            connection.close()
            await closed(connection.wait_closed(), connection.abort)
    finally:
        connection.abort()


async def closed(closing: Coroutine[Any, Any, None], cut: Callable[[], None]) -> None:
    """Wait for what closes by itself, and cut it after `HANG_UP` seconds."""
    waiting = asyncio.ensure_future(closing)
    done, _ = await asyncio.wait([waiting], timeout=HANG_UP)
    if not done:
        cut()
        waiting.cancel()
    elif not waiting.cancelled():
        waiting.exception()
