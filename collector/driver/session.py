"""A device that is logged in: command in, proven result out.

Owns what follows the proof: cleaning, encoding, the device's denials, the end marker of a
configuration. Refuses to know how the device was reached and what becomes of a result.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from collector.driver.asking import Asking, Unproven, Whole
from collector.driver.console import Console
from collector.driver.judging import LOG_LINE, Verdict, judge
from collector.driver.reading import Reading, read
from collector.errors import DeviceError
from collector.model import (
    EVIDENCE_KEPT,
    Algorithms,
    CommandResult,
    CommandStatus,
    Fault,
    FaultClass,
    Phase,
    ProofLevel,
)
from collector.platforms import Platform

LAST_LOOK: Final = 3.0
DOUBTFUL: Final = frozenset({CommandStatus.INCOMPLETE, CommandStatus.SUSPECT})
"""What is collected once more before it is believed."""


class DeviceSession:
    """One device, logged in; ``hang_up`` closes what is underneath, bounded."""

    def __init__(
        self,
        console: Console,
        platform: Platform,
        *,
        proof: ProofLevel,
        hang_up: Callable[[], Awaitable[None]],
        algorithms: Algorithms | None = None,
    ) -> None:
        self.algorithms = algorithms
        self._console = console
        self._platform = platform
        self._probing = proof is ProofLevel.FULL
        self._hang_up = hang_up
        self._asked = 0
        self._condemned: set[int] = set()
        self._dead = False

    async def run(self, command: str, *, timeout: float, least: int = 0) -> CommandResult:
        """Ask one command within ``timeout`` seconds; under ``least`` bytes it is suspect.

        Raises `DeviceError` when the session cannot be used any further.
        """
        loop = asyncio.get_running_loop()
        started = loop.time()
        self._note_late_bytes()
        self._asked += 1
        self._console.stream.allow(timeout, Phase.COMMAND)
        try:
            outcome, verdict, attempts = await self._collected(command, least)
        except BaseException:
            self._dead = True
            raise
        duration = loop.time() - started
        if isinstance(outcome, Unproven):
            return _unproven(command, outcome, attempts, duration)
        return _judged(command, outcome, verdict, attempts, duration)

    async def finish(self) -> tuple[int, ...]:
        """Look once more before hanging up; give which outputs late bytes have condemned.

        Positions count the calls of `run` from zero. Never raises a `DeviceError`.
        """
        stream = self._console.stream
        self._note_late_bytes()
        if self._probing and self._asked and not self._dead:
            stream.allow(LAST_LOOK, Phase.CLOSE)
            try:
                if not await self._console.probe():
                    self._condemned.add(self._asked - 1)
            except DeviceError as error:
                if error.fault.fault_class is FaultClass.TIMEOUT and stream.heard:
                    self._condemned.add(self._asked - 1)
        return tuple(sorted(self._condemned))

    async def close(self) -> None:
        """Hang up; bounded, never raises, never waits for the device."""
        try:
            await self._console.stream.close()
        finally:
            await self._hang_up()

    def _note_late_bytes(self) -> None:
        """Whatever came since the last output was accepted shows that it was not whole."""
        if self._console.disturbed and self._asked:
            self._condemned.add(self._asked - 1)

    async def _collected(self, command: str, least: int) -> tuple[Whole | Unproven, Verdict, int]:
        """Ask; once more where a whole output lacks what its platform promises."""
        attempts = 0
        while True:
            asking = Asking(self._console, command.encode(), self._platform.pagers, self._probing)
            outcome = await asking.whole()
            attempts += outcome.attempts
            if isinstance(outcome, Unproven):
                return outcome, Verdict(reading=Reading()), attempts
            reading = await read(outcome.body, command, self._platform)
            verdict = judge(command, reading, self._platform, least=least)
            doubtful = verdict.status in DOUBTFUL or self._disturbed(command, verdict)
            if not doubtful or attempts > outcome.attempts:
                return outcome, verdict, attempts

    def _disturbed(self, command: str, verdict: Verdict) -> bool:
        """Tell whether a log message stands in a configuration: the next one may be without."""
        return command in self._platform.backup and LOG_LINE in verdict.notes


def _judged(
    command: str, outcome: Whole, verdict: Verdict, attempts: int, duration: float
) -> CommandResult:
    proofs = tuple(proof for proof in (outcome.proof, *verdict.proofs) if proof)
    good = verdict.status is CommandStatus.OK
    return CommandResult(
        command=command,
        status=verdict.status,
        output=verdict.reading.text if good else b"",
        encoding=verdict.reading.encoding,
        fault=verdict.fault,
        proofs=proofs if good else (),
        notes=(*verdict.notes, *_notes(outcome, verdict.reading.text)),
        attempts=attempts,
        duration=duration,
        evidence=b"" if good else verdict.reading.text[-EVIDENCE_KEPT:],
    )


def _notes(outcome: Whole, text: bytes) -> tuple[str, ...]:
    noted = {
        "paged": outcome.paged,
        "prompt_changed": outcome.prompt_changed,
        # Of a clean output the carriage returns of its line ends are missing, and nothing else.
        "cleaned": len(text) != len(outcome.body) - outcome.body.count(b"\r"),
    }
    return tuple(word for word, holds in noted.items() if holds)


def _unproven(command: str, outcome: Unproven, attempts: int, duration: float) -> CommandResult:
    message = f"the end could not be proven in {outcome.attempts} attempts: {outcome.reason}"
    return CommandResult(
        command=command,
        status=CommandStatus.INCOMPLETE,
        fault=Fault(
            fault_class=outcome.fault_class,
            phase=Phase.COMMAND,
            message=message,
            hint="turn monitor logging off for this session, or look at the evidence",
        ),
        attempts=attempts,
        duration=duration,
        evidence=outcome.heard[-EVIDENCE_KEPT:],
    )
