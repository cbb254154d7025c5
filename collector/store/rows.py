"""The shapes of ``journal.jsonl`` and ``manifest.json``: names that other programs read.

Owns the schema number and the one place where a result becomes a row. Refuses to read or write
files. Adding a name is allowed; renaming or dropping one means a new schema number.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import NotRequired, TypedDict

from collector.log import utc
from collector.model import (
    Algorithms,
    Change,
    CommandResult,
    DeviceResult,
    Fault,
    Redact,
    Status,
    Transport,
)

SCHEMA = 1

# Written as calls, because `class` cannot be a name in a class body.
CommandRow = TypedDict(
    "CommandRow",
    {
        "command": str,
        "status": str,
        "class": str | None,
        "phase": str | None,
        "message": str | None,
        "file": str | None,
        "bytes": int | None,
        "sha256": str | None,
        "encoding": str | None,
        "proofs": list[str],
        "notes": list[str],
        "attempts": int,
        "duration_s": float,
    },
)


class AlgorithmsRow(TypedDict):
    """What an SSH connection was protected with."""

    kex: str
    host_key: str
    cipher: str
    mac: str


DeviceRow = TypedDict(
    "DeviceRow",
    {
        "name": str,
        "host": str,
        "port": int,
        "transport": str,
        "platform": str,
        "jump": list[str],
        "groups": list[str],
        "status": str,
        "class": str | None,
        "phase": str | None,
        "message": str | None,
        "attempts": int,
        "duration_s": float,
        "started": str,
        "proof_level": str,
        "ssh_profile": str | None,
        "algorithms": AlgorithmsRow | None,
        "change": NotRequired[str | None],  # None: no history is kept of the device
        "backup_files": NotRequired[list[str]],  # below configs/; none where it is not good
        "fallback": NotRequired[str | None],  # None: the first credential was enough
        "commands": list[CommandRow],
    },
)


class RunRow(TypedDict):
    """What ``run.json`` and the manifest both begin with; the last three only where they apply.

    ``failed_of`` and ``resume_of`` name the run whose devices are asked once more. ``resumed`` has
    an entry for each time that the run itself was taken up again.
    """

    schema: int
    run_id: str
    started: str
    job: str
    versions: dict[str, str]
    settings_digest: str
    inventory_digest: str
    selection: dict[str, object]
    failed_of: NotRequired[str]
    resume_of: NotRequired[str]
    resumed: NotRequired[list[dict[str, str]]]


class RunFile(RunRow):
    """The whole of ``run.json``: what is needed to go on with the run, or to repeat a part of it.

    ``commands`` by platform, ``planned`` the names of all devices of the run, in order. ``redact``
    and ``keep_raw`` are what its job does to secrets, ``history`` says whether it keeps backups;
    a file that an earlier version wrote has none of the three.
    """

    inventory: NotRequired[str]
    commands: NotRequired[dict[str, list[str]]]
    planned: NotRequired[list[str]]
    redact: NotRequired[str]
    keep_raw: NotRequired[bool]
    history: NotRequired[bool]


class ManifestHead(RunRow):
    """``manifest.json`` without its devices; ``changes`` and ``commit`` where a history is kept.

    ``changes`` counts the devices by change; ``commit`` is None where nothing had to be committed.
    ``pruned``: since when the run is reduced to its last good copies; others have no ``file``.
    """

    finished: str
    duration_s: float
    state: str
    exit_status: int
    totals: dict[str, int]
    changes: NotRequired[dict[str, int]]
    commit: NotRequired[str | None]
    pruned: NotRequired[str]


class Manifest(ManifestHead):
    """The whole of ``manifest.json``."""

    devices: list[DeviceRow]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunHeader:
    """What the caller knows of a run before it starts.

    ``order`` names the devices as the inventory has them; the manifest follows it. ``command`` is
    told to a run that finds the folder locked. ``selection`` is kept as it is: plain JSON values.
    ``inventory`` is the path of the file, ``commands`` what is asked of each platform. ``history``
    says whether backups are kept.
    """

    started: datetime
    job: str
    versions: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    settings_digest: str = ""
    inventory_digest: str = ""
    selection: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    order: Sequence[str] = ()
    command: str = ""
    inventory: str = ""
    commands: Mapping[str, Sequence[str]] = field(default_factory=lambda: MappingProxyType({}))
    redact: Redact = Redact.OFF
    keep_raw: bool = False
    history: bool = False
    failed_of: str = ""
    resume_of: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnd:
    """How a run ended; ``duration`` in seconds of a monotonic clock.

    ``commit`` is that of its backups, empty where there was none to make, None where no history
    is kept.
    """

    finished: datetime
    duration: float
    exit_status: int
    interrupted: bool = False
    commit: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A good output on disk; ``file`` is relative to the run folder."""

    file: str
    bytes: int
    sha256: str


def run_file(run_id: str, header: RunHeader) -> RunFile:
    """Describe a run that starts."""
    row: RunFile = {
        "schema": SCHEMA,
        "run_id": run_id,
        "started": utc(header.started),
        "job": header.job,
        "versions": dict(header.versions),
        "settings_digest": header.settings_digest,
        "inventory_digest": header.inventory_digest,
        "selection": dict(header.selection),
        "inventory": header.inventory,
        "commands": {name: list(asked) for name, asked in header.commands.items()},
        "planned": list(header.order),
        "redact": header.redact.value,
        "keep_raw": header.keep_raw,
        "history": header.history,
    }
    if header.failed_of:
        row["failed_of"] = header.failed_of
    if header.resume_of:
        row["resume_of"] = header.resume_of
    return row


def resumed(row: RunFile, header: RunHeader) -> RunFile:
    """Describe a run that is taken up again, by one that starts now: it may redact more."""
    entry = {
        "at": utc(header.started),
        "settings_digest": header.settings_digest,
        "inventory_digest": header.inventory_digest,
    }
    row = {**row, "resumed": [*row.get("resumed", ()), entry]}
    return {**row, "redact": header.redact.value, "keep_raw": header.keep_raw}


def device_row(result: DeviceResult, stored: Sequence[Stored | None]) -> DeviceRow:
    """Describe one device's end; ``stored`` runs beside the commands of the result."""
    return {
        "name": result.device.name,
        "host": result.device.host,
        "port": result.device.port,
        "transport": result.device.transport.value,
        "platform": result.device.platform,
        "jump": [jump.name for jump in result.device.jumps],
        "groups": list(result.device.groups),
        "status": result.status.value,
        "class": _class(result.fault),
        "phase": _phase(result.fault),
        "message": _message(result.fault),
        "attempts": result.attempts,
        "duration_s": seconds(result.duration),
        "started": utc(result.started),
        "proof_level": result.device.proof.value,
        "ssh_profile": _profile(result),
        "algorithms": _algorithms(result.algorithms),
        "change": result.change.value if result.change else None,
        "backup_files": list(result.backup_files),
        "fallback": result.fallback or None,
        "commands": [
            _command_row(command, kept)
            for command, kept in zip(result.commands, stored, strict=True)
        ],
    }


def seconds(duration: float) -> float:
    """Round a duration to the millisecond.

    >>> seconds(1.23456)
    1.235
    """
    return round(duration, 3)


def encode(row: Mapping[str, object]) -> bytes:
    r"""Write a row as one line of UTF-8 JSON, without its line end.

    A lone surrogate, which UTF-8 cannot hold, comes out as the JSON escape of itself.

    >>> encode({"message": "caf\u00e9 \udcff\n"}) == '{"message": "café \\udcff\\n"}'.encode()
    True
    """
    return json.dumps(row, ensure_ascii=False).encode("utf-8", "backslashreplace")


def no_totals() -> dict[str, int]:
    """Start the count of devices by status: every status, none left out."""
    return {status.value: 0 for status in Status}


def no_changes() -> dict[str, int]:
    """Start the count of devices by change: every word, none left out."""
    return {change.value: 0 for change in Change}


def _command_row(result: CommandResult, stored: Stored | None) -> CommandRow:
    return {
        "command": result.command,
        "status": result.status.value,
        "class": _class(result.fault),
        "phase": _phase(result.fault),
        "message": _message(result.fault),
        "file": stored.file if stored else None,
        "bytes": stored.bytes if stored else None,
        "sha256": stored.sha256 if stored else None,
        "encoding": result.encoding if stored else None,
        "proofs": [proof.value for proof in result.proofs],
        "notes": list(result.notes),
        "attempts": result.attempts,
        "duration_s": seconds(result.duration),
    }


def _profile(result: DeviceResult) -> str | None:
    device = result.device
    return device.ssh_profile.value if device.transport is Transport.SSH else None


def _algorithms(used: Algorithms | None) -> AlgorithmsRow | None:
    if used is None:
        return None
    return {"kex": used.kex, "host_key": used.host_key, "cipher": used.cipher, "mac": used.mac}


def _class(fault: Fault | None) -> str | None:
    return fault.fault_class.value if fault else None


def _phase(fault: Fault | None) -> str | None:
    return fault.phase.value if fault else None


def _message(fault: Fault | None) -> str | None:
    return fault.message if fault else None
