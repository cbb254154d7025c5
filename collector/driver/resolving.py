"""Names to addresses, and addresses to connected sockets.

Owns name resolution, in threads of its own: a hung resolver must starve neither the files nor the
event loop's default executor, nor keep the program from ending. Refuses to know of SSH and telnet.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import os
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

Address = tuple[socket.AddressFamily, tuple[str, int] | tuple[str, int, int, int]]

THREADS: Final = 64
"""Look-ups at a time; more wait, which costs the devices behind a hung resolver only."""


class Resolver:
    """Looks names up in daemon threads, `THREADS` at a time.

    ``look_up`` is the blocking call, with the host, the port and `getaddrinfo`'s flags.
    """

    def __init__(self, look_up: Callable[[str, int, int], list[Address]] | None = None) -> None:
        self._look_up = look_up or _looked_up
        self._places = asyncio.Semaphore(THREADS)

    async def addresses(self, host: str, port: int) -> list[Address]:
        """Give the addresses of a host, best first; raises `socket.gaierror` or `UnicodeError`."""
        if version := _version(host):
            if version == 4:
                return [(socket.AF_INET, (host, port))]
            return self._look_up(host, port, socket.AI_NUMERICHOST)  # it may name an interface
        async with self._places:
            return await self._in_a_thread(host, port)

    async def _in_a_thread(self, host: str, port: int) -> list[Address]:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[list[Address]] = loop.create_future()

        def deliver(addresses: list[Address], error: Exception | None) -> None:
            if answer.done():
                return
            if error:
                answer.set_exception(error)
            else:
                answer.set_result(addresses)

        def look_up() -> None:
            addresses: list[Address] = []
            failure: Exception | None = None
            try:
                addresses = self._look_up(host, port, 0)
            except (OSError, ValueError) as error:  # a name with a NUL, or one that is none
                failure = error
            with suppress(RuntimeError):  # the loop has closed: nobody waits any more
                loop.call_soon_threadsafe(deliver, addresses, failure)

        threading.Thread(target=look_up, name=f"resolve {host}", daemon=True).start()
        return await answer


async def connected(addresses: list[Address], seconds: float) -> socket.socket:
    """Give a socket connected to the first address that answers; each gets its share of the time.

    Raises the last address's `OSError`, or `TimeoutError`. The socket is the caller's to close.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    error: OSError = TimeoutError()
    for left, (family, address) in zip(range(len(addresses), 0, -1), addresses, strict=True):
        try:
            sock = socket.socket(family, socket.SOCK_STREAM)
        except OSError as failure:  # a machine without IPv6, say: the next may be of another kind
            error = failure
            continue
        sock.setblocking(False)
        try:
            async with asyncio.timeout((end - loop.time()) / left):
                await _connect(sock, address)
            return sock
        except OSError as failure:
            sock.close()
            error = failure
        except BaseException:
            sock.close()
            raise
    raise error


async def _connect(sock: socket.socket, address: tuple[Any, ...]) -> None:
    """Connect a socket that does not block; the first packet is sent at once.

    The loop's own `sock_connect` looks the address up first, uvloop's in a thread it waits for.
    """
    loop = asyncio.get_running_loop()
    error = sock.connect_ex(address)
    if error in {errno.EINPROGRESS, errno.EINTR}:
        ended = asyncio.Event()
        loop.add_writer(sock, ended.set)
        try:
            await ended.wait()
        finally:
            loop.remove_writer(sock)
        error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if error:
        raise OSError(error, os.strerror(error))


def _version(host: str) -> int | None:
    """Tell of which version of IP a host is an address; None where it is a name."""
    try:
        return ipaddress.ip_address(host.partition("%")[0]).version
    except ValueError:
        return None


def _looked_up(host: str, port: int, flags: int) -> list[Address]:
    # As a text even an address would be taken through IDNA, whose tables take long to load.
    name = host.encode() if flags & socket.AI_NUMERICHOST else host
    found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM, flags=flags)
    # typeshed also knows the shapes of address families that name no host
    return [(family, address) for family, _, _, _, address in found]  # type: ignore[misc]
