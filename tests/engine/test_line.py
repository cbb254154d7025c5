"""The waiting line: order, full groups, nobody lost."""

from __future__ import annotations

from collections import Counter

from engine.script import LoopClock, Script, device
from hypothesis import given
from hypothesis import strategies as st

from collector.engine.breaker import Breaker
from collector.engine.jumps import Jumps
from collector.engine.line import Line
from collector.engine.visit import Visit
from collector.model import Assignment, Limits


def visit(name: str, *groups: str) -> Visit:
    assignment = Assignment(device=device(name, *groups), commands=())
    return Visit(assignment=assignment, clock=LoopClock())


def line_of(**limits: int) -> Line:
    known = Limits(**limits)
    breaker = Breaker(known)
    breaker.trial("c").is_proven = True
    return Line(known, breaker, Jumps(Script(), LoopClock()))


def ready(line: Line) -> list[str]:
    names = []
    while line.is_ready:
        names.append(line.next().device.name)
    return names


def test_first_come_first_served() -> None:
    line = line_of(per_group=0)
    for name in ("b", "a", "c"):
        line.join(visit(name, "site"))
    assert ready(line) == ["b", "a", "c"]
    assert len(line) == 0


def test_a_full_group_is_passed_by_and_goes_on_when_a_place_is_free() -> None:
    line = line_of(per_group=1)
    first = visit("a1", "ams")
    for one in (first, visit("a2", "ams"), visit("b1", "bru"), visit("c1")):
        line.join(one)
    assert ready(line) == ["a1", "b1", "c1"]
    assert len(line) == 1
    line.leave(first)
    assert ready(line) == ["a2"]


def test_a_place_is_not_left_idle_for_one_who_waits_for_another_group_too() -> None:
    line = line_of(per_group=1)
    amsterdam, core = visit("a1", "ams"), visit("c1", "core")
    for one in (amsterdam, core, visit("both", "ams", "core"), visit("a2", "ams")):
        line.join(one)
    assert ready(line) == ["a1", "c1"]
    line.leave(amsterdam)
    assert ready(line) == ["a2"]
    line.leave(core)
    assert ready(line) == []  # "both" waits for a2


def test_a_group_named_twice_counts_once() -> None:
    line = line_of(per_group=2)
    line.join(visit("r1", "ams", "ams"))
    line.join(visit("r2", "ams"))
    assert ready(line) == ["r1", "r2"]


def test_clearing_takes_out_everyone_and_frees_their_places() -> None:
    line = line_of(per_group=1)
    for name in ("a1", "a2", "a3"):
        line.join(visit(name, "ams"))
    assert sorted(one.device.name for one in line.clear()) == ["a1", "a2", "a3"]
    assert len(line) == 0
    line.join(visit("a4", "ams"))
    assert ready(line) == ["a4"]


groups = st.lists(st.sampled_from("abc"), max_size=3).map(tuple)


@given(st.lists(st.one_of(groups, st.integers(0, 9)), max_size=40), st.integers(1, 2))
def test_nobody_is_lost_and_no_group_is_overrun(steps: list[object], per_group: int) -> None:
    line = line_of(per_group=per_group)
    away: list[Visit] = []
    joined = left = 0

    def leave(index: int) -> None:
        line.leave(away.pop(index))

    for step in steps:
        if isinstance(step, tuple):
            line.join(visit(str(joined), *step))
            joined += 1
        elif away:
            leave(int(str(step)) % len(away))
            left += 1
        while line.is_ready:
            away.append(line.next())
        taken = Counter(group for one in away for group in set(one.device.groups))
        assert all(count <= per_group for count in taken.values())
        assert len(line) + len(away) + left == joined
    while away:
        leave(0)
        left += 1
        while line.is_ready:
            away.append(line.next())
    assert left == joined
