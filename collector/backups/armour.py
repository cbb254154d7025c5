"""Private keys in a text, as they are written between a line of BEGIN and one of END.

Owns what such a key looks like. A banner, a comment or a log may hold one of these lines alone, or
both with half a configuration between them: what is no key must not be taken for one. Refuses to
know what is done about them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

_BEGINNING: Final = re.compile(rb"-----BEGIN [A-Z0-9 ]*PRIVATE KEY")
_FULL: Final = re.compile(rb"[ \t]*[A-Za-z0-9+/=]{40,}[ \t\r]*")
"""A line of a key that can be nothing else; all but its last are so long."""
_ANY: Final = re.compile(
    rb"[ \t]*+(?:[A-Za-z0-9+/=]+|<secret[:a-z0-9]*>|[A-Z][A-Za-z-]{0,40}: [^\n]*)?[ \t\r]*"
)
"""Any line of one: also its headers, and our own mark in its place."""
_BROKEN_OFF: Final = re.compile(
    rb"\s*(?:[A-Z][A-Za-z-]{0,40}: [^\n]*\n\s*)*"
    rb"(?:[A-Za-z0-9+/=]{40,}\s*?(?:\n[ \t]*|\Z))+(?:[A-Za-z0-9+/=]+[ \t\r]*(?=\n|\Z))?"
)


def is_armour(beginning: bytes) -> bool:
    """Say whether this is how a private key begins, and not a block of another kind."""
    return _BEGINNING.search(beginning) is not None


def keys(
    text: bytes, begun: re.Match[bytes], end: int, *, closed: bool
) -> Iterator[tuple[int, int]]:
    """Yield the places of keys from a beginning on; ``end`` is where the next END is, if any."""
    beginnings = [(m.start(), m.end()) for m in begun.re.finditer(text, begun.end(), end)]
    for (_, start), (stop, _) in pairwise([begun.span(), *beginnings, (end, end)]):
        if closed and stop == end and _is_key(text[start:stop]):
            yield start, stop
        elif broken_off := _BROKEN_OFF.match(text, start, stop):
            yield broken_off.span()


def _is_key(body: bytes) -> bool:
    """Say whether all between two ends is a key, on one line or several.

    A message of the device may have come between them: the lines of the key are more.
    """
    lines = body.split(b"\n")
    strange = [line for line in lines if not _ANY.fullmatch(line)]
    if len(lines) == 1 or not strange:
        return True
    full = sum(_FULL.fullmatch(line) is not None for line in lines)
    return len(strange) < full and b"-----" not in b"".join(strange)
