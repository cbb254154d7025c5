"""SSH underneath a session: what asyncssh is asked for, and what it tells on the way.

Owns the options of a connection and the client that asyncssh calls back: phases, host keys, one
attempt per credential. Refuses to know of prompts and commands.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import asyncssh

from collector.credentials import Credential
from collector.driver.hostkeys import KnownHosts, fingerprint
from collector.errors import DeviceError, InputError
from collector.model import Device, FaultClass, HostKeys, Phase

FAST_CIPHER: Final = "^aes128-gcm@openssh.com"
"""First in the list, all others after it: 0.7 of the processor time of asyncssh's own first."""
FAST_KEX: Final = "^curve25519-sha256,curve25519-sha256@libssh.org"
"""First in the list: 2.1 ms a handshake against 2.9 for asyncssh's first, 7.5 for group 16."""
HOST_KEYS: Final = (
    "+ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521"
    ",rsa-sha2-512,rsa-sha2-256,ssh-rsa"
)
"""Behind the kinds on file for a host, so that a device whose key is now of another kind is told as
that, and not as one with which no algorithm is shared."""
SCREEN: Final = (511, 1000)
"""Columns and rows asked for: wide enough that no echo wraps."""


class Client(asyncssh.SSHClient):
    """What asyncssh calls while it connects: tells the phase, decides about the host's key."""

    def __init__(
        self, device: Device, known: KnownHosts, on_phase: Callable[[Phase], None]
    ) -> None:
        self.connection: asyncssh.SSHClientConnection | None = None
        self.refusal: DeviceError | None = None
        self._device = device
        self._known = known
        self._on_phase = on_phase

    @property
    def known_hosts(self) -> Callable[[str, str, int | None], object] | None:
        """What asyncssh matches a host's key with; None where no key is asked for."""
        return None if self._known.policy is HostKeys.OFF else self._known.match

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        """Keep the connection, so that it can be cut whenever the opening is given up."""
        self.connection = conn
        self._on_phase(Phase.KEX)

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
                "add the device's key there after comparing it, or use host_keys: accept-new once",
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
        del username
        try:
            self._on_phase(Phase.AUTH)
        except DeviceError as error:
            self.refusal = error
            raise asyncssh.DisconnectError(asyncssh.DISC_BY_APPLICATION, "not now") from error

    def auth_completed(self) -> None:
        """Mark that the device took the credential."""
        self._on_phase(Phase.CHANNEL)

    def _refuse(self, message: str, hint: str = "") -> None:
        self.refusal = DeviceError.of(FaultClass.HOSTKEY, Phase.HOSTKEY, message, hint=hint)


def options(
    client: Client,
    credential: Credential,
    keys: Sequence[asyncssh.SSHKey | asyncssh.SSHKeyPair],
    *,
    seconds: float,
) -> dict[str, Any]:
    """Give the arguments of `asyncssh.connect` that scrapli passes on; ``seconds`` for the login.

    Nothing of the user's own SSH set-up is read: no configuration file, no agent, no keys of the
    home folder. A password is sent once: asyncssh drops it after use, so that a rejected one is
    not repeated by another method.
    """
    methods = ["publickey"] if keys else []
    if credential.password is not None:
        methods += ["password", "keyboard-interactive"]
    return {
        "client_factory": lambda: client,
        "username": credential.username,  # scrapli's own may bear a platform's suffix once more
        "known_hosts": client.known_hosts,
        "client_keys": list(keys) or None,  # an empty list would mean the keys of the home folder
        "password": credential.password,
        "preferred_auth": methods,
        "agent_path": None,
        "config": None,
        "encryption_algs": FAST_CIPHER,
        "kex_algs": FAST_KEX,
        "server_host_key_algs": HOST_KEYS,
        "login_timeout": seconds,
        "term_size": SCREEN,
    }
