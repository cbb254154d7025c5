"""``collector doctor``: what works on the way to each device, and what to do about the rest."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from collector import log
from collector.cli.options import (
    ConfigOption,
    FormatOption,
    InventoryOption,
    LimitOption,
    settings_of,
)
from collector.cli.streams import DataStream, in_thread, standard_output, tell
from collector.views import Format

if TYPE_CHECKING:
    from collector.model import Examination

EXAMPLES = """\b
Examples:
  collector doctor --inventory lab.yaml
  collector doctor -i lab.yaml --limit r1,r7
  collector doctor -i lab.yaml --format jsonl | jq -r 'select(.status != "ok") | .device'

\b
Each device is tried once, as a run would: within the same limits, and few at a time until a
credential is accepted. Nothing is stored but the key of a device that is met first.
Exit status: as of a run with these results: 0 all good, 3 some failed, 4 all failed, 5 a credential
was rejected again and again."""


def doctor(
    *,
    inventory: InventoryOption = None,
    limit: LimitOption = None,
    shape: FormatOption = None,
    config: ConfigOption = None,
    verbose: Annotated[
        int,
        typer.Option("--verbose", "-v", count=True, help="Log more: -v what happens, -vv why."),
    ] = 0,
) -> int:
    """Go to each device step by step, up to one harmless command, and say what works."""
    from collector.collect import credentials_of, loop_factory
    from collector.collect.doctor import examination, examine
    from collector.views.examinations import examined_line

    settings = settings_of(config, {"--inventory": ("inventory", inventory)})
    plan = examination(settings, tuple(limit or ()))
    credentials = credentials_of(plan)
    log.configure(verbose, sys.stderr, as_json=False)
    shower = _Shower(shape or Format.TEXT, standard_output())
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        outcome = runner.run(examine(plan, credentials, shower.show))
    shower.end()
    for remark in outcome.remarks:
        tell(f"collector: {log.one_line(remark)}")
    tell(examined_line(outcome.totals))
    return outcome.exit_status


class _Shower:
    """Prints examinations, each as it comes where the format allows."""

    def __init__(self, shape: Format, data: DataStream) -> None:
        self._shape, self._data = shape, data
        self._kept: list[Examination] = []

    async def show(self, examination: Examination) -> None:
        from collector.views.examinations import examination_row, examination_text
        from collector.views.rows import json_text

        show: dict[Format, Callable[[Examination], str]] = {
            Format.TEXT: examination_text,
            Format.JSONL: lambda each: json_text([examination_row(each)], lines=True),
        }
        if self._shape in show:
            text = show[self._shape](examination)
            await in_thread(lambda: self._data.write_text(text))
        else:
            self._kept.append(examination)

    def end(self) -> None:
        from collector.views.examinations import examination_row, examination_table
        from collector.views.rows import json_text

        if self._shape is Format.JSON:
            rows = [examination_row(each) for each in self._kept]
            self._data.write_text(json_text(rows, lines=False))
        elif self._shape is Format.TABLE:
            self._data.write_text(examination_table(self._kept))
