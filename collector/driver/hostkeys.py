"""The SSH servers that are known: one known_hosts file, read once, appended to on first contact.

Owns the decision whether a server's key is trusted, which asyncssh asks for before anything is
authenticated. Refuses to know of devices and credentials.

What cannot be an entry is seen without asyncssh, which takes long to load and so reads the keys
when one is asked for.
"""
# ruff: noqa: PLC0415 - see above

from __future__ import annotations

import fcntl
import os
import re
import stat
import tempfile
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from collector.errors import InputError
from collector.model import HostKeys

if TYPE_CHECKING:
    import asyncssh

SSH_PORT = 22
_BASE64 = r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?"
_ENTRY: Final = re.compile(
    rf"(?:@(?:cert-authority|revoked) )?(?:\|1\|{_BASE64}\|{_BASE64}|[^@|]\S*) \S.*"
)
"""One without its comment, as sshd(8) has it; a key of a kind that nobody knows is passed over."""
_TRUSTED = (0, 1, 3, 5)
"""Where a match has keys, authorities, certificates and subjects; the rest of it is revoked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trusted:
    """What the file says of one host; asyncssh calls it as if it were the whole file."""

    matched: Any

    def __call__(self, host: str, addr: str, port: int | None) -> object:
        """Give the match of the one host."""
        del host, addr, port
        return self.matched

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of signatures that the host's keys can give."""
        return tuple(kind.decode() for key in self.matched[0] for kind in key.sig_algorithms)

    @property
    def certified(self) -> bool:
        """Whether there is an authority that may vouch for the host's key."""
        return bool(self.matched[1])


class KnownHosts:
    """The known_hosts file at ``path``, under a policy.

    Raises `InputError` when the file cannot be read, or has a line that is no entry.
    """

    _table: asyncssh.SSHKnownHosts | None
    _parsed: int

    def __init__(self, path: Path, policy: HostKeys) -> None:
        self.path = path
        self.policy = policy
        self._inode = 0
        self._empty()
        if policy is not HostKeys.OFF:
            self._inode, content = _content(path)
            self._take(content)

    def match(self, host: str, port: int | None) -> object:
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

    def trusted(self, host: str, port: int) -> Trusted:
        """Give what is trusted for a host and port now."""
        return Trusted(matched=self.match(host, None if port == SSH_PORT else port))

    def line_of(self, host: str, port: int, key: asyncssh.SSHKey) -> int:
        """Give the number of the line that holds a key for a host; 0 where there is none."""
        data = key.export_public_key("openssh").split()[1].decode()
        for number, line in enumerate(self._lines, 1):
            if data in line and _parsed([line]).match(_named(host, port), "", None)[0]:
                return number
        return 0

    def load(self) -> None:
        """Read the keys now, and not when the first one is asked for; any thread may do it."""
        _ = self._known

    @property
    def _known(self) -> asyncssh.SSHKnownHosts:
        """The entries as asyncssh has them."""
        new = self._lines[self._parsed :]
        if self._table is None or new:
            self._table = _parsed(new, self._table)
            self._parsed += len(new)
        return self._table

    def _append(self, host: str, port: int, key: asyncssh.SSHKey) -> bool:
        """Put a key on file, unless another process was first: then its entry decides."""
        kind, data = key.export_public_key("openssh").decode().split()[:2]
        entry = f"{_named(host, port)} {kind} {data}\n".encode()
        with _locked(self.path) as descriptor:
            status = os.fstat(descriptor)
            if self._inode not in {0, status.st_ino}:  # `forget` has put another in its place
                self._empty()
            self._inode, size = status.st_ino, status.st_size
            self._take(os.pread(descriptor, max(0, size - self._read), self._read))
            if others := self.entries_for(host, port):
                return _is_among(key, others)
            if size and os.pread(descriptor, 1, size - 1) != b"\n":
                entry = b"\n" + entry
            os.write(descriptor, entry)
            self._take(entry)
            return True

    def _empty(self) -> None:
        self._table = None
        self._lines: list[str] = []
        self._parsed = 0
        self._read = 0
        self._unended = False

    def _take(self, content: bytes) -> None:
        """Take what stands behind that which was read before."""
        if not content:
            return
        self._read += len(content)
        lines = content.decode("utf-8", "surrogateescape").split("\n")
        if self._unended:
            lines[0] = self._lines.pop() + lines[0]
            self._parsed = min(self._parsed, len(self._lines))
        self._unended = bool(lines[-1])
        for line in lines if self._unended else lines[:-1]:
            self._lines.append(line)
            entry = _without_comment(line)
            if entry and not _ENTRY.fullmatch(entry):
                raise InputError(
                    f"{self.path}:{len(self._lines)}: not a known_hosts entry: {line.strip()[:80]}"
                )


def forget(path: Path, hosts: Iterable[tuple[str, int]]) -> tuple[int, ...]:
    """Take every key of these hosts and ports off the file; gives the numbers of the lines.

    Under the lock, and as a whole: whoever reads finds the old file or the new one. Authorities,
    revoked keys and patterns stay, since they speak of more than a host. Raises `InputError`.
    """
    names = [_named(host, port) for host, port in hosts]
    path = path.resolve()
    if not path.exists():
        return ()
    try:
        with _locked(path) as descriptor:
            status = os.fstat(descriptor)
            text = os.pread(descriptor, status.st_size, 0).decode("utf-8", "surrogateescape")
            lines = re.findall(r"[^\n]*\n|[^\n]+", text)
            kept = [_without(line, names) for line in lines]
            changed = tuple(n for n, line in enumerate(lines, 1) if kept[n - 1] != line)
            if changed:
                _replace(path, "".join(kept), stat.S_IMODE(status.st_mode))
            return changed
    except OSError as error:
        raise InputError(f"{path}: known_hosts cannot be written: {error.strerror}") from error


def _without(line: str, names: Collection[str]) -> str:
    """Give a line without these hosts; empty where nobody is left in it."""
    fields = re.match(r"[ \t]*(?P<hosts>[^@#\s]\S*)(?P<rest>[ \t].*)", line, re.DOTALL)
    if fields is None:
        return line
    hosts = fields["hosts"]
    if hosts.startswith("|"):
        alone = _parsed([line])
        return "" if any(alone.match(name, "", None)[0] for name in names) else line
    left = [host for host in hosts.split(",") if host not in names]
    return ",".join(left) + fields["rest"] if left else ""


def _replace(path: Path, text: str, mode: int) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode("utf-8", "surrogateescape"))
            os.fchmod(descriptor, mode & 0o644)
            file.flush()
            os.fsync(descriptor)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    """Open the file, made where it is missing, and hold its lock; gives its descriptor."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if _is_still(path, descriptor):
                yield descriptor
                return
        finally:
            os.close(descriptor)


def _is_still(path: Path, descriptor: int) -> bool:
    """Tell whether a file has not been replaced while its lock was waited for."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _content(path: Path) -> tuple[int, bytes]:
    """Give a file's inode and bytes, 0 and nothing where there is none."""
    try:
        with open(path, "rb") as file:
            return os.fstat(file.fileno()).st_ino, file.read()
    except FileNotFoundError:
        return 0, b""
    except OSError as error:
        raise InputError(f"{path}: known_hosts cannot be read: {error.strerror}") from error


def _parsed(
    lines: Iterable[str], table: asyncssh.SSHKnownHosts | None = None
) -> asyncssh.SSHKnownHosts:
    """Have asyncssh read lines, in addition to those of a table."""
    import asyncssh

    table = table or asyncssh.SSHKnownHosts()
    for line in lines:
        table.load(_without_comment(line))
    return table


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
