"""In which order devices are begun, so that the last of them ends as early as can be.

Owns the rule: the longest first. What begins last then is short, and leaves few places idle at the
end (R. L. Graham, "Bounds on Multiprocessing Timing Anomalies", 1969, has how near that comes to
the best there is). A site that may have few devices at once is long as a whole, though none of its
devices is; so are the devices of one credential, or behind one jump host. Refuses to know where the
durations come from.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from itertools import chain
from math import floor, log
from statistics import median

from collector.engine.shares import Share, places, shares
from collector.model import Assignment, Expectation, Limits

# Devices whose durations differ by less than this factor take turns by site: measured durations
# differ by as much from one night to the next.
ALIKE = 1.25
# What all take where nothing is known of any; no more than a number to count with.
SOMETHING = 1.0
SHORTEST = 0.001
# Devices that were well, at the head and at the end of those of a credential: twice as many as are
# on trial at once; and between two that may not be, as many as rejections in a row end its use.
GUARDS = 6
APART = 3


def in_order(
    assignments: Sequence[Assignment],
    expected: Mapping[str, Expectation],
    limits: Limits,
    *,
    doubtful_last: bool = False,
) -> tuple[Assignment, ...]:
    """Give them in the order in which they are to be begun; the same input gives the same order.

    ``expected`` by the names of devices. A device counts by its own duration, or by what its group,
    its credential or its jump host has still to do from it on, where that is longer. Of whom
    nothing is known counts as the longest of its platform, else of all: one that turns out short
    has cost nothing by beginning early, a long one that begins late is waited for by all. As work
    of its group it counts by the median. Devices that are about alike take turns by site, and are
    as given within one.

    Only one in four of a credential is not known to be well, as long as there are others, and the
    first and the last are well (see `_apart`). Who rejected it last time is as far from the next as
    can be. ``doubtful_last``: those that failed last time come after all others.
    """

    def is_doubtful(one: Assignment) -> bool:
        found = expected.get(one.device.name)
        return found is not None and found.is_doubtful

    def has_rejected(one: Assignment) -> bool:
        found = expected.get(one.device.name)
        return found is not None and found.has_rejected

    def is_well(one: Assignment) -> bool:
        return one.device.name in expected and not is_doubtful(one)

    order = list(_in_turn(assignments, _left(assignments, expected, limits)))
    if not doubtful_last:
        return _diluted(order, is_well, has_rejected)
    others = [one for one in order if not is_doubtful(one)]
    doubts = sorted((one for one in order if is_doubtful(one)), key=has_rejected)
    return (*_diluted(others, is_well, has_rejected), *doubts)


def _left(
    assignments: Sequence[Assignment], expected: Mapping[str, Expectation], limits: Limits
) -> tuple[float, ...]:
    """Say how long it takes at least from the beginning of each: itself, or all that it is with."""
    durations = _durations(assignments, expected)
    left = [longest for _, longest in durations]
    together: defaultdict[Share, float] = defaultdict(float)
    for place in sorted(range(len(left)), key=lambda place: (left[place], -place)):
        for share in shares(assignments[place].device, limits):
            together[share] += durations[place][0] / places(share, limits)
            left[place] = max(left[place], together[share])
    return tuple(left)


def _durations(
    assignments: Sequence[Assignment], expected: Mapping[str, Expectation]
) -> list[tuple[float, float]]:
    """Say how long each takes, most likely and at most; the two are one for whom is known."""
    known: defaultdict[str, list[float]] = defaultdict(list)
    for one in assignments:
        found = expected.get(one.device.name)
        if found is not None and not found.is_doubtful:  # what failed says nothing of others
            known[one.device.platform].append(found.seconds)
    usual = {platform: (median(each), max(each)) for platform, each in known.items()}
    every = [*chain.from_iterable(known.values())] or [SOMETHING]
    overall = median(every), max(every)
    return [
        (found.seconds, found.seconds)
        if (found := expected.get(one.device.name))
        else usual.get(one.device.platform, overall)
        for one in assignments
    ]


def _in_turn(assignments: Sequence[Assignment], left: Sequence[float]) -> Iterator[Assignment]:
    """Give the longest first; of those alike, one of each site, then the next of each."""
    turns: dict[int, tuple[int, int]] = {}
    taken: Counter[Hashable] = Counter()
    for place in sorted(range(len(left)), key=lambda place: -left[place]):
        device = assignments[place].device
        band = -floor(log(max(left[place], SHORTEST), ALIKE))
        site = band, device.groups, device.jump
        turns[place] = band, taken[site]
        taken[site] += 1
    yield from (assignments[place] for place in sorted(turns, key=turns.__getitem__))


def _diluted(
    order: Sequence[Assignment],
    is_well: Callable[[Assignment], bool],
    has_rejected: Callable[[Assignment], bool],
) -> tuple[Assignment, ...]:
    """Set those apart that are not known to be well, in the places of their credential."""
    places: defaultdict[str, list[int]] = defaultdict(list)
    for place, one in enumerate(order):
        places[one.device.credential].append(place)
    diluted = list(order)
    for own in places.values():
        rejecting = [order[place] for place in own if has_rejected(order[place])]
        others = [order[place] for place in own if not has_rejected(order[place])]
        # From the end first: whoever stands there among others like it begins earlier.
        backwards = _apart(others[::-1], is_well)
        devices = _apart([*backwards][::-1], is_well)
        for place, one in zip(own, _among([*devices], rejecting), strict=True):
            diluted[place] = one
    return tuple(diluted)


def _among(devices: list[Assignment], rejecting: Sequence[Assignment]) -> list[Assignment]:
    """Put those that have rejected their credential among the others, as far apart as can be.

    Between two of them somebody has to let it in, a few in a row give it up for all; with an enable
    secret that is not everybody who is well.
    """
    gap = len(devices) / (len(rejecting) + 1)
    for number in reversed(range(len(rejecting))):
        devices.insert(round(gap * (number + 1)), rejecting[number])
    return devices


def _apart(
    order: Sequence[Assignment], is_well: Callable[[Assignment], bool]
) -> Iterator[Assignment]:
    """Let some that are well pass before each that may not be, and keep some for the end.

    New devices, and those that are dead, take about the same time as their like and would stand
    together. But a credential that is rejected a few times in a row is given up for all, its trial
    takes from both ends of the line, and the dead are not to have all places.
    """
    rank = {id(one): place for place, one in enumerate(order)}
    well = deque(one for one in order if is_well(one))
    doubts = deque(one for one in order if not is_well(one))
    last = [well.pop() for _ in range(min(GUARDS, len(well) // 2))]
    ahead = GUARDS
    while well or doubts:
        if not well or (doubts and ahead <= 0 and rank[id(doubts[0])] < rank[id(well[0])]):
            yield doubts.popleft()
            ahead = APART
        else:
            yield well.popleft()
            ahead -= 1
    yield from reversed(last)
