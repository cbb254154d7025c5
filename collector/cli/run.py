"""``collector run``: collect from the devices of an inventory, and say how it went."""

from __future__ import annotations

import asyncio
import gc
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from collector import log
from collector.cli.options import (
    ConfigOption,
    FormatOption,
    InventoryOption,
    LimitOption,
    OutputOption,
    settings_of,
)
from collector.cli.streams import coloured, on_terminal, standard_output, tell
from collector.errors import Exit, InputError
from collector.model import Event
from collector.views import Format, make_view

if TYPE_CHECKING:
    from collector.collect import Plan, RunOutcome
    from collector.settings import Settings

EXAMPLES = """\b
Examples:
  collector run --inventory lab.yaml
      a backup of every device, to output/runs/latest/devices/<device>/<command>.txt
  collector run -i lab.yaml -c "show version" -c "show interfaces" -l site=ams -l '!ams-edge1'
      ask these two of one site but one device; store the outputs and print them
  collector run -i lab.yaml -c "show version" --format jsonl | jq -r .device
      the same as data
  collector run -i lab.yaml --job facts --dry-run
      what would be sent to whom; no network and no secret touched
  collector run --resume latest
      go on with what is missing of a run that was killed or interrupted
  collector run --failed-of latest
      a new run over the devices that were not ok, with the same commands"""


NAMED = 5  # devices named in a line; the others are counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """How the run is to be told."""

    verbosity: int
    shape: Format | None
    bar: bool


def run(  # noqa: PLR0913 - a parameter is a flag
    *,
    inventory: InventoryOption = None,
    command: Annotated[
        list[str] | None,
        typer.Option(
            "--command",
            "-c",
            metavar="TEXT",
            help="Ask this in place of a job, and print the outputs. May be repeated.",
        ),
    ] = None,
    limit: LimitOption = None,
    job: Annotated[
        str | None,
        typer.Option("--job", "-j", metavar="NAME", help="The job of the configuration to do."),
    ] = None,
    output: OutputOption = None,
    shape: FormatOption = None,
    config: ConfigOption = None,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers", "-w", metavar="N", min=1, help="Sessions open at once (limits.sessions)."
        ),
    ] = None,
    processes: Annotated[
        str | None,
        typer.Option(
            "--processes",
            "-p",
            metavar="N|auto",
            help="Visit devices from so many processes; auto: one for each core.",
        ),
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option(
            "--cluster",
            metavar="ADDRESS",
            help="Have the workers of a Dask cluster visit devices: tls://HOST:PORT of its"
            " scheduler (cluster.address): see docs/scale.md.",
        ),
    ] = None,
    timeout: Annotated[
        float | None,
        typer.Option(
            "--timeout",
            "-t",
            metavar="SECONDS",
            help="The limit for each device (timeouts.device).",
        ),
    ] = None,
    max_runtime: Annotated[
        float | None,
        typer.Option(
            "--max-runtime", metavar="SECONDS", help="The limit for the whole run (timeouts.run)."
        ),
    ] = None,
    max_failures: Annotated[
        str | None,
        typer.Option(
            "--max-failures",
            metavar="N|N%",
            help="Begin no more devices when more than so many have failed (max_failures).",
        ),
    ] = None,
    order: Annotated[
        str | None,
        typer.Option(
            "--order",
            metavar="ORDER",
            help="Which devices are begun first: longest-first, by the last runs, or inventory"
            " (order).",
        ),
    ] = None,
    allow_unsafe: Annotated[
        bool,
        typer.Option(
            "--allow-unsafe",
            help="Send commands that are not known to be read-only; never configuration.",
        ),
    ] = False,
    accept_smaller: Annotated[
        bool,
        typer.Option(
            "--accept-smaller", help="Believe configurations far smaller than the last good ones."
        ),
    ] = False,
    summary_file: Annotated[
        list[str] | None,
        typer.Option(
            "--summary-file",
            metavar="FILE",
            help="Write a summary of the run (summary_files): Markdown (.md) or JSON (.json). May"
            " be repeated.",
        ),
    ] = None,
    metrics_file: Annotated[
        str | None,
        typer.Option(
            "--metrics-file", metavar="FILE", help="Write metrics for Prometheus (metrics_file)."
        ),
    ] = None,
    resume: Annotated[
        str | None,
        typer.Option(
            "--resume",
            metavar="RUN",
            help="Go on with what is missing of a run that was killed or interrupted: an id, a"
            " path, or latest.",
        ),
    ] = None,
    failed_of: Annotated[
        str | None,
        typer.Option(
            "--failed-of",
            metavar="RUN",
            help="Ask what was not ok in a run once more, in a new run with the same commands.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be sent to whom, and stop.")
    ] = False,
    verbose: Annotated[
        int,
        typer.Option("--verbose", "-v", count=True, help="Log more: -v what happens, -vv why."),
    ] = 0,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="No progress, no summary; failures are told.")
    ] = False,
    no_progress: Annotated[bool, typer.Option("--no-progress", help="No progress bar.")] = False,
    log_json: Annotated[
        bool, typer.Option("--log-json", help="Log lines as JSON, on standard error.")
    ] = False,
) -> int:
    """Log in to every device at once, run commands, store every output."""
    gc.disable()  # until `settle_memory`: what is loaded stays, and is looked through in vain
    given = {
        "--command": command,
        "--job": job,
        "--resume": resume,
        "--failed-of": failed_of,
    }
    _check_one([flag for flag, value in given.items() if value])
    if resume and limit:
        raise InputError("--resume and --limit: a run is resumed as it was started, or not at all")
    if metrics_file and command:
        raise InputError("--metrics-file and --command: metrics are of jobs")
    flags = {
        "--inventory": ("inventory", inventory),
        "--output": ("output", output),
        "--job": ("job", job),
        "--workers": ("limits.sessions", workers),
        "--processes": ("processes", processes),
        "--cluster": ("cluster.address", cluster),
        "--timeout": ("timeouts.device", timeout),
        "--max-runtime": ("timeouts.run", max_runtime),
        "--max-failures": ("max_failures", max_failures),
        "--order": ("order", order),
        "--accept-smaller": ("suspect_below", 0.0 if accept_smaller else None),
        "--summary-file": ("summary_files", summary_file),
        "--metrics-file": ("metrics_file", metrics_file),
    }
    settings = settings_of(config, flags)
    if resume or failed_of:
        plan = _plan_again(
            settings,
            resume=resume,
            failed_of=failed_of,
            limits=limit or (),
            inventory=inventory,
            allow_unsafe=allow_unsafe,
        )
    else:
        plan = _plan(settings, limit or (), command or (), allow_unsafe=allow_unsafe)
    wish = Wish(
        verbosity=-1 if quiet else verbose,
        shape=shape or (Format.TEXT if plan.selection.get("commands") else None),
        bar=on_terminal() and not quiet and not no_progress and not log_json,
    )
    if dry_run:
        _show_plan(plan, shape)
        return Exit.OK
    if _is_over(plan):
        return Exit.OK
    log.configure(wish.verbosity, _log_stream(wish), as_json=log_json)
    outcome = _execute(plan, wish)
    _tell_end(outcome, wish)
    return outcome.exit_status


def _check_one(flags: Sequence[str]) -> None:
    if len(flags) > 1:
        raise InputError(f"{' and '.join(flags)}: expected one of them, found {len(flags)}")


def _plan(
    settings: Settings, limits: Sequence[str], commands: Sequence[str], *, allow_unsafe: bool
) -> Plan:
    from collector.collect import prepare

    return prepare(settings, limits=limits, commands=commands or None, allow_unsafe=allow_unsafe)


def _plan_again(
    settings: Settings,
    *,
    resume: str | None,
    failed_of: str | None,
    limits: Sequence[str],
    inventory: str | None,
    allow_unsafe: bool,
) -> Plan:
    from collector.collect.again import repeat
    from collector.collect.again import resume as go_on

    given = Path(inventory) if inventory else None
    if resume:
        return go_on(settings, resume, inventory=given, allow_unsafe=allow_unsafe)
    return repeat(
        settings, failed_of or "", limits=limits, inventory=given, allow_unsafe=allow_unsafe
    )


def _is_over(plan: Plan) -> bool:
    """Say whom a run cannot ask again, and whether there is anyone left to ask."""
    from collector.collect import Tie

    if plan.again is None:
        return False
    gone = plan.again.gone
    if gone:
        named = ", ".join(gone[:NAMED]) + (", …" if len(gone) > NAMED else "")
        tell(f"collector: left the inventory since, not asked: {len(gone)} of them: {named}")
    if plan.total or plan.again.tie is Tie.CONTINUES:
        return False
    what = "nobody is left to ask" if plan.again.missing else "every device was ok"
    tell(f"collector: run {plan.again.run.name}: {what}")
    return True


def _show_plan(plan: Plan, shape: Format | None) -> None:
    from collector.views.devices import plan_row, plan_text
    from collector.views.rows import json_text

    if shape in {Format.JSON, Format.JSONL}:
        rows = [plan_row(assignment) for assignment in plan.assignments]
        text = json_text(rows, lines=shape is Format.JSONL)
    else:
        text = plan_text(plan.assignments)
    standard_output().write_text(text)
    for device in plan.idle:
        tell(f"{device.name}: skipped: job {plan.job!r} has no command for {device.platform}")
    _show_hooks(plan)


def _show_hooks(plan: Plan) -> None:
    """Say who would be told of what; a webhook's URL may be a secret, its place is not."""
    hooks = () if plan.selection.get("commands") else plan.settings.hooks
    for place, hook in enumerate(hooks):
        events = ", ".join(event for event in Event if event in hook.events)
        called = shlex.join(hook.command) if hook.command else "a webhook"
        tell(f"hooks[{place}]: {log.one_line(called)}: on {events}")


def _log_stream(wish: Wish) -> log.LineStream:
    return _AboveBar() if wish.bar else sys.stderr


class _AboveBar:
    """Standard error while a bar is drawn on its last line."""

    def write(self, text: str) -> int:
        from tqdm import tqdm

        tqdm.write(text, file=sys.stderr, end="")
        return len(text)

    def flush(self) -> None:
        sys.stderr.flush()


def _execute(plan: Plan, wish: Wish) -> RunOutcome:
    from collector.cli.progress import Watcher
    from collector.collect import credentials_of, execute, loop_factory, settle_memory

    credentials = credentials_of(plan)
    view = make_view(wish.shape) if wish.shape else None
    watcher = Watcher(bar=wish.bar, view=view, data=standard_output() if view else None)
    doing = execute(plan, observe=watcher, credentials=credentials, loaded=settle_memory)
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(doing)


def _tell_end(outcome: RunOutcome, wish: Wish) -> None:
    """On a terminal always a few lines; elsewhere, as in cron, only when something is wrong."""
    from collector.views.summary import failure_lines, totals_line

    colours = coloured()
    told = on_terminal() and wish.verbosity >= 0
    if not told and outcome.exit_status == Exit.OK:
        return
    for remark in outcome.remarks:
        tell(f"collector: {log.one_line(remark)}")
    tell(totals_line(outcome.totals, outcome.duration, changes=outcome.changes, coloured=colours))
    where = outcome.manifest or outcome.run_dir
    for line in failure_lines(outcome.failures, where, coloured=colours):
        tell(line)
    tell(f"outputs: {outcome.run_dir}")
