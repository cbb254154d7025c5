"""The limits of an opening, and what is no part of them."""

from __future__ import annotations

import asyncio

import pytest
from support import warp

from collector.driver.opening import Opening
from collector.errors import DeviceError
from collector.model import FaultClass, Phase, SshProfile, Timeouts


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
