"""A loop that was blocked across a deadline, data waiting: no device hangs for it.

Python 3.11 may lose the one cancellation that an ``asyncio.timeout`` sends in that turn of the
loop, so nothing here may rest on it alone.
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from support.direct import device
from support.hostile import Actor, Script, drop, heard_over_network, served, stall
from support.modes import FIRST, LINES, SECOND, answering
from support.sockets import becomes_true, open_sockets

from collector import collect
from collector.credentials import Credentials, CredentialSpec
from collector.model import (
    Device,
    DeviceResult,
    FaultClass,
    HostKeys,
    Phase,
    Retries,
    Status,
    Timeouts,
)
from collector.settings import Settings

TIGHT = Timeouts(connect=0.6, login=0.6, command=0.6, device=5.0)
LATEST = 10.0
"""Seconds by which all must be over: many times the limits, and far from a hang."""


def block(seconds: float) -> Callable[[Actor], Awaitable[None]]:
    """Hold up the whole loop, what was written just before waiting in the socket."""

    async def sleep(actor: Actor) -> None:
        time.sleep(seconds)  # noqa: ASYNC251 - this is the fault

    return sleep


AT_THE_DEADLINE = (b"one\r\n", 0.3, b"two\r\n", block(0.6), stall)


@pytest.mark.parametrize("steps", [AT_THE_DEADLINE, (b"r1#", block(1.0), b"\r\n", stall)])
async def test_a_command_ends_at_its_limit(steps: tuple[object, ...]) -> None:
    async with served({"r1": answering(steps)}) as lab:  # type: ignore[arg-type]  # steps they are
        limits = replace(TIGHT, login=20.0)
        async with asyncio.timeout(LATEST):
            heard = await heard_over_network(lab, "r1", (FIRST, SECOND), limits=limits)
        assert heard.error is not None
        assert heard.error.fault.fault_class is FaultClass.TIMEOUT
        assert heard.error.fault.phase is Phase.COMMAND
        assert heard.asking < LATEST / 2


async def test_an_opening_ends_at_its_limit() -> None:
    script = answering((LINES,), like=Script(greeting=AT_THE_DEADLINE))
    async with served({"r1": script}) as lab:
        async with asyncio.timeout(LATEST):
            heard = await heard_over_network(lab, "r1", (FIRST,), limits=TIGHT)
        assert heard.error is not None
        assert heard.error.fault.fault_class is FaultClass.TIMEOUT
        await becomes_true(lambda: not lab.stats["r1"].open)


async def test_a_run_over_such_devices_ends() -> None:
    scripts = {
        "opening": answering((LINES,), like=Script(greeting=AT_THE_DEADLINE)),
        "asking": answering(AT_THE_DEADLINE),
        "prompts": answering((b"r1#", 0.2, b"\r\nr1#", block(0.7), stall)),
        "dropping": answering((b"one", block(0.7), drop)),
    }
    async with served(scripts) as lab:
        before = open_sockets()
        targets = [device(name, lab.port(name), "cisco_iosxe") for name in scripts]
        async with asyncio.timeout(30):
            results = await collected(targets)
        assert {result.device.name for result in results} == set(scripts)
        assert all(result.status is not Status.OK for result in results)
        await becomes_true(lambda: open_sockets() <= before)


async def test_a_banner_that_waits_while_the_loop_is_blocked() -> None:
    """The device is a thread, so that it speaks while nobody listens."""
    listening = socket.create_server(("127.0.0.1", 0))
    listening.settimeout(20)  # a collector that never knocks fails the test; it hangs nobody
    over = threading.Event()

    def greet() -> None:
        accepted, _ = listening.accept()
        with accepted:
            time.sleep(0.4)
            accepted.sendall(b"SSH-2.0-slow\r\n")
            over.wait(30)

    greeting = threading.Thread(target=greet, daemon=True)
    greeting.start()
    target = device("r1", listening.getsockname()[1], "cisco_iosxe")
    loop = asyncio.get_running_loop()
    loop.call_later(0.3, time.sleep, 0.6)
    try:
        async with asyncio.timeout(LATEST):
            (result,) = await collected([target])
        assert result.fault is not None
        assert result.fault.fault_class is FaultClass.TIMEOUT
    finally:
        over.set()
        await asyncio.to_thread(greeting.join)
        listening.close()


async def collected(targets: list[Device]) -> list[DeviceResult]:
    """Collect through the public API, one attempt each, limits tight."""
    spec = CredentialSpec(name="lab", username="admin", password="admin", enable="enable")
    settings = Settings(host_keys=HostKeys.OFF, timeouts=TIGHT, retries=Retries(attempts=1))
    credentials = Credentials({"lab": spec}, {})
    results = collect(targets, credentials=credentials, settings=settings, commands=[FIRST])
    return [result async for result in results]
