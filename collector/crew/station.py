"""What runs in a worker of a cluster: shards in, reports out, until the client has no more.

Owns a thread with an event loop and a connector for each run, beside whatever else the worker
does; that secrets obtained here stay here; and that a client which is not heard of any more leaves
nothing running. `begin`, `post`, `fetch` and `close` are what the client calls; all of them answer
soon.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import logging
import os
import pickle
import resource
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from collector import log
from collector.credentials import Credential, Credentials
from collector.crew.contract import Contract, Parcel, Reach, Reached, our_version
from collector.crew.tasks import Tasks
from collector.crew.visits import Visits
from collector.crew.wire import packed
from collector.crew.words import Answer, Cut, Go
from collector.driver import DeviceConnector
from collector.engine import Errands, Report, internal
from collector.errors import DeviceError, InputError
from collector.model import Assignment, Device, Fault, FaultClass, Jump, Phase
from collector.redaction import Redaction, redacted_command, redacted_fault
from collector.settings.values import KNOWN_HOSTS

LEASE = 15.0  # seconds without a word of the client, after which nobody is waiting any more
LINGER = 0.1  # seconds that a parcel waits for more, once there is something to tell
PARCEL = 4 * 1024 * 1024  # bytes: one that is large, on a slow line, would be taken for silence
CLOSING = 4.0  # seconds for what is still open in the end
HOSTS = "COLLECTOR_KNOWN_HOSTS"

T = TypeVar("T")

_stations: dict[str, _Station] = {}


async def begin(run: str, version: str, contract: bytes) -> str:
    """Be ready for the shards of a run; gives the version in force here.

    Of another version nothing is unpacked, and nothing begins.
    """
    if version == our_version() and run not in _stations:
        logging.getLogger("distributed.worker").addFilter(_is_news)
        await asyncio.to_thread(_start, run, contract)
    return our_version()


async def post(run: str, words: bytes) -> bool:
    """Take a shard; False where no such run has begun here."""
    station = _stations.get(run)
    if station is None:
        return False
    await station.have(station.hear(pickle.loads(words)))
    return True


async def fetch(run: str, seconds: float) -> bytes:
    """Give what there is to tell, as soon as there is something; empty for no such run."""
    station = _stations.get(run)
    return b"" if station is None else await station.have(station.parcel(seconds)) or b""


async def close(run: str) -> None:
    """End the run here; who still visits devices is cut off."""
    if station := _stations.get(run):
        await station.have(station.end())


def _is_news(record: logging.LogRecord) -> bool:
    """Keep the line out of the worker's log that it writes for each call of ours, every second."""
    is_call = str(record.msg).startswith("Run out-of-band function")
    return not (is_call and record.args in {("post",), ("fetch",)})


def _start(run: str, contract: bytes) -> None:
    station = _Station(run, pickle.loads(contract))
    thread = threading.Thread(target=station.run, name="collector", daemon=True)
    thread.start()
    station.ready.result()


@dataclass(slots=True, eq=False)
class _Station:
    """One run in this worker, by the name that the client has given it."""

    name: str
    contract: Contract
    ready: concurrent.futures.Future[None] = field(default_factory=concurrent.futures.Future)
    _loop: asyncio.AbstractEventLoop = field(init=False)
    _connector: DeviceConnector = field(init=False)
    _errands: Errands = field(init=False)
    _visits: Visits = field(init=False)
    _credentials: Credentials = field(init=False)
    _redact: Redaction = field(default_factory=lambda: Redaction(()))
    _obtained: dict[str, Credential] = field(default_factory=dict)
    _jumps: set[Jump] = field(default_factory=set)
    _outbox: deque[bytes] = field(default_factory=deque)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _over: asyncio.Event = field(default_factory=asyncio.Event)
    _visiting: Tasks = field(default_factory=Tasks)
    _reaching: Tasks = field(default_factory=Tasks)
    _heard: float = 0.0

    def run(self) -> None:
        """Own the thread."""
        try:
            with asyncio.Runner(loop_factory=self.contract.loop_factory) as runner:
                runner.run(self._live())
        except Exception as error:  # noqa: BLE001  told to the client, where it waits for us
            if not self.ready.done():
                self.ready.set_exception(error)
        finally:
            _stations.pop(self.name, None)

    async def have(self, work: Coroutine[object, object, T]) -> T | None:
        """Have something done in our thread; None where it has ended meanwhile."""
        done = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return await asyncio.wrap_future(done)
        except asyncio.CancelledError:
            if not done.cancelled():
                raise
            return None

    async def hear(self, words: Sequence[object]) -> None:
        """Do what is asked."""
        self._heard = self._loop.time()
        for word in words:
            match word:
                case Go():
                    self._visiting.begin(self._visit(word))
                case Reach():
                    self._reaching.begin(self._reach(word))
                case Answer():
                    self._visits.answer(word)
                case Cut(fault=fault):
                    self._cut(fault)

    async def parcel(self, seconds: float) -> bytes:
        """Give what there is to tell, or soon will be."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()
                await asyncio.sleep(LINGER)
        self._heard = self._loop.time()
        words: list[bytes] = []
        room = PARCEL
        while self._outbox and room > 0:
            words.append(self._outbox.popleft())
            room -= len(words[-1])
        if not self._outbox:
            self._news.clear()
        reached = frozenset(jump for jump in self._jumps if self._connector.is_reached(jump))
        return packed(Parcel(words=tuple(words), reached=reached))

    async def end(self) -> None:
        """Have the thread end."""
        self._over.set()

    async def _live(self) -> None:
        self._loop = asyncio.get_running_loop()
        _raise_open_files()
        contract = self.contract
        settings = replace(contract.settings, known_hosts=_known_hosts())
        self._credentials = Credentials(contract.credentials, os.environ)
        self._connector = DeviceConnector(settings, contract.platforms, self._credentials)
        self._errands = Errands(self._connector, settings.limits, settings.timeouts)
        self._visits = Visits(self._perform, self._say)
        self._heard = self._loop.time()
        _stations[self.name] = self
        with log.tapped(self.name, contract.levels, self._relay):
            self.ready.set_result(None)
            try:
                await self._leased()
            finally:
                self._cut(_cancelled("the collector that asked for it is gone"))
                await asyncio.gather(self._visiting.ended(CLOSING), self._reaching.ended(CLOSING))
                await self._connector.close()

    async def _leased(self) -> None:
        while (left := self._heard + LEASE - self._loop.time()) > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._over.wait()
                    return

    async def _visit(self, go: Go) -> None:
        with log.bound(run=self.name):
            await self._visits.make(go)

    async def _perform(
        self,
        assignment: Assignment,
        may_enable: Callable[[], Awaitable[bool]],
        opened: Callable[[bool], None],
    ) -> Report:
        if fault := await self._obtain(assignment.device):
            return Report.failed(assignment, fault)
        return self._without_secrets(await self._errands.perform(assignment, may_enable, opened))

    async def _reach(self, word: Reach) -> None:
        phases = [Phase.RESOLVE]
        fault: Fault | None = None
        with log.bound(run=self.name, device=word.jump.name):
            try:
                fault = await self._obtain(word.jump.as_device())
                if fault is None:
                    seconds = word.timeouts.connect + word.timeouts.login
                    async with asyncio.timeout(seconds):
                        await self._connector.reach(word.jump, word.timeouts, phases.append)
                    self._jumps.add(word.jump)
            except DeviceError as error:
                fault = error.fault
            except TimeoutError:
                message = f"no connection within {seconds:g} s"
                fault = Fault(fault_class=FaultClass.TIMEOUT, phase=phases[-1], message=message)
            except asyncio.CancelledError:
                fault = replace(_cancelled("the run is ending"), phase=phases[-1])
            except Exception as error:  # noqa: BLE001  a bug is told, too: it is waited for
                fault = internal(phases[-1], error)
        self._say(Reached(number=word.number, fault=redacted_fault(fault, self._redact)))

    async def _obtain(self, device: Device) -> Fault | None:
        """Obtain what logs in, once in this run; what keeps it from being had is the device's."""
        for name in device.credentials:
            if name in self._obtained:
                continue
            try:
                obtained = await asyncio.to_thread(self._credentials.get, name)
            except InputError as error:
                return Fault(
                    fault_class=FaultClass.AUTH,
                    phase=Phase.CREDENTIALS,
                    message=f"a worker cannot obtain the credential: {error.problems[0]}",
                    hint="workers obtain their own: see to its environment and files there",
                )
            self._obtained[name] = obtained
            self._redact = Redaction(
                secret
                for held in self._obtained.values()
                for secret in (held.password, held.enable, held.passphrase)
            )
        return None

    def _without_secrets(self, report: Report) -> Report:
        visit = report.visit
        visit.results = {
            index: redacted_command(result, self._redact) for index, result in visit.results.items()
        }
        visit.fault = redacted_fault(visit.fault, self._redact)
        visit.evidence = self._redact.evidence(visit.evidence)
        return report

    def _cut(self, fault: Fault) -> None:
        self._errands.cut(fault)
        self._reaching.cancel()

    def _relay(self, line: log.Line) -> None:
        said = replace(line, message=self._redact.text(line.message))
        self._loop.call_soon_threadsafe(self._say, said)

    def _say(self, word: object) -> None:
        self._outbox.append(packed(word))
        self._news.set()


def _cancelled(why: str) -> Fault:
    message = f"cut off: {why}"
    return Fault(fault_class=FaultClass.CANCELLED, phase=Phase.CONNECT, message=message)


def _known_hosts() -> Path:
    return Path(os.environ.get(HOSTS) or KNOWN_HOSTS).expanduser()


def _raise_open_files() -> None:
    """Allow as many sessions as this process may have: the soft limit is often 1024."""
    with contextlib.suppress(OSError, ValueError):
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
