"""The way to the privileged mode, over a line on which time is made of nothing."""

from __future__ import annotations

import asyncio
import random

import pytest
from support import warp

from collector.credentials import Credential
from collector.driver import login
from collector.driver.console import CTRL_E, Console
from collector.driver.stream import Stream
from collector.errors import DeviceError
from collector.model import FaultClass, Phase
from collector.platforms import load_platforms

IOS = load_platforms()["cisco_iosxe"]
ADMIN = Credential(username="admin", enable="secret")


class Router:
    """An editor's line, an ``enable`` that takes ``slow`` seconds to ask, and as many to answer."""

    def __init__(self, slow: float) -> None:
        self.said: asyncio.Queue[bytes] = asyncio.Queue()
        self._slow = slow
        self._prompt = b"r1>"
        self._asking = False
        self._typed = b""

    def start(self) -> None:
        """Greet."""
        self.said.put_nowait(b"welcome\r\n" + self._prompt)

    def hear(self, typed: bytes) -> None:
        """Take what is typed, line by line."""
        self._typed += typed.replace(CTRL_E, b"")
        *lines, self._typed = self._typed.split(b"\n")
        for line in lines:
            self._do(line)

    def _do(self, line: bytes) -> None:
        if self._asking:
            self._asking, self._prompt = False, b"r1#" if line == b"secret" else b"r1>"
            self._later(b"\r\n" + self._prompt)
        elif line == b"enable":
            self._asking = True
            self.said.put_nowait(line + b"\r\n")
            self._later(b"Password: ")
        else:
            self.said.put_nowait(line + b"\r\n" + self._prompt)

    def _later(self, words: bytes) -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(self._slow, self.said.put_nowait, words)


async def logged_in(slow: float, seconds: float) -> bytes:
    """Give the prompt that a router ends at."""
    router = Router(slow)
    stream = Stream(router.said.get, router.hear, lambda: None, limit=1 << 20)
    router.start()
    stream.allow(seconds, Phase.LOGIN)
    try:
        console = Console(stream, newline=b"\n", editor_key=CTRL_E, rng=random.Random(1))
        await login.log_in(console, IOS, ADMIN)
        return console.template.prompt
    finally:
        await stream.close()


@pytest.mark.parametrize("slow", [0.0, 0.3, 8.0])
def test_a_slow_question_is_answered_when_it_comes(slow: float) -> None:
    assert warp.run(logged_in(slow, 60.0)) == b"r1#"


def test_one_that_never_comes_ends_at_the_limit_of_the_login() -> None:
    with pytest.raises(DeviceError) as caught:
        warp.run(logged_in(100.0, 20.0))
    assert caught.value.fault.fault_class is FaultClass.TIMEOUT
    assert caught.value.fault.phase is Phase.LOGIN
