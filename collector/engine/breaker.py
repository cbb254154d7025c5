"""The lockout breaker: a credential that devices reject again and again is not tried any more.

Owns the credentials of a run by their names, and in which words the untried devices are told of.
Refuses to know a secret.
"""

from __future__ import annotations

from collections.abc import Mapping

from collector.engine.trial import Trial
from collector.model import Fault, FaultClass, Limits, Phase


class Breaker:
    """All credentials of one run."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._trials: dict[str, Trial] = {}

    def trial(self, credential: str) -> Trial:
        """Give what is known of a credential."""
        if credential not in self._trials:
            self._trials[credential] = Trial(
                places=self._limits.trial, rejections=self._limits.rejections
            )
        return self._trials[credential]

    @property
    def opened(self) -> Mapping[str, tuple[str, ...]]:
        """The credentials that are not tried any more, each with the devices that rejected it."""
        trials = self._trials.items()
        return {name: tuple(trial.rejected_by) for name, trial in trials if trial.is_over}

    def fault(self, credential: str) -> Fault:
        """Say why a device was not tried."""
        devices = ", ".join(self.trial(credential).rejected_by)
        return Fault(
            fault_class=FaultClass.AUTH_BREAKER,
            phase=Phase.AUTH,
            message=f"not tried: credential {credential} was rejected by {devices}, in a row",
            hint=f"correct credential {credential}, then collect from these devices",
        )
