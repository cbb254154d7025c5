"""What an output says of itself: a denial at its start, the end marker at its end.

Owns how the tables of a platform are held against bytes. Refuses to know how they were collected.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import islice
from typing import Final

from collector.platforms.model import Platform

_HEAD: Final = 4096  # bytes; a denial is a few lines, and some devices list the choices after it
_LINES: Final = 3  # the lines that may hold it: a parser's word comes first, a hint after it
_CARET: Final = re.compile(r"[\s^~-]*\^[\s^~-]*")  # points at the word that was not understood

_ESCAPED: Final = re.compile(r"\\.", re.DOTALL)
_SET: Final = re.compile(r"\[\^?\]?[^\]]*\]")
_GROUP: Final = re.compile(r"\([^()]*\)")
_TIMES: Final = re.compile(r"(?<=\{)[^}]+")
_WORD: Final = re.compile(r"%(?![*?{])|(?:[^.+*?{}%](?![*?{])){4,}")
"""What is rare, letters that may be missing left out."""
_BOUND: Final = re.compile(r"\\[AZ0-9xuUN]|\(\?[^:]")
"""What means something else where less stands before it, or more around it; a letter by its number
is no word as it stands."""


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
    return any(looked_for(output) for looked_for in _shapes(platform.log_lines))


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
def _shapes(log_lines: Sequence[re.Pattern[str]]) -> tuple[Callable[[bytes], bool], ...]:
    """Give a search for each shape that holds a rare word, and one for all the others."""
    cores = [(shape, core(shape.pattern)) for shape in log_lines]
    rare = [_around(shape, *found) for shape, found in cores if found]
    plain = [shape for shape, found in cores if not found]
    return (*rare, *([_anywhere(plain)] if plain else []))


def _around(shape: re.Pattern[str], word: str, tail: str) -> Callable[[bytes], bool]:
    """Hold against a shape only lines in which its end is found, from a word on that is rare.

    5 MB with a percent sign in 5,000 lines: 9.5 ms with each such line held against it, 3.3 ms so.
    """
    rare = word.encode()

    def search(output: bytes) -> bool:
        if rare not in output:
            return False  # and nothing is compiled for it
        ending = re.compile(tail.encode(), re.MULTILINE)
        line = re.compile(_line([shape]), re.MULTILINE)
        at = 0
        while found := ending.search(output, at):
            start = output.rfind(b"\n", 0, found.start()) + 1
            at = output.find(b"\n", found.start())
            if line.match(output, start, at if at >= 0 else len(output)):
                return True
            if at < 0:
                break
        return False

    return search


def _anywhere(shapes: Sequence[re.Pattern[str]]) -> Callable[[bytes], bool]:
    """Hold all lines against the shapes in one search.

    Begun by the line end itself, which is found fast, and by blanks that are not given back: a
    search that tries every byte took 3.5 times as long.
    """
    line = _line(shapes)
    first, later = re.compile(line, re.MULTILINE), re.compile(rb"\n" + line, re.MULTILINE)
    return lambda output: bool(first.match(output) or later.search(output))


def _line(shapes: Sequence[re.Pattern[str]]) -> bytes:
    either = "|".join(f"(?:{shape.pattern})" for shape in shapes)
    return rf"[ \t]*+(?:{either})[ \t]*$".encode()


def core(expression: str) -> tuple[str, str] | None:
    r"""Find a rare word that all that an expression matches holds, and the expression from it on.

    Only words outside all brackets count, whose letters may not be missing, with no choice beside
    them; rare is a percent sign, else four letters. None where none is easily seen.

    >>> core(r"(?:Message|Note) from \S+.*"), core(r"\d{1,20}: %[A-Z]+-[0-7]: .*")
    ((' from ', ' from \\S+.*'), ('%', '%[A-Z]+-[0-7]: .*'))
    >>> [core(each) for each in ("[%#]", "(?:%)?a", "%*a", "a%|b", r"\w+: .*", r"(a)%\1", r"\A%a")]
    [None, None, None, None, None, None, None]
    >>> core(r"\x25LINK-3: .*"), core(r"\012LINK-3: .*")
    (None, None)
    """
    outside = _TIMES.sub(_hidden, _SET.sub(_hidden, _ESCAPED.sub(_hidden, expression)))
    while (less := _GROUP.sub(_hidden, outside)) != outside:
        outside = less
    # "#": a comment, where those are allowed; what is bound to a place may not be elsewhere.
    if any(sign in outside for sign in "()[]|#^$") or _BOUND.search(expression):
        return None
    words = [*_WORD.finditer(outside)]
    word = max(words, key=lambda each: ("%" in each[0], len(each[0])), default=None)
    return (word[0], expression[word.start() :]) if word else None


def _hidden(found: re.Match[str]) -> str:
    return "." * len(found[0])


def _matches(line: str, table: Sequence[re.Pattern[str]]) -> bool:
    return any(pattern.fullmatch(line) for pattern in table)
