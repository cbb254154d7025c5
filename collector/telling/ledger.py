"""What is known of every device, and who has been told what of it.

Owns when the state of a device has changed: compared with the last run that asked it, however long
ago that was and whatever became of its folder. A device is well or it fails; a run that has not
asked it, or could only not store what it said, says nothing of it. For each hook it is remembered
which failing devices it knows of, and what it is still owed. Values and rules only: no file, no
process.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NotRequired, TypedDict

from collector.model import Event, FaultClass, Status
from collector.telling.news import (
    COMMITTED,
    SCHEMA,
    DeviceNews,
    Input,
    RunNews,
    hook_input,
    worth_telling,
)

KEPT: Final = 20
"""Runs that a hook which cannot be called is owed at most, and ids of runs that are remembered."""

_UNASKED: Final = frozenset({Status.SKIPPED, Status.CANCELLED})
_ORDER: Final = (
    Event.DEVICE_FAILED,
    Event.DEVICE_RECOVERED,
    Event.DEVICE_CHANGED,
    Event.RUN_FINISHED,
)


class DeviceState(TypedDict):
    """The last that is known of a device.

    ``since`` when it has been well or failing, ``before`` since when it was failing until then.
    """

    well: bool
    since: str
    before: NotRequired[str]
    news: DeviceNews


class JobState(TypedDict):
    """The last run of a job."""

    finished: str
    duration_s: float
    exit_status: int
    totals: dict[str, int]
    changes: dict[str, int] | None


class HookState(TypedDict):
    """What a hook knows (``failing``: names) and is owed."""

    failing: list[str]
    changed: dict[str, DeviceNews]
    runs: list[RunNews]


class Ledger(TypedDict):
    """All of it; ``absorbed`` are the last runs that are in it."""

    schema: int
    absorbed: list[str]
    devices: dict[str, DeviceState]
    jobs: dict[str, JobState]
    hooks: dict[str, HookState]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One event that a hook is to be told of."""

    event: Event
    input: Input


def new_ledger() -> Ledger:
    """Know nothing."""
    return {"schema": SCHEMA, "absorbed": [], "devices": {}, "jobs": {}, "hooks": {}}


def enrol(ledger: Ledger, hooks: Collection[str]) -> None:
    """Let the ledger have these hooks and no others.

    A hook that is new is not told what others have been told long ago. But where one has gone it
    takes its place, with all that was owed to it: that is how a mistake in a hook is mended.
    """
    known = ledger["hooks"]
    gone = [state for name, state in known.items() if name not in hooks]
    failing = [name for name, state in ledger["devices"].items() if not state["well"]]
    ledger["hooks"] = {
        name: known[name] if name in known else _heir(gone, failing) for name in hooks
    }


def absorb(ledger: Ledger, run: RunNews) -> None:
    """Take in what a run has found; what it says of what was found before is not repeated."""
    ledger["absorbed"] = [*ledger["absorbed"], run["run_id"]][-KEPT:]
    for row in run["devices"]:
        _absorb_device(ledger["devices"], row)
    ledger["jobs"][run["job"]] = {
        "finished": run["finished"],
        "duration_s": run["duration_s"],
        "exit_status": run["exit_status"],
        "totals": run["totals"],
        "changes": run["changes"],
    }
    rows = [
        {**row, "since": since_of(ledger, row["name"])} for row in worth_telling(run)["devices"]
    ]
    told: RunNews = {**run, "devices": rows}  # type: ignore[typeddict-item]  # rows are DeviceNews
    for hook in ledger["hooks"].values():
        changed = {row["name"]: row for row in told["devices"] if row["change"] in COMMITTED}
        hook["changed"] |= changed
        hook["runs"] = [*hook["runs"], told][-KEPT:]


def calls(ledger: Ledger, hook: str, events: Collection[Event], run: RunNews) -> Iterator[Call]:
    """Give what a hook is to be told, in order; what it does not want to know is settled.

    ``run``: the one that device events are told with.
    """
    for event in _ORDER:
        for call in _calls(ledger, ledger["hooks"][hook], event, run):
            if event in events:
                yield call
            else:
                settle(ledger, hook, call)


def settle(ledger: Ledger, hook: str, call: Call) -> None:
    """Write down that a hook was told."""
    state = ledger["hooks"][hook]
    names = [row["name"] for row in call.input["devices"]]
    match call.event:
        case Event.DEVICE_FAILED:
            state["failing"] = sorted({*state["failing"], *names})
        case Event.DEVICE_RECOVERED:
            state["failing"] = sorted({*state["failing"]} - {*names})
        case Event.DEVICE_CHANGED:
            state["changed"] = {}
        case Event.RUN_FINISHED:
            told = call.input["run_id"]
            state["runs"] = [run for run in state["runs"] if run["run_id"] != told]


def since_of(ledger: Ledger, name: str) -> str | None:
    """Say since when a device has been failing; None for one that is well, or not known."""
    state = ledger["devices"].get(name)
    return state["since"] if state and not state["well"] else None


def _calls(ledger: Ledger, hook: HookState, event: Event, run: RunNews) -> Iterator[Call]:
    if event is Event.RUN_FINISHED:
        for owed in tuple(hook["runs"]):
            yield Call(event=event, input=hook_input(event, owed, owed["devices"]))
        return
    devices = ledger["devices"]
    match event:
        case Event.DEVICE_FAILED:
            known = {*hook["failing"]}
            rows = [
                _since(state, state["since"])
                for name, state in devices.items()
                if not state["well"] and name not in known
            ]
        case Event.DEVICE_RECOVERED:
            rows = [
                _since(state, state.get("before"))
                for name in hook["failing"]
                if (state := devices.get(name)) and state["well"]
            ]
        case _:
            rows = list(hook["changed"].values())
    if rows:
        yield Call(event=event, input=hook_input(event, run, rows))


def _absorb_device(devices: dict[str, DeviceState], row: DeviceNews) -> None:
    if row["status"] in _UNASKED or row["class"] == FaultClass.STORAGE:
        return
    name, before = row["name"], devices.get(row["name"])
    well = row["status"] == Status.OK
    state: DeviceState = {"well": well, "since": row["started"], "news": {**row, "diff": None}}
    if before and before["well"] is well:
        state["since"] = before["since"]
        if "before" in before:
            state["before"] = before["before"]
    elif before and not before["well"]:
        state["before"] = before["since"]
    devices[name] = state


def _since(state: DeviceState, since: str | None) -> DeviceNews:
    return {**state["news"], "since": since}


def _heir(gone: Collection[HookState], failing: Collection[str]) -> HookState:
    if not gone:
        return {"failing": sorted(failing), "changed": {}, "runs": []}
    changed: dict[str, DeviceNews] = {}
    for state in gone:
        changed |= state["changed"]
    runs: Mapping[str, RunNews] = {run["run_id"]: run for state in gone for run in state["runs"]}
    known = [{*state["failing"]} for state in gone]
    return {
        "failing": sorted(set.intersection(*known)),
        "changed": changed,
        "runs": [runs[name] for name in sorted(runs)][-KEPT:],
    }
