"""One device on its way through the run: what was asked of it, what came, how it ended.

Owns the state of a device between admission and result, over all its attempts. Refuses to wait for
anything: no I/O, no tasks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from collector.engine.session import Clock
from collector.model import (
    EVIDENCE_KEPT,
    Algorithms,
    Assignment,
    CommandResult,
    CommandStatus,
    Device,
    DeviceResult,
    Fault,
    FaultClass,
    Jump,
    Phase,
    Status,
    Timeouts,
)

# An answer that a new session would give again, so it is not asked for again.
FINAL = frozenset({CommandStatus.OK, CommandStatus.REJECTED})

LATE = Fault(
    fault_class=FaultClass.INCOMPLETE,
    phase=Phase.COMMAND,
    message="more came after its end: it was not whole",
    hint="look at the evidence; something prints to this session by itself",
)


@dataclass(slots=True, kw_only=True, eq=False)
class Visit:
    """A device's assignment and all that has become of it so far.

    ``spent`` is the time used of the device's limit: attempts count, waiting for a place, for a
    jump host or for a retry does not (see `excuse`). ``opens`` is the jump host to be opened, where
    this is the visit of one: nothing is asked of it, and it has no result. ``before`` counts the
    attempts that were made with credentials before the present one.
    """

    assignment: Assignment
    clock: Clock
    opens: Jump | None = None
    results: dict[int, CommandResult] = field(default_factory=dict)
    attempts: int = 0
    fault: Fault | None = None
    evidence: bytes = b""
    cancelled: bool = False
    phase: Phase = Phase.CONNECT
    spent: float = 0.0
    algorithms: Algorithms | None = None
    started: datetime | None = None
    before: int = 0
    _listed: Device | None = None
    _underway: bool = False
    _first: float = 0.0
    _attempt: float = 0.0
    _asking: tuple[int, float] | None = None
    _asked: list[int] = field(default_factory=list)
    _before: tuple[Phase, Fault | None, bytes] = (Phase.CONNECT, None, b"")

    @property
    def device(self) -> Device:
        """The device that is visited."""
        return self.assignment.device

    @property
    def has_fallen_back(self) -> bool:
        """Whether the credential is another than the device's first."""
        return self._listed is not None

    @property
    def falls_back(self) -> bool:
        """Whether the next credential is to be tried: the device has said why, and there is one."""
        return bool(self.device.fallbacks) and self.is_unjudged

    @property
    def is_unjudged(self) -> bool:
        """Whether the last login failed for the device's authentication server, which is away."""
        return self.fault is not None and self.fault.fault_class is FaultClass.AUTH_UNREACHABLE

    def fall_back(self) -> None:
        """Go on with the next credential; places must not be held for the one before any more."""
        self._listed = self._listed or self.device
        self.assignment = replace(self.assignment, device=self.device.fallen_back())
        self.before = self.attempts

    def judged(self, fault: Fault) -> Fault:
        """Give the fault of a login as it counts for the credential of this visit.

        The last fall-back is there for just the time in which the server is away: rejected then,
        it is rejected, whatever the device says besides.
        """
        is_last = self.has_fallen_back and not self.device.fallbacks
        if fault.fault_class is not FaultClass.AUTH_UNREACHABLE or not is_last:
            return fault
        return replace(
            fault,
            fault_class=FaultClass.AUTH,
            message=f"the device rejected fall-back credential {self.device.credential} as well; "
            f"{fault.message}",
            hint="check the credential by hand; it is not tried again in this run",
        )

    @property
    def underway(self) -> bool:
        """Whether a cancellation would be heard by the device's part, and by nothing after it."""
        return self._underway

    def set_out(self) -> None:
        """Be open to a cancellation from here on."""
        self._underway = True

    def turn_home(self) -> None:
        """Be past cancelling: a session's close, and the handing in of a result, are not cut."""
        self._underway = False

    def begin(self) -> None:
        """Count one more attempt; put aside why the last one ended."""
        self._attempt = self.clock.monotonic()
        if self.started is None:
            self.started, self._first = self.clock.now(), self._attempt
        self.attempts += 1
        self._before = self.phase, self.fault, self.evidence
        self.phase, self.fault, self.evidence, self._asking = Phase.CONNECT, None, b"", None
        self._asked.clear()

    def end(self) -> None:
        """Charge the attempt to the device's limit."""
        self.spent += self.clock.monotonic() - self._attempt

    def excuse(self, seconds: float) -> None:
        """Take out of the attempt, and of the whole, what was waited for others' sake."""
        self._attempt += seconds
        self._first += seconds

    def withdraw(self) -> None:
        """Take the last attempt back: nothing was asked of the device, it stands in line again.

        What the attempt before came to holds once more: there may be no other.
        """
        self.attempts -= 1
        self.phase, self.fault, self.evidence = self._before
        if not self.attempts:
            self.started = None

    def unanswered(self) -> Iterator[str]:
        """Walk the commands that are still to be asked; each must be answered before the next."""
        self.phase = Phase.COMMAND
        for index in self.open_positions():
            self._asking = index, self.clock.monotonic()
            self._asked.append(index)
            yield self.assignment.commands[index]

    def open_positions(self) -> list[int]:
        """List the positions of the commands that are still to be asked."""
        known = self.results
        every = range(len(self.assignment.commands))
        return [index for index in every if index not in known or known[index].status not in FINAL]

    def answer(self, result: CommandResult) -> None:
        """Keep the result of the command being asked; a good one is not asked for again."""
        assert self._asking is not None  # `unanswered` has just named the command
        self._keep(self._asking[0], result)
        self._asking = None

    def adopt(self, other: Visit, positions: Sequence[int]) -> None:
        """Make the attempt of another visit, at the commands in these positions, one of this."""
        for index, result in other.results.items():
            self._keep(positions[index], result)
        self.phase, self.fault, self.evidence = other.phase, other.fault, other.evidence
        self.algorithms = other.algorithms or self.algorithms
        self.cancelled = other.cancelled
        # What it took besides was spent on the way there, and in waiting for others.
        self.excuse(max(0.0, self.clock.monotonic() - self._attempt - other.spent))

    def condemn(self, positions: Iterable[int]) -> None:
        """Take back outputs of this attempt, by the order they were asked in: more came after."""
        for position in positions:
            index = self._asked[position]
            result = self.results[index]
            if result.status is CommandStatus.OK:
                self.results[index] = replace(
                    result,
                    status=CommandStatus.INCOMPLETE,
                    output=b"",
                    proofs=(),
                    fault=LATE,
                    evidence=result.output[-EVIDENCE_KEPT:],
                )

    def fail(self, fault: Fault, evidence: bytes = b"") -> None:
        """End the attempt by a fault of the device; the first fault is the cause and stays."""
        if self.fault is None:
            self.fault, self.evidence = fault, evidence
            self._cut(CommandStatus.FAILED, fault, evidence)

    def overrule(self, fault: Fault) -> None:
        """End the visit by something else than what its last attempt has come to."""
        self.fault = fault

    def cancel(self, fault: Fault) -> None:
        """End the visit because the run is ending."""
        self.cancelled = True
        self.fault = fault
        self._cut(CommandStatus.CANCELLED, fault, b"")

    def result(self) -> DeviceResult:
        """Make the value that tells all this."""
        fault = self.fault
        commands = tuple(self._commands())
        if fault is None:
            fault = next((one.fault for one in commands if one.fault), None)
        return DeviceResult(
            device=self._listed or self.device,
            status=self._status(),
            started=self.started or self.clock.now(),
            duration=self.clock.monotonic() - self._first if self.started else 0.0,
            commands=commands,
            fault=fault,
            attempts=self.attempts,
            evidence=self.evidence,
            algorithms=self.algorithms,
            fallback=self.device.credential if self._has_used_fallback() else "",
        )

    def _has_used_fallback(self) -> bool:
        """Tell whether the credential that was fallen back on was tried, or given up before."""
        is_barred = self.fault is not None and self.fault.fault_class is FaultClass.AUTH_BREAKER
        return self.has_fallen_back and (self.attempts > self.before or is_barred)

    def _keep(self, index: int, result: CommandResult) -> None:
        before = self.results.get(index)
        asked = before.attempts if before else 0
        self.results[index] = replace(result, attempts=asked + result.attempts)

    def _cut(self, status: CommandStatus, fault: Fault, evidence: bytes) -> None:
        if self._asking is None:
            return
        index, since = self._asking
        self.answer(
            CommandResult(
                command=self.assignment.commands[index],
                status=status,
                fault=fault,
                evidence=evidence,
                duration=self.clock.monotonic() - since,
            )
        )

    def _status(self) -> Status:
        if self.cancelled:
            return Status.CANCELLED if self.attempts else Status.SKIPPED
        if self._is_whole():
            return Status.OK
        good = any(one.status is CommandStatus.OK for one in self.results.values())
        answered = self.results if self.fault is None else good
        return Status.PARTIAL if answered else Status.FAILED

    def _is_whole(self) -> bool:
        # Said of what was seen, not of what was not: the device was opened, and each command has
        # its good result. That nothing is known to be wrong is not enough.
        found = [self.results.get(index) for index in range(len(self.assignment.commands))]
        good = all(one is not None and one.status is CommandStatus.OK for one in found)
        return self.fault is None and self.phase is Phase.COMMAND and good

    def _commands(self) -> Iterator[CommandResult]:
        for index, command in enumerate(self.assignment.commands):
            yield self.results.get(index) or CommandResult(
                command=command,
                status=CommandStatus.SKIPPED,
                fault=Fault(
                    fault_class=FaultClass.SKIPPED,
                    phase=Phase.COMMAND,
                    message="not asked: the device ended before it",
                ),
                attempts=0,
            )


def visit_of(jump: Jump, clock: Clock) -> Visit:
    """Make the visit that opens a jump host; it stands in line as a device does."""
    assignment = Assignment(device=jump.as_device(), commands=())
    return Visit(assignment=assignment, clock=clock, opens=jump)


def limits_of(device: Device, general: Timeouts) -> Timeouts:
    """Lay the device's own time limits over the general ones.

    >>> r1 = Device(name="r1", host="h", platform="p", credential="c", timeouts={"connect": 3})
    >>> limits_of(r1, Timeouts(connect=15, login=20)).connect
    3
    """
    return replace(general, **device.timeouts) if device.timeouts else general
