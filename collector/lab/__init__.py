"""Emulated devices on loopback: for the demo, the tests and the benchmarks.

Owns everything between a TCP port and the texts that an emulated device prints. Refuses to know
the inventory, the credentials and the driver: what it plays is handed in as `LabDevice` values.
"""

from collector.lab.device import (
    OUTDATED,
    DeviceStats,
    LabDevice,
    LabFault,
    Offers,
    TelnetLogin,
)
from collector.lab.persona import personas
from collector.lab.server import Lab, load_host_key, serve
from collector.lab.shell import Ending, Shell, truth
from collector.lab.terminal import Echo, Pace, Terminal

__all__ = [
    "OUTDATED",
    "DeviceStats",
    "Echo",
    "Ending",
    "Lab",
    "LabDevice",
    "LabFault",
    "Offers",
    "Pace",
    "Shell",
    "TelnetLogin",
    "Terminal",
    "load_host_key",
    "personas",
    "serve",
    "truth",
]
