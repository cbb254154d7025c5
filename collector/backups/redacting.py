r"""Secrets of a configuration taken out of it, by its platform's tables.

Owns what is put in the place of a secret: a mark that is the same for all, or one by which a secret
that has changed, or is shared, can be told without being shown. Refuses to know where the key of
such marks is from. Not for what we have typed: that is `redaction.py`, which knows the
secrets themselves; here only their places are known.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from functools import cache
from itertools import chain
from typing import Final

from collector.backups.rules import MARK, Span, in_blocks, in_lines, joined, long_lines
from collector.model import Redact
from collector.platforms import Passages

LEAST_KEY: Final = 16
"""Bytes of a key of fingerprints: with a shorter one, secrets could be guessed from their marks."""

_MASK: Final = b"<secret>"
_DOMAIN: Final = b"collector: fingerprint of a secret, 1\0"
_QUOTES: Final = (b'"', b"'")

LINES_KEPT: Final = 2
"""Lines that `last_words` gives, those that are empty not counted."""
_LOOKED_AT: Final = 1024
"""Bytes at the end in which they are looked for; what is longer may be cut off at its beginning."""
_SOFT: Final = b"\v"
_ESCAPES: Final = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*\x07?|.)", re.DOTALL)
_RETURNS: Final = re.compile(rb"[\r\x08]+")  # to the beginning, or back over what was shown
_CONTROLS: Final = re.compile(rb"[\x00-\x08\x0c-\x1f\x7f]+")
_WRAPS: Final = re.compile(rb"\v\n|(?<=[^\n]{40})\n")  # no terminal is narrower
_ATOM: Final = re.compile(rb"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\^", re.DOTALL)


def redact(text: bytes, secrets: Passages, mode: Redact, key: bytes = b"") -> bytes:
    r"""Put a mark in the place of every secret; what has its mark already stays.

    ``key`` is for `Redact.FINGERPRINT`, of `LEAST_KEY` bytes or more. The lines stay as many as
    they were, but for those of a block, such as a private key, which become one. A line of more
    than `rules.LONGEST` bytes that may hold a secret is taken out whole.

    >>> import re
    >>> secrets = Passages(lines=(re.compile(rb"key (\S+)"),))
    >>> redact(b"radius key hunter2\n", secrets, Redact.MASK)
    b'radius key <secret>\n'
    >>> redact(b"radius key hunter2\n", secrets, Redact.FINGERPRINT, b"0123456789abcdef")
    b'radius key <secret:hmac:16d07023abe8f506>\n'
    """
    if mode is Redact.OFF:
        return text
    if mode is Redact.FINGERPRINT and len(key) < LEAST_KEY:
        raise ValueError(f"the key of fingerprints has less than {LEAST_KEY} bytes")
    pieces, done = [], 0
    for start, end in joined(
        chain(in_lines(text, secrets), long_lines(text, secrets), in_blocks(text, secrets))
    ):
        first, last = _bare(text, start, end)
        pieces += [text[done:first], _mark(text[first:last], mode, key)]
        done = last
    return b"".join([*pieces, text[done:]])


def last_words(said: bytes, secrets: Passages) -> bytes:
    r"""Give the last lines of what came from a terminal, as far as they surely hold no secret.

    What a device said until it failed is no configuration: pagers and wrapped lines are in it, its
    beginning may be cut off, and a complaint may quote a line. So a table is held against it
    wherever its expressions fit, not only at the beginning of lines and between certain ones.

    >>> import re
    >>> secrets = Passages(lines=(re.compile(rb"^key (\S+)"),))
    >>> last_words(b"a\r\nb\r\n% bad: key hunter2\r\nr1#", secrets)
    b'% bad: key <secret>\nr1#'
    """
    text = _cleaned(said)
    start = max(0, len(text) - _LOOKED_AT)
    near = text[start:]
    spans = [
        (max(0, a - start), b - start) for a, b in in_blocks(text, secrets, cut=True) if b > start
    ]
    anywhere = _anywhere(secrets)
    spans += in_lines(near, anywhere)
    flat, places = _unwrapped(near)
    spans += ((places[a], places[b - 1] + 1) for a, b in in_lines(flat, anywhere))
    kept = _last_lines(near, whole=len(said) < _LOOKED_AT)
    pieces, done = [], kept
    for first, last in joined(spans):
        if last > kept:
            pieces += [near[done : max(first, kept)], _MASK]
            done = last
    lines = b"".join([*pieces, near[done:]]).replace(_SOFT, b"").split(b"\n")
    return b"\n".join(line.rstrip() for line in lines if line.strip())


def _cleaned(said: bytes) -> bytes:
    """Make lines of what a terminal shows: a line begun anew is another, behind a soft break."""
    text = _ESCAPES.sub(b"", said).replace(_SOFT, b"")
    text = _RETURNS.sub(_SOFT + b"\n", re.sub(rb"\r+\n", b"\n", text))
    return _CONTROLS.sub(b"", text)


def _last_lines(text: bytes, *, whole: bool) -> int:
    """Say where they begin; with ``whole`` the first line may be one of them."""
    starts = [0] if whole else []
    starts += [found.end() for found in re.finditer(rb"\n", text)]
    filled = [start for start in starts if text[start:].partition(b"\n")[0].strip()]
    return filled[-LINES_KEPT:][0] if filled else len(text)


def _unwrapped(text: bytes) -> tuple[bytes, list[int]]:
    """Put lines together that a terminal may have wrapped; say where each byte was."""
    breaks = {place for found in _WRAPS.finditer(text) for place in range(*found.span())}
    places = [place for place in range(len(text)) if place not in breaks]
    return bytes(text[place] for place in places), places


def _anywhere(secrets: Passages) -> Passages:
    within = (pattern for each in secrets.within for pattern in each.lines)
    return Passages(lines=tuple(map(_loose, (*secrets.lines, *within))))


@cache
def _loose(pattern: re.Pattern[bytes]) -> re.Pattern[bytes]:
    """Let an expression fit wherever in a line: without its ``^``."""
    text = _ATOM.sub(lambda atom: b"" if atom[0] == b"^" else atom[0], pattern.pattern)
    try:
        return re.compile(text, pattern.flags)
    except re.error:  # one that means something else by it
        return pattern


def _bare(text: bytes, start: int, end: int) -> Span:
    """Leave quotes and blanks around a secret: it is the same with and without them."""
    held = text[start:end]
    start, end = start + len(held) - len(held.lstrip()), end - len(held) + len(held.rstrip())
    held = text[start:end]
    if len(held) > 1 and held[:1] in _QUOTES and held[-1:] == held[:1]:
        return start + 1, end - 1
    return start, max(start, end)


def _mark(secret: bytes, mode: Redact, key: bytes) -> bytes:
    if not secret or MARK.fullmatch(secret):
        return secret
    if mode is Redact.MASK:
        return _MASK
    digest = hmac.new(key, _DOMAIN + secret, hashlib.sha256).hexdigest()
    return f"<secret:hmac:{digest[:16]}>".encode()
