"""What an output says of itself: a denial at its start, the end marker at its end.

Owns how the tables of a platform are held against bytes. Refuses to know how they were collected.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from itertools import islice
from typing import Final

from collector.platforms.model import Platform

_HEAD: Final = 4096  # bytes; a denial is a few lines, and some devices list the choices after it
_LINES: Final = 3  # the lines that may hold it: a parser's word comes first, a hint after it
_CARET: Final = re.compile(r"[\s^~-]*\^[\s^~-]*")  # points at the word that was not understood


def find_denial(output: bytes, platform: Platform) -> str | None:
    """Return the line by which the device refused the command, or None.

    Only the first lines of ``output`` (echo and prompt already cut) are looked at: carets, blank
    lines and log lines before them are passed over.
    """
    said = islice(_said(output[:_HEAD], platform), _LINES)
    return next((line for line in said if _matches(line, platform.denials)), None)


def find_end_marker(output: bytes, command: str, platform: Platform) -> bool | None:
    """Tell whether ``output`` ends as that command's outputs do; None where no marker is known."""
    marker = platform.end_markers.get(" ".join(command.split()))
    if marker is None:
        return None
    # The end is enough, but where nothing is there than blank lines: 50 MB are not copied for it.
    tail = output[-_HEAD:].rstrip() or output.rstrip()
    last = tail.rpartition(b"\n")[2]
    return marker.fullmatch(last.decode("utf-8", "replace").strip("\r")) is not None


def has_log_line(output: bytes, platform: Platform) -> bool:
    """Tell whether a line has the shape of a log message that the OS prints to a session."""
    if not platform.log_lines:
        return False
    first, later = _anywhere(platform.log_lines)
    return first.match(output) is not None or later.search(output) is not None


def prints_log(command: str, platform: Platform) -> bool:
    """Tell whether the output of ``command`` is log lines anyway."""
    words = " ".join(command.split())
    return any(words == known or words.startswith(known + " ") for known in platform.log_commands)


def _said(head: bytes, platform: Platform) -> Iterator[str]:
    for line in head.replace(b"\r", b"\n").split(b"\n"):
        text = line.decode("utf-8", "replace").strip()
        if text and not _CARET.fullmatch(text) and not _matches(text, platform.log_lines):
            yield text


@cache
def _anywhere(
    log_lines: tuple[re.Pattern[str], ...],
) -> tuple[re.Pattern[bytes], re.Pattern[bytes]]:
    """Join a platform's shapes of log lines: for the first line of an output, and for any later.

    Begun by the line end itself, which is found at once, and by blanks that are not given back: a
    search that tries every byte took 3.5 times as long.
    """
    shapes = "|".join(f"(?:{shape.pattern})" for shape in log_lines)
    line = rf"[ \t]*+(?:{shapes})[ \t]*$".encode()
    return re.compile(line, re.MULTILINE), re.compile(rb"\n" + line, re.MULTILINE)


def _matches(line: str, table: tuple[re.Pattern[str], ...]) -> bool:
    return any(pattern.fullmatch(line) for pattern in table)
