"""The rate of new connections: a bucket of tokens, one for each.

Owns the count. Refuses to wait: it tells how long.
"""

from __future__ import annotations

# Of a second's tokens the bucket holds this much: what a busy loop could not use is not lost, and
# what comes at once stays small.
BURST = 0.1
# Less than that of a token is missing by rounding only: a timer for it would never be the last.
ROUNDING = 1e-6


class Rate:
    """At most ``per_second`` in the long run; 0: as many as come."""

    def __init__(self, per_second: float) -> None:
        self._per_second = per_second
        self._most = max(1.0, per_second * BURST)
        self._tokens = self._most
        self._filled = 0.0

    def wait(self, now: float) -> float:
        """Tell the seconds until there is a token; times of one monotonic clock.

        >>> rate = Rate(2)
        >>> rate.wait(10.0), rate.take(), rate.wait(10.0), rate.wait(10.5)
        (0.0, None, 0.5, 0.0)
        """
        if not self._per_second:
            return 0.0
        self._tokens = min(self._most, self._tokens + (now - self._filled) * self._per_second)
        self._filled = now
        missing = 1.0 - self._tokens
        return missing / self._per_second if missing > ROUNDING else 0.0

    def take(self) -> None:
        """Take a token; there is one when `wait` has said 0."""
        self._tokens -= 1.0
