"""An opening that is ended when it is cancelled, whatever a library below makes of that."""

from __future__ import annotations

import asyncio

import pytest
from support import warp

from collector.driver.opening import Opening, cancellable
from collector.errors import DeviceError
from collector.model import FaultClass, Phase, SshProfile, Timeouts


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


async def undo() -> None:
    """Have nothing to close."""


def opening() -> Opening:
    return Opening(Timeouts(connect=1.0), lambda _: None, profile=SshProfile.DEFAULT)


def test_what_takes_long_to_load_is_no_part_of_a_limit() -> None:
    async def loaded_late() -> None:
        one = opening()
        await one.whole(lambda: one.turn(asyncio.sleep(60)), undo)

    warp.run(loaded_late())


def test_the_limit_runs_on_behind_it() -> None:
    async def loaded_late() -> None:
        one = opening()
        one.phase = Phase.CONNECT

        async def opened() -> None:
            await one.turn(asyncio.sleep(60))
            await asyncio.sleep(2)

        await one.whole(opened, undo)

    with pytest.raises(DeviceError) as caught:
        warp.run(loaded_late())
    assert caught.value.fault.fault_class is FaultClass.TIMEOUT


def test_what_cannot_be_loaded_is_a_fault_of_this_machine() -> None:
    async def broken() -> None:
        raise ImportError("libcrypto.so.9: not there")

    async def given_up() -> None:
        one = opening()
        await one.whole(lambda: one.turn(broken()), undo)

    with pytest.raises(DeviceError) as caught:
        warp.run(given_up())
    assert caught.value.fault.fault_class is FaultClass.INTERNAL
    assert "libcrypto.so.9" in caught.value.fault.message
