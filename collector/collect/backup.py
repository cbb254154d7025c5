"""The history of the backups as a part of a run: when it is begun, fed, committed and pushed.

Owns that nothing of it keeps a run from its work: what goes wrong is a line, and exit status 6.
After the end of a run's time, or a signal, git has a few seconds more; after a signal no push is
begun. Refuses to know what a change is and how git is driven.
"""
# ruff: noqa: PLC0415 - the rooms are imported where they are used: see the room's docstring

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from collector.collect.concealment import Concealment
from collector.collect.ending import Ending
from collector.collect.plan import Plan
from collector.collect.tally import Tally
from collector.errors import StorageError
from collector.model import DeviceResult, Status

if TYPE_CHECKING:
    from collector.backups import History, Part
    from collector.store import RunWriter

COMMITTING: Final = 10.0  # seconds after the end of a run; a second signal ends all at once

logger = logging.getLogger(__name__)


class Backup:
    """The writer of a run's results, which keeps the backups before a result is recorded.

    ``made`` is the commit, empty when there was none to make, None where no history is kept.
    ``problems`` are lines about what could not be kept.
    """

    def __init__(self, writer: RunWriter, conceal: Concealment) -> None:
        self.made: str | None = None
        self.problems: list[str] = []
        self._writer = writer
        self._conceal = conceal
        self._history: History | None = None
        self._parts: dict[str, Part] = {}

    @classmethod
    @asynccontextmanager
    async def begun(
        cls, plan: Plan, writer: RunWriter, conceal: Concealment, ending: Ending
    ) -> AsyncIterator[Backup]:
        """Open the history where the plan is a backup; a line, not an error, when it cannot be.

        What a run keeps raw, in its own folder only, is concealed here on its way to the history.
        """
        backup = cls(writer, conceal)
        if plan.kept:
            await backup._open(plan, ending)
        try:
            yield backup
        finally:
            if backup._history is not None:
                backup._history.close()

    async def write(self, result: DeviceResult) -> DeviceResult:
        """Keep a device's backup, then store its result; give it back as it was recorded."""
        part = self._parts.get(result.device.platform)
        if self._history is not None and part is not None:
            seen = await self._conceal(result) if self._conceal.keep_raw else result
            kept = await self._history.keep(seen, part)
            result = replace(result, change=kept.change, backup_files=kept.backup_files)
        return await self._writer.write(result)

    async def commit(self, tally: Tally, ending: Ending) -> None:
        """Commit what has changed, and push it; never raises for what goes wrong."""
        history = self._history
        if history is None:
            return
        if history.problem:
            self._problem(history.problem)
        try:
            async with ending.grace(COMMITTING):
                self.made = await history.commit({each: tally.totals[each] for each in Status})
        except StorageError as error:
            self._problem(f"{error} (kept in the files: the next run commits it)")
        except TimeoutError:
            self._problem("the backups were not committed in time: the next run does it")
        await self._push(history, ending)

    async def _push(self, history: History, ending: Ending) -> None:
        if ending.signal is not None:
            return
        try:
            async with ending.grace(COMMITTING):
                await history.push()
            if self.made:
                self.made = await history.head()
        except StorageError as error:
            self._problem(str(error))
        except TimeoutError:
            self._problem("the backups were not pushed: the run was ended; the next run does it")

    async def _open(self, plan: Plan, ending: Ending) -> None:
        from collector.backups import History, Part, Rules

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
        self._parts = {
            name: Part(commands=commands, rules=Rules.of(plan.platforms[name]))
            for name, commands in plan.kept.items()
        }

    def _problem(self, line: str) -> None:
        self.problems.append(line)
