"""What the client and the workers of a cluster say to each other.

Downwards: `Contract` first, then shards of `Go`, `Reach`, `Answer` and `Cut`. Upwards: `Parcel`s of
`Opened`, `Done`, `Reached`, `Plea` and lines of the log. The words that it has in common with the
processes of one machine are in `words`.
"""

from __future__ import annotations

from asyncio import AbstractEventLoop
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version

from collector.credentials import CredentialSpec
from collector.model import Fault, Jump, Timeouts
from collector.platforms import Platform
from collector.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """What a worker needs to make attempts, and no secret.

    ``credentials`` are as they are written: a worker obtains its own. ``settings`` hold no more
    than an attempt needs; where host keys are kept is the worker's own affair. ``levels`` are those
    of the loggers.
    """

    settings: Settings
    platforms: Mapping[str, Platform]
    credentials: Mapping[str, CredentialSpec]
    levels: Mapping[str, int]
    loop_factory: Callable[[], AbstractEventLoop] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Log in to a jump host; the one before it has been reached."""

    number: int
    jump: Jump
    timeouts: Timeouts


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """What came of it: devices behind it can be visited, or why not."""

    number: int
    fault: Fault | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """What is said at a time, each word packed; ``reached`` are the jump hosts that stand then."""

    words: tuple[bytes, ...]
    reached: frozenset[Jump]


def our_version() -> str:
    """Name the version of this program: what is pickled by one can be read by the same only."""
    return version("network-command-collector")
