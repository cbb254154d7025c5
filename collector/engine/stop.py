"""How a run is asked to end before its time, and in which words its results say so.

Refuses to know who asks: a signal, a limit, a script.
"""

from __future__ import annotations

import asyncio

from collector.model import Fault, FaultClass, Phase


class Stop(asyncio.Event):
    """An event that ends a run: `set` cuts off the devices that run, `shed` lets them finish.

    Either way no further device is begun. A plain `asyncio.Event` serves where the reason is always
    an interruption.
    """

    def __init__(self) -> None:
        super().__init__()
        self.fault_class = FaultClass.CANCELLED
        self.message = "the run was interrupted"
        self.shedding = asyncio.Event()

    def interrupt(self, message: str = "the run was interrupted") -> None:
        """Cut off what runs and begin nothing more."""
        self.fault_class, self.message = FaultClass.CANCELLED, message
        self.set()

    def fault(self, did: str) -> Fault:
        """Give the fault of a device by what was done to it, such as "cut off"."""
        message = f"{did}: {self.message}"
        return Fault(fault_class=self.fault_class, phase=Phase.CONNECT, message=message)

    def shed(self, message: str) -> None:
        """Begin nothing more, for a reason such as "the run reached its limit of 60 s"."""
        self.fault_class, self.message = FaultClass.SKIPPED, message
        self.shedding.set()
