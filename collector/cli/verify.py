"""``collector verify``: stored outputs held against the manifests that name them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from collector.cli.options import ConfigOption, FormatOption, OutputOption
from collector.cli.streams import standard_output
from collector.errors import Exit, InputError
from collector.log import counted
from collector.views import Format
from collector.views.rows import json_array, json_lines

if TYPE_CHECKING:
    from collector.store.verification import Finding, Verification

EXAMPLES = """\b
Examples:
  collector verify
      the newest run
  collector verify --all
      every run of the output folder
  collector verify 20260301T070509Z-1f9c3a --format json

\b
damaged: not what was stored. missing: named by the run, not there. foreign: no output of the run.
Exit status: 0 good (foreign files may be told), 6 something is damaged or missing."""


def verify(
    run: Annotated[
        str | None,
        typer.Argument(
            metavar="[RUN]",
            help="An id, a path, or latest (the default): the newest run, whatever became of it.",
        ),
    ] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="Every run of the output folder.")] = False,
    output: OutputOption = None,
    shape: FormatOption = None,
    config: ConfigOption = None,
) -> int:
    """Hash every stored output again, and say what is damaged, missing or foreign."""
    from collector.store.verification import Verification

    if run and every:
        raise InputError("RUN and --all: expected one of them, found both")
    work = Verification()
    data = standard_output()
    told = _rows(work, _folders(run, every=every, output=output, config=config))
    if shape in {Format.JSON, Format.JSONL}:
        for line in json_lines(told) if shape is Format.JSONL else json_array(told):
            data.write_text(line)
    else:
        for row in told:
            data.write_text(f"{row['kind']}: {row['run_id']}/{row['path']}: {row['message']}\n")
        data.write_text(_summary(work))
    return Exit.OK if work.good else Exit.STORAGE


def _folders(
    run: str | None, *, every: bool, output: str | None, config: Path | None
) -> list[Path]:
    from collector.cli.stored import output_folder
    from collector.store import find_run, newest_first

    where = output_folder(output, config)
    return newest_first(where) if every else [find_run(where, run or "latest").folder]


def _rows(work: Verification, folders: list[Path]) -> Iterator[dict[str, str]]:
    for folder in folders:
        for finding in work.verify(folder):
            yield _row(folder, finding)


def _row(folder: Path, finding: Finding) -> dict[str, str]:
    return {
        "run_id": folder.name,
        "kind": finding.kind.value,
        "path": finding.path,
        "message": finding.message,
    }


def _summary(work: Verification) -> str:
    counts = [f"{count} {kind}" for kind, count in sorted(work.found.items())]
    runs = f"{counted(work.runs, 'run')}, {counted(work.outputs, 'output')}"
    return f"{runs}: {', '.join(counts) or 'good'}\n"
