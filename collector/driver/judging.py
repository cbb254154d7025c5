"""What a whole output means: good, denied, or without what its platform promises.

Owns the use of a platform's denial texts and end markers. Pure: refuses to know how the output
came.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from collector.model import CommandStatus, Fault, FaultClass, Phase, Proof
from collector.platforms import Platform, find_denial, find_end_marker, has_log_line, prints_log

LOG_LINE: Final = "log_line"
"""Noted of an output in which a log message stands that the command does not print."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A judged output: its text, its status and, where it is not good, why."""

    text: bytes
    status: CommandStatus = CommandStatus.OK
    fault: Fault | None = None
    proofs: tuple[Proof, ...] = ()
    notes: tuple[str, ...] = ()


def judge(command: str, text: bytes, platform: Platform, *, least: int = 0) -> Verdict:
    """Judge a whole, cleaned output of a command; under ``least`` bytes it is suspect."""
    marked = find_end_marker(text, command, platform)
    denial = find_denial(text, platform)
    if denial and not (marked and not _ends_in(text, denial)):
        return _bad(
            text,
            CommandStatus.REJECTED,
            FaultClass.REJECTED,
            f"the device denied the command: {_shortened(denial)}",
            "check the command for this platform and the account's privilege",
        )
    if marked is False:
        return _bad(
            text,
            CommandStatus.INCOMPLETE,
            FaultClass.INCOMPLETE,
            f"the output does not end as {platform.title} ends it",
            "collect it by hand and compare; a device short of memory prints part of it",
        )
    if command in platform.backup and not text.strip():
        return _bad(
            text,
            CommandStatus.INCOMPLETE,
            FaultClass.INCOMPLETE,
            "the configuration is empty",
            "check that the account may read the configuration",
        )
    if len(text) < least:
        return _bad(
            text,
            CommandStatus.SUSPECT,
            FaultClass.SUSPECT,
            f"{len(text)} bytes, where the last good copy lets expect {least} or more",
            "compare it with the last good copy; if it is right, run once with --accept-smaller",
        )
    sized = (Proof.SIZE,) if least else ()
    return Verdict(
        text=text,
        proofs=((Proof.END_MARKER,) if marked else ()) + sized,
        notes=(LOG_LINE,) if _interleaved(command, text, platform) else (),
    )


def _ends_in(text: bytes, line: str) -> bool:
    """Tell whether a line is the last; a denial that is followed by an end marker is none."""
    return text.rstrip().endswith(line.encode())


def _bad(
    text: bytes, status: CommandStatus, fault_class: FaultClass, message: str, hint: str
) -> Verdict:
    fault = Fault(fault_class=fault_class, phase=Phase.COMMAND, message=message, hint=hint)
    return Verdict(text=text, status=status, fault=fault)


def _interleaved(command: str, text: bytes, platform: Platform) -> bool:
    """Tell whether a log message stands in an output that has no log messages of its own."""
    return not prints_log(command, platform) and has_log_line(text, platform)


def _shortened(line: str) -> str:
    return line if len(line) <= 120 else line[:119] + "…"
