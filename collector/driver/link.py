"""What lies under a session, and how it is brought down without waiting for the device.

Owns the end of a connection, of whatever kind. Refuses to know how it came about.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from scrapli.driver import AsyncGenericDriver

from collector.driver.route import Route
from collector.driver.ssh import Client, closed, hang_up

log = logging.getLogger(__name__)


class Link:
    """A device's connection; ``client`` where it is SSH."""

    def __init__(self, driver: AsyncGenericDriver, route: Route, client: Client | None) -> None:
        self.driver = driver
        self.route = route
        self._client = client

    @property
    def read(self) -> Callable[[], Awaitable[bytes]]:
        """What waits for bytes; none at the end.

        Over SSH it is the terminal's own: scrapli's costs a call, a lock and a copy more.
        """
        transport: Any = self.driver.transport
        read: Callable[[], Awaitable[bytes]] = (
            transport.stdout if self._client else transport
        ).read
        return read

    @property
    def write(self) -> Callable[[bytes], None]:
        """What queues bytes."""
        write: Callable[[bytes], None] = self.driver.transport.write
        return write

    def cut(self) -> None:
        """End the connection now."""
        connection = self._client.connection if self._client else None
        if connection:
            connection.abort()
        else:
            self.route.cut()

    async def hang_up(self) -> None:
        """Close politely within `HANG_UP` seconds, else cut; leaves no socket open."""
        transport: Any = self.driver.transport
        connection = self._client.connection if self._client else None
        writer = None if self._client else transport.stdin
        try:
            transport.close()
            self.driver.channel.close()
            if connection:
                await hang_up(connection)
            elif writer:
                await closed(writer.wait_closed(), self.route.cut)
        except Exception as error:  # noqa: BLE001 - it is being thrown away anyway
            log.debug("closing: %r", error)
        finally:
            self.cut()
            self.route.close()
