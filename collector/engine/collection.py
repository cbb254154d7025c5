"""The run of the engine: producer -> queue -> line -> workers -> queue -> reader.

Owns every task of a run. A worker is a task that lives for one device: there are as many as there
are session places taken, and none is idle. Refuses to know what a device says and where its result
goes.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, AsyncIterable
from dataclasses import replace

from collector.engine.approach import Approach
from collector.engine.attempt import attempt, guarded, open_jump
from collector.engine.breaker import Breaker
from collector.engine.crew import Crew, send
from collector.engine.jumps import Jumps
from collector.engine.line import Line
from collector.engine.places import Places
from collector.engine.rate import Rate
from collector.engine.retry import is_retried, pause
from collector.engine.session import Clock, Connector, SystemClock
from collector.engine.stop import Stop
from collector.engine.visit import Visit, limits_of
from collector.log import bound
from collector.model import (
    Assignment,
    DeviceResult,
    Fault,
    Limits,
    Retries,
    Timeouts,
)

logger = logging.getLogger(__name__)

# Devices read ahead of the line, and results that may lie unread before workers have to wait.
QUEUED = 64
# Devices that may wait aside, for their group or for a retry, before no more are read: the price
# of passing a full group by. Most are but references to the inventory's own values.
ASIDE = 10_000
# Between two reminders to whoever has not heard that the run is ending.
REMIND = 1.0


async def collect_devices(  # noqa: PLR0913 - a limit, an edge or an observer each, all by name
    assignments: AsyncIterable[Assignment],
    connector: Connector,
    *,
    limits: Limits,
    timeouts: Timeouts,
    retries: Retries,
    stop: asyncio.Event | None = None,
    breaker: Breaker | None = None,
    crew: Crew | None = None,
    rng: random.Random | None = None,
    clock: Clock | None = None,
) -> AsyncGenerator[DeviceResult, None]:
    """Visit every device and yield each result as it comes: one per assignment, in no order.

    Slow reading slows the workers. Leaving the loop early closes every session and drops the rest.
    When ``stop`` is set, running devices end ``cancelled`` with what they had, the others
    ``skipped``. ``breaker`` tells afterwards which credentials were given up. ``crew`` makes the
    attempts that it takes. An error of ``assignments`` is raised here once the devices read so far
    have ended.
    """
    engine = _Engine(
        connector,
        limits,
        timeouts,
        retries,
        breaker=breaker or Breaker(limits),
        crew=crew,
        rng=rng or random.Random(),
        clock=clock or SystemClock(),
    )
    # The one task outside a group: a generator must not hold a TaskGroup open across its yield,
    # for a cancellation would then land in the reader's code. `finally` waits for it.
    owner = asyncio.create_task(engine.run(assignments, stop or asyncio.Event()))
    owner.add_done_callback(engine.wake_reader)
    try:
        while (result := await engine.read(owner)) is not None:
            yield result
        await owner
    finally:
        await _dismiss(engine, owner)


async def _dismiss(engine: _Engine, owner: asyncio.Task[None]) -> None:
    """End what is left of a run whose reader has gone, and see its tasks out."""
    try:
        if not owner.done():
            engine.abandon()
        while await engine.read(owner) is not None:
            pass
    except asyncio.CancelledError:
        owner.cancel()
        raise
    if not owner.cancelled():
        owner.exception()  # looked at, so that asyncio does not complain of it


class _Engine:
    """The state of one run, and its tasks."""

    def __init__(
        self,
        connector: Connector,
        limits: Limits,
        timeouts: Timeouts,
        retries: Retries,
        *,
        breaker: Breaker,
        crew: Crew | None,
        rng: random.Random,
        clock: Clock,
    ) -> None:
        self._connector, self._timeouts, self._retries = connector, timeouts, retries
        self._rng, self._clock = rng, clock
        self._sessions = asyncio.Semaphore(limits.sessions)
        self._connecting = Places(limits.connecting)
        self._rate = Rate(limits.connects_per_second)
        self._breaker, self._crew = breaker, crew
        self._assignments: asyncio.Queue[Assignment] = asyncio.Queue(QUEUED)
        self._results: asyncio.Queue[DeviceResult | None] = asyncio.Queue(QUEUED)
        self._jumps = Jumps(connector, clock)
        self._line = Line(limits, breaker, self._jumps)
        self._running: dict[Visit, asyncio.Task[None]] = {}
        self._resting: dict[Visit, asyncio.TimerHandle] = {}
        self._changed = asyncio.Event()
        self._source: asyncio.Task[None] | None = None
        self._source_moved = False
        self._source_error: Exception | None = None
        self._ending: Stop | None = None
        self._cutting = False
        self._reminder: asyncio.TimerHandle | None = None
        self._next_token: asyncio.TimerHandle | None = None

    # What the reader does.

    async def read(self, owner: asyncio.Task[None]) -> DeviceResult | None:
        """Wait for the next result; None when ``owner`` has ended and all are read."""
        while not (owner.done() and self._results.empty()):
            if (result := await self._results.get()) is not None:
                return result
        return None

    def wake_reader(self, _owner: asyncio.Task[None]) -> None:
        """Let a reader that waits see that no more will come; one with a full queue does not."""
        if not self._results.full():
            self._results.put_nowait(None)

    def abandon(self) -> None:
        """End now; nobody wants the rest of the source."""
        if self._source is not None:
            self._source.cancel()
        self._end(Stop(), cut=True)

    # The tasks of a run.

    async def run(self, assignments: AsyncIterable[Assignment], stop: asyncio.Event) -> None:
        """Own every task, until the last result is in the queue."""
        reason = stop if isinstance(stop, Stop) else Stop()
        try:
            async with asyncio.TaskGroup() as group:
                self._source = group.create_task(self._produce(assignments))
                self._source.add_done_callback(lambda _: self._changed.set())
                watchers = (
                    group.create_task(self._watch(stop, reason, cut=True)),
                    group.create_task(self._watch(reason.shedding, reason, cut=False)),
                )
                await self._dispatch(group)
                for watcher in watchers:
                    watcher.cancel()
        finally:
            self._forget_timers()
        if self._source_error is not None:
            raise self._source_error

    async def _produce(self, assignments: AsyncIterable[Assignment]) -> None:
        try:
            async for assignment in assignments:
                self._source_moved = True
                await self._assignments.put(assignment)
                self._changed.set()
        except Exception as error:  # noqa: BLE001  not swallowed: `run` raises it, after the rest
            self._source_error = error

    async def _watch(self, event: asyncio.Event, reason: Stop, *, cut: bool) -> None:
        await event.wait()
        self._end(reason, cut=cut)

    async def _dispatch(self, group: asyncio.TaskGroup) -> None:
        while True:
            self._fill_line()
            if self._ending is not None:
                await self._turn_away(self._ending)
            for visit in self._line.barred():
                await self._bar(visit)
            if self._line.is_ready and not self._sessions.locked() and self._has_token():
                await self._sessions.acquire()  # free, so this does not wait
                visit = self._line.next()
                self._running[visit] = group.create_task(self._work(visit))
            elif self._is_over():
                return
            elif self._line.musters:
                await asyncio.sleep(0)  # the source may have more at hand, of other sites
                if self._assignments.empty() or not self._has_room():
                    self._line.muster()
            else:
                await self._changed.wait()
                self._changed.clear()

    async def _work(self, visit: Visit) -> None:
        delay: float | None = None
        withheld = falls_back = False
        try:
            with bound(device=visit.device.name):
                withheld = await self._attempt(visit)
                falls_back = visit.falls_back and not withheld
                delay = None if withheld else self._delay(visit)
            if delay is None and not withheld and not falls_back:
                await self._conclude(visit)
        finally:
            # The places are kept until the result is taken: unread results are bounded by them.
            del self._running[visit]
            self._sessions.release()
            self._line.leave(visit)
            if falls_back:
                visit.fall_back()
            if withheld or falls_back:
                self._line.join(visit)
            elif delay is not None:
                self._rest(visit, delay)
            self._changed.set()

    async def _attempt(self, visit: Visit) -> bool:
        """Visit the device once; tell whether it has to stand in line again for its credential."""
        credential = visit.device.credential
        trial, gate = self._breaker.trial(credential), self._breaker.gate(credential)
        approach = Approach(visit, self._connecting, trial, gate, self._recall)

        def cut() -> Fault | None:
            reason = self._ending if self._cutting else None
            return self._called_off(visit, reason) if reason is not None else None

        return await guarded(visit, approach, self._act(visit, approach), cut)

    async def _act(self, visit: Visit, approach: Approach) -> None:
        """Make an attempt, here or elsewhere."""
        proven = self._breaker.trial(visit.device.credential).is_proven
        if self._ending is not None:
            visit.cancel(self._called_off(visit, self._ending))
        elif visit.opens is not None:
            await open_jump(visit, self._connector, self._timeouts, approach)
        elif self._crew is not None and self._crew.takes(visit.device, proven=proven):
            await send(visit, self._crew, self._timeouts, approach)
        else:
            await attempt(visit, self._connector, self._timeouts, approach)

    async def _conclude(self, visit: Visit) -> None:
        """Hand in what became of a visit: a result, or a jump host that is open or is not."""
        if visit.opens is None:
            await self._results.put(visit.result())
        elif self._ending is None:  # else those behind it are turned away, as all that wait
            self._jumps.settle(visit.opens, visit.fault)
            self._line.look_again(visit.opens)

    # Who waits, and for what.

    def _fill_line(self) -> None:
        while not self._assignments.empty() and (self._ending is not None or self._has_room()):
            assignment = self._assignments.get_nowait()
            self._line.join(Visit(assignment=assignment, clock=self._clock))

    def _has_room(self) -> bool:
        return not self._line.is_ready and len(self._line) + len(self._resting) < ASIDE

    def _has_token(self) -> bool:
        """Tell whether the rate of connections allows one more; else wake up when it does."""
        loop = asyncio.get_running_loop()
        if self._next_token is not None:
            self._next_token.cancel()
            self._next_token = None
        if wait := self._rate.wait(loop.time()):
            self._next_token = loop.call_later(wait, self._changed.set)
            return False
        self._rate.take()
        return True

    def _recall(self, visit: Visit) -> None:
        self._line.recall(visit.device.credential)
        self._changed.set()

    async def _bar(self, visit: Visit) -> None:
        """Conclude a visit whose credential, or whose jump host, is not to be tried any more."""
        device = visit.device
        if self._breaker.trial(device.credential).is_over:
            if visit.attempts == 0:
                visit.cancel(self._breaker.fault(device.credential))
            elif visit.is_unjudged:  # its first credential, and the next was not tried
                visit.overrule(self._breaker.fault(device.credential))
        elif device.jump is not None and (fault := self._jumps.fault(device.jump)):
            visit.fail(fault)
        await self._conclude(visit)

    def _is_over(self) -> bool:
        waiting = len(self._line) or self._resting or not self._assignments.empty()
        # Asked of the task itself: one that is cancelled before its first step runs no `finally`.
        read = self._source is not None and self._source.done()
        return read and not self._running and not waiting

    def _delay(self, visit: Visit) -> float | None:
        """Choose the seconds until the next attempt; None when there is none."""
        fault = visit.fault
        if fault is None or not is_retried(fault):
            return None
        left = limits_of(visit.device, self._timeouts).device - visit.spent
        attempts = visit.attempts - visit.before
        if attempts >= self._retries.attempts or left <= 0:
            return None
        delay = pause(self._retries, attempts, self._rng)
        logger.info("attempt %d: %s; again in %.1f s", visit.attempts, fault.message, delay)
        return delay

    def _rest(self, visit: Visit, delay: float) -> None:
        loop = asyncio.get_running_loop()
        self._resting[visit] = loop.call_later(delay, self._resume, visit)

    def _resume(self, visit: Visit) -> None:
        del self._resting[visit]
        self._line.join(visit)
        self._changed.set()

    # How a run ends before its time.

    def _end(self, reason: Stop, *, cut: bool) -> None:
        self._ending = reason
        self._cutting = self._cutting or cut
        self._source_moved = True  # it has a first respite
        self._changed.set()
        self._remind()

    def _remind(self) -> None:
        """Cancel what has not ended yet: one cancellation may be lost (see `deadline`)."""
        if self._reminder is not None:
            self._reminder.cancel()
        for visit, task in self._running.items():
            if self._cutting and visit.underway:
                task.cancel()
        if self._cutting and self._crew is not None and self._ending is not None:
            self._crew.cut(self._ending.fault("cut off"))
        stuck = not self._source_moved and not self._assignments.full()
        if stuck and self._source is not None:
            self._source.cancel()
        self._source_moved = False
        self._reminder = asyncio.get_running_loop().call_later(REMIND, self._remind)

    async def _turn_away(self, reason: Stop) -> None:
        """Give those that wait their result: skipped, or what their last attempt has come to."""
        resting = tuple(self._resting)
        self._forget_rests()
        for visit in (*self._line.clear(), *resting):
            if visit.attempts == 0:
                visit.cancel(self._called_off(visit, reason))
            if visit.opens is None:
                await self._results.put(visit.result())

    def _called_off(self, visit: Visit, reason: Stop) -> Fault:
        fault = reason.fault("cut off" if visit.attempts else "not started")
        return replace(fault, phase=visit.phase)

    def _forget_timers(self) -> None:
        self._forget_rests()
        if self._reminder is not None:
            self._reminder.cancel()
        if self._next_token is not None:
            self._next_token.cancel()

    def _forget_rests(self) -> None:
        for timer in self._resting.values():
            timer.cancel()
        self._resting.clear()
