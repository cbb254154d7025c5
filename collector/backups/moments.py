"""How a person says when: ``7d``, ``36h``, ``2026-03-01``, ``2026-03-01T14:00``.

Owns these words. A moment without a zone is of this machine's, as a clock on the wall is, and a day
is its first moment. Refuses to know what was at that time, and what time it is.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Final

from collector.errors import InputError

_AGE: Final = re.compile(r"(\d{1,5}(?:\.\d{1,3})?)([smhdw])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_ISO: Final = re.compile(r"\d{4}-\d{2}-\d{2}([T ].*)?")


def age_of(text: str) -> timedelta | None:
    """Read a length of time; None where the text is none.

    >>> age_of("36h"), age_of("7d") == age_of("1w"), age_of("1.5h"), age_of("soon")
    (datetime.timedelta(days=1, seconds=43200), True, datetime.timedelta(seconds=5400), None)
    """
    found = _AGE.fullmatch(text.strip())
    return timedelta(**{_UNITS[found[2]]: float(found[1])}) if found else None


def moment_of(text: str, now: datetime) -> datetime | None:
    """Read a moment, or how long ago it is; None where the text is neither.

    >>> from datetime import UTC
    >>> now = datetime(2026, 3, 2, 12, tzinfo=UTC)
    >>> moment_of("36h", now).isoformat(), moment_of("2026-03-01T14:00Z", now).isoformat()
    ('2026-03-01T00:00:00+00:00', '2026-03-01T14:00:00+00:00')
    >>> moment_of("main~3", now), moment_of("2026-13-01", now)
    (None, None)
    """
    age = age_of(text)
    if age is not None:
        return now - age
    if not _ISO.fullmatch(text.strip()):
        return None
    try:
        return datetime.fromisoformat(text.strip()).astimezone()
    except (ValueError, OverflowError):
        return None


def age(text: str, label: str) -> timedelta:
    """Read a length of time that a person has given as ``label``; raises InputError."""
    found = age_of(text)
    if found is None:
        raise InputError(f"{label}: expected a length of time such as 36h or 7d, found {text!r}")
    return found


def moment(text: str, label: str, now: datetime) -> datetime:
    """Read a moment that a person has given as ``label``; raises InputError."""
    found = moment_of(text, now)
    if found is None:
        raise InputError(
            f"{label}: expected how long ago, such as 7d or 36h, or a date such as 2026-03-01 or "
            f"2026-03-01T14:00, found {text!r}"
        )
    return found
