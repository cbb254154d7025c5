"""Attempts that are made elsewhere: in other processes, or on other machines.

Owns the contract of a `Crew`, and how its report becomes a part of the visit. Who may set out, and
when, is decided here as for every attempt: the line, the places, the trial of a credential and its
breaker, retries and the end of the run are in one place, however many processes there are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from collector.engine.approach import Approach
from collector.engine.session import SystemClock
from collector.engine.visit import Visit, limits_of
from collector.errors import CollectorError, DeviceError
from collector.model import Assignment, Device, Fault, FaultClass, Phase, Timeouts


class NobodyLeft(CollectorError):
    """A crew has nobody any more who could make an attempt; nothing is known of this one."""


class Lost(CollectorError):
    """Whoever was at an attempt is gone, and nothing is known of it; another one may be made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What came of an attempt that was made elsewhere.

    ``visit`` is its state there: positions of results are those of the assignment that was given.
    ``tried``: the credential was about to be sent. ``opened``: there was a session. ``withheld``:
    nothing was asked of the device, for others' sake.
    """

    visit: Visit
    tried: bool = False
    opened: bool = False
    withheld: bool = False

    @classmethod
    def failed(cls, assignment: Assignment, fault: Fault, *, tried: bool = False) -> Report:
        """Tell of an attempt of which nothing is known but why it failed."""
        visit = Visit(assignment=assignment, clock=SystemClock())
        visit.begin()
        visit.phase = fault.phase
        visit.fail(fault)
        visit.end()
        return cls(visit=visit, tried=tried)


class Permit(Protocol):
    """Leave to send the enable secret of a device's credential, and who hears what came of it."""

    def session(self, *, tried: bool) -> None:
        """Hear that there is a session, before the report: others wait to know it.

        ``tried``: the credential was asked for.
        """
        ...

    async def enabling(self) -> None:
        """Wait until it may be sent; raises `DeviceError` where it is given up."""
        ...


class Crew(Protocol):
    """Makes attempts elsewhere."""

    def takes(self, device: Device, *, proven: bool) -> bool:
        """Tell whether an attempt at this device is for the crew.

        ``proven``: its credential was accepted in this run.
        """
        ...

    async def perform(self, assignment: Assignment, permit: Permit) -> Report:
        """Have an attempt made, within the limits that stand in its device.

        ``permit`` is asked before an enable secret is sent. Raises `DeviceError` where what became
        of the attempt cannot be known, `NobodyLeft` where there is nobody to make it, and `Lost`
        where it is to be made again: the device stands in line once more, and what has become known
        of its credential meanwhile holds. After `cut` it returns soon.
        """
        ...

    def cut(self, fault: Fault) -> None:
        """Have all attempts end where they are; ``fault`` tells why. The run is ending."""
        ...


async def send(visit: Visit, crew: Crew, timeouts: Timeouts, approach: Approach) -> None:
    """Have the crew make an attempt; how it ended is in ``visit``."""
    visit.begin()
    limits = limits_of(visit.device, timeouts)
    left = max(0.0, limits.device - visit.spent)
    positions = visit.open_positions()
    device = replace(visit.device, timeouts={**visit.device.timeouts, "device": left})
    commands = tuple(visit.assignment.commands[position] for position in positions)
    is_lost = False
    visit.turn_home()  # a cut reaches the crew by its own way, and what it had comes back
    try:
        # It counts as tried with its credential from here on: when it is, nobody here sees.
        approach(Phase.AUTH)
        report = await crew.perform(
            replace(visit.assignment, device=device, commands=commands), approach
        )
    except DeviceError as error:
        visit.fail(error.fault)
    except Lost:
        is_lost = approach.withheld = True  # it stands in line again, and has been visited
        approach.lost()
        visit.fail(_lost(visit.phase))
    except NobodyLeft:
        approach.withheld = True
    else:
        _learn(approach, report)
        if report.visit.fault is not None:  # the crew does not know what was tried before
            report.visit.fault = visit.judged(report.visit.fault)
        visit.adopt(report.visit, positions)
    finally:
        if approach.withheld and not is_lost:
            visit.withdraw()
        else:
            visit.end()


def _lost(phase: Phase) -> Fault:
    return Fault(
        fault_class=FaultClass.INTERNAL,
        phase=phase,
        message="whoever visited it was lost",
        hint="look for what ends processes there: too little memory, most likely",
    )


def _learn(approach: Approach, report: Report) -> None:
    """Tell those who stand in line what the attempt says of their credential."""
    approach.is_tried = report.tried
    if report.opened:
        approach.opened()
    elif report.visit.fault is not None:
        approach.failed(report.visit.fault)
    approach.withheld = approach.withheld or report.withheld
