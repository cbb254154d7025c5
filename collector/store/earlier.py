"""Where an output that has not changed may lie already: the newest earlier run that has one of it.

Owns the search, for as far back as costs little: the newest run that ended, then the newest ones
whatever became of them, then the one that last had a good configuration of the device. So a sweep
of other commands between two backups makes no second copy of what has not changed. Refuses to know
whether the outputs are the same.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from collector.store.last_good import LastGood, last_good
from collector.store.names import run_time
from collector.store.past import RUNS, latest_run

_RECENT: Final = 32
"""Runs looked into for each output that the newest one does not have: a lookup is some 3 us."""


class EarlierRuns:
    """The runs that are there when a run starts; what is costly to know is read when needed."""

    def __init__(self, run: Path) -> None:
        self._run = run
        self._output = run.parent.parent
        self._latest = latest_run(self._output)
        self._recent: tuple[Path, ...] | None = None
        self._good: Mapping[str, LastGood] | None = None
        self._reading = threading.Lock()  # asked from several threads

    def copies(self, device: str, place: str) -> Iterator[Path]:
        """Give the files that may be as the output at ``place`` in the run: one, as a rule.

        ``place`` is relative to a run folder. The file of the newest run that has one is the last.
        """
        if self._latest:
            yield self._latest / place
        if not (self._latest and os.path.lexists(self._latest / place)):
            yield from self._older(device, place)

    def _older(self, device: str, place: str) -> Iterator[Path]:
        for run in self._newest():
            if os.path.lexists(run / place):
                yield run / place
                return
        good = self._known().get(device)
        if good and good.run_id != self._run.name:
            yield self._output / RUNS / good.run_id / place

    def _newest(self) -> tuple[Path, ...]:
        with self._reading:
            if self._recent is None:
                names = {name for name in _listed(self._output / RUNS) if run_time(name)}
                others = sorted(names - {self._run.name}, reverse=True)
                self._recent = tuple(self._output / RUNS / name for name in others[:_RECENT])
            return self._recent

    def _known(self) -> Mapping[str, LastGood]:
        with self._reading:
            if self._good is None:
                try:
                    self._good = last_good(self._output)
                except OSError:  # as below: then there is one copy more
                    self._good = {}
            return self._good


def _listed(folder: Path) -> list[str]:
    """List a folder; what cannot be listed has nothing to link to, and that is no fault."""
    try:
        return os.listdir(folder)
    except OSError:
        return []
