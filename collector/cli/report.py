"""``collector report``: what stored runs tell of the fleet; nothing is connected to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from collector.cli.options import ConfigOption, FormatOption, LimitOption, OutputOption
from collector.cli.streams import standard_output
from collector.errors import Exit
from collector.log import counted, one_line
from collector.views import Format

if TYPE_CHECKING:
    from collector.collect.posture import Posture

app = typer.Typer(help="What stored runs tell of the fleet.")

EXAMPLES = """\b
Examples:
  collector report posture
      the newest run that has ended
  collector report posture --limit group:ams --format json
  collector report posture 20260301T070509Z-1f9c3a

\b
telnet: nothing is encrypted. legacy: used algorithms that only ssh_profile legacy has. refused: no
algorithm was shared. dated: used some that modern has not. needless: set to legacy, and needs it no
more. unknown: not met in this run.
Exit status: 0 every device that was met is modern, 3 some are not, 4 none is, 2 there is no run."""

HEADINGS = ("device", "standing", "profile", "weak", "next")


@app.command("posture", epilog=EXAMPLES)
def show_posture(
    run: Annotated[
        str,
        typer.Argument(
            metavar="[RUN]", help="An id, a path, or latest: the newest run that has ended."
        ),
    ] = "latest",
    *,
    limit: LimitOption = None,
    output: OutputOption = None,
    shape: FormatOption = None,
    config: ConfigOption = None,
) -> int:
    """List the devices that need weak algorithms or telnet, and those that need them no more."""
    from collector.cli.stored import output_folder
    from collector.collect.posture import GOOD, Standing, posture
    from collector.store import find_run
    from collector.views.rows import json_text
    from collector.views.table import columns

    found = posture(find_run(output_folder(output, config), run, ended=True), limit or ())
    told = [each for each in found if each.standing is not Standing.MODERN]
    rows = [_row(each) for each in told]
    if shape in {Format.JSON, Format.JSONL}:
        text = json_text(rows, lines=shape is Format.JSONL)
    elif shape is Format.TABLE:
        text = columns(HEADINGS, [_cells(row) for row in rows])
    else:
        text = "".join(map(_lines, told)) + _summary(found)
    standard_output().write_text(text)
    met = [each for each in found if each.standing is not Standing.UNKNOWN]
    if all(each.standing in GOOD for each in met):
        return Exit.OK
    return Exit.SOME_FAILED if any(each.standing in GOOD for each in met) else Exit.ALL_FAILED


def _row(each: Posture) -> dict[str, Any]:
    used, device = each.algorithms, each.device
    ssh = device.transport == "ssh"
    return {
        "name": device.name,
        "host": device.host,
        "port": device.port,
        "platform": device.platform,
        "transport": device.transport,
        "ssh_profile": device.ssh_profile if ssh else None,
        "standing": each.standing,
        "weak": list(each.weak),
        "algorithms": {
            "kex": used.kex,
            "host_key": used.host_key,
            "cipher": used.cipher,
            "mac": used.mac,
        }
        if used
        else None,
        "message": each.remark or None,
        "hint": each.hint,
    }


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    weak = " ".join(row["weak"])
    return row["name"], row["standing"], row["ssh_profile"] or "-", weak or "-", row["hint"]


def _lines(each: Posture) -> str:
    why = each.remark or ", ".join(each.weak)
    said = f"{each.device.name}: {each.standing}{f': {one_line(why)}' if why else ''}\n"
    return f"{said}  next: {each.hint}\n"


def _summary(found: Sequence[Posture]) -> str:
    from collector.collect.posture import tally

    counts = ", ".join(f"{count} {standing}" for standing, count in tally(found))
    return f"{counted(len(found), 'device')}: {counts or 'nothing to tell'}\n"
