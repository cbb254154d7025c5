"""The waiting line: first come, first served, save that a full group is passed by.

Owns which device is next and the count of places in each group. A device whose group is full
waits aside, holding no place of any kind, so that a site which is slow or dead holds up nobody
else. Refuses to wait itself: no tasks, no timers.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterator

from collector.engine.visit import Visit


class Line:
    """Visits that wait. ``per_group`` is the most that may be away in one group; 0: no limit."""

    def __init__(self, per_group: int) -> None:
        self._per_group = per_group
        self._away: Counter[str] = Counter()
        self._ready: deque[Visit] = deque()
        self._aside: defaultdict[str, deque[Visit]] = defaultdict(deque)
        self._waiting = 0

    def __len__(self) -> int:
        """Count all that wait, ready or aside."""
        return self._waiting

    @property
    def is_ready(self) -> bool:
        """Whether a visit could set out now."""
        return bool(self._ready)

    def join(self, visit: Visit) -> None:
        """Stand in line. A visit whose groups all have a place takes them now."""
        self._waiting += 1
        self._place(visit)

    def next(self) -> Visit:
        """Take the first that is ready; raises IndexError when there is none."""
        visit = self._ready.popleft()
        self._waiting -= 1
        return visit

    def leave(self, visit: Visit) -> None:
        """Give back the places that a visit from `next` had in its groups."""
        self._away.subtract(self._groups(visit))
        for group in self._groups(visit):
            self._call_up(group)

    def clear(self) -> Iterator[Visit]:
        """Take out all that wait; they have no places any more."""
        while self._ready:
            visit = self.next()
            self._away.subtract(self._groups(visit))
            yield visit
        for aside in self._aside.values():
            while aside:
                self._waiting -= 1
                yield aside.popleft()

    def _place(self, visit: Visit) -> None:
        groups = self._groups(visit)
        full = next((group for group in groups if self._is_full(group)), None)
        if full is not None:
            self._aside[full].append(visit)
        else:
            self._away.update(groups)
            self._ready.append(visit)

    def _call_up(self, group: str) -> None:
        # Who is called up may find another group of theirs full; then the next one is asked, for
        # the place would lie idle otherwise.
        aside = self._aside[group]
        while aside and not self._is_full(group):
            self._place(aside.popleft())
        if not aside:
            del self._aside[group]

    def _is_full(self, group: str) -> bool:
        return self._away[group] >= self._per_group

    def _groups(self, visit: Visit) -> tuple[str, ...]:
        return tuple(sorted(set(visit.device.groups))) if self._per_group else ()
