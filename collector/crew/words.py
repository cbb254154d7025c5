"""What the processes of a crew say to each other.

Downwards: `Work` first, then `Go`, `Answer` and `Cut`. Upwards: `Ready` first, then
`Begun`, `Opened`, `Done`, `Plea`, `Alive`, and lines of the log (`collector.log.Line`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from collector.credentials import Credential
from collector.engine import Report
from collector.model import Assignment, Fault
from collector.platforms import Platform
from collector.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a process needs to make attempts as this one would.

    ``credentials`` are obtained already: a person is asked once. They pass through a socket pair
    that nobody else has, and never through an argument, the environment or a file. ``levels`` are
    those of the loggers.
    """

    settings: Settings
    platforms: Mapping[str, Platform]
    credentials: Mapping[str, Credential] = field(repr=False)
    levels: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Go:
    """Make an attempt."""

    number: int
    assignment: Assignment


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Whether the enable secret may be sent."""

    number: int
    may: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """End all attempts where they are."""

    fault: Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """The process can make attempts."""

    pid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """An attempt is being made."""

    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """There is a session; ``tried``: the credential was asked for."""

    number: int
    tried: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What came of an attempt."""

    number: int
    report: Report


@dataclass(frozen=True, slots=True, kw_only=True)
class Plea:
    """May the enable secret be sent?"""

    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Alive:
    """The event loop is running."""
