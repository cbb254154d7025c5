"""From devices to results: the producer, the waiting line, the workers and their limits.

Owns order, deadlines, limits, retries, admission, the lockout breaker and interruption. Refuses to
know what a session is made of and what becomes of a result: the `Connector` is handed in, the
results are read by the caller.
"""

from __future__ import annotations

from collector.engine.attempt import internal
from collector.engine.breaker import Breaker
from collector.engine.collection import collect_devices
from collector.engine.crew import Crew, Lost, NobodyLeft, Permit, Report
from collector.engine.errand import Errands
from collector.engine.order import in_order
from collector.engine.retry import RETRIED
from collector.engine.session import Clock, Connector, Enter, Session, SystemClock
from collector.engine.stop import Stop
from collector.engine.visit import Visit

__all__ = [
    "collect_devices",
    "in_order",
    "Connector",
    "Enter",
    "Session",
    "Stop",
    "Visit",
    "Breaker",
    "Crew",
    "Errands",
    "Lost",
    "NobodyLeft",
    "Permit",
    "Report",
    "RETRIED",
    "Clock",
    "SystemClock",
    "internal",
]
