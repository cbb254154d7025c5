"""A credential, as the inventory writes it and as it is once obtained.

Owns the values, none of which shows a secret in its repr. Refuses to know how one becomes the
other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

FIELDS: Final = ("username", "password", "enable", "private_key", "passphrase")


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A secret in a file that nobody else can read; ``path`` is a template."""

    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A secret that a program prints. ``argv`` goes to no shell, and nothing in it is expanded.

    An expanded secret would stand in the process list for everybody to read.
    """

    argv: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyring:
    """A secret of the system's keyring; templates. No ``username``: the credential's own."""

    service: str
    username: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A secret that is asked for on the terminal."""


Source = File | Command | Keyring | Prompt


def source_of(given: Mapping[str, Any]) -> Source:
    """Return the source that a mapping of a file names, one of ``file``, ``command``, ...

    >>> source_of({"keyring": {"service": "radius"}})
    Keyring(service='radius', username='')
    """
    match given:
        case {"file": str(path)}:
            return File(path=path)
        case {"command": [*argv]}:
            return Command(argv=tuple(argv))
        case {"keyring": {"service": str(service), **rest}}:
            return Keyring(service=service, username=str(rest.get("username", "")))
    return Prompt()


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialSpec:
    """A credential as the inventory says it: templates and sources, None where not given.

    ``title`` is what problems call it, ``credentials.NAME`` and the field where empty. ``places``
    tells where each field stands (``file:line:column``); relative paths start at
    ``folder``, and commands run there.
    """

    name: str
    username: str = field(repr=False)
    password: str | Source | None = field(default=None, repr=False)
    enable: str | Source | None = field(default=None, repr=False)
    private_key: str | None = field(default=None, repr=False)
    passphrase: str | Source | None = field(default=None, repr=False)
    agent: bool = False
    title: str = ""
    places: Mapping[str, str] = field(default_factory=dict, repr=False)
    folder: Path = field(default=Path(), repr=False)

    def template(self, name: str) -> str | None:
        """Return a field, one of `FIELDS`, as it is written; None where it has a source."""
        value = getattr(self, name)
        return value if isinstance(value, str) else None

    def source(self, name: str) -> Source | None:
        """Return what a field, one of `FIELDS`, is fetched from; None where it is written out."""
        value = getattr(self, name)
        return value if isinstance(value, Source) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """What logs in. An empty ``password`` is sent, where a device has none; None is not.

    ``agent``: the keys of the user's SSH agent may be offered too.
    """

    username: str = field(repr=False)
    password: str | None = field(default=None, repr=False)
    enable: str | None = field(default=None, repr=False)
    private_key: Path | None = field(default=None, repr=False)
    passphrase: str | None = field(default=None, repr=False)
    agent: bool = False
