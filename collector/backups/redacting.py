r"""Secrets of a configuration taken out of it, by its platform's tables.

Owns what is put in the place of a secret: a mark that is the same for all, or one by which a secret
that has changed, or is shared, can be told without being shown. Refuses to know where the key of
such marks is from. Not for what we have typed: that is `collect/redaction.py`, which knows the
secrets themselves; here only their places are known.
"""

from __future__ import annotations

import hashlib
import hmac
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
    return _redacted(text, secrets, mode, key, cut=False)


def redact_cut(text: bytes, secrets: Passages, mode: Redact, key: bytes = b"") -> bytes:
    """Do the same to the last part of a text: its first line may be the end of a secret."""
    if mode is Redact.OFF:
        return text
    _, end, rest = text.partition(b"\n")
    return _MASK + end + _redacted(rest, secrets, mode, key, cut=True)


def _redacted(text: bytes, secrets: Passages, mode: Redact, key: bytes, *, cut: bool) -> bytes:
    found = chain(
        in_lines(text, secrets), long_lines(text, secrets), in_blocks(text, secrets, cut=cut)
    )
    pieces, done = [], 0
    for start, end in joined(found):
        first, last = _bare(text, start, end)
        pieces += [text[done:first], _mark(text[first:last], mode, key)]
        done = last
    return b"".join([*pieces, text[done:]])


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
