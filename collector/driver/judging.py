"""What a whole output means: good, denied, or without what its platform promises.

Owns the use of a platform's denial texts and end markers. Pure: refuses to know how the output
came.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from collector.model import CommandStatus, Fault, FaultClass, Phase, Proof
from collector.platforms import Platform

FIRST_LINES: Final = 6
"""Lines that are not blank, right after the command, among which a denial is looked for."""
LAST_LINES: Final = 5
SHORT: Final = 2_048
"""Bytes: what is longer is an output, whatever its first lines say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A judged output: its text, its status and, where it is not good, why."""

    text: bytes
    status: CommandStatus = CommandStatus.OK
    fault: Fault | None = None
    proofs: tuple[Proof, ...] = ()
    notes: tuple[str, ...] = ()


def judge(command: str, text: bytes, platform: Platform) -> Verdict:
    """Judge a whole, cleaned output of a command."""
    if denial := _denial(text, platform):
        return _bad(
            text,
            CommandStatus.REJECTED,
            FaultClass.REJECTED,
            f"the device denied the command: {denial}",
            "check the command for this platform and the account's privilege",
        )
    marker = platform.end_markers.get(" ".join(command.split()))
    if marker:
        if not any(marker.fullmatch(line) for line in _last_lines(text)):
            return _bad(
                text,
                CommandStatus.INCOMPLETE,
                FaultClass.INCOMPLETE,
                f"the output does not end as {platform.name} ends it ({marker.pattern})",
                "collect it by hand and compare; a device short of memory prints part of it",
            )
        return Verdict(text=text, proofs=(Proof.END_MARKER,))
    if command in platform.backup and not text.strip():
        return _bad(
            text,
            CommandStatus.INCOMPLETE,
            FaultClass.INCOMPLETE,
            "the configuration is empty",
            "check that the account may read the configuration",
        )
    return Verdict(text=text)


def _bad(
    text: bytes, status: CommandStatus, fault_class: FaultClass, message: str, hint: str
) -> Verdict:
    fault = Fault(fault_class=fault_class, phase=Phase.COMMAND, message=message, hint=hint)
    return Verdict(text=text, status=status, fault=fault)


def _denial(text: bytes, platform: Platform) -> str | None:
    if len(text) > SHORT:
        return None
    for line in _first_lines(text):
        if any(denial.fullmatch(line) for denial in platform.denials):
            return line[:120]
    return None


def _first_lines(text: bytes) -> Iterator[str]:
    lines = (line.strip() for line in text.decode("utf-8", "replace").split("\n"))
    full = (line for line in lines if line)
    return (line for line, _ in zip(full, range(FIRST_LINES), strict=False))


def _last_lines(text: bytes) -> list[str]:
    lines = text[-4_096:].decode("utf-8", "replace").split("\n")
    return [line.rstrip() for line in lines if line.strip()][-LAST_LINES:]
