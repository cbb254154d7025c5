r"""A run in Markdown: for a mail, a chat, a page of the wiki.

Owns the layout, and that no text of a device is Markdown or HTML in it. Refuses to know where it
goes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from collector.log import one_line
from collector.model import Status
from collector.telling.news import COMMITTED, DeviceNews, RunNews

SHOWN: Final = 200
"""Devices in a table; the others are counted."""

_MARKUP: Final = re.compile(r"([\\`*_{}\[\]<>()#+!|~&$])")
_FENCE: Final = re.compile(r"`{3,}")


def summary_text(run: RunNews) -> str:
    """Write the summary of a run: totals, what fails, what has changed."""
    return "\n".join(_lines(run))


def _lines(run: RunNews) -> Iterator[str]:
    good, all_of_them = run["totals"][Status.OK], sum(run["totals"].values())
    yield f"# {_text(run['job'])}: {good} of {all_of_them} devices ok"
    yield ""
    yield f"- run: `{run['run_id']}`, {run['state']}, exit status {run['exit_status']}"
    yield f"- started: {run['started']}, {run['duration_s']:.1f} s"
    yield f"- devices: {_counted(run['totals']) or 'none'}"
    if run["changes"] is not None:
        yield f"- configurations: {_counted(run['changes']) or 'none'}"
        yield f"- commit: {_code(run['commit']) if run['commit'] else 'none'}"
    yield ""
    yield from _failing([row for row in run["devices"] if row["status"] != Status.OK])
    yield from _changed([row for row in run["devices"] if row["change"] in COMMITTED])


def _failing(rows: Sequence[DeviceNews]) -> Iterator[str]:
    if not rows:
        return
    yield from ("## Not ok", "", "| device | status | class | message | next | since |")
    yield "|---|---|---|---|---|---|"
    for row in rows[:SHOWN]:
        cells = (
            row["name"],
            row["status"],
            row["class"] or "",
            row["message"] or "",
            row["hint"] or "",
            row["since"] or "",
        )
        yield f"| {' | '.join(map(_text, cells))} |"
    yield from _more(rows)


def _changed(rows: Sequence[DeviceNews]) -> Iterator[str]:
    if not rows:
        return
    yield from ("## Changed", "", "| device | change | lines | where |", "|---|---|---|---|")
    for row in rows[:SHOWN]:
        diff = row["diff"]
        lines = f"+{diff['added']} -{diff['removed']}" if diff else ""
        where = ", ".join(map(_code, diff["sections"])) if diff else ""
        yield f"| {_text(row['name'])} | {row['change']} | {lines} | {where} |"
    yield from _more(rows)
    for row in rows[:SHOWN]:
        if row["diff"] and row["diff"]["text"]:
            yield from _difference(row["name"], row["diff"]["text"])


def _difference(name: str, text: str) -> Iterator[str]:
    longest = max((len(mark) for mark in _FENCE.findall(text)), default=2)
    fence = "`" * (longest + 1)
    yield from (f"### {_text(name)}", "", f"{fence}diff", text.rstrip("\n"), fence, "")


def _more(rows: Sequence[DeviceNews]) -> Iterator[str]:
    yield ""
    if len(rows) > SHOWN:
        yield from (f"… and {len(rows) - SHOWN} more, see the manifest", "")


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {word}" for word, count in counts.items() if count)


def _text(text: str) -> str:
    r"""Write a text so that it is read as it is, on one line.

    >>> print(_text("a|b <script>\n_x_"))
    a\|b \<script\> \_x\_
    """
    return _MARKUP.sub(r"\\\1", one_line(text))


def _code(text: str) -> str:
    """Write a text as code in a table: the bar is escaped there also, a backtick cannot be.

    >>> print(_code("interface Gi1|2 `x`"))
    `interface Gi1\\|2 'x'`
    """
    return "`" + one_line(text).replace("`", "'").replace("|", "\\|") + "`"
