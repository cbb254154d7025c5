"""The order in which devices are begun: what the rule gives, and what a run in that order takes."""

from __future__ import annotations

import random
from collections.abc import Mapping
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.skewed import Fleet, fleet, took

from collector.engine import in_order
from collector.engine.order import APART, GUARDS
from collector.model import Assignment, Device, Expectation, Jump, Limits

WIDE = Limits()


def device(
    name: str, *groups: str, platform: str = "p", credential: str = "c", jump: Jump | None = None
) -> Assignment:
    one = Device(
        name=name,
        host="h",
        platform=platform,
        credential=credential,
        groups=groups,
        jump=jump,
    )
    return Assignment(device=one, commands=("show version",))


def known(**seconds: float) -> dict[str, Expectation]:
    return {name: Expectation(seconds=each) for name, each in seconds.items()}


def failed(**seconds: float) -> dict[str, Expectation]:
    return {name: Expectation(seconds=each, is_doubtful=True) for name, each in seconds.items()}


def names(
    devices: list[Assignment],
    expected: Mapping[str, Expectation],
    limits: Limits = WIDE,
    **options: bool,
) -> list[str]:
    return [one.device.name for one in in_order(devices, expected, limits, **options)]


def shuffled(one: Fleet, seed: int) -> list[Assignment]:
    order = list(one.assignments)
    random.Random(seed).shuffle(order)
    return order


NARROW = Limits(sessions=30, per_group=6)
FLEETS = {
    "skewed": fleet(300, limits=Limits(sessions=30)),
    "dead": fleet(300, dead=0.05, limits=Limits(sessions=30)),
    "sites": fleet(300, sites=10, limits=NARROW),
    "jumps": fleet(300, sites=10, jumps=4, limits=Limits(sessions=30)),
    "even": fleet(300, slow=0.0, limits=Limits(sessions=30)),
}


@pytest.mark.parametrize("kind", FLEETS)
def test_a_run_ends_near_the_bound_and_not_after_any_other_order(kind: str) -> None:
    one = FLEETS[kind]
    end = took(one, in_order(one.assignments, one.expected(), one.limits)).end
    others = [one.assignments, *(shuffled(one, seed) for seed in range(3))]
    assert one.bound() <= end <= 1.15 * one.bound()
    assert all(end <= took(one, other).end for other in others)


def test_the_dead_come_by_their_time_or_last_where_the_run_may_be_ended_early() -> None:
    one = fleet(300, dead=0.1, limits=Limits(sessions=50))
    led = in_order(one.assignments, one.expected(), one.limits)
    last = in_order(one.assignments, one.expected(), one.limits, doubtful_last=True)
    assert took(one, led).end < took(one, last).end
    assert took(one, last).half < took(one, led).half
    tail = {each.device.name for each in last[-len(one.dead) :]}
    assert tail == one.dead


def test_many_dead_devices_do_not_have_all_places() -> None:
    one = fleet(300, dead=0.4, slow=0.0, limits=Limits(sessions=50))
    order = in_order(one.assignments, one.expected(), one.limits)
    is_dead = [each.device.name in one.dead for each in order]
    assert sum(is_dead) > one.limits.sessions  # twice
    assert not any(is_dead[:GUARDS])
    assert not any(is_dead[-GUARDS:])
    # As if three of four places were all that the others have.
    well = sum(one.seconds[name] for name in one.seconds.keys() - one.dead)
    assert took(one, order).half < well / (one.limits.sessions * 3 / 4)


def test_the_longest_are_first_and_ties_are_as_given() -> None:
    devices = [device(name) for name in "abcd"]
    assert names(devices, known(a=1, b=10, c=1, d=100)) == ["d", "b", "a", "c"]


def test_without_history_sites_take_turns_and_nothing_else_moves() -> None:
    devices = [device("a1", "a"), device("a2", "a"), device("b1", "b"), device("c1", "c")]
    assert names(devices, {}) == ["a1", "b1", "c1", "a2"]
    assert names([device(name) for name in "dcba"], {}) == ["d", "c", "b", "a"]


def test_devices_of_about_the_same_length_take_turns_by_jump_host() -> None:
    jump = Jump(name="j", host="h", credential="c")
    devices = [device(f"j{number}", jump=jump) for number in range(3)] + [device("x"), device("y")]
    order = names(devices, known(j0=10.2, j1=10.1, j2=10.0, x=9.9, y=9.8))
    assert order == ["j0", "x", "j1", "y", "j2"]


def test_an_unknown_device_counts_as_the_longest_of_its_platform_else_of_all() -> None:
    devices = [
        *(device(f"{platform}{n}", platform=platform) for platform in "ps" for n in range(2)),
        *(device(f"new-{platform}", platform=platform, credential="n") for platform in "psx"),
    ]
    order = names(devices, known(p0=30, p1=2, s0=90, s1=1))
    assert order == ["s0", "new-s", "new-x", "p0", "new-p", "p1", "s1"]


def test_what_failed_says_nothing_of_a_platform() -> None:
    devices = [device("dead"), device("well"), device("new")]
    assert names(devices, failed(dead=31) | known(well=2))[-1] == "new"


def test_a_site_with_few_places_begins_before_single_devices_that_are_longer() -> None:
    devices = [device("long"), *(device(f"a{number}", "a") for number in range(6))]
    expected = known(long=20, **{f"a{number}": 10 for number in range(6)})
    assert names(devices, expected)[0] == "long"
    order = names(devices, expected, Limits(per_group=1))
    assert order[:2] == ["a0", "a1"]
    assert order.index("long") == 4  # 60, 50, 40 and 30 s are left of the site before it


def test_a_jump_host_and_a_credential_count_as_a_site_does() -> None:
    jump = Jump(name="j", host="h", credential="c", sessions=1)
    behind = [device("long"), *(device(f"j{number}", jump=jump) for number in range(3))]
    assert names(behind, known(long=20, j0=10, j1=10, j2=10))[0] == "j0"
    shared = [device("long", credential="x"), *(device(f"c{number}") for number in range(3))]
    seconds = known(long=20, c0=10, c1=10, c2=10)
    assert names(shared, seconds, Limits(per_credential=1))[0] == "c0"
    assert names(shared, seconds)[0] == "long"


def test_what_may_not_be_well_stands_alone_and_at_no_end_of_its_credential() -> None:
    well = {f"w{number:02}": 10.0 for number in range(30)}
    devices = [
        *(device(f"d{number}") for number in range(4)),
        *(device(name) for name in well),
        *(device(f"new{number}") for number in range(3)),
        device("other", platform="q", credential="x"),
    ]
    expected = known(**well, other=99) | failed(d0=31, d1=31, d2=31, d3=0.1)
    order = names(devices, expected)
    assert order.index("other") == 0  # the only one of its credential
    doubts = [place for place, name in enumerate(order[1:]) if not name.startswith("w")]
    assert len(doubts) == 7
    assert doubts[0] == GUARDS
    assert all(later - one > APART for one, later in pairwise(doubts))
    assert doubts[-1] < len(order) - 1 - GUARDS


def test_who_rejected_the_credential_stands_as_far_from_the_next_as_can_be() -> None:
    well = {f"w{number:02}": float(number) for number in range(40)}
    rejecting = [f"r{number}" for number in range(4)]
    devices = [device(name) for name in (*rejecting, *well, "dead", "other")]
    expected = known(**well) | failed(dead=31)
    expected |= {
        name: Expectation(seconds=99, is_doubtful=True, has_rejected=True) for name in rejecting
    }
    order = names(devices, expected)
    places = [place for place, name in enumerate(order) if name in rejecting]
    assert all(later - one >= 8 for one, later in pairwise([-1, *places, len(order)]))
    last = names(devices, expected, doubtful_last=True)
    assert last[-5:] == ["dead", *rejecting]


def test_where_nobody_is_known_to_be_well_the_order_is_by_time() -> None:
    devices = [device("a"), device("b"), device("c")]
    assert names(devices, failed(a=0.5, c=31)) == ["c", "b", "a"]


@given(
    st.lists(
        st.tuples(
            st.lists(st.sampled_from("abc"), max_size=2),
            st.one_of(st.none(), st.floats(0, 1e9)),
            st.booleans(),
            st.booleans(),
        )
    ),
    st.integers(0, 2),
    st.booleans(),
)
def test_nobody_is_lost_and_the_same_input_gives_the_same_order(
    rows: list[tuple[list[str], float | None, bool, bool]], per_group: int, doubtful_last: bool
) -> None:
    devices = [device(f"r{number}", *groups) for number, (groups, *_) in enumerate(rows)]
    expected = {
        f"r{number}": Expectation(
            seconds=seconds, is_doubtful=doubtful, has_rejected=doubtful and rejected
        )
        for number, (_, seconds, doubtful, rejected) in enumerate(rows)
        if seconds is not None
    }
    limits = Limits(per_group=per_group)
    order = names(devices, expected, limits, doubtful_last=doubtful_last)
    assert sorted(order) == sorted(one.device.name for one in devices)
    assert order == names(devices, expected, limits, doubtful_last=doubtful_last)
