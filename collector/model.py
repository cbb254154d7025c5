"""The words of a run, as values: devices, commands, faults and results.

Owns the vocabulary that reaches disk and the shapes that pass between the rooms. Refuses to know
how a value is obtained, sent anywhere or written: no I/O, no clock, no environment, no secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Literal


class Status(StrEnum):
    """What became of a device in a run."""

    OK = "ok"
    PARTIAL = "partial"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


class CommandStatus(StrEnum):
    """What became of one command; only ``ok`` has a file under ``devices/``."""

    OK = "ok"
    REJECTED = "rejected"
    INCOMPLETE = "incomplete"
    SUSPECT = "suspect"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


class Change(StrEnum):
    """What became of a device's configuration since its last good copy.

    ``volatile-only`` and ``secret-only``: nothing else is different than what its platform counts
    as such. ``suspect`` and ``failed``: there is no new good copy to compare.
    """

    UNCHANGED = "unchanged"
    CHANGED = "changed"
    VOLATILE_ONLY = "volatile-only"
    SECRET_ONLY = "secret-only"
    NEW = "new"
    SUSPECT = "suspect"
    FAILED = "failed"


GOOD: Final = frozenset(
    {Change.UNCHANGED, Change.CHANGED, Change.VOLATILE_ONLY, Change.SECRET_ONLY, Change.NEW}
)
"""With these a whole configuration was collected, and the last good copy is as good as new."""


class Redact(StrEnum):
    """What is put in the place of the secrets in what a job collects."""

    OFF = "off"
    MASK = "mask"
    FINGERPRINT = "fingerprint"


class Event(StrEnum):
    """What a hook is called for: the end of a run, and what it found of devices."""

    RUN_FINISHED = "run_finished"
    DEVICE_CHANGED = "device_changed"
    DEVICE_FAILED = "device_failed"
    DEVICE_RECOVERED = "device_recovered"


class DiffKind(StrEnum):
    """What a line of a difference is; `DiffLine` holds one."""

    FILE = "file"
    HUNK = "hunk"
    SAME = "same"
    REMOVED = "removed"
    ADDED = "added"
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffLine:
    """One line of a unified difference: ``text`` as `patch` reads it, mark and line end included.

    A ``note`` is the line that says that there is no line end before it.
    """

    kind: DiffKind
    text: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """What is different in a device's configuration, in short.

    Lines added and removed, the sections that enclose them, and the difference itself as text,
    cut where it is long. No secret is in the sections and the text.
    """

    added: int
    removed: int
    sections: tuple[str, ...] = ()
    text: str = ""


class Phase(StrEnum):
    """How far a device had come when it failed."""

    INVENTORY = "inventory"
    CREDENTIALS = "credentials"
    RESOLVE = "resolve"
    CONNECT = "connect"
    KEX = "kex"
    HOSTKEY = "hostkey"
    AUTH = "auth"
    CHANNEL = "channel"
    LOGIN = "login"
    COMMAND = "command"
    CLOSE = "close"
    STORE = "store"


class Step(StrEnum):
    """What a device has to pass before a command of it is whole: the order in which it is examined.

    Behind jump hosts there is `JUMP` in the place of `RESOLVE`: a name is looked up there.
    Over telnet there is no `KEX` and no `HOSTKEY`; `CREDENTIALS` and `ENABLE` only where they are
    in the way.
    """

    RESOLVE = "resolve"
    JUMP = "jump"
    CREDENTIALS = "credentials"
    TCP = "tcp"
    KEX = "kex"
    HOSTKEY = "hostkey"
    AUTH = "auth"
    PROMPT = "prompt"
    ENABLE = "enable"
    PAGING = "paging"
    COMMAND = "command"


class FaultClass(StrEnum):
    """Why a device or a command is not good: one word with one meaning.

    ``auth_unreachable``: the login failed, and in it the device has said that its authentication
    server cannot be reached. ``jump``: a jump host on the way could not be opened, or was lost.
    ``encoding`` (the text could not be read) belongs to the written vocabulary, and nothing raises
    it yet.
    """

    DNS = "dns"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    KEX = "kex"
    HOSTKEY = "hostkey"
    AUTH = "auth"
    AUTH_BREAKER = "auth_breaker"
    AUTH_UNREACHABLE = "auth_unreachable"
    BUSY = "busy"
    JUMP = "jump"
    PROMPT = "prompt"
    PAGER = "pager"
    ENABLE = "enable"
    REJECTED = "rejected"
    INCOMPLETE = "incomplete"
    DISCONNECTED = "disconnected"
    OUTPUT_LIMIT = "output_limit"
    ENCODING = "encoding"
    SUSPECT = "suspect"
    STORAGE = "storage"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"
    INTERNAL = "internal"


EVIDENCE_KEPT: Final = 65_536
"""The last bytes of what was seen that are kept where something is not good."""


class Transport(StrEnum):
    """How a device is reached."""

    SSH = "ssh"
    TELNET = "telnet"


class SshProfile(StrEnum):
    """Which algorithms an SSH server may be met with; each has those of the one before it."""

    MODERN = "modern"
    DEFAULT = "default"
    LEGACY = "legacy"


class HostKeys(StrEnum):
    """What is done about an SSH server whose key is not known yet."""

    STRICT = "strict"
    ACCEPT_NEW = "accept-new"
    OFF = "off"


class Order(StrEnum):
    """Which devices of a run are begun first."""

    LONGEST_FIRST = "longest-first"
    INVENTORY = "inventory"


class ProofLevel(StrEnum):
    """How much is done to prove that an output is whole.

    ``full``: the device must answer a probe that it can only answer when idle. ``prompt``: the
    learned prompt at the very end of the stream is believed after a short silence.
    """

    FULL = "full"
    PROMPT = "prompt"


class Proof(StrEnum):
    """A check that an output has passed."""

    PROBE = "probe"
    WEAK = "weak"
    END_MARKER = "end_marker"
    SIZE = "size"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Limits in seconds; ``run`` 0 means none."""

    connect: float = 15.0
    login: float = 20.0
    command: float = 60.0
    device: float = 300.0
    run: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How many devices at once: open, being opened, per group and per credential (0: no limit).

    ``connects_per_second``: connections begun, 0: no limit. ``trial``: devices being tried at once
    with a credential that has not been accepted yet; ``rejections`` in a row end its use.
    """

    sessions: int = 500
    connecting: int = 25
    per_group: int = 0
    per_credential: int = 0
    connects_per_second: float = 0.0
    trial: int = 3
    rejections: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """How many devices may fail before a run begins no more: so many, or a share of all."""

    most: float
    is_share: bool = False

    def is_exceeded(self, failed: int, total: int) -> bool:
        """Say whether that many failures are too many.

        >>> Tolerance(most=0.05, is_share=True).is_exceeded(5, 100)
        False
        >>> Tolerance(most=5).is_exceeded(6, 100)
        True
        """
        return failed > (self.most * total if self.is_share else self.most)

    def __str__(self) -> str:
        """Say it as it is written: ``5%``, ``10``."""
        return f"{self.most * 100:g}%" if self.is_share else f"{self.most:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """Which stored runs are kept: the newest ``runs``, and those younger than ``days``.

    0: this keeps none; both 0: there is no rule, and nothing is pruned.
    """

    runs: int = 0
    days: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """At most ``attempts`` in all; ``backoff`` seconds before the second, doubling after it."""

    attempts: int = 2
    backoff: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Jump:
    """A jump host: an SSH server through which devices, and other jump hosts, are reached.

    ``sessions``: devices at once through it, 0: no limit; a jump host behind it has its connection
    besides. ``jump`` is the one that it is itself behind. Equal values share one connection.
    """

    name: str
    host: str
    credential: str
    port: int = 22
    sessions: int = 0
    jump: Jump | None = None
    ssh_profile: SshProfile = SshProfile.DEFAULT

    @property
    def chain(self) -> tuple[Jump, ...]:
        """All jump hosts on the way through this one, the nearest to us first, itself the last.

        >>> edge = Jump(name="edge", host="192.0.2.1", credential="c")
        >>> core = Jump(name="core", host="10.0.0.1", credential="c", jump=edge)
        >>> [jump.name for jump in core.chain]
        ['edge', 'core']
        """
        return (*(self.jump.chain if self.jump else ()), self)

    def as_device(self) -> Device:
        """Give it as a device of which nothing can be asked, for what is the same with both."""
        return Device(
            name=self.name,
            host=self.host,
            port=self.port,
            platform="",
            credential=self.credential,
            jump=self.jump,
            ssh_profile=self.ssh_profile,
        )

    def blamed(self, fault: Fault) -> Fault:
        """Give the fault of a device that cannot be reached, from why this one cannot be used."""
        if fault.fault_class is FaultClass.JUMP:  # of the one before it
            return fault
        return Fault(
            fault_class=FaultClass.JUMP,
            phase=Phase.CONNECT,
            message=f"jump host {self.name}: {fault.message} ({fault.fault_class})",
            hint=f"see to jump host {self.name} first: {fault.hint or 'look into its log'}",
        )

    def lost(self, message: str = "its connection was lost") -> Fault:
        """Give the fault of a device behind it, when this one has hung up or fallen silent."""
        return Fault(
            fault_class=FaultClass.JUMP,
            phase=Phase.CONNECT,
            message=f"jump host {self.name}: {message}",
            hint=f"look into the log of jump host {self.name} for why it hung up",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """One device of the inventory, settings merged: all that is needed to reach it but the secret.

    ``credential`` names a set that ``credentials/`` resolves; ``fallbacks`` those that take its
    place, in this order, each when the device has said in the login with the one before that its
    authentication server cannot be reached. ``timeouts`` holds only what the inventory overrides
    for this device, by the names of `Timeouts`.
    """

    name: str
    host: str
    platform: str
    credential: str
    port: int = 22
    transport: Transport = Transport.SSH
    groups: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    timeouts: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    proof: ProofLevel = ProofLevel.FULL
    ssh_profile: SshProfile = SshProfile.DEFAULT
    jump: Jump | None = None
    fallbacks: tuple[str, ...] = ()

    @property
    def jumps(self) -> tuple[Jump, ...]:
        """The jump hosts on the way, the nearest to us first."""
        return self.jump.chain if self.jump else ()

    @property
    def credentials(self) -> tuple[str, ...]:
        """The names of all credentials that it may take to get there: its own, its jump hosts'."""
        return (self.credential, *self.fallbacks, *(jump.credential for jump in self.jumps))

    def fallen_back(self) -> Device:
        """Give it with the next credential in the place of this one.

        >>> r1 = Device(name="r1", host="h", platform="p", credential="tacacs", fallbacks=("own",))
        >>> r1.fallen_back().credential, r1.fallen_back().fallbacks
        ('own', ())
        """
        return replace(self, credential=self.fallbacks[0], fallbacks=self.fallbacks[1:])


def is_one_line(command: str) -> bool:
    r"""Say whether a command can be sent: a line end inside would be a second command unseen.

    >>> is_one_line("show version"), is_one_line("show version\nreload"), is_one_line(" ")
    (True, False, False)
    """
    return command.isprintable() and bool(command.strip())


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Why something is not good: ``message`` one line without secrets, ``hint`` the next step."""

    fault_class: FaultClass
    phase: Phase
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandResult:
    """One command's end. ``output`` is the whole text, line ends ``\\n``; empty unless good.

    ``encoding`` tells how ``output`` is to be read (``utf-8``, or ``unknown-8bit`` for bytes kept
    as they came). ``evidence`` is what was seen of an output that is not good.
    """

    command: str
    status: CommandStatus
    output: bytes = field(default=b"", repr=False)
    encoding: str = "utf-8"
    fault: Fault | None = None
    proofs: tuple[Proof, ...] = ()
    notes: tuple[str, ...] = ()
    attempts: int = 1
    duration: float = 0.0
    evidence: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Algorithms:
    """What an SSH connection was protected with, by the names that SSH gives them.

    ``host_key`` is the kind of signature by which the server proved its key. ``cipher`` and ``mac``
    are two, with a comma, where the directions differ; ``mac`` is ``implicit`` in some ciphers.
    """

    kex: str
    host_key: str
    cipher: str
    mac: str


JobCommands = Literal["backup"] | tuple[str, ...] | Mapping[str, tuple[str, ...]]
"""What a job asks: each platform's own backup, the same of all, or lists by platform, of which
``default`` is for those that are not named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """A device and the commands to be asked of it, in order.

    ``least``: the bytes under which a command's output is suspect, where a last good one is known.
    """

    device: Device
    commands: tuple[str, ...]
    least: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """How long a device will take, by earlier runs, in seconds.

    ``is_doubtful``: it failed when it was last asked, and may again; ``has_rejected``: because it
    rejected its credential.
    """

    seconds: float
    is_doubtful: bool = False
    has_rejected: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceResult:
    """One device's end: always a value, never an exception.

    ``started`` is UTC, ``duration`` seconds of a monotonic clock. ``evidence`` is the last of what
    the device said when it failed, empty otherwise. ``algorithms``: of the last key exchange that
    was done; None over telnet, and where there was none. ``change`` is None where no history of
    the device's configuration is kept; ``backup_files`` are its files in that history, relative to
    the folder of it, where its configuration is good. ``fallback`` names the credential that it has
    come to, empty where that is the device's first.
    """

    device: Device
    status: Status
    started: datetime
    duration: float
    commands: tuple[CommandResult, ...] = ()
    fault: Fault | None = None
    attempts: int = 1
    evidence: bytes = field(default=b"", repr=False)
    algorithms: Algorithms | None = None
    change: Change | None = None
    backup_files: tuple[str, ...] = ()
    fallback: str = ""

    @property
    def first_fault(self) -> Fault | None:
        """What made the device less than good: its own fault, or its first bad command's."""
        faults = (self.fault, *(command.fault for command in self.commands))
        return next((fault for fault in faults if fault is not None), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """How one step went, in seconds; without a ``fault`` it is passed."""

    step: Step
    duration: float
    detail: str = ""
    fault: Fault | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """A device's steps in order, up to the first that was not passed.

    ``status`` is what a run would give it: `Status.OK` where every step was passed.
    """

    device: Device
    status: Status
    steps: tuple[StepResult, ...]
