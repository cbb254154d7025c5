"""The enable secret of one credential: which devices may be sent it now, and who has to wait.

Owns the waiting; the count is a `Trial` as that of the login. Whoever waits is logged in already,
and keeps the session: a second login only to wait for its turn would load the device once more.
"""

from __future__ import annotations

import asyncio

from collector.engine.trial import Trial
from collector.engine.visit import Visit


class Gate:
    """Lets devices through as far as the trial of the secret allows."""

    def __init__(self, trial: Trial) -> None:
        self.trial = trial
        self._news = asyncio.Event()

    async def admits(self, visit: Visit) -> bool:
        """Wait until the secret may be sent; False where it is given up."""
        while not self.trial.admit(visit):
            if self.trial.is_over:
                return False
            await self._news.wait()
        return True

    def accept(self, visit: Visit) -> None:
        """Note that a device has taken the secret."""
        self.trial.accept(visit)
        self._wake()

    def reject(self, visit: Visit) -> None:
        """Note that a device has rejected the secret, or hung up on it."""
        self.trial.reject(visit)
        self._wake()

    def miss(self, visit: Visit) -> None:
        """Note that it will never be known what a device made of the secret."""
        self.trial.miss(visit)
        self._wake()

    def leave(self, visit: Visit) -> None:
        """Forget a device: what became of it says nothing of the secret, or is known."""
        self.trial.leave(visit)
        self._wake()

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()
