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
    """An editor's line, an ``enable`` that takes ``slow`` seconds to ask, and as many to answer.

    From its third line on it takes ``stall`` seconds more for each.
    """

    def __init__(self, slow: float, stall: float = 0.0) -> None:
        self.said: asyncio.Queue[bytes] = asyncio.Queue()
        self._slow = slow
        self._stall = stall
        self._lines = 0
        self._free = 0.0
        self._prompt = b"r1>"
        self._asking = False
        self._typed = b""
        self.heard: list[bytes] = []

    def start(self) -> None:
        """Greet."""
        self.said.put_nowait(b"welcome\r\n" + self._prompt)

    def hear(self, typed: bytes) -> None:
        """Take what is typed, line by line."""
        self.heard.append(typed)
        self._typed += typed.replace(CTRL_E, b"")
        *lines, self._typed = self._typed.split(b"\n")
        for line in lines:
            self._lines += 1
            loop = asyncio.get_running_loop()
            stall = self._stall if self._lines > 2 else 0.0
            self._free = max(self._free, loop.time()) + stall
            loop.call_at(self._free, self._do, line)

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


async def logged_in(slow: float, seconds: float, stall: float = 0.0) -> bytes:
    """Give the prompt that a router ends at."""
    router = Router(slow, stall)
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


def test_a_late_answer_to_a_blank_line_is_not_taken_for_that_of_enable() -> None:
    """Two lines were typed at once, and the second was not answered in time: it still is due."""
    assert warp.run(logged_in(0.3, 60.0, stall=0.8)) == b"r1#"


def test_one_that_never_comes_ends_at_the_limit_of_the_login() -> None:
    with pytest.raises(DeviceError) as caught:
        warp.run(logged_in(100.0, 20.0))
    assert caught.value.fault.fault_class is FaultClass.TIMEOUT
    assert caught.value.fault.phase is Phase.LOGIN


class Doubtful(Router):
    """Hangs up on the secret, or on a question that was not answered in time."""

    def _do(self, line: bytes) -> None:
        if self._asking:
            self.said.put_nowait(b"")
        else:
            super()._do(line)


async def denied(router: Router, leave: login.Leave) -> DeviceError:
    """Give what ends the way to the privileged mode."""
    stream = Stream(router.said.get, router.hear, lambda: None, limit=1 << 20)
    router.start()
    stream.allow(20.0, Phase.LOGIN)
    try:
        console = Console(stream, newline=b"\n", editor_key=CTRL_E, rng=random.Random(1))
        with pytest.raises(DeviceError) as caught:
            await login.log_in(console, IOS, ADMIN, leave=leave)
        return caught.value
    finally:
        await stream.close()


def test_hanging_up_on_the_secret_is_a_rejection_of_it() -> None:
    async def at_once() -> None:
        pass

    fault = warp.run(denied(Doubtful(0.0), at_once)).fault
    assert (fault.fault_class, fault.phase) == (FaultClass.ENABLE, Phase.LOGIN)
    assert "closed the session on the enable password" in fault.message


@pytest.mark.parametrize(
    ("said", "what"), [(b"", FaultClass.DISCONNECTED), (b"\r\n% timed out\r\nr1>", FaultClass.BUSY)]
)
def test_the_secret_is_not_sent_when_the_question_is_not_asked_any_more(
    said: bytes, what: FaultClass
) -> None:
    router = Router(0.0)

    async def much_later() -> None:
        await asyncio.sleep(60.0)  # longer than the login's limit, which stands still
        router.said.put_nowait(said)
        await asyncio.sleep(1.0)

    assert warp.run(denied(router, much_later)).fault.fault_class is what
    assert b"secret" not in b"".join(router.heard)
