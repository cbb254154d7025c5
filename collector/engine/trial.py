"""One credential on trial: how many devices may be tried with it, until one has let it in.

Owns the count of who has set out, who is being tried and who has rejected it in a row. Refuses to
wait: no tasks, no timers.

A device is *tried* from the moment its credential is about to be sent until it is known what came
of it. Before that it is a *scout*: it connects, and may turn out to be dead. A scout that is not
heard of for a while is out of sight and lets two others set out, so that a dead site at the head
of the inventory costs a moment, and a wrong password still no more than its few rejections.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from collector.engine.visit import Visit


@dataclass(slots=True, kw_only=True, eq=False)
class Trial:
    """What is known of a credential in this run.

    ``places``: the most devices being tried at once. ``rejections`` in a row end it for good;
    ``rejected_by`` names these devices then, and stays. ``enable`` is the trial of the credential's
    enable secret: when that is over, this is, too.
    """

    places: int
    rejections: int
    enable: Trial | None = None
    is_proven: bool = False
    rejected_by: list[str] = field(default_factory=list)
    _scouts: set[Visit] = field(default_factory=set)
    _tried: set[Visit] = field(default_factory=set)
    _lost: int = 0

    @property
    def is_over(self) -> bool:
        """Whether the credential is not to be tried any more."""
        return bool(self.given_up_by)

    @property
    def given_up_by(self) -> tuple[str, ...]:
        """The devices whose rejections have ended it; none where it is not over."""
        if len(self.rejected_by) >= self.rejections:
            return tuple(self.rejected_by)
        return self.enable.given_up_by if self.enable else ()

    @property
    def calls(self) -> bool:
        """Whether one more device may set out."""
        if self.is_over or self.is_proven:
            return not self.is_over
        return self._free > 0 and len(self._scouts) < self._free + self._lost

    def has_scout_like(self, visit: Visit) -> bool:
        """Whether one of the same groups is on its way already: of the same site, most likely."""
        groups = visit.device.groups
        return any(one.device.groups == groups for one in (*self._scouts, *self._tried))

    def set_out(self, visit: Visit) -> None:
        """Count a device that is on its way."""
        self._scouts.add(visit)

    def lose(self, visit: Visit) -> None:
        """Count on a scout no more, for it has not been heard of for long."""
        if visit in self._scouts:
            self._scouts.remove(visit)
            self._lost += 1

    def sight(self, visit: Visit) -> None:
        """Count again on a scout that has been heard of."""
        if visit not in self._tried:
            self._scouts.add(visit)

    def admit(self, visit: Visit) -> bool:
        """Say whether the credential may be sent to this device now, and count it as tried."""
        self._scouts.discard(visit)
        if self.is_over or not (self.is_proven or self._free > 0):
            return False
        self._tried.add(visit)
        return True

    def accept(self, visit: Visit) -> None:
        """Note that a device has let the credential in; what is over stays over."""
        self.leave(visit)
        if not self.is_over:
            self.is_proven = True
            self.rejected_by.clear()

    def reject(self, visit: Visit) -> None:
        """Note that a device has rejected the credential."""
        self.leave(visit)
        if not self.is_over:
            self.rejected_by.append(visit.device.name)

    def miss(self, visit: Visit) -> None:
        """Note that it will never be known what a device made of it: it may have rejected it."""
        self.leave(visit)
        if not (self.is_over or self.is_proven):
            self.rejected_by.append(f"{visit.device.name} (not known)")

    def leave(self, visit: Visit) -> None:
        """Forget a device: what became of it says nothing, or is known."""
        self._scouts.discard(visit)
        self._tried.discard(visit)

    @property
    def _free(self) -> int:
        # Each of those being tried may become a rejection, so together they must not exceed what
        # the credential can bear.
        bearable = self.rejections - len(self.rejected_by)
        return min(self.places, bearable) - len(self._tried)
