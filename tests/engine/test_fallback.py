"""Another credential: when the device has said that its server is away, and at no other time."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from engine.script import Script, collected, device, fault, forever, one
from hypothesis import given, settings
from hypothesis import strategies as st
from support import warp

from collector.engine import Breaker, Stop
from collector.model import Device, DeviceResult, FaultClass, Limits, Phase, Retries, Status

AWAY = (Status.FAILED, FaultClass.AUTH_UNREACHABLE)
REJECTED = (Status.FAILED, FaultClass.AUTH)
BARRED = (Status.FAILED, FaultClass.AUTH_BREAKER)

OnOpen = Callable[[Device, int], Awaitable[None]]


def listed(name: str = "r1", *credentials: str, groups: tuple[str, ...] = ()) -> Device:
    first, *others = credentials or ("tacacs", "own")
    return replace(device(name, *groups, credential=first), fallbacks=tuple(others))


def fleet(count: int, *credentials: str) -> list[Device]:
    return [listed(f"r{number}", *credentials) for number in range(count)]


def judging(**ends: FaultClass | None) -> tuple[list[tuple[str, str]], OnOpen]:
    """Give what ends each login by its credential, and notes who was sent what."""
    sent: list[tuple[str, str]] = []

    async def judge(visited: Device, _: int) -> None:
        sent.append((visited.name, visited.credential))
        await asyncio.sleep(0.3)
        if end := ends[visited.credential]:
            raise fault(end, Phase.AUTH)

    return sent, judge


def classes(results: list[DeviceResult]) -> Counter[tuple[Status, FaultClass | None]]:
    return Counter((r.status, r.fault.fault_class if r.fault else None) for r in results)


def test_the_next_credential_takes_the_place_of_one_that_cannot_be_judged() -> None:
    sent, judge = judging(tacacs=FaultClass.AUTH_UNREACHABLE, own=None)
    breaker = Breaker(Limits())
    result = one(Script(on_open=judge), listed(), breaker=breaker)
    assert sent == [("r1", "tacacs"), ("r1", "own")]
    assert (result.status, result.fault, result.attempts) == (Status.OK, None, 2)
    assert (result.fallback, result.device) == ("own", listed())
    assert not breaker.opened
    assert breaker.trial("own").is_proven
    assert not breaker.trial("tacacs").is_proven


def test_it_is_tried_whatever_the_retries_are() -> None:
    sent, judge = judging(tacacs=FaultClass.AUTH_UNREACHABLE, own=None)
    result = one(Script(on_open=judge), listed(), retries=Retries(attempts=1))
    assert (result.status, len(sent)) == (Status.OK, 2)


def test_the_first_is_enough_where_it_is_accepted() -> None:
    sent, judge = judging(tacacs=None, own=None)
    result = one(Script(on_open=judge), listed())
    assert sent == [("r1", "tacacs")]
    assert (result.status, result.fallback) == (Status.OK, "")


def test_without_another_one_it_is_not_tried_again() -> None:
    sent, judge = judging(c=FaultClass.AUTH_UNREACHABLE)
    breaker = Breaker(Limits())
    devices = [device(f"r{number}") for number in range(20)]
    results = warp.run(collected(Script(on_open=judge), *devices, breaker=breaker))
    assert classes(results) == {AWAY: 20}
    assert Counter(sent) == {(one.name, "c"): 1 for one in devices}
    assert not breaker.opened  # nothing is known of the credential
    assert {result.fallback for result in results} == {""}


@pytest.mark.parametrize(
    ("end", "phase"),
    [
        (FaultClass.AUTH, Phase.AUTH),
        (FaultClass.TIMEOUT, Phase.AUTH),
        (FaultClass.DISCONNECTED, Phase.AUTH),
        (FaultClass.BUSY, Phase.AUTH),
        (FaultClass.ENABLE, Phase.LOGIN),
        (FaultClass.DISCONNECTED, Phase.LOGIN),
        (FaultClass.PROMPT, Phase.LOGIN),
        (FaultClass.HOSTKEY, Phase.HOSTKEY),
    ],
)
def test_nothing_else_leads_to_it(end: FaultClass, phase: Phase) -> None:
    sent = set()

    async def judge(visited: Device, _: int) -> None:
        sent.add(visited.credential)
        raise fault(end, phase)

    result = one(Script(on_open=judge), listed())
    assert sent == {"tacacs"}
    assert result.fault is not None
    assert (result.fault.fault_class, result.fallback) == (end, "")


def test_a_fall_back_that_is_rejected_is_a_rejection() -> None:
    _, judge = judging(tacacs=FaultClass.AUTH_UNREACHABLE, own=FaultClass.AUTH)
    result = one(Script(on_open=judge), listed())
    assert (result.status, result.fault and result.fault.fault_class) == REJECTED
    assert result.fallback == "own"


@pytest.mark.parametrize("again", [FaultClass.AUTH, FaultClass.AUTH_UNREACHABLE])
@pytest.mark.parametrize("sessions", [1, 7, 500])
def test_a_wrong_fall_back_costs_three_attempts(again: FaultClass, sessions: int) -> None:
    sent, judge = judging(tacacs=FaultClass.AUTH_UNREACHABLE, own=again)
    limits = Limits(sessions=sessions)
    breaker = Breaker(limits)
    script = Script(on_open=judge)
    results = warp.run(collected(script, *fleet(200), limits=limits, breaker=breaker))
    count = Counter(credential for _, credential in sent)
    assert count["own"] == 3
    assert max(Counter(sent).values()) == 1
    assert script.most_tried["own"] <= 3
    assert {*breaker.opened} == {"own"}
    assert classes(results) == {REJECTED: 3, BARRED: 197}
    (message,) = {r.fault.message for r in results if r.fault and "not tried" in r.fault.message}
    assert message.startswith("not tried: credential own was rejected by r")
    assert {result.fallback for result in results} == {"own"}


def test_a_rejected_first_is_given_up_and_its_fall_back_never_sent() -> None:
    sent, judge = judging(tacacs=FaultClass.AUTH, own=None)
    breaker = Breaker(Limits())
    results = warp.run(collected(Script(on_open=judge), *fleet(200), breaker=breaker))
    assert Counter(credential for _, credential in sent) == {"tacacs": 3}
    assert {*breaker.opened} == {"tacacs"}
    assert classes(results) == {REJECTED: 3, (Status.SKIPPED, FaultClass.AUTH_BREAKER): 197}


def test_each_of_a_longer_list_needs_the_words_anew() -> None:
    ends: dict[str, FaultClass | None] = {"a": FaultClass.AUTH_UNREACHABLE, "c": None}
    for middle in (FaultClass.AUTH_UNREACHABLE, FaultClass.AUTH):
        sent, judge = judging(**ends, b=middle)
        result = one(Script(on_open=judge), listed("r1", "a", "b", "c"))
        tried = "".join(credential for _, credential in sent)
        assert tried == ("abc" if middle is FaultClass.AUTH_UNREACHABLE else "ab")
        assert result.fallback == tried[-1]


def test_one_in_the_middle_is_not_spent_on_all_either() -> None:
    away = FaultClass.AUTH_UNREACHABLE
    sent, judge = judging(a=away, b=away, c=None)
    warp.run(collected(Script(on_open=judge), *fleet(50, "a", "b", "c")))
    assert Counter(credential for _, credential in sent) == {"a": 50, "b": 3, "c": 3}


def test_the_fall_back_has_retries_of_its_own() -> None:
    sent: list[str] = []

    async def judge(visited: Device, _: int) -> None:
        sent.append(visited.credential)
        if visited.credential == "tacacs":
            raise fault(FaultClass.AUTH_UNREACHABLE, Phase.AUTH)
        if len(sent) == 2:
            raise fault(FaultClass.BUSY, Phase.CHANNEL)

    result = one(Script(on_open=judge), listed(), retries=Retries(attempts=2))
    assert sent == ["tacacs", "own", "own"]
    assert (result.status, result.attempts) == (Status.OK, 3)


def test_a_device_that_falls_back_holds_no_place_of_its_first_credential() -> None:
    async def judge(visited: Device, _: int) -> None:
        if visited.credential == "tacacs":
            raise fault(FaultClass.AUTH_UNREACHABLE, Phase.AUTH)
        await asyncio.sleep(10)

    limits = Limits(per_credential=1, per_group=5)
    devices = [listed(f"r{number}", groups=("site",)) for number in range(5)]
    script = Script(on_open=judge)
    results = warp.run(collected(script, *devices, limits=limits))
    assert classes(results) == {(Status.OK, None): 5}
    assert script.most_tried["own"] == 1


def test_a_run_that_begins_no_more_tells_why_the_fall_back_was_needed() -> None:
    stop = Stop()
    sent: list[str] = []

    async def judge(visited: Device, _: int) -> None:
        sent.append(visited.credential)
        stop.shed("enough")
        await asyncio.sleep(1)
        raise fault(FaultClass.AUTH_UNREACHABLE, Phase.AUTH)

    result = one(Script(on_open=judge), listed(), stop=stop)
    assert sent == ["tacacs"]
    assert result.fault is not None
    assert (result.status, result.fault.fault_class) == AWAY


def test_a_run_that_is_ended_cuts_the_fall_back_off() -> None:
    stop = Stop()

    async def judge(visited: Device, _: int) -> None:
        if visited.credential == "tacacs":
            raise fault(FaultClass.AUTH_UNREACHABLE, Phase.AUTH)
        stop.set()
        await forever()

    result = one(Script(on_open=judge), listed(), stop=stop)
    assert (result.status, result.fallback) == (Status.CANCELLED, "own")


ENDS = st.sampled_from(
    [
        None,
        (FaultClass.AUTH, Phase.AUTH),
        (FaultClass.BUSY, Phase.AUTH),
        (FaultClass.TIMEOUT, Phase.AUTH),
        (FaultClass.DISCONNECTED, Phase.CHANNEL),
        (FaultClass.ENABLE, Phase.LOGIN),
        (FaultClass.AUTH_UNREACHABLE, Phase.AUTH),
    ]
)


@settings(max_examples=150, deadline=None)
@given(
    ends=st.lists(st.lists(ENDS, min_size=4, max_size=4), min_size=1, max_size=25),
    own=st.lists(ENDS, min_size=25, max_size=25),
    limits=st.builds(
        Limits,
        sessions=st.integers(1, 30),
        trial=st.integers(1, 4),
        rejections=st.integers(1, 4),
        per_credential=st.integers(0, 3),
    ),
)
def test_no_sequence_of_ends_without_the_words_sends_the_second_one(
    ends: list[list[tuple[FaultClass, Phase] | None]],
    own: list[tuple[FaultClass, Phase] | None],
    limits: Limits,
) -> None:
    sent: Counter[tuple[str, str]] = Counter()
    said: set[str] = set()
    rejected: Counter[str] = Counter()

    async def judge(visited: Device, _: int) -> None:
        at = int(visited.name[1:])
        before = sent[visited.name, visited.credential]
        sent[visited.name, visited.credential] += 1
        if visited.credential == "own":
            assert visited.name in said
            end = own[at]
        else:
            assert visited.name not in said
            end = ends[at][before % 4]
        await asyncio.sleep(0.1 * (at % 3))
        if end is None:
            return
        is_away = end[0] is FaultClass.AUTH_UNREACHABLE
        if is_away:
            said.add(visited.name)
        if end[0] is FaultClass.AUTH or (is_away and visited.credential == "own"):
            rejected[visited.credential] += 1
        raise fault(*end)

    devices = fleet(len(ends))
    script = Script(on_open=judge)
    results = warp.run(collected(script, *devices, limits=limits, retries=Retries(attempts=3)))

    assert len(results) == len(devices)
    with_own = {name for name, credential in sent if credential == "own"}
    assert with_own <= said
    assert {result.device.name for result in results if result.fallback} <= said
    for name in ("tacacs", "own"):  # together they never exceed what the credential can bear
        accepted = any(r.status is Status.OK for r in results)
        if not accepted:
            assert rejected[name] <= limits.rejections
