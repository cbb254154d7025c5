"""One device's way through the steps of an examination, as its opening tells it.

Owns the step that the device is at and how long each has taken. Refuses to know who opens it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from collector.model import Device, Fault, FaultClass, Phase, Step, StepResult, Transport

_SSH = {
    Phase.RESOLVE: Step.RESOLVE,
    Phase.CONNECT: Step.TCP,
    Phase.KEX: Step.KEX,
    Phase.AUTH: Step.AUTH,
    Phase.CHANNEL: Step.PROMPT,
}
_TELNET = {Phase.RESOLVE: Step.RESOLVE, Phase.CONNECT: Step.TCP, Phase.LOGIN: Step.AUTH}


@dataclass(slots=True, kw_only=True, eq=False)
class Chart:
    """What is known of one opening so far: the steps passed, and the one it is at."""

    device: Device
    clock: Callable[[], float] = time.monotonic
    at: Step = Step.RESOLVE
    passed: list[StepResult] = field(default_factory=list)
    was_asked: bool = False
    _since: float | None = None
    _ended: float | None = None

    def __post_init__(self) -> None:
        """Begin with the way to a device that is behind jump hosts."""
        if self.device.jump:
            self.at = Step.JUMP

    @property
    def way(self) -> str:
        """The jump hosts on the way, the nearest to us first."""
        return ">".join(jump.name for jump in self.device.jumps)

    def enter(self, phase: Phase) -> None:
        """Hear of the phase that the opening comes to: what was before it is passed."""
        telnet = self.device.transport is Transport.TELNET
        step = (_TELNET if telnet else _SSH).get(phase)
        if phase is Phase.AUTH:
            self.was_asked = True
        if telnet and step is Step.AUTH and self.at is Step.AUTH:
            step = Step.PROMPT  # the dialogue for a name and a password is over
        if step is None:
            return
        if phase is Phase.RESOLVE:
            self._since = self.clock()
            return
        self._pass(self.way if self.at is Step.JUMP else "")
        if phase is Phase.AUTH:
            self.at = Step.HOSTKEY  # decided in the key exchange, in no time
            self._pass()
        self.at = step
        self._since = self.clock()

    def reach(self, step: Step, detail: str) -> None:
        """Hear of a step that was passed behind the credential."""
        self.at = step
        self._pass(detail)
        self.at = Step.COMMAND if step is Step.PAGING else Step.PAGING

    def end(self) -> None:
        """Hear that the opening is over, whichever way: nothing after it counts."""
        self._ended = self.clock()

    def failed(self, fault: Fault) -> StepResult:
        """Say at which step the opening failed; what that step is about shows in the fault."""
        if Phase.HOSTKEY is fault.phase and self.at is Step.KEX:
            self._pass()
            self.at = Step.HOSTKEY
        elif fault.phase is Phase.CREDENTIALS:
            self.at = Step.CREDENTIALS
        elif fault.fault_class is FaultClass.AUTH_BREAKER:
            self.at = Step.AUTH
        elif fault.fault_class is FaultClass.ENABLE:
            self.at = Step.ENABLE
        return StepResult(step=self.at, duration=self._spent(), fault=fault)

    def tell(self, step: Step, detail: str) -> None:
        """Add what is known of a step that was passed."""
        self.passed[:] = [
            replace(each, detail=detail) if each.step is step else each for each in self.passed
        ]

    def _pass(self, detail: str = "") -> None:
        self.passed.append(StepResult(step=self.at, duration=self._spent(), detail=detail))
        self._since = self.clock()

    def _spent(self) -> float:
        end = self.clock() if self._ended is None else self._ended
        return 0.0 if self._since is None else end - self._since
