"""What lies under a session, and how it is brought down without waiting for the device.

Owns the end of a connection, of whatever kind. Refuses to know how it came about.
"""

from __future__ import annotations

import logging
from typing import Any

from collector.driver.route import Route
from collector.driver.ssh import Client, closed, hang_up
from collector.driver.stream import Stream

log = logging.getLogger(__name__)


class Link:
    """A device's connection on a transport of scrapli's; ``client`` where it is SSH."""

    def __init__(self, transport: Any, route: Route, client: Client | None) -> None:
        self.route = route
        self._transport = transport
        self._client = client

    def stream(self, *, limit: int) -> Stream:
        """Give what the device says from now on, at most so many bytes of it at once."""
        transport = self._transport
        stream = Stream(
            None if self._client else transport.read,
            transport.write,
            self.cut,
            limit=limit,
            loss=lambda: self.route.loss,
        )
        if self._client:
            transport.stdout.listen(stream.hear, stream.lost)
        return stream

    def cut(self) -> None:
        """End the connection now."""
        connection = self._client.connection if self._client else None
        if connection:
            connection.abort()
        else:
            self.route.cut()

    async def hang_up(self) -> None:
        """Close politely within `HANG_UP` seconds, else cut; leaves no socket open."""
        connection = self._client.connection if self._client else None
        writer = None if self._client else self._transport.stdin
        try:
            self._transport.close()
            if connection:
                await hang_up(connection)
            elif writer:
                await closed(writer.wait_closed(), self.route.cut)
        except Exception as error:  # noqa: BLE001 - it is being thrown away anyway
            log.debug("closing: %r", error)
        finally:
            self.cut()
            self.route.close()
