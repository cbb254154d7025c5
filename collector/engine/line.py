"""The waiting line: first come, first served, save that who cannot set out yet is passed by.

Owns which device is next and the count of places in each group, for each credential and through
each jump host. A device whose group is full, whose credential is on trial, or whose jump host is
not open yet, waits aside and holds no place of any kind, so that a site which is slow or dead holds
up nobody else. Refuses to wait itself: no tasks, no timers.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterator

from collector.engine.breaker import Breaker
from collector.engine.jumps import Jumps
from collector.engine.shares import Share, places, shares
from collector.engine.visit import Visit
from collector.model import Jump, Limits


class Line:
    """Visits that wait, for a place or for what becomes of their credential."""

    def __init__(self, limits: Limits, breaker: Breaker, jumps: Jumps) -> None:
        self._limits = limits
        self._breaker = breaker
        self._jumps = jumps
        self._away: Counter[Share] = Counter()
        self._ready: deque[Visit] = deque()
        self._aside: defaultdict[Share, deque[Visit]] = defaultdict(deque)
        self._untried: defaultdict[str, deque[Visit]] = defaultdict(deque)
        self._held: defaultdict[Jump, deque[Visit]] = defaultdict(deque)
        self._barred: deque[Visit] = deque()
        self._waiting = 0
        self._from_the_end = True

    def __len__(self) -> int:
        """Count all that wait, wherever."""
        return self._waiting

    @property
    def is_ready(self) -> bool:
        """Whether a visit could set out now."""
        return bool(self._ready)

    def join(self, visit: Visit) -> None:
        """Stand in line. A visit for which there is every place it needs takes them now.

        The first scouts of a credential are of different sites where there are such (`muster`):
        one that is dead does not hold up the trial then.
        """
        self._waiting += 1
        trial = self._breaker.trial(visit.device.credential)
        if trial.calls and not trial.is_proven and trial.has_scout_like(visit):
            self._untried[visit.device.credential].append(visit)
        else:
            self._place(visit)

    @property
    def musters(self) -> bool:
        """Whether there are scouts to be sent out, of sites that have one on its way already."""
        return any(self._breaker.trial(name).calls for name, who in self._untried.items() if who)

    def muster(self) -> None:
        """Send them out: nobody of another site has come."""
        for credential, untried in (*self._untried.items(),):
            while untried and self._breaker.trial(credential).calls:
                self._place(untried.popleft())

    def next(self) -> Visit:
        """Take the first that is ready; raises IndexError when there is none."""
        visit = self._ready.popleft()
        self._waiting -= 1
        return visit

    def leave(self, visit: Visit) -> None:
        """Give back the places of a visit from `next`."""
        self._give_back(visit)
        for key in self._keys(visit):
            self._call_up(key)
        self.recall(visit.device.credential)

    def recall(self, credential: str) -> None:
        """Look again at who waits for this credential: something has become known of it."""
        trial = self._breaker.trial(credential)
        if trial.is_over:
            self._bar(credential)
        untried = self._untried[credential]
        while untried and trial.calls:
            self._place(untried.popleft() if trial.is_proven else self._pick(untried))
        if not untried:
            del self._untried[credential]

    def look_again(self, jump: Jump) -> None:
        """Look again at who waits for this jump host to be opened."""
        for visit in self._held.pop(jump, ()):
            self._place(visit)

    def barred(self) -> Iterator[Visit]:
        """Take out those whose credential or jump host is not to be tried any more."""
        while self._barred:
            self._waiting -= 1
            yield self._barred.popleft()

    def clear(self) -> Iterator[Visit]:
        """Take out all that wait; they have no places any more."""
        while self._ready:
            visit = self.next()
            self._give_back(visit)
            yield visit
        for aside in (*self._aside.values(), *self._untried.values(), *self._held.values()):
            while aside:
                self._waiting -= 1
                yield aside.popleft()

    def _place(self, visit: Visit) -> None:
        keys = self._keys(visit)
        credential = visit.device.credential
        trial = self._breaker.trial(credential)
        full = next((key for key in keys if self._is_full(key)), None)
        jump = visit.device.jump
        if trial.is_over:
            self._barred.append(visit)
        elif jump is not None and not self._jumps.is_open(jump):
            self._hold(visit, jump)
        elif full is not None:
            self._aside[full].append(visit)
        elif not trial.calls:
            self._untried[credential].append(visit)
        else:
            self._away.update(keys)
            trial.set_out(visit)
            self._ready.append(visit)

    def _hold(self, visit: Visit, jump: Jump) -> None:
        """Let a visit wait until its jump host is open; the first has it opened."""
        if self._jumps.fault(jump):
            self._barred.append(visit)
            return
        self._held[jump].append(visit)
        if opener := self._jumps.call(jump):
            self.join(opener)

    def _call_up(self, key: Share) -> None:
        # Who is called up may find another group of theirs full; then the next one is asked, for
        # the place would lie idle otherwise.
        aside = self._aside[key]
        while aside and not self._is_full(key):
            self._place(aside.popleft())
        if not aside:
            del self._aside[key]

    def _pick(self, untried: deque[Visit]) -> Visit:
        # From both ends in turn: inventories are written site by site, and the first may be dead.
        self._from_the_end = not self._from_the_end
        return untried.pop() if self._from_the_end else untried.popleft()

    def _bar(self, credential: str) -> None:
        """Move everybody who waits with this credential to the barred."""
        freed: set[Share] = set()
        for visit in _taken(self._ready, credential):
            self._give_back(visit)
            freed.update(self._keys(visit))
            self._barred.append(visit)
        others = (*self._aside.values(), *self._held.values())
        for aside in (self._untried[credential], *others):
            self._barred.extend(_taken(aside, credential))
        for key in freed:
            self._call_up(key)

    def _give_back(self, visit: Visit) -> None:
        self._away.subtract(self._keys(visit))
        self._breaker.trial(visit.device.credential).leave(visit)

    def _is_full(self, key: Share) -> bool:
        return self._away[key] >= places(key, self._limits)

    def _keys(self, visit: Visit) -> tuple[Share, ...]:
        """Give what it needs a place in; whoever opens a jump host takes none of another one."""
        needed = shares(visit.device, self._limits)
        return tuple(key for key in needed if visit.opens is None or key[0] != "jump")


def _taken(visits: deque[Visit], credential: str) -> list[Visit]:
    """Take out of a queue, in order, those with this credential."""
    if not visits:
        return []
    found = [visit for visit in visits if visit.device.credential == credential]
    kept = [visit for visit in visits if visit.device.credential != credential]
    visits.clear()
    visits.extend(kept)
    return found
