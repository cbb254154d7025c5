"""A lab for the length of an ``async with`` block: what the servers of recordings share."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from collector.lab import Lab


class Served:
    """Devices on free ports of loopback."""

    lab: Lab

    async def __aenter__(self) -> Self:
        await self.lab.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.lab.close()

    def port(self, name: str) -> int:
        """The port of a device."""
        return self.lab.port(name)
