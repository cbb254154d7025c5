"""Results as they come: the progress bar on standard error, the data on standard output.

Owns the bar. Refuses to know how data looks: a view turns results into bytes.
"""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import TYPE_CHECKING

from collector.cli.streams import DataStream, in_thread
from collector.model import DeviceResult, Status
from collector.views import View

if TYPE_CHECKING:
    from tqdm.asyncio import tqdm_asyncio


class Watcher:
    """Watches a run: an observer for `collector.collect.execute`."""

    def __init__(self, *, bar: bool, view: View | None, data: DataStream | None) -> None:
        self._bar, self._view, self._data = bar, view, data
        self._good = self._bad = 0

    async def __call__(self, results: AsyncIterator[DeviceResult], total: int) -> None:
        """Show each result, then what the view has held back."""
        if self._bar:
            await self._drawn(results, total)
        else:
            async for result in results:
                await self._print(partial(_add, result), None)
        await self._print(_end, None)

    async def _drawn(self, results: AsyncIterator[DeviceResult], total: int) -> None:
        from tqdm.asyncio import tqdm_asyncio

        # The bar redraws itself; tqdm's own thread for that would only be in the way of signals.
        tqdm_asyncio.monitor_interval = 0
        known = _has_size()
        with tqdm_asyncio(
            results,
            total=total,
            desc="collecting",
            unit=" devices",
            file=sys.stderr,
            dynamic_ncols=known,
            ncols=None if known else 80,
            nrows=None if known else 24,
            postfix={"ok": 0, "failed": 0},
        ) as bar:
            async for result in bar:
                self._count(result)
                bar.set_postfix({"ok": self._good, "failed": self._bad}, refresh=False)
                await self._print(partial(_add, result), bar)

    def _count(self, result: DeviceResult) -> None:
        if result.status is Status.OK:
            self._good += 1
        else:
            self._bad += 1

    async def _print(
        self, show: Callable[[View], bytes], bar: tqdm_asyncio[DeviceResult] | None
    ) -> None:
        view, data = self._view, self._data
        if view is None or data is None:
            return
        if bar is not None:
            bar.clear()
        await in_thread(lambda: data.write(show(view)))


def _has_size() -> bool:
    """Tell whether the terminal says its size: under `script` and some CI it does not."""
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns > 0
    except (OSError, ValueError):
        return False


def _add(result: DeviceResult, view: View) -> bytes:
    return view.add(result)


def _end(view: View) -> bytes:
    return view.end()
