"""How it is known that the scheduler, or a worker, is there no more: a cluster without Dask."""

from __future__ import annotations

import asyncio
import logging
import pickle
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from collector import log
from collector.crew import Cluster, Contract, cluster, station
from collector.crew.contract import Parcel, our_version
from collector.crew.wire import packed
from collector.crew.words import Go
from collector.engine import Lost
from collector.errors import DeviceError
from collector.model import Assignment, Device, FaultClass
from collector.settings import ClusterAccess, Settings

CONTRACT = Contract(settings=Settings(), platforms={}, credentials={}, levels=log.levels())
GO = Assignment(
    device=Device(name="r1", host="h", platform="p", credential="c"), commands=("show clock",)
)


class Permit:
    """Leave that nobody asks for."""

    def session(self, *, tried: bool) -> None:
        raise AssertionError

    async def enabling(self) -> None:
        raise AssertionError


class Scheduler:
    """A Dask client, as far as it is used, with one worker that is lost when it is told to be."""

    def __init__(self, fails: bool) -> None:
        self.scheduler = self
        self.status = "running"
        self.asked = self.asking = self.most_asking = 0
        self.fails = fails
        self.lost = asyncio.Event()
        self.tells: list[object] = []
        self.begun: list[int] = []
        self.lives = 0

    async def identity(self, n_workers: int) -> dict[str, Any]:
        """Say who is there, after a while."""
        self.asked += 1
        self.asking += 1
        self.most_asking = max(self.most_asking, self.asking)
        try:
            await asyncio.sleep(0.05)
            if self.fails:
                raise OSError("no more")
        finally:
            self.asking -= 1
        return {"workers": {"tls://one": {"status": "running", "resources": {}}}}

    async def run(self, function: Callable[..., Any], *args: Any, workers: list[str]) -> Any:
        """Answer as a worker that takes everything and has nothing to tell."""
        if function is station.begin:
            self.lives += 1
            return {workers[0]: our_version()}
        if function is station.post:
            self.begun += [each.number for each in pickle.loads(args[1]) if isinstance(each, Go)]
        if function is station.fetch:
            if self.tells:
                words = tuple(map(packed, self.tells))
                self.tells.clear()
                return {workers[0]: packed(Parcel(words=words, reached=frozenset()))}
            await self.lost.wait()
        if self.lost.is_set():
            raise OSError("no more")
        return {workers[0]: True}

    async def close(self, timeout: float) -> None:
        """Hang up."""


@asynccontextmanager
async def at_work(
    monkeypatch: pytest.MonkeyPatch, *tells: object, fails: bool = False
) -> AsyncIterator[tuple[Cluster, Scheduler]]:
    scheduler = Scheduler(fails)
    scheduler.tells += tells

    async def connected(_: ClusterAccess) -> Scheduler:
        return scheduler

    monkeypatch.setattr(cluster, "_connected", connected)
    monkeypatch.setattr(cluster, "WATCH", 0.01)
    access = ClusterAccess(address="tls://h:1")
    async with asyncio.timeout(30):
        crew = Cluster(access, CONTRACT, [GO.device], asyncio.Event())
        async with crew:
            with log.bound(run="this-run"):
                async with crew.at_work():
                    yield crew, scheduler


async def performing(crew: Cluster, count: int) -> list[asyncio.Task[Any]]:
    tasks = [asyncio.create_task(crew.perform(GO, Permit())) for _ in range(count)]
    await asyncio.sleep(0)
    return tasks


async def test_it_is_looked_for_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "LEASE", 0.5)
    monkeypatch.setattr(cluster, "CLOSING_THERE", 0.0)
    async with at_work(monkeypatch) as (crew, scheduler):
        tasks = await performing(crew, 20)
        scheduler.lost.set()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        assert {type(end) for end in ends} == {Lost, DeviceError}
        assert scheduler.asked > 2
        assert scheduler.most_asking == 1


async def test_where_the_scheduler_is_lost_nobody_waits_for_a_worker(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cluster, "LEASE", 600.0)
    async with at_work(monkeypatch) as (crew, scheduler):
        (visit,) = await performing(crew, 1)
        scheduler.lost.set()
        scheduler.fails = True
        with pytest.raises(DeviceError, match="the connection to the cluster's scheduler was lost"):
            await visit


async def test_a_worker_that_was_lost_and_is_still_there_is_used_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As after a pause of this machine: all of them have given the client up then."""
    monkeypatch.setattr(cluster, "LEASE", 0.5)
    monkeypatch.setattr(cluster, "CLOSING_THERE", 0.0)
    async with at_work(monkeypatch) as (crew, scheduler):
        (visit,) = await performing(crew, 1)
        while not scheduler.begun:
            await asyncio.sleep(0.01)
        scheduler.lost.set()
        await asyncio.sleep(0)
        scheduler.lost.clear()
        with pytest.raises(Lost):
            await visit
        (again,) = await performing(crew, 1)
        while len(scheduler.begun) < 2:
            await asyncio.sleep(0.01)
        scheduler.lost.set()  # and is lost in each of its lives from now on
        while scheduler.lives < cluster.LIVES:
            await asyncio.sleep(0.01)
        asked = scheduler.asked
        while scheduler.asked < asked + 5:
            await asyncio.sleep(0.01)
        assert scheduler.lives == cluster.LIVES
        with pytest.raises(DeviceError):
            await again


async def test_one_that_is_gone_when_work_begins_is_told_of(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with at_work(monkeypatch, fails=True) as (crew, _):
        with pytest.raises(DeviceError) as caught:
            await crew.perform(GO, Permit())
    assert caught.value.fault.fault_class is FaultClass.UNREACHABLE
    said = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert said == ["cluster tls://h:1: the connection to the scheduler was lost"]


async def test_a_line_of_a_worker_is_logged_as_one_of_the_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """So it has the run's name, and what the run hides in lines is hidden in it, too."""
    logged: asyncio.Queue[tuple[str, str, str]] = asyncio.Queue()

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            logged.put_nowait((log.run_id.get(), log.device_name.get(), record.getMessage()))

    handler = Handler()
    monkeypatch.setattr(logging.getLogger("collector.engine"), "handlers", [handler])
    said = log.Line(
        logger="collector.engine", level=logging.ERROR, created=1.0, message="slow", device="r1"
    )
    async with at_work(monkeypatch, said):
        assert await logged.get() == ("this-run", "r1", "slow")
