"""An opening that is ended when it is cancelled, whatever a library below makes of that."""

from __future__ import annotations

import asyncio

import pytest
from support import warp

from collector.driver.opening import cancellable


def test_what_it_comes_to_is_given() -> None:
    assert warp.run(cancellable(asyncio.sleep(1, "open"))) == "open"


def test_a_swallowed_cancellation_comes_again() -> None:
    """As `asyncio.wait_for` does in Python 3.11: what it waited for was there, and it goes on."""
    cancelled = 0

    async def opened() -> None:
        nonlocal cancelled
        try:
            await asyncio.sleep(1)
        except asyncio.CancelledError:
            cancelled += 1
        try:
            await asyncio.sleep(1000)  # the next step, on a device that says nothing
        except asyncio.CancelledError:
            cancelled += 1
            raise

    async def given_up() -> float:
        begun = asyncio.get_running_loop().time()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await cancellable(opened())
        return asyncio.get_running_loop().time() - begun

    assert warp.run(given_up()) < 1.0
    assert cancelled == 2


def test_what_fails_while_it_is_given_up_is_no_news() -> None:
    async def opened() -> None:
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            raise OSError("cut") from None

    async def given_up() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await cancellable(opened())

    warp.run(given_up())
