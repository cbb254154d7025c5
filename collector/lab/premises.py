"""Where a connection to an emulated device lives: what its protocol tells the lab.

Owns the shape alone, so that the protocols need not know the lab, which knows them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Protocol

import asyncssh

from collector.lab.device import LabDevice

__all__ = ["Connection", "Premises"]

Connection = asyncssh.SSHServerConnection | asyncio.Transport


class Premises(Protocol):
    """Who keeps the connections and tasks of all devices: the lab."""

    def connected(self, device: LabDevice, connection: Connection) -> None: ...
    def disconnected(self, device: LabDevice, connection: Connection) -> None: ...
    def start(self, work: Awaitable[None]) -> asyncio.Task[None]: ...
