"""What is heard of a device, brought to the stream: also what it says last, and never too much."""

from __future__ import annotations

import pytest

from collector.driver.stream import Stream
from collector.errors import DeviceError
from collector.model import FaultClass, Phase


def _broken(data: bytes) -> None:
    raise BrokenPipeError(data)


def _unheard(data: bytes) -> None:
    """Take every word, and answer none."""


async def test_what_a_device_says_after_it_hears_no_more_is_evidence() -> None:
    stream = Stream(None, _broken, lambda: None, limit=100)
    stream.allow(5, Phase.COMMAND)
    stream.say(b"show version\n")
    stream.hear(b"idle for too long, good-bye\r\n")
    stream.lost()
    with pytest.raises(DeviceError) as caught:
        await stream.more()
    await stream.close()
    assert caught.value.fault.fault_class is FaultClass.DISCONNECTED
    assert caught.value.evidence == b"idle for too long, good-bye\r\n"


async def test_of_a_device_that_says_too_much_nothing_more_is_kept() -> None:
    stream = Stream(None, _unheard, lambda: None, limit=100)
    stream.allow(5, Phase.COMMAND)
    for _ in range(9):
        stream.hear(b"x" * 60)
    with pytest.raises(DeviceError) as caught:
        await stream.until(1000)
    await stream.close()
    assert caught.value.fault.fault_class is FaultClass.OUTPUT_LIMIT
    assert len(stream.heard) == 120
