"""When a device's state has changed, and what a hook is owed."""

from __future__ import annotations

import pytest
from telling.samples import failed, row, run, unstored

from collector.model import Change, Event, Status
from collector.telling.ledger import Ledger, absorb, calls, enrol, new_ledger, settle
from collector.telling.news import DeviceNews, RunNews

ALL = frozenset(Event)
Told = list[tuple[str, list[str]]]


def told(
    ledger: Ledger,
    news: RunNews,
    *,
    hook: str = "a",
    events: frozenset[Event] = ALL - {Event.RUN_FINISHED},
    fails: bool = False,
) -> Told:
    """Do what a round does with one run and one hook; gives what the hook was called for."""
    enrol(ledger, [hook])
    absorb(ledger, news)
    found = list(calls(ledger, hook, events, news))
    if not fails:
        for call in found:
            settle(ledger, hook, call)
    return [(call.event, [each["name"] for each in call.input["devices"]]) for call in found]


def test_a_dead_device_is_told_once_and_its_recovery_once() -> None:
    ledger = new_ledger()
    assert told(ledger, run(0, row("r1"), row("r2"))) == []
    assert told(ledger, run(1, failed("r1", 1), row("r2"))) == [("device_failed", ["r1"])]
    assert told(ledger, run(2, failed("r1", 2), row("r2"))) == []
    enrol(ledger, ["a"])
    absorb(ledger, run(3, row("r1", hour=3), row("r2")))
    (call,) = calls(ledger, "a", ALL - {Event.RUN_FINISHED}, run(3))
    assert (call.event, call.input["devices"][0]["since"]) == (
        "device_recovered",
        "2026-03-01T08:00:00.000Z",
    )
    settle(ledger, "a", call)
    assert told(ledger, run(4, row("r1"), row("r2"))) == []


def test_the_first_run_tells_what_fails() -> None:
    assert told(new_ledger(), run(0, failed("r1"), row("r2"))) == [("device_failed", ["r1"])]


@pytest.mark.parametrize(
    "quiet",
    [failed("r1", 2, Status.SKIPPED), failed("r1", 2, Status.CANCELLED), unstored("r1", 2)],
    ids=["skipped", "cancelled", "unstored"],
)
def test_who_was_not_asked_has_the_state_it_had(quiet: DeviceNews) -> None:
    ledger = new_ledger()
    told(ledger, run(0, row("r1")))
    assert told(ledger, run(1, quiet)) == []
    assert told(ledger, run(2, failed("r1", 2))) == [("device_failed", ["r1"])]
    assert told(ledger, run(3, quiet)) == []
    assert told(ledger, run(4, row("r2"))) == []
    assert told(ledger, run(5, row("r1"))) == [("device_recovered", ["r1"])]


def test_partial_is_not_well() -> None:
    ledger = new_ledger()
    told(ledger, run(0, row("r1")))
    partial = failed("r1", 1, Status.PARTIAL)
    assert told(ledger, run(1, partial)) == [("device_failed", ["r1"])]
    assert told(ledger, run(2, failed("r1", 2))) == []


def test_a_hook_that_fails_is_owed_all_of_it() -> None:
    ledger = new_ledger()
    told(ledger, run(0, row("r1"), row("r2")))
    both = row("r2", change=Change.CHANGED)
    first = told(ledger, run(1, failed("r1", 1), both, commit="abc"), events=ALL, fails=True)
    assert [event for event, _ in first] == ["device_failed", "device_changed", "run_finished"]
    again = told(ledger, run(2, failed("r1", 2), row("r2")), events=ALL)
    assert again == [
        ("device_failed", ["r1"]),
        ("device_changed", ["r2"]),
        ("run_finished", ["r1", "r2"]),
        ("run_finished", ["r1"]),
    ]
    assert told(ledger, run(3, failed("r1", 3)), events=ALL) == [("run_finished", ["r1"])]


def test_what_a_hook_does_not_want_to_know_is_not_owed() -> None:
    ledger, wanted = new_ledger(), frozenset({Event.DEVICE_RECOVERED})
    assert told(ledger, run(0, failed("r1"), row("r2", change=Change.NEW)), events=wanted) == []
    assert ledger["hooks"]["a"]["changed"] == {}
    assert ledger["hooks"]["a"]["runs"] == []
    assert told(ledger, run(1, row("r1")), events=wanted) == [("device_recovered", ["r1"])]


def test_a_new_hook_is_not_told_of_what_died_long_ago() -> None:
    ledger = new_ledger()
    told(ledger, run(0, failed("r1")))
    enrol(ledger, ["a", "b"])
    absorb(ledger, run(1, failed("r1"), failed("r2")))
    for hook, name in (("a", "r2"), ("b", "r2")):
        (call,) = calls(ledger, hook, frozenset({Event.DEVICE_FAILED}), run(1))
        assert [each["name"] for each in call.input["devices"]] == [name]


def test_a_mended_hook_is_told_what_the_broken_one_was_owed() -> None:
    ledger = new_ledger()
    told(ledger, run(0, failed("r1")), hook="broken", fails=True)
    assert told(ledger, run(1, failed("r1", 1)), hook="mended") == [("device_failed", ["r1"])]


def test_the_latest_change_of_a_device_is_what_is_owed() -> None:
    ledger = new_ledger()
    for number in (0, 1):
        news = run(number, row("r1", change=Change.CHANGED), commit=f"commit{number}")
        enrol(ledger, ["a"])
        absorb(ledger, news)
    (call,) = calls(ledger, "a", frozenset({Event.DEVICE_CHANGED}), news)
    (device,) = call.input["devices"]
    assert (device["commit"], device["run_id"]) == ("commit1", news["run_id"])
