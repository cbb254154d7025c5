"""Which algorithms an SSH server may be met with, and which of them one connection uses.

Owns the lists of each profile, and the reading of the offers that both ends make to each other
(RFC 4253, 7.1). Refuses to know of connections and devices.

In every list what is modern comes first, and the weak behind it. So a weak algorithm that was used
is one that the device needs: of its kind it has nothing better.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache, lru_cache
from typing import Final

from asyncssh.encryption import (
    encryption_needs_mac,
    get_default_encryption_algs,
    get_encryption_algs,
)
from asyncssh.kex import get_default_kex_algs, get_kex_algs
from asyncssh.mac import get_default_mac_algs, get_mac_algs
from asyncssh.public_key import (
    get_certificate_algs,
    get_default_public_key_algs,
    get_public_key_algs,
)

from collector.model import Algorithms, SshProfile

IMPLICIT: Final = "implicit"
"""In place of a MAC where the cipher is one by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """Names of algorithms by kind, the preferred ones first; or patterns of such names."""

    kex: tuple[str, ...]
    host_key: tuple[str, ...]
    cipher: tuple[str, ...]
    mac: tuple[str, ...]


KINDS: Final = {
    "kex": "key exchange",
    "host_key": "host key",
    "cipher": "encryption",
    "mac": "MAC",
}
"""The kinds by their names in a `Suite`, with the words for people."""

_MODERN: Final = Suite(
    kex=(
        "curve25519-*",  # 2.1 ms a handshake against 2.9 for asyncssh's first, 7.5 for group 16
        "mlkem*",
        "sntrup*",
        "curve448-*",
        "ecdh-sha2-nistp*",
        "diffie-hellman-group-exchange-sha256",
        "diffie-hellman-group14-sha256",
        "diffie-hellman-group1[5-8]-sha512",
    ),
    host_key=(
        "ssh-ed25519",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521",
        "rsa-sha2-512",
        "rsa-sha2-256",
        "ssh-ed448",
        "sk-ssh-ed25519@openssh.com",
        "sk-ecdsa-sha2-nistp256@openssh.com",
    ),
    cipher=(
        "aes128-gcm@openssh.com",  # 0.7 of the processor time of asyncssh's own first
        "chacha20-poly1305@openssh.com",
        "aes256-gcm@openssh.com",
        "aes*-ctr",
    ),
    mac=("umac-*-etm@openssh.com", "hmac-sha2-*-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512"),
)
"""The fast ones before the others."""
_LEGACY: Final = Suite(
    kex=(
        "diffie-hellman-group-exchange-sha1",
        "diffie-hellman-group14-sha1",
        "diffie-hellman-group1-sha1",
    ),
    host_key=("ssh-rsa", "ssh-dss"),
    cipher=("aes256-cbc", "aes192-cbc", "aes128-cbc", "3des-cbc"),
    mac=("hmac-sha1", "hmac-sha1-96", "hmac-md5", "hmac-md5-96"),
)
_COOKIE: Final = 17
"""Where the lists begin: behind the packet's number and 16 random bytes."""
_NO_ALGORITHM: Final = ("ext-info-*", "kex-strict-*")
"""Marks that travel in the list of key exchanges (RFC 8308, OpenSSH's PROTOCOL)."""


@cache
def suite(profile: SshProfile) -> Suite:
    """Give the algorithms of a profile, as far as this machine's libraries have them."""
    every = _of_this_machine()
    usual = _usual()
    chosen = {}
    for kind in KINDS:
        names = getattr(usual, kind)
        modern = _those(getattr(_MODERN, kind), names)
        if profile is SshProfile.MODERN:
            names = modern
        elif profile is SshProfile.LEGACY:
            names = [*names, *_those(getattr(_LEGACY, kind), getattr(every, kind))]
        chosen[kind] = tuple(dict.fromkeys([*modern, *names]))
    return Suite(**chosen)


def host_keys(
    profile: SshProfile, on_file: Iterable[str], *, certified: bool = False
) -> tuple[str, ...]:
    """Give the kinds of host keys to ask for: first those that are ``on_file`` for the host.

    The others stand behind them, so that a device whose key is now of another kind is told as that,
    and not as one with which no algorithm is shared. ``certified``: an authority is on file.
    """
    plain = suite(profile).host_key
    known = [name for name in on_file if name in plain]
    return tuple(dict.fromkeys([*(_certificates(plain) if certified else ()), *known, *plain]))


@cache
def _certificates(plain: tuple[str, ...]) -> Sequence[str]:
    return _those([*map(_certificate, plain)], _names(get_certificate_algs()))


def missing(profile: SshProfile, offer: Suite) -> Iterator[str]:
    """Give each kind of which a profile and a device's offer share nothing."""
    ours = suite(profile)
    for kind in KINDS:
        if kind == "mac" and not _needs_mac(ours.cipher, offer.cipher):
            continue
        if _first(getattr(ours, kind), getattr(offer, kind)) is None:
            yield kind


def weak(used: Algorithms, profile: SshProfile = SshProfile.MODERN) -> tuple[str, ...]:
    """Give the algorithms of a connection that a profile does not have.

    What is modern is so on every machine, also where its libraries lack it.
    """
    return tuple(
        name
        for kind in KINDS
        for name in getattr(used, kind).split(",")
        if name != IMPLICIT and not _has(profile, kind, name)
    )


def _has(profile: SshProfile, kind: str, name: str) -> bool:
    modern, ours = getattr(_MODERN, kind), getattr(suite(profile), kind)
    certificates = map(_certificate, [*modern, *ours]) if kind == "host_key" else ()
    return bool(_those([*modern, *certificates], [name])) or name in ours


def offered(packet: bytes) -> Suite:
    """Read what an end offers from its SSH_MSG_KEXINIT; raises ValueError where it is none.

    Where the directions differ, ciphers and MACs are those of the server to the client.
    """
    lists = _name_lists(packet[_COOKIE:])
    names = [name for name in lists[0] if not any(fnmatchcase(name, m) for m in _NO_ALGORITHM)]
    return Suite(kex=tuple(names), host_key=lists[1], cipher=lists[3], mac=lists[5])


def agreed(client: bytes, server: bytes) -> Algorithms | None:
    """Tell what two SSH_MSG_KEXINIT agree on: the first of the client's that the server has.

    None where they do not; raises ValueError where one is none.
    """
    return _agreed(client[_COOKIE:], server[_COOKIE:])


@lru_cache(maxsize=256)  # devices of a kind say the same
def _agreed(client: bytes, server: bytes) -> Algorithms | None:
    ours, theirs = _name_lists(client), _name_lists(server)
    first = [_first(our, their) for our, their in zip(ours, theirs, strict=True)]
    kex, host_key, *ciphers_and_macs = first[:6]
    ciphers, macs = ciphers_and_macs[:2], ciphers_and_macs[2:]
    macs = [
        mac if cipher and encryption_needs_mac(cipher.encode()) else IMPLICIT
        for cipher, mac in zip(ciphers, macs, strict=True)
    ]
    both = [_joined(ciphers), _joined(macs)]
    if kex is None or host_key is None or None in ciphers or None in macs:
        return None
    return Algorithms(kex=kex, host_key=host_key, cipher=both[0], mac=both[1])


def _certificate(name: str) -> str:
    """Give the name of the certificates with a kind of key.

    >>> _certificate("ssh-ed25519"), _certificate("sk-ssh-ed25519@openssh.com")
    ('ssh-ed25519-cert-v01@openssh.com', 'sk-ssh-ed25519-cert-v01@openssh.com')
    """
    return f"{name.removesuffix('@openssh.com')}-cert-v01@openssh.com"


def _usual() -> Suite:
    """Give what asyncssh offers by itself, but for certificates."""
    return Suite(
        kex=_names(name for name in get_default_kex_algs() if not name.startswith(b"gss-")),
        host_key=_names(get_default_public_key_algs()),
        cipher=_names(get_default_encryption_algs()),
        mac=_names(get_default_mac_algs()),
    )


def _of_this_machine() -> Suite:
    return Suite(
        kex=_names(get_kex_algs()),
        host_key=_names(get_public_key_algs()),
        cipher=_names(get_encryption_algs()),
        mac=_names(get_mac_algs()),
    )


def _names(algorithms: Iterable[bytes]) -> tuple[str, ...]:
    return tuple(algorithm.decode() for algorithm in algorithms)


def _those(patterns: Sequence[str], names: Sequence[str]) -> list[str]:
    """Give the names that fit, in the order of the patterns."""
    return [name for each in patterns for name in names if fnmatchcase(name, each)]


def _needs_mac(ours: Sequence[str], theirs: Sequence[str]) -> bool:
    cipher = _first(ours, theirs)
    return cipher is not None and encryption_needs_mac(cipher.encode())


def _first(ours: Sequence[str], theirs: Sequence[str]) -> str | None:
    return next((name for name in ours if name in theirs), None)


def _joined(names: Iterable[str | None]) -> str:
    return ",".join(dict.fromkeys(name or "" for name in names))


def _name_lists(packet: bytes) -> list[tuple[str, ...]]:
    """Give the ten lists that a packet holds behind its cookie.

    >>> _name_lists(b"".join(
    ...     len(names).to_bytes(4) + names for names in [b"a,b", *[b""] * 9]))[:2]
    [('a', 'b'), ()]
    """
    lists, at = [], 0
    for _ in range(10):
        end = at + 4 + int.from_bytes(packet[at : at + 4], "big")
        if not at + 4 <= end <= len(packet):
            raise ValueError("not an SSH_MSG_KEXINIT")
        text = packet[at + 4 : end].decode("ascii", "replace")
        lists.append(tuple(name for name in text.split(",") if name))
        at = end
    return lists
