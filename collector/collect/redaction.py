"""Secrets taken out of what a device said.

Owns the replacement. A secret that a device echoes with control characters in between is not
found; what is kept of a failed device is for its operator's eyes all the same (files are 0600).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

REDACTED = b"<redacted>"


def redactor(secrets: Iterable[str | None]) -> Callable[[bytes], bytes]:
    """Make the function that replaces every one of these secrets.

    >>> redactor(["lab", "lab2", "", None])(b"enable lab2\\nlabel")
    b'enable <redacted>\\n<redacted>el'
    """
    known = {secret.encode(errors="surrogateescape") for secret in secrets if secret}
    if not known:
        return bytes
    # The longest first: one secret may begin with another.
    pattern = re.compile(b"|".join(map(re.escape, sorted(known, key=len, reverse=True))))
    return lambda seen: pattern.sub(REDACTED, seen)
