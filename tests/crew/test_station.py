"""What a worker of a cluster does, and the client's part of it, without Dask between them."""

from __future__ import annotations

import asyncio
import logging
import pickle
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from collector import log
from collector.credentials import Command, CredentialSpec, Prompt, sendable
from collector.crew import Contract, station
from collector.crew.contract import Parcel
from collector.crew.station import begin, fetch
from collector.crew.wire import packed
from collector.crew.worker import Gone, Worker
from collector.errors import InputError
from collector.lab import DeviceStats, Ending, Lab, LabDevice, Terminal
from collector.model import (
    Assignment,
    Device,
    Fault,
    FaultClass,
    HostKeys,
    Jump,
    Phase,
    Status,
    Timeouts,
)
from collector.platforms import load_platforms
from collector.settings import Settings

SECRET = "never-on-the-wire"


class Near:
    """Runs at once and here what a worker would be asked to; keeps all that passes."""

    def __init__(self) -> None:
        self.passed: list[bytes] = []
        self.fails = False

    async def run(self, function: Callable[..., Any], *args: Any, workers: list[str]) -> Any:
        if self.fails:
            raise OSError("no more")
        answer = await function(*args)
        self.passed += [each for each in (*args, answer) if isinstance(each, bytes)]
        return {workers[0]: answer}


class Never:
    """A permit that nobody asks for."""

    def __init__(self) -> None:
        self.heard: list[bool] = []

    def session(self, *, tried: bool) -> None:
        self.heard.append(tried)

    async def enabling(self) -> None:
        raise AssertionError("asked for")


CONTRACT = Contract(
    settings=Settings(host_keys=HostKeys.OFF, timeouts=Timeouts(command=5, login=120)),
    platforms=load_platforms({}),
    credentials={"c": CredentialSpec(name="c", username="admin", password="${STATION_PW}")},
    levels=log.levels(),
)


def unpacked(data: bytes) -> object:
    return pickle.loads(data) if data else None


@asynccontextmanager
async def at_work(host_keys: HostKeys = HostKeys.OFF) -> AsyncIterator[tuple[Worker, Near]]:
    near = Near()
    async with back(near, host_keys) as worker:
        yield worker, near


@asynccontextmanager
async def back(near: Near, host_keys: HostKeys = HostKeys.OFF) -> AsyncIterator[Worker]:
    worker = Worker(near, "tls://here", frozenset())
    settings = replace(CONTRACT.settings, host_keys=host_keys)
    await worker.begin(replace(CONTRACT, settings=settings, levels=log.levels()))
    try:
        yield worker
    finally:
        await worker.end()
        # Also where the worker was lost: the log of this process is tapped while its thread lasts.
        await station.close(worker._run)
        while worker._run in station._stations:
            await asyncio.sleep(0.01)


def assignment(lab: Lab, name: str) -> Assignment:
    device = Device(
        name=name, host="127.0.0.1", port=lab.port(name), platform="cisco_iosxe", credential="c"
    )
    return Assignment(device=device, commands=("show clock",))


async def telltale(terminal: Terminal, device: LabDevice, stats: DeviceStats) -> Ending:
    await terminal.send(b"\r\nr1#")
    await terminal.read_line()
    await terminal.send(f"\r\nyour password is {device.password}\r\n".encode())
    return Ending.DROP


async def test_no_secret_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATION_PW", SECRET)
    loud = LabDevice(name="loud", platform="telltale", password=SECRET)
    good = LabDevice(name="good", platform="cisco_iosxe", password=SECRET, privileged=True)
    async with Lab([loud, good], shells={"telltale": telltale}) as lab, at_work() as (one, near):
        said = await one.perform(assignment(lab, "loud"), Never())
        permit = Never()
        whole = await one.perform(assignment(lab, "good"), permit)
        assert permit.heard == [True]
    assert b"your password is <redacted>" in said.visit.evidence
    assert whole.visit.result().status is Status.OK
    assert whole.visit.results[0].output.decode() == lab.text("good", "show clock")
    assert len(near.passed) > 3
    assert not [each for each in near.passed if SECRET.encode() in each]


async def test_a_worker_that_is_lost_says_so_of_all_it_was_at(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("STATION_PW", SECRET)
    monkeypatch.setattr(logging.getLogger("collector.crew"), "handlers", [caplog.handler])
    slow = LabDevice(name="slow", platform="cisco_iosxe", password=SECRET, think=600)
    async with Lab([slow]) as lab, at_work() as (worker, near):
        visit = asyncio.create_task(worker.perform(assignment(lab, "slow"), Never()))
        await asyncio.sleep(0)
        assert len(worker) == 1
        near.fails = True
        with pytest.raises(Gone):
            await visit
        assert not worker.is_up
        near.fails = False
    assert "worker tls://here was lost, and was at 1 device" in caplog.text


async def test_a_cut_is_heard_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATION_PW", SECRET)
    slow = LabDevice(
        name="slow",
        platform="cisco_iosxe",
        password=SECRET,
        privileged=True,
        slow={"show clock": 600},
    )
    fault = Fault(fault_class=FaultClass.CANCELLED, phase=Phase.CONNECT, message="cut off: enough")
    async with Lab([slow]) as lab, at_work() as (worker, _):
        both = replace(assignment(lab, "slow"), commands=("show version", "show clock"))
        visit = asyncio.create_task(worker.perform(both, Never()))
        async with asyncio.timeout(30):
            while "show version" not in lab.stats["slow"].lines:
                await asyncio.sleep(0.02)
        worker.cut(fault)
        report = await visit
        # By the worker itself, which knows what there was already.
        assert report.visit.results[0].output.decode() == lab.text("slow", "show version")
    assert report.visit.result().status is Status.CANCELLED


async def test_one_that_hears_nothing_of_the_client_ends_by_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("STATION_PW", SECRET)
    monkeypatch.setattr(station, "LEASE", 0.2)
    slow = LabDevice(name="slow", platform="cisco_iosxe", password=SECRET, think=600)
    async with Lab([slow]) as lab, at_work() as (worker, near):
        visit = asyncio.create_task(worker.perform(assignment(lab, "slow"), Never()))
        async with asyncio.timeout(30):
            while not lab.open_connections:
                await asyncio.sleep(0.02)
            near.fails = True
            with pytest.raises(Gone):
                await visit
            while lab.open_connections or await fetch(worker._run, 0.01):
                await asyncio.sleep(0.3)  # longer than the lease: asking is a sign of life


async def test_another_version_is_told_and_gets_nothing(caplog: pytest.LogCaptureFixture) -> None:
    assert await begin("e", "0.0.0", b"not a pickle") != "0.0.0"
    assert await fetch("e", 0.0) == b""

    class Older(Near):
        async def run(self, *_: Any, workers: list[str]) -> Any:
            return {workers[0]: "0.0.1"}

    worker = Worker(Older(), "tls://old", frozenset())
    contract = Contract(settings=Settings(), platforms={}, credentials={}, levels=log.levels())
    await worker.begin(contract)
    assert not worker.is_up
    assert "worker tls://old gets no devices: it has version 0.0.1 of the collector" in caplog.text


async def test_host_keys_are_kept_where_the_worker_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    own = tmp_path / "own_known_hosts"
    monkeypatch.setenv("STATION_PW", SECRET)
    monkeypatch.setenv("COLLECTOR_KNOWN_HOSTS", str(own))
    good = LabDevice(name="good", platform="cisco_iosxe", password=SECRET, privileged=True)
    async with Lab([good]) as lab, at_work(HostKeys.ACCEPT_NEW) as (worker, _):
        report = await worker.perform(assignment(lab, "good"), Never())
    assert report.visit.result().status is Status.OK
    assert "127.0.0.1" in own.read_text()


@pytest.mark.parametrize("where", ["_obtain", "_without_secrets"])
async def test_a_bug_there_is_reported(monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    def trip(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setenv("STATION_PW", SECRET)
    monkeypatch.setattr(station._Station, where, trip)
    good = LabDevice(name="good", platform="cisco_iosxe", password=SECRET, privileged=True)
    async with Lab([good]) as lab, at_work() as (worker, _), asyncio.timeout(30):
        report = await worker.perform(assignment(lab, "good"), Never())
        fault = await worker.reach(Jump(name="edge", host="127.0.0.1", credential="c"), Timeouts())
    said = report.visit.fault
    assert said is not None
    assert said.message == "internal error: ZeroDivisionError"
    assert where == "_without_secrets" or fault == replace(said, phase=Phase.RESOLVE)


async def test_one_that_comes_back_has_nothing_of_its_life_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("STATION_PW", SECRET)
    monkeypatch.setattr(station, "LEASE", 2.5)  # more than a poll
    slow = LabDevice(
        name="slow", platform="cisco_iosxe", password=SECRET, privileged=True, think=600
    )
    good = LabDevice(name="good", platform="cisco_iosxe", password=SECRET, privileged=True)
    async with Lab([slow, good]) as lab, at_work() as (worker, near), asyncio.timeout(30):
        visit = asyncio.create_task(worker.perform(assignment(lab, "slow"), Never()))
        while not lab.stats["slow"].open:
            await asyncio.sleep(0.02)
        worker.lose("has left")
        with pytest.raises(Gone):
            await visit
        async with back(near) as again:
            report = await again.perform(assignment(lab, "good"), Never())
            # Nobody asks for the visit before any more, and so it ends: it is made once more.
            while lab.stats["slow"].open:
                await asyncio.sleep(0.02)
    assert report.visit.device.name == "good"


async def test_one_that_leaves_while_it_gets_ready_gets_nothing() -> None:
    leaving = asyncio.Event()

    class Late(Near):
        async def run(self, function: Callable[..., Any], *args: Any, workers: list[str]) -> Any:
            leaving.set()
            await asyncio.sleep(0)
            return await super().run(function, *args, workers=workers)

    near = Late()
    worker = Worker(near, "tls://here", frozenset())
    beginning = asyncio.create_task(worker.begin(CONTRACT))
    await leaving.wait()
    worker.lose("has left")
    await beginning
    assert not worker.is_up
    await station.close(worker._run)
    while worker._run in station._stations:
        await asyncio.sleep(0.01)


async def test_much_to_tell_is_told_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATION_PW", SECRET)
    monkeypatch.setattr(station, "PARCEL", 2000)
    names = [f"r{number:02}" for number in range(12)]
    devices = [
        LabDevice(name=name, platform="cisco_iosxe", password=SECRET, privileged=True)
        for name in names
    ]
    async with Lab(devices) as lab, at_work() as (worker, near):
        reports = await asyncio.gather(
            *(worker.perform(assignment(lab, name), Never()) for name in names)
        )
        told = {report.visit.device.name: report.visit.results[0].output for report in reports}
        assert told == {name: lab.text(name, "show clock").encode() for name in names}
    parcels = [each for each in map(unpacked, near.passed) if isinstance(each, Parcel)]
    words = [word for parcel in parcels for word in parcel.words]
    assert len(words) >= 2 * len(names)
    largest = max(map(len, words))
    assert max(sum(map(len, parcel.words)) for parcel in parcels) < 2000 + largest


def test_the_lines_of_a_run_go_to_the_client_alone(caplog: pytest.LogCaptureFixture) -> None:
    taken: list[log.Line] = []
    logger = logging.getLogger("collector.engine")
    levels = {**log.levels(), log.OWN: logging.INFO}
    with log.tapped("mine", levels, taken.append):
        with log.bound(run="mine", device="r1"):
            logger.info("of mine")
        with log.bound(run="other"):
            logger.info("of another run")
    assert [(line.message, line.device) for line in taken] == [("of mine", "r1")]


PLACES = {"password": "inv.yaml:3:9", "enable": "inv.yaml:4:9"}


@pytest.mark.parametrize(
    "password",
    ["${PASSWORD}", "${A}${B}", "", "${PASSWORD:-}", None, Command(argv=("pass", "show", "x"))],
)
def test_what_a_worker_can_obtain_is_sent_as_it_is_written(password: Any) -> None:
    spec = CredentialSpec(name="c", username="u", password=password, folder=Path("/elsewhere"))
    sent = sendable({"c": spec, "other": spec}, {"c"})
    assert {*sent} == {"c"}
    assert sent["c"].password == password
    assert sent["c"].folder == Path()
    assert pickle.loads(packed(sent)) == sent


@pytest.mark.parametrize("password", ["hunter2", "${PASSWORD:-hunter2}", "x${PASSWORD}", "$$"])
def test_a_secret_that_is_written_out_is_not_sent(password: str) -> None:
    spec = CredentialSpec(name="c", username="u", password=password, places=PLACES)
    with pytest.raises(InputError) as caught:
        sendable({"c": spec}, {"c"})
    (line,) = caught.value.problems
    assert line == (
        "inv.yaml:3:9: credentials.c.password: workers of a cluster obtain their own: expected"
        " ${VAR} without a default, or a file, command or keyring; found a secret"
    )


def test_nobody_is_asked_by_a_worker() -> None:
    spec = CredentialSpec(name="c", username="u", enable=Prompt(), places=PLACES)
    with pytest.raises(InputError, match=r"^inv.yaml:4:9: credentials.c.enable: .*nobody can be"):
        sendable({"c": spec}, {"c"})
