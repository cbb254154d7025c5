"""``collector runs``: what is stored, newest first."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from collector.cli.options import ConfigOption, FormatOption, OutputOption, settings_of
from collector.cli.streams import standard_output, tell
from collector.errors import InputError
from collector.log import one_line
from collector.model import Status
from collector.views import Format

if TYPE_CHECKING:
    from collector.store import PastRun

_HEADINGS = ("run", "started", "job", "state", *(status.value for status in Status), "of")


def runs(
    *, output: OutputOption = None, shape: FormatOption = None, config: ConfigOption = None
) -> None:
    """List the runs of the output folder: when, which job, how they ended."""
    from collector.views.rows import json_text
    from collector.views.table import columns

    rows = list(_rows(output_folder(output, config)))
    if shape in {Format.JSON, Format.JSONL}:
        text = json_text(rows, lines=shape is Format.JSONL)
    else:
        text = columns(_HEADINGS, [_cells(row) for row in rows])
    standard_output().write_text(text)


def output_folder(output: str | None, config: Path | None) -> Path:
    """Give the folder that runs are stored in."""
    return settings_of(config, {"--output": ("output", output)}).output


def _rows(output: Path) -> Iterator[dict[str, object]]:
    """Give a row for each run; one that cannot be read is told, and the others are listed."""
    from collector.store import newest_first, past_run

    for folder in newest_first(output):
        try:
            yield _row(past_run(folder))
        except (InputError, KeyError, TypeError) as error:
            why = error if isinstance(error, InputError) else f"{folder}: a name is missing"
            tell(f"collector: {one_line(str(why))}")


def _row(run: PastRun) -> dict[str, object]:
    from collector.store import read_run

    head = run.head or read_run(run.folder)
    return {
        "run_id": run.run_id,
        "started": head["started"],
        "job": head["job"],
        "state": run.state,
        "totals": run.totals(),
        "failed_of": head.get("failed_of"),
        "resume_of": head.get("resume_of"),
    }


def _cells(row: dict[str, object]) -> tuple[str, ...]:
    totals = row["totals"]
    counts = totals if isinstance(totals, dict) else {}
    return (
        str(row["run_id"]),
        str(row["started"]),
        str(row["job"]),
        str(row["state"]),
        *(str(counts.get(status.value, 0)) for status in Status),
        str(row["failed_of"] or row["resume_of"] or ""),
    )
