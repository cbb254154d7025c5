"""Every error that this program raises on purpose, and the exit status each one means.

::

    CollectorError              1  internal
    +-- InputError              2  usage, configuration or inventory: `problems`, one line each
    |   `-- SelectionError      2  the selection matches no device
    +-- StorageError            6  the output could not be written
    +-- LockedError             75 another run holds the output folder
    `-- DeviceError             a device's fault on its way up to its result

A device's failure ends as a value (`model.DeviceResult`), so `DeviceError` never leaves the engine.
Refuses to know where an error is shown.
"""

from __future__ import annotations

from enum import IntEnum

from collector.model import Algorithms, Fault, FaultClass, Phase


class Exit(IntEnum):
    """The exit statuses: a contract, documented in the README."""

    OK = 0
    INTERNAL = 1
    USAGE = 2
    SOME_FAILED = 3
    ALL_FAILED = 4
    BREAKER = 5
    STORAGE = 6
    UNTOLD = 7
    LOCKED = 75
    HANGUP = 129
    INTERRUPTED = 130
    TERMINATED = 143


class CollectorError(Exception):
    """The root of all errors raised on purpose."""

    exit_status = Exit.INTERNAL


class InputError(CollectorError):
    """What the user gave is wrong; ``problems`` names every one that was found, a line each."""

    exit_status = Exit.USAGE

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class SelectionError(InputError):
    """The selection matches no device."""


class StorageError(CollectorError):
    """Something could not be written; what was stored before is intact."""

    exit_status = Exit.STORAGE


class LockedError(CollectorError):
    """Another run holds the output folder."""

    exit_status = Exit.LOCKED


class DeviceError(CollectorError):
    """A device could not be worked with any further.

    ``fault`` says why; ``evidence`` is the last of what the device had said (bytes, raw).
    ``algorithms`` is set where the key exchange was done before that.
    """

    algorithms: Algorithms | None = None

    def __init__(self, fault: Fault, evidence: bytes = b"") -> None:
        super().__init__(f"{fault.fault_class} ({fault.phase}): {fault.message}")
        self.fault = fault
        self.evidence = evidence

    @classmethod
    def of(
        cls,
        fault_class: FaultClass,
        phase: Phase,
        message: str,
        *,
        hint: str = "",
        evidence: bytes = b"",
    ) -> DeviceError:
        """Build the error and its fault in one call."""
        fault = Fault(fault_class=fault_class, phase=phase, message=message, hint=hint)
        return cls(fault, evidence)
