"""What a whole output means: good, denied, or without what its platform promises.

Owns the use of a platform's denial texts and end markers. Pure: refuses to know how the output
came.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from collector.driver.reading import Reading
from collector.model import CommandStatus, Fault, FaultClass, Phase, Proof
from collector.platforms import Platform, find_denial, find_end_marker

LOG_LINE: Final = "log_line"
"""Noted of an output in which a log message stands that the command does not print."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A judged output: how it reads, its status and, where it is not good, why."""

    reading: Reading
    status: CommandStatus = CommandStatus.OK
    fault: Fault | None = None
    proofs: tuple[Proof, ...] = ()
    notes: tuple[str, ...] = ()


def judge(command: str, reading: Reading, platform: Platform, *, least: int = 0) -> Verdict:
    """Judge a whole output of a command; under ``least`` bytes it is suspect."""
    text = reading.text
    marked = find_end_marker(text, command, platform)
    denial = find_denial(text, platform)
    if denial and not (marked and not _ends_in(text, denial)):
        return _bad(
            reading,
            CommandStatus.REJECTED,
            FaultClass.REJECTED,
            f"the device denied the command: {_shortened(denial)}",
            "check the command for this platform and the account's privilege",
        )
    if marked is False:
        return _bad(
            reading,
            CommandStatus.INCOMPLETE,
            FaultClass.INCOMPLETE,
            f"the output does not end as {platform.title} ends it",
            "collect it by hand and compare; a device short of memory prints part of it",
        )
    if command in platform.backup and not text.strip():
        return _bad(
            reading,
            CommandStatus.INCOMPLETE,
            FaultClass.INCOMPLETE,
            "the configuration is empty",
            "check that the account may read the configuration",
        )
    if len(text) < least:
        return _bad(
            reading,
            CommandStatus.SUSPECT,
            FaultClass.SUSPECT,
            f"{len(text)} bytes, where the last good copy lets expect {least} or more",
            "compare it with the last good copy; if it is right, run once with --accept-smaller",
        )
    sized = (Proof.SIZE,) if least else ()
    return Verdict(
        reading=reading,
        proofs=((Proof.END_MARKER,) if marked else ()) + sized,
        notes=(LOG_LINE,) if reading.log_line else (),
    )


def _ends_in(text: bytes, line: str) -> bool:
    """Tell whether a line is the last; a denial that is followed by an end marker is none."""
    return text.rstrip().endswith(line.encode())


def _bad(
    reading: Reading, status: CommandStatus, fault_class: FaultClass, message: str, hint: str
) -> Verdict:
    fault = Fault(fault_class=fault_class, phase=Phase.COMMAND, message=message, hint=hint)
    return Verdict(reading=reading, status=status, fault=fault)


def _shortened(line: str) -> str:
    return line if len(line) <= 120 else line[:119] + "…"
