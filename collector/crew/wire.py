"""Values between the processes of one program: over a socket pair, each as a length and a pickle.

Owns the framing, and that writers take turns. Only for peers that are ourselves: a pickle can run
anything where it is read.
"""

from __future__ import annotations

import asyncio
import contextlib
import copyreg
import io
import pickle
import socket
import struct
from collections.abc import Mapping
from types import MappingProxyType
from typing import IO, Any, Final

_LENGTH: Final = struct.Struct("!Q")
_BUFFERED: Final = 1024 * 1024  # bytes that may lie unread before the other end has to wait


class Wire:
    """One end. A peer that has gone, however it did, is an EOFError."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def over(cls, end: socket.socket) -> Wire:
        """Take one end of a socket pair."""
        return cls(*await asyncio.open_unix_connection(sock=end, limit=_BUFFERED))

    def put(self, value: object) -> None:
        """Send a value, and do not wait for the peer to read it; one that has gone is not told."""
        self._write(packed(value))

    async def send(self, data: bytes) -> None:
        """Send a value that is packed already; waits while the peer does not read."""
        self._write(data)
        with contextlib.suppress(ConnectionError):  # whoever reads from it hears of the end
            await self._writer.drain()

    async def receive(self) -> Any:
        """Wait for the next value; raises EOFError when there will be none."""
        try:
            (length,) = _LENGTH.unpack(await self._reader.readexactly(_LENGTH.size))
            return pickle.loads(await self._reader.readexactly(length))
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise EOFError from error

    def close(self) -> None:
        """Hang up; what the peer reads after that is its end."""
        self._writer.close()

    def _write(self, data: bytes) -> None:
        if not self._writer.is_closing():
            self._writer.write(_LENGTH.pack(len(data)) + data)


def packed(value: object) -> bytes:
    """Pickle a value of ours, read-only mappings in it included.

    >>> pickle.loads(packed({"tags": MappingProxyType({"site": "ams"})}))
    {'tags': mappingproxy({'site': 'ams'})}
    """
    into = io.BytesIO()
    _Pickler(into).dump(value)
    return into.getvalue()


def _read_only(items: dict[Any, Any]) -> Mapping[Any, Any]:
    return MappingProxyType(items)


_REDUCED: Final = {
    **copyreg.dispatch_table,
    MappingProxyType: lambda value: (_read_only, (dict(value),)),
}


class _Pickler(pickle.Pickler):
    def __init__(self, into: IO[bytes]) -> None:
        super().__init__(into, pickle.HIGHEST_PROTOCOL)
        self.dispatch_table = _REDUCED
