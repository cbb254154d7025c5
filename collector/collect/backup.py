"""The history of the backups as a part of a run: when it is begun, fed, committed and pushed.

Owns that nothing of it keeps a run from its work: what goes wrong is a line, and exit status 6.
After the end of a run's time, or a signal, git has a few seconds more; after a signal no push is
begun. Refuses to know what a change is and how git is driven.
"""
# ruff: noqa: PLC0415 - the rooms are imported where they are used: see the room's docstring

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from collector.collect.concealment import Concealment
from collector.collect.ending import Ending
from collector.collect.plan import Plan
from collector.collect.tally import Tally
from collector.errors import StorageError
from collector.model import Change, Device, DeviceResult, Edit, Status

if TYPE_CHECKING:
    from collector.backups.history import History, Part
    from collector.store import RunWriter

EDITS: Final = 200
"""Devices of which it is said what is different in them; of the others it is in the history."""

COMMITTING: Final = 10.0  # seconds after the end of a run; a second signal ends all at once

logger = logging.getLogger(__name__)


class Backup:
    """The writer of a run's results, which keeps the backups before a result is recorded.

    ``made`` is the commit, empty when there was none to make, None where no history is kept.
    ``edits`` say in short what is different in the devices that have changed, as far as `commit`
    was to find out. ``problems`` are lines about what could not be kept.
    """

    def __init__(self, writer: RunWriter, conceal: Concealment, when: asyncio.Event) -> None:
        self.made: str | None = None
        self.edits: Mapping[str, Edit] = {}
        self.problems: list[str] = []
        self._writer = writer
        self._conceal = conceal
        self._when = when
        self._history: History | None = None
        self._parts: dict[str, Part] = {}
        self._changed: list[Device] = []
        self._plan: Plan | None = None
        self._opening: asyncio.Task[None] | None = None

    @classmethod
    @asynccontextmanager
    async def begun(
        cls,
        plan: Plan,
        writer: RunWriter,
        conceal: Concealment,
        ending: Ending,
        when: asyncio.Event,
    ) -> AsyncIterator[Backup]:
        """Open the history where the plan is a backup; a line, not an error, when it cannot be.

        It is opened while the first devices are logged in to, for git takes its time: at the event
        ``when``, or where it is needed before. What a run keeps raw, in its own folder only, is
        concealed here on its way to the history.
        """
        backup = cls(writer, conceal, when)
        backup._plan = plan
        if plan.kept:
            # In no group: a generator must not hold one open across its yield, and this owns it.
            backup._opening = asyncio.create_task(backup._open(plan, ending))
        try:
            yield backup
        finally:
            if backup._opening is not None:
                backup._opening.cancel()
                await asyncio.wait([backup._opening])
            if backup._history is not None:
                backup._history.close()

    async def write(self, result: DeviceResult) -> DeviceResult:
        """Keep a device's backup, then store its result; give it back as it was recorded."""
        await self._opened()
        part = self._parts.get(result.device.platform)
        if self._history is not None and part is not None:
            seen = await self._conceal.shown(result)
            kept = await self._history.keep(seen, part)
            result = replace(result, change=kept.change, backup_files=kept.backup_files)
            if result.change in {Change.CHANGED, Change.SECRET_ONLY}:
                self._changed.append(result.device)
        return await self._writer.write(result)

    async def commit(self, tally: Tally, ending: Ending, *, with_edits: bool = False) -> None:
        """Commit what has changed, and push it; never raises for what goes wrong."""
        await self._opened()
        history = self._history
        if history is None:
            return
        try:
            async with ending.grace(COMMITTING):
                self.made = await history.commit({each: tally.totals[each] for each in Status})
        except StorageError as error:
            self._problem(f"{error} (kept in the files: the next run commits it)")
        except TimeoutError:
            self._problem("the backups were not committed in time: the next run does it")
        if history.problem:
            self._problem(history.problem)
        if self.made and with_edits:
            # What cannot be found out is not told: it is in the history.
            with contextlib.suppress(StorageError, TimeoutError):
                async with ending.grace(COMMITTING):
                    self.edits = await self._edits(history)
        await self._push(history, ending)

    async def _edits(self, history: History) -> Mapping[str, Edit]:
        """Say what the commit has changed in each device; in a thread, for texts may be large."""
        from collector.backups.paths import backup_files

        if self._plan is None:
            return {}
        template = self._plan.settings.backups.path
        paths = {
            device.name: [
                file.path
                for file in backup_files(template, device, self._plan.kept[device.platform])
            ]
            for device in self._changed[:EDITS]
        }
        versions = await history.versions([path for files in paths.values() for path in files])
        return await asyncio.to_thread(self._compared, paths, versions)

    def _compared(
        self,
        paths: Mapping[str, Sequence[str]],
        versions: Mapping[str, tuple[bytes, bytes]],
    ) -> Mapping[str, Edit]:
        from collector.backups.editing import edit
        from collector.backups.editing import joined as joined_edits

        assert self._plan is not None
        edits: dict[str, Edit] = {}
        for device in self._changed[:EDITS]:
            rules = self._parts[device.platform].rules
            openers = self._plan.platforms[device.platform].section_lines
            found = [
                edit(*versions[path], label=path, rules=rules, openers=openers)
                for path in paths[device.name]
                if path in versions
            ]
            if found:
                edits[device.name] = joined_edits(found)
        return edits

    async def _push(self, history: History, ending: Ending) -> None:
        if ending.signal is not None:
            return
        try:
            async with ending.grace(COMMITTING):
                await history.push()
        except StorageError as error:
            self._problem(str(error))
        except TimeoutError:
            self._problem("the backups were not pushed: the run was ended; the next run does it")
        if self.made:  # it may have been put on top of others, whether or not the push went well
            with contextlib.suppress(StorageError):
                self.made = await history.head() or self.made

    async def _opened(self) -> None:
        """Wait until the history is open, or known not to be; many may wait at once."""
        self._when.set()
        if self._opening is not None:
            await asyncio.wait([self._opening])
            self._opening.result()

    async def _open(self, plan: Plan, ending: Ending) -> None:
        await self._when.wait()
        from collector.backups.history import History, Part
        from collector.backups.rules import Rules

        try:
            async with ending.grace(COMMITTING):
                self._history = await History.open(
                    plan.settings.output,
                    plan.settings.backups,
                    run=self._writer.run_id,
                    job=plan.job,
                )
        except StorageError as error:
            logger.info("%s", error)  # the run's last lines say it, too
            self._problem(str(error))
            return
        except TimeoutError:
            self._problem("the history of the backups was not opened in time")
            return
        self.made = ""
        # A platform's expressions are compiled for it: a hundred of them take 30 ms.
        rules = await asyncio.to_thread(lambda: {n: Rules.of(plan.platforms[n]) for n in plan.kept})
        self._parts = {
            name: Part(commands=commands, rules=rules[name]) for name, commands in plan.kept.items()
        }

    def _problem(self, line: str) -> None:
        self.problems.append(line)
