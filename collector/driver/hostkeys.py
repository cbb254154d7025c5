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
_TRUSTED = (0, 1, 3, 5)
"""Where a match has keys, authorities, certificates and subjects; the rest of it is revoked."""


class KnownHosts:
    """The known_hosts file at ``path``, under a policy.

    Raises `InputError` when the file cannot be read.
    """

    def __init__(self, path: Path, policy: HostKeys) -> None:
        self.path = path
        self.policy = policy
        self._known = asyncssh.SSHKnownHosts()
        self._lines: list[str] = []
        self._read = 0
        self._unended = False
        if policy is not HostKeys.OFF:
            self._take(_content(path))

    def match(self, host: str, addr: str, port: int | None) -> object:
        """Give the keys trusted for a host, in the form asyncssh asks for.

        By the name that the inventory gives, never by the address it happens to have today.
        """
        plain = self._known.match(host, "", None)
        if port is None:
            return plain
        # asyncssh's own way to the entries without a port forgets what is revoked with one.
        named = self._known.match(_named(host, port), "", None)
        chosen = named if any(named[place] for place in _TRUSTED) else plain
        return tuple(
            chosen[place] if place in _TRUSTED else [*named[place], *plain[place]]
            for place in range(len(plain))
        )

    def accepts(self, host: str, port: int, key: asyncssh.SSHKey) -> bool:
        """Decide about a key that was not in the file: only first contact, and only if wanted.

        asyncssh asks this for a changed key too, so another key on file for the host means no. The
        same one was put there meanwhile, at another first contact.
        """
        if self.policy is not HostKeys.ACCEPT_NEW:
            return False
        if on_file := self.entries_for(host, port):
            return _is_among(key, on_file)
        return self._append(host, port, key)

    def entries_for(self, host: str, port: int) -> tuple[asyncssh.SSHKey, ...]:
        """Give all plain host keys on file for a host and port."""
        return tuple(self._known.match(_named(host, port), "", None)[0])

    def line_of(self, host: str, port: int, key: asyncssh.SSHKey) -> int:
        """Give the number of the line that holds a key for a host; 0 where there is none."""
        data = key.export_public_key("openssh").split()[1].decode()
        for number, line in enumerate(self._lines, 1):
            if data in line:
                alone = asyncssh.SSHKnownHosts(_without_comment(line))
                if alone.match(_named(host, port), "", None)[0]:
                    return number
        return 0

    def _append(self, host: str, port: int, key: asyncssh.SSHKey) -> bool:
        """Put a key on file, unless another process was first: then its entry decides."""
        kind, data = key.export_public_key("openssh").decode().split()[:2]
        entry = f"{_named(host, port)} {kind} {data}\n".encode()
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            size = os.fstat(descriptor).st_size
            self._take(os.pread(descriptor, max(0, size - self._read), self._read))
            if others := self.entries_for(host, port):
                return _is_among(key, others)
            if size and os.pread(descriptor, 1, size - 1) != b"\n":
                entry = b"\n" + entry
            os.write(descriptor, entry)
            self._take(entry)
            return True
        finally:
            os.close(descriptor)

    def _take(self, content: bytes) -> None:
        """Load what stands behind that which was read before."""
        if not content:
            return
        self._read += len(content)
        lines = content.decode("utf-8", "surrogateescape").split("\n")
        if self._unended:
            lines[0] = self._lines.pop() + lines[0]
        self._unended = bool(lines[-1])
        for line in lines if self._unended else lines[:-1]:
            self._lines.append(line)
            try:
                self._known.load(_without_comment(line))
            except ValueError as error:
                raise InputError(
                    f"{self.path}:{len(self._lines)}: not a known_hosts entry: {line.strip()[:80]}"
                ) from error


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise InputError(f"{path}: known_hosts cannot be read: {error.strerror}") from error


def _is_among(key: asyncssh.SSHKey, others: tuple[asyncssh.SSHKey, ...]) -> bool:
    return any(key.public_data == other.public_data for other in others)


def _named(host: str, port: int) -> str:
    """Give the name under which OpenSSH keeps a host's keys."""
    return host if port == SSH_PORT else f"[{host}]:{port}"


def _without_comment(line: str) -> str:
    """Give an entry alone: asyncssh skips one whose comment is not ASCII, as if it were unknown."""
    fields = line.split()
    if not fields or fields[0].startswith("#"):
        return ""
    return " ".join(fields[: 4 if fields[0].startswith("@") else 3])


def fingerprint(key: asyncssh.SSHKey) -> str:
    """Give a key's SHA-256 fingerprint as ssh-keygen prints it."""
    return f"{key.get_algorithm()} {key.get_fingerprint()}"
