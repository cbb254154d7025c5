"""A round of telling: what a kill leaves, who tells of whom, and files that others wrote."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from telling.samples import failed, row, run

from collector.model import Change, Event
from collector.telling.news import RunNews
from collector.telling.records import Records
from collector.telling.round import Telling, tell


@dataclass
class Scripted:
    """A hook that writes down what it is told, and fails when it is to."""

    name: str = "scripted"
    events: Collection[Event] = tuple(Event)
    fails: bool = False
    calls: list[tuple[str, str, list[str]]] = field(default_factory=list)

    @property
    def identity(self) -> str:
        return self.name

    async def call(self, text: bytes) -> str:
        told = json.loads(text)
        names = [each["name"] for each in told["devices"]]
        self.calls.append((told["event"], told["run_id"], names))
        await asyncio.sleep(0)
        return "it is to fail" if self.fails else ""


def end(output: Path, news: RunNews, *, with_manifest: bool = True) -> None:
    """Leave what a run leaves that ends, or is killed before its manifest."""
    folder = output / "runs" / news["run_id"]
    folder.mkdir(parents=True)
    if with_manifest:
        (folder / "manifest.json").write_text("{}")


def announced(telling: Telling, news: RunNews, *, with_manifest: bool = True) -> RunNews:
    assert telling.announce(news) == ""
    end(telling.output, news, with_manifest=with_manifest)
    return news


@pytest.fixture
def hook() -> Scripted:
    return Scripted()


@pytest.fixture
def telling(tmp_path: Path, hook: Scripted) -> Telling:
    return Telling(output=tmp_path, hooks=[hook])


async def test_a_run_that_was_killed_before_it_told_is_told_by_the_next(
    telling: Telling, hook: Scripted
) -> None:
    killed = announced(telling, run(0, row("r1", change=Change.NEW), failed("r2"), commit="abc"))
    news = announced(telling, run(1, row("r1"), failed("r2", 1)))
    assert await tell(telling, news) == []
    assert hook.calls == [
        ("device_failed", news["run_id"], ["r2"]),
        ("device_changed", news["run_id"], ["r1"]),
        ("run_finished", killed["run_id"], ["r1", "r2"]),
        ("run_finished", news["run_id"], ["r2"]),
    ]
    assert list((telling.output / "telling/untold").iterdir()) == []


async def test_a_run_that_has_not_ended_is_not_told_yet(telling: Telling, hook: Scripted) -> None:
    killed = announced(telling, run(0, failed("r2")), with_manifest=False)
    news = announced(telling, run(1, row("r1")))
    assert await tell(telling, news) == []
    assert hook.calls == [("run_finished", news["run_id"], [])]
    records = Records(telling.output)
    assert records.is_untold(killed["run_id"])
    (telling.output / "runs" / killed["run_id"]).rmdir()  # and now it never will
    assert list(records.untold()) == []
    assert not records.is_untold(killed["run_id"])


async def test_what_a_kill_leaves_after_the_ledger_is_not_taken_in_twice(
    telling: Telling, hook: Scripted
) -> None:
    first = announced(telling, run(0, row("r1", change=Change.NEW)))
    assert await tell(telling, first) == []
    telling.announce(first)  # as if it had not been removed
    hook.calls.clear()
    news = announced(telling, run(1, row("r1")))
    assert await tell(telling, news) == []
    assert hook.calls == [("run_finished", news["run_id"], [])]


async def test_who_finds_another_telling_leaves_it_to_the_next(
    telling: Telling, hook: Scripted
) -> None:
    news = announced(telling, run(0, row("r1")))
    lock = Records(telling.output).lock()
    try:
        (line,) = await tell(telling, news)
    finally:
        lock.release()
    assert line == "another run is still telling: the next one tells of this one"
    assert hook.calls == []
    await tell(telling, announced(telling, run(1, row("r1"))))
    assert [name for _, name, _ in hook.calls] == [news["run_id"], run(1)["run_id"]]


async def test_a_run_that_another_has_told_of_is_not_told_again(
    telling: Telling, hook: Scripted
) -> None:
    first = announced(telling, run(0, row("r1")))
    await tell(telling, announced(telling, run(1, row("r1"))))
    hook.calls.clear()
    assert await tell(telling, first) == []
    assert hook.calls == []


async def test_one_hook_that_fails_is_no_other_ones_loss(tmp_path: Path) -> None:
    good, bad = Scripted(name="good"), Scripted(name="bad", fails=True)
    telling = Telling(output=tmp_path, hooks=[bad, good])
    (line,) = await tell(telling, announced(telling, run(0, failed("r1"))))
    assert line == (
        "hook bad was not told of device_failed: it is to fail (the next run tells it once more)"
    )
    assert [event for event, _, _ in good.calls] == ["device_failed", "run_finished"]
    bad.fails = False
    bad.calls.clear()
    good.calls.clear()
    assert await tell(telling, announced(telling, run(1, failed("r1", 1)))) == []
    assert [event for event, _, _ in bad.calls] == ["device_failed", "run_finished", "run_finished"]
    assert [event for event, _, _ in good.calls] == ["run_finished"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": 2}', '{"schema": 1, "devices": 3}'])
async def test_a_ledger_that_cannot_be_read_is_begun_anew(
    telling: Telling, hook: Scripted, text: str
) -> None:
    news = announced(telling, run(0, failed("r1")))
    (telling.output / "telling/ledger.json").write_text(text)
    (line,) = await tell(telling, news)
    assert "ledger.json: cannot be read, and is begun anew" in line
    assert [event for event, _, _ in hook.calls] == ["device_failed", "run_finished"]
    assert await tell(telling, announced(telling, run(1, failed("r1")))) == []


async def test_a_folder_that_cannot_be_written_keeps_nobody_from_being_told(
    telling: Telling, hook: Scripted
) -> None:
    (telling.output / "telling").write_text("in the way")
    news = run(0, failed("r1"))
    assert "nobody can be told: Not a folder" in telling.announce(news)
    (line,) = await tell(telling, news, announced=False)
    assert "Not a folder" in line
    assert [event for event, _, _ in hook.calls] == ["device_failed", "run_finished"]
