"""The lockout breaker: a credential that devices reject again and again is not tried any more.

Owns the credentials of a run by their names, and in which words the untried devices are told of.
Refuses to know a secret.
"""

from __future__ import annotations

from collections.abc import Mapping

from collector.engine.gate import Gate
from collector.engine.trial import Trial
from collector.model import Fault, FaultClass, Limits, Phase


class Breaker:
    """All credentials of one run."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._trials: dict[str, Trial] = {}
        self._gates: dict[str, Gate] = {}

    def trial(self, credential: str) -> Trial:
        """Give what is known of a credential."""
        if credential not in self._trials:
            enable = self._new()
            self._gates[credential] = Gate(enable)
            self._trials[credential] = self._new(enable)
        return self._trials[credential]

    def gate(self, credential: str) -> Gate:
        """Give what the enable secret of a credential has to pass."""
        self.trial(credential)
        return self._gates[credential]

    def _new(self, enable: Trial | None = None) -> Trial:
        limits = self._limits
        return Trial(places=limits.trial, rejections=limits.rejections, enable=enable)

    @property
    def opened(self) -> Mapping[str, tuple[str, ...]]:
        """The credentials that are not tried any more, each with the devices that rejected it."""
        trials = self._trials.items()
        return {name: trial.given_up_by for name, trial in trials if trial.is_over}

    def fault(self, credential: str) -> Fault:
        """Say why a device was not tried."""
        devices = ", ".join(self.trial(credential).given_up_by)
        what = f"credential {credential}"
        if self.gate(credential).trial.is_over:
            what = f"the enable secret of {what}"
        return Fault(
            fault_class=FaultClass.AUTH_BREAKER,
            phase=Phase.AUTH,
            message=f"not tried: {what} was rejected by {devices}, in a row",
            hint=f"correct {what}, then collect from these devices",
        )
