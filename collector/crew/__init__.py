"""Attempts spread over processes, here or on other machines: the crew that the engine may have.

Owns the processes, the way of an assignment to one and of its report back, and what happens when
one dies. Refuses to decide who is visited, when and how often: that is the engine's, in one place
for all processes, and so every limit, the breaker and the end of the run hold across them.
"""

from collector.crew.cluster import Cluster, check_access
from collector.crew.contract import Contract
from collector.crew.pool import Pool
from collector.crew.words import Work

__all__ = ["Pool", "Work", "Cluster", "Contract", "check_access"]
