"""The learned answer of a device to an empty line, with a hole where the line is echoed.

Owns the comparison of two answers and what follows from it: where a command's echo ends, and what
an idle device says next. Pure: refuses to know of streams, time and platforms.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Final

HOLE: Final = None
"""Marks in `Template.parts` where the line that was sent is echoed."""

ESCAPE: Final = (
    rb"\x1b(?:\[[0-9;:?<=>]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)"
    rb"|[()*+][0-9A-Za-z]|[ -/]*[0-~])"
)
"""One ANSI escape sequence: CSI, OSC, character set or two-byte (ECMA-48, xterm's list)."""

_DIGIT = re.compile(rb"\d")
_CLOCK = re.compile(rb"\d{1,2}:\d\d(?::\d\d)?")
_BLANKS = re.compile(rb"( +)")
_LEAD = re.compile(rb"\r|" + ESCAPE)
_ERASURE = rb"(?:\x1b\[0?[KJ])+"
_ERASED = re.compile(_ERASURE + rb"\Z")
_BEGUN = re.compile(rb"\x1b(?:\[0?)?\Z")
_ESCAPES = re.compile(ESCAPE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """What an idle device answers to one line.

    ``parts`` is the answer with `HOLE` for the echoed line. ``block`` is what follows the echo: the
    prompt, its redraws and any lines that belong to it; ``prompt`` its visible last line.
    ``endings`` are the forms in which the block may stand at the end of an output, longest first.
    ``masked``: digits in the prompt change (a clock, a counter), so all digits compare as zero.

    An editor clears what a longer line has left behind its prompt, and only then: such erasures are
    no part of a template, and are passed over wherever a prompt stands.

    ``undecided``: without an echo, the line end that an answer begins with may be the return's or
    the prompt's own. A blank line is answered alike; an output tells (`owning_line_end`).
    """

    parts: tuple[bytes | None, ...]
    masked: bool = False
    echo_parts: tuple[bytes | None, ...] = ()
    block: bytes = b""
    prompt: bytes = b""
    endings: tuple[bytes, ...] = ()
    undecided: bool = False

    @classmethod
    def of(
        cls, parts: tuple[bytes | None, ...], *, masked: bool = False, owns_line_end: bool = False
    ) -> Template:
        """Cut the answer into the echo and the prompt block."""
        if parts[-1] is not None:
            parts = (*parts[:-1], _ERASED.sub(b"", parts[-1]))
        hole = max((i for i, part in enumerate(parts) if part is HOLE), default=-1)
        rest = b"".join(part for part in parts[hole + 1 :] if part is not None)
        unclear = hole < 0 and rest.lstrip(b"\r").startswith(b"\n")
        starts_a_line = hole >= 0 or (unclear and not owns_line_end)
        cut = rest.find(b"\n") + 1 if starts_a_line else 0
        block = _mask(rest[cut:]) if masked else rest[cut:]
        forms = [*_without_leads(block), *_without_leads(block.rsplit(b"\n", 1)[-1])]
        return cls(
            parts=parts,
            masked=masked,
            echo_parts=(*parts[: hole + 1], rest[:cut]),
            block=block,
            prompt=forms[-1],
            endings=tuple(dict.fromkeys(forms)),
            undecided=unclear and not owns_line_end,
        )

    @property
    def echoes(self) -> bool:
        """Whether the device shows what is typed."""
        return HOLE in self.parts

    def echo(self, line: bytes) -> bytes:
        """Give the echo of a line, up to and with its line end."""
        return b"".join(line if part is HOLE else part for part in self.echo_parts)

    def answer(self, line: bytes) -> bytes:
        """Give the whole answer of an idle device to a blank line, normalised."""
        return self.normal(b"".join(line if part is HOLE else part for part in self.parts))

    def owning_line_end(self) -> Template:
        r"""Give the same template with the first line end as a part of the prompt block.

        >>> Template.of((b"\r\nr1#",)).owning_line_end().block
        b'\r\nr1#'
        """
        return Template.of(self.parts, masked=self.masked, owns_line_end=True)

    def ending_in(self, line: bytes) -> Template | None:
        r"""Give the same template with another last line; None where it has none of its own.

        >>> Template.of((HOLE, b"\r\nr1>")).ending_in(b"r1#").parts
        (None, b'\r\nr1#')
        """
        last = self.parts[-1]
        if last is HOLE or not visible(line).strip():
            return None
        kept = last[: last.rfind(b"\n") + 1]
        if not kept and self.echoes:
            return None
        return Template.of((*self.parts[:-1], kept + line), masked=self.masked)

    def normal(self, heard: bytes) -> bytes:
        """Give the form in which answers are compared."""
        if self.masked:
            heard = _mask(heard)
        if self.prompt and b"\x1b[" in heard:
            heard = _erased_after(self.prompt).sub(lambda found: found[1], heard)
        return heard

    def prompt_end(self, heard: bytearray, start: int) -> int | None:
        r"""Tell where the prompt ends that is the last of ``heard``, at or after ``start``.

        >>> prompt = Template.of((HOLE, b"\r\nr1#"))
        >>> prompt.prompt_end(bytearray(b"up\r\nr1#\x1b[K"), 0)
        7
        """
        end = without_erasures(heard, len(heard))
        at = end - len(self.prompt)
        if not self.prompt or at < start:
            return None
        stands = bytes(heard[at:end])
        return end if (_mask(stands) if self.masked else stands) == self.prompt else None

    def ending_at(self, heard: bytes | bytearray, start: int, end: int) -> bytes:
        """Give the longest form of the prompt block that ends at ``end``."""
        for ending in self.endings:
            at = end - len(ending)
            if at >= start and self.normal(bytes(heard[at:end])) == ending:
                return ending
        return b""


def learn(first: int, answer: bytes, second: int, again: bytes) -> Template | None:
    r"""Compare the answers to two lines of ``first`` and ``second`` blanks.

    None where they do not agree on one template or show no prompt.

    >>> learn(2, b"  \r\nr1#", 5, b"     \r\nr1#").parts
    (b'', b'', None, b'\r\nr1#')
    >>> learn(2, b"\r\nr1#", 5, b"\r\nr1#").echoes
    False
    >>> learn(2, b"  \r\nr1#", 5, b"  \r\nmore") is None
    True
    """
    one, two = (_BLANKS.split(_ERASED.sub(b"", one)) for one in (answer, again))
    if len(one) != len(two):
        return None
    parts: list[bytes | None] = []
    masked = False
    for i, (x, y) in enumerate(zip(one, two, strict=True)):
        blanks = i % 2 == 1
        if blanks and len(y) - len(x) == second - first and len(x) >= first:
            parts += [x[first:], HOLE]
        elif x == y:
            parts.append(x)
        elif not blanks and _mask(x) == _mask(y):
            masked = True
            parts.append(y)
        else:
            return None
    template = Template.of(tuple(parts), masked=masked)
    if not masked and _CLOCK.search(template.prompt):
        template = Template.of(tuple(parts), masked=True)
    return template if visible(template.prompt).strip() else None


def visible(heard: bytes) -> bytes:
    r"""Leave out escape sequences.

    >>> visible(b"\x1b[1mr1\x1b[0m#")
    b'r1#'
    """
    return _ESCAPES.sub(b"", heard)


def without_erasures(heard: bytearray, end: int) -> int:
    """Tell where the first ``end`` bytes of ``heard`` end without the erasures that are last."""
    if bytes(heard[end - 1 : end]) not in {b"K", b"J"}:
        return end
    found = _ERASED.search(heard, max(0, end - 32), end)
    return found.start() if found else end


def is_erasure(heard: bytes) -> bool:
    r"""Tell whether bytes show nothing: they only clear what stands to the right, whole or begun.

    >>> is_erasure(b"\x1b[K"), is_erasure(b"\x1b["), is_erasure(b"\r\n")
    (True, True, False)
    """
    return not _BEGUN.sub(b"", _ERASED.sub(b"", heard))


def without_begun(heard: bytes) -> bytes:
    """Leave out an escape sequence of which only the beginning has come."""
    return _BEGUN.sub(b"", heard)


@cache
def _erased_after(prompt: bytes) -> re.Pattern[bytes]:
    return re.compile(b"(" + re.escape(prompt) + b")" + _ERASURE)


def _without_leads(block: bytes) -> list[bytes]:
    r"""Give a block as it is, then without each more of the sequences that it begins with.

    What an editor prints when it leaves a line stands before the output, not before the prompt.

    >>> _without_leads(b"\x1b[?2004l\r\r\nr1#")[2]
    b'\r\nr1#'
    """
    forms, at = [block], 0
    while lead := _LEAD.match(block, at):
        at = lead.end()
        forms.append(block[at:])
    return forms


def _mask(heard: bytes) -> bytes:
    return _DIGIT.sub(b"0", heard)
