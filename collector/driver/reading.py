"""An output as a person would have read it: cleaned, its encoding told, log messages seen.

Owns the pass over all of its bytes, in slices: 50 MB in one go would hold up all other devices
for a second. Refuses to know whether it is good.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from collector.driver.terminal import clean, slices
from collector.platforms import Platform, has_log_line, prints_log


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The text, line ends ``\\n``; ``log_line``: a log message stands in it that it does not print.

    ``encoding`` is ``utf-8``, or ``unknown-8bit`` for bytes that are kept as they came.
    """

    text: bytes = b""
    encoding: str = "utf-8"
    log_line: bool = False


async def read(body: bytes, command: str, platform: Platform) -> Reading:
    """Read a whole output's body; the event loop has its turn after each slice."""
    watched = not prints_log(command, platform)
    pieces, is_utf8, log_line = [], True, False
    for piece in slices(body):
        text = clean(piece)
        pieces.append(text)
        is_utf8 = is_utf8 and _is_utf8(text)
        log_line = log_line or (watched and has_log_line(text, platform))
        await asyncio.sleep(0)
    return Reading(
        text=pieces[0] if len(pieces) == 1 else b"".join(pieces),
        encoding="utf-8" if is_utf8 else "unknown-8bit",
        log_line=log_line,
    )


def _is_utf8(text: bytes) -> bool:
    if text.isascii():
        return True
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
