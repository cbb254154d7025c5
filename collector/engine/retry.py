"""Which faults a second attempt can help, and how long to wait for it.

Owns the table. What is missing in it is never tried again: a wrong password (accounts are locked
by repetition), a changed host key, a denied command. A fault in the phase ``auth`` stays out as
well, save ``busy``: a device that hangs up or falls silent there has seen the password. So has one
that hangs up on the enable secret: that is of class ``enable``, and silence then is ``timeout`` in
``login``, of which neither is here. A device whose authentication server is away has seen the
password, too (``auth_unreachable``), and may judge it by accounts of its own.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from types import MappingProxyType

from collector.model import Fault, FaultClass, Phase, Retries

RETRIED: Mapping[FaultClass, frozenset[Phase]] = MappingProxyType(
    {
        # A device that restarts refuses, or is out of reach, for a moment.
        FaultClass.REFUSED: frozenset({Phase.CONNECT}),
        FaultClass.UNREACHABLE: frozenset({Phase.CONNECT}),
        # Not after login: a command that took its whole time would load the device once more.
        FaultClass.TIMEOUT: frozenset({Phase.CONNECT, Phase.KEX, Phase.CHANNEL}),
        FaultClass.BUSY: frozenset(
            {Phase.CONNECT, Phase.KEX, Phase.AUTH, Phase.CHANNEL, Phase.LOGIN}
        ),
        FaultClass.DISCONNECTED: frozenset(
            {Phase.CONNECT, Phase.KEX, Phase.CHANNEL, Phase.LOGIN, Phase.COMMAND}
        ),
        # Lost on the way through a jump host, which is opened again for those that need it.
        FaultClass.JUMP: frozenset(
            {Phase.CONNECT, Phase.KEX, Phase.CHANNEL, Phase.LOGIN, Phase.COMMAND}
        ),
    }
)


def is_retried(fault: Fault) -> bool:
    """Say whether another attempt can help."""
    return fault.phase in RETRIED.get(fault.fault_class, frozenset())


def pause(retries: Retries, attempts: int, rng: random.Random) -> float:
    """Choose the seconds to wait after so many attempts: doubling, times a half to one and a half.

    >>> low = random.Random()
    >>> low.uniform = lambda least, most: least
    >>> [pause(Retries(backoff=1.0), attempts, low) for attempts in (1, 2, 3)]
    [0.5, 1.0, 2.0]
    """
    return float(retries.backoff * 2 ** (attempts - 1) * rng.uniform(0.5, 1.5))
