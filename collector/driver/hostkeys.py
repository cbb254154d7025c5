"""The SSH servers that are known: one known_hosts file, read once, appended to on first contact.

Owns the decision whether a server's key is trusted, which asyncssh asks for before anything is
authenticated. Refuses to know of devices and credentials.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import asyncssh

from collector.errors import InputError
from collector.model import HostKeys

SSH_PORT = 22


class KnownHosts:
    """The known_hosts file at ``path``, under a policy.

    Raises `InputError` when the file cannot be read.
    """

    def __init__(self, path: Path, policy: HostKeys) -> None:
        self.path = path
        self.policy = policy
        self._entries = self._read() if policy is not HostKeys.OFF else ""
        self._known = _parsed(self._entries, path)

    def match(self, host: str, addr: str, port: int | None) -> object:
        """Give the keys trusted for a host, in the form asyncssh asks for.

        By the name that the inventory gives, never by the address it happens to have today.
        """
        return self._known.match(host, "", port)

    def accepts(self, host: str, port: int, key: asyncssh.SSHKey) -> bool:
        """Decide about a key that is not in the file: only first contact, and only if wanted.

        asyncssh asks this for a changed key too, so any entry for the host means no.
        """
        if self.policy is not HostKeys.ACCEPT_NEW:
            return False
        if self.entries_for(host, port):
            return False
        self._append(host, port, key)
        return True

    def entries_for(self, host: str, port: int) -> tuple[asyncssh.SSHKey, ...]:
        """Give all plain host keys on file for a host."""
        matched = self._known.match(host, "", None if port == SSH_PORT else port)
        return tuple(matched[0])

    def line_of(self, key: asyncssh.SSHKey) -> int:
        """Give the number of the first line that holds a key; 0 where there is none."""
        data = key.export_public_key("openssh").split()[1].decode()
        lines = enumerate(self._entries.splitlines(), 1)
        return next((number for number, line in lines if data in line), 0)

    def _append(self, host: str, port: int, key: asyncssh.SSHKey) -> None:
        name = host if port == SSH_PORT else f"[{host}]:{port}"
        kind, data = key.export_public_key("openssh").decode().split()[:2]
        entry = f"{name} {kind} {data}\n"
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            size = os.fstat(descriptor).st_size
            if size and os.pread(descriptor, 1, size - 1) != b"\n":
                entry = "\n" + entry
            os.write(descriptor, entry.encode())
        finally:
            os.close(descriptor)
        self._entries += entry
        self._known.load(entry)

    def _read(self) -> str:
        try:
            return self.path.read_text("utf-8", "surrogateescape")
        except FileNotFoundError:
            return ""
        except OSError as error:
            raise InputError(
                f"{self.path}: known_hosts cannot be read: {error.strerror}"
            ) from error


def _parsed(entries: str, path: Path) -> asyncssh.SSHKnownHosts:
    try:
        return asyncssh.SSHKnownHosts(entries)
    except ValueError as error:
        raise InputError(f"{path}: not a known_hosts file: {error}") from error


def fingerprint(key: asyncssh.SSHKey) -> str:
    """Give a key's SHA-256 fingerprint as ssh-keygen prints it."""
    return f"{key.get_algorithm()} {key.get_fingerprint()}"
