"""A socket that was lent: closed once, and never in another one's place."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest

from collector.driver.lending import LentSocket


@pytest.fixture
def lent() -> Iterator[LentSocket]:
    near, far = socket.socketpair()
    with far:
        yield LentSocket(near)
        near.close()


def test_it_is_closed_when_it_comes_back(lent: LentSocket) -> None:
    number = lent.sock.fileno()
    lent.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(number)
    lent.close()


def test_one_that_the_loop_has_closed_is_left(lent: LentSocket) -> None:
    os.close(lent.sock.fileno())
    lent.close()
    assert lent.sock.fileno() == -1


def test_a_number_that_is_another_ones_by_now_is_not_closed(lent: LentSocket) -> None:
    number = lent.sock.fileno()
    os.close(number)
    near, far = socket.socketpair()
    with near, far:
        assert number in {near.fileno(), far.fileno()}
        lent.close()
        near.send(b"still there")
        assert far.recv(20) == b"still there"
    assert lent.sock.fileno() == -1  # so that nothing is closed when it is thrown away
