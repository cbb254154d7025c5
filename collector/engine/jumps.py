"""The jump hosts of a run: which can be used, which is being opened, and which no more.

Owns the rule that one is opened when the first device needs it, and once more when it was lost. The
devices behind it wait meanwhile, aside from the line and without a place of any kind: neither a
jump host that is slow nor one that is dead costs other sites anything. Refuses to wait itself.
"""

from __future__ import annotations

from collections import Counter

from collector.engine.session import Clock, Connector, JumpConnector
from collector.engine.visit import Visit, visit_of
from collector.model import Fault, Jump

# The first, and one after the connection was lost: a jump host that is lost again is not in order.
OPENINGS = 2


class Jumps:
    """What is known of each jump host, by what it is."""

    def __init__(self, connector: Connector, clock: Clock) -> None:
        self._connector = connector if isinstance(connector, JumpConnector) else None
        self._clock = clock
        self._opening: set[Jump] = set()
        self._opened: Counter[Jump] = Counter()
        self._faults: dict[Jump, Fault] = {}

    def is_open(self, jump: Jump) -> bool:
        """Tell whether devices behind it can set out."""
        return self._connector is None or self._connector.is_reached(jump)

    def call(self, jump: Jump) -> Visit | None:
        """Give the visit that opens it; None where one is under way, or it is given up."""
        if jump in self._opening or self.fault(jump):
            return None
        self._opening.add(jump)
        return visit_of(jump, self._clock)

    def settle(self, jump: Jump, fault: Fault | None) -> None:
        """Note what became of its opening, when no more will be done about it."""
        self._opening.discard(jump)
        if fault is None:
            self._opened[jump] += 1
        else:
            self._faults[jump] = jump.blamed(fault)

    def fault(self, jump: Jump) -> Fault | None:
        """Say why it is given up, if it is; ask only where it is not open."""
        if self._opened[jump] >= OPENINGS:
            return jump.lost("its connection was lost again, after it was reopened")
        return self._faults.get(jump)
