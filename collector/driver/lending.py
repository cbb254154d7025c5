"""A socket that is lent to a transport of the event loop, and closed once.

Owns the question whose its descriptor is by now. uvloop closes that of a lent socket by itself and
tells the socket object only if it was attached before: a peer that resets in the very turn in
between leaves an object with a number that is another connection's soon. Closing the object, or
throwing it away, would close that one. Refuses to know what is spoken over it.
"""

from __future__ import annotations

import os
import socket


class LentSocket:
    """A connected socket, lent as ``sock``."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._identity = os.fstat(sock.fileno()).st_ino

    def close(self) -> None:
        """Close it, unless it was closed meanwhile; leaves whoever has its number now alone."""
        if self._is_its_own():
            self.sock.close()
        else:
            self.sock.detach()

    def _is_its_own(self) -> bool:
        number = self.sock.fileno()
        try:
            return number >= 0 and os.fstat(number).st_ino == self._identity
        except OSError:  # nobody has the number
            return False
