"""The settings in force, as values with their defaults.

Owns their shapes. Refuses to know how they are written and who wins.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from collector.document import Document
from collector.model import (
    Event,
    HostKeys,
    JobCommands,
    Limits,
    Order,
    Redact,
    Retention,
    Retries,
    Timeouts,
    Tolerance,
)

KNOWN_HOSTS: Final = Path("~/.config/collector/known_hosts")
OUTPUT_LIMIT: Final = 64 * 1024 * 1024
SUSPECT_BELOW: Final = 0.5
LIMITS, TIMEOUTS, RETRIES = Limits(), Timeouts(), Retries()


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A named set of commands. ``backup``: what it collects is
    the backup of a device, and has a history. ``keep_raw``: what is redacted is kept as it came in
    the run's own folder, and nowhere else.
    """

    name: str
    commands: JobCommands
    backup: bool = False
    redact: Redact = Redact.OFF
    keep_raw: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """Where the history is pushed to: a remote of its repository or a URL; empty: nowhere.

    ``branch`` is the one there, empty: of the same name as here.
    """

    remote: str = ""
    branch: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backups:
    """How the history of the backups is kept.

    ``path`` is the template of a device's file, ``author`` empty where git knows who it is,
    ``timeout`` is for each git command, in seconds. ``fingerprint_key``: a text with ``${VAR}``,
    or the source of a secret as it is written.
    """

    enabled: bool = True
    path: str = "{name}.cfg"
    author: str = ""
    timeout: float = 60.0
    push: Push = Push()
    fingerprint_key: str | Mapping[str, Any] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """Who is told of events: a program that is started, or a web server that is asked.

    One of ``command`` and ``webhook`` is given. ``webhook`` and ``headers`` hold texts with
    ``${VAR}``, or the sources of secrets as they are written. ``environment`` names the variables
    that a program is given besides a few harmless ones; ``timeout`` is in seconds.
    """

    events: frozenset[Event]
    command: tuple[str, ...] = ()
    webhook: str | Mapping[str, Any] | None = field(default=None, repr=False)
    headers: Mapping[str, str | Mapping[str, Any] | None] = field(
        default_factory=lambda: MappingProxyType({}), repr=False
    )
    environment: tuple[str, ...] = ()
    timeout: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterAccess:
    """The cluster whose workers visit the devices: its scheduler's address, empty for none.

    ``tls_ca``, ``tls_cert`` and ``tls_key`` are files in PEM; ``insecure`` lets an address with
    ``tcp://`` do without. The tag ``site_tag`` of a device names its site.
    """

    address: str = ""
    tls_ca: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    insecure: bool = False
    site_tag: str = "site"


CLUSTER: Final = ClusterAccess()
RETENTION: Final = Retention()
BUILT_IN: Final = {"backup": Job(name="backup", commands="backup", backup=True)}
BACKUPS: Final = Backups()


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings, defaults filled in.

    ``platforms`` are the user's own as written; ``document`` knows their places. ``output_limit``
    is in bytes a command, ``suspect_below`` a share of the last good copy's bytes.
    ``summary_files`` and ``metrics_file`` are written at the end of a run. ``processes``: None for
    as many as the machine has cores.
    """

    inventory: Path = Path("inventory/lab.yaml")
    output: Path = Path("output")
    job: str = "backup"
    limits: Limits = LIMITS
    timeouts: Timeouts = TIMEOUTS
    retries: Retries = RETRIES
    processes: int | None = 1
    order: Order = Order.LONGEST_FIRST
    cluster: ClusterAccess = CLUSTER
    max_failures: Tolerance | None = None
    host_keys: HostKeys = HostKeys.ACCEPT_NEW
    known_hosts: Path = field(default_factory=KNOWN_HOSTS.expanduser)
    jobs: Mapping[str, Job] = field(default_factory=lambda: MappingProxyType(BUILT_IN))
    platforms: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: MappingProxyType({}))
    output_limit: int = OUTPUT_LIMIT
    suspect_below: float = SUSPECT_BELOW
    backups: Backups = BACKUPS
    hooks: tuple[Hook, ...] = ()
    summary_files: tuple[Path, ...] = ()
    metrics_file: Path | None = None
    retention: Retention = RETENTION
    document: Document | None = field(default=None, repr=False, compare=False)
