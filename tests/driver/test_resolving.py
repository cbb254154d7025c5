"""Names and addresses: a resolver that hangs holds up its own devices only."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
from support.direct import connector, device
from support.sockets import becomes_true, open_sockets

from collector.driver.resolving import THREADS, Address, Resolver, connected
from collector.errors import DeviceError
from collector.model import FaultClass, Phase, Timeouts

HERE: Address = (socket.AF_INET, ("127.0.0.1", 22))


class Look:
    """A look-up that hangs for names that begin so, until it is let go."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.free = threading.Event()

    def __call__(self, host: str, port: int, flags: int) -> list[Address]:
        self.asked.append(host)
        if host.startswith("hung"):
            self.free.wait(30)
        return [(socket.AF_INET, (host, port))]


@pytest.fixture
def look() -> Iterator[Look]:
    asked = Look()
    yield asked
    asked.free.set()


async def test_hung_names_hold_up_neither_other_names_nor_files(look: Look) -> None:
    resolver = Resolver(look)
    hung = [asyncio.create_task(resolver.addresses(f"hung{n}", 22)) for n in range(THREADS - 1)]
    await becomes_true(lambda: len(look.asked) == THREADS - 1)
    async with asyncio.timeout(10):
        assert await resolver.addresses("r1", 22) == [(socket.AF_INET, ("r1", 22))]
        assert await asyncio.to_thread(lambda: "the default executor is free")
    assert not any(task.done() for task in hung)
    look.free.set()
    assert await asyncio.gather(*hung) == [
        [(socket.AF_INET, (f"hung{n}", 22))] for n in range(THREADS - 1)
    ]


async def test_there_are_so_many_places_and_addresses_need_none(look: Look) -> None:
    resolver = Resolver(look)
    hung = [asyncio.create_task(resolver.addresses(f"hung{n}", 22)) for n in range(THREADS)]
    await becomes_true(lambda: len(look.asked) == THREADS)
    waiting = asyncio.create_task(resolver.addresses("r1", 22))
    async with asyncio.timeout(10):
        assert await resolver.addresses("192.0.2.1", 22)
    assert "r1" not in look.asked
    hung[0].cancel()  # whose deadline is over makes room, though its thread still hangs
    async with asyncio.timeout(10):
        await waiting
    look.free.set()
    await asyncio.gather(*hung[1:])


async def test_a_hung_name_ends_with_its_device_and_its_answer_comes_too_late(look: Look) -> None:
    resolver = Resolver(look)
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, told: complaints.append(told))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await resolver.addresses("hung", 22)
    look.free.set()
    await becomes_true(lambda: not any("hung" in each.name for each in threading.enumerate()))
    await asyncio.sleep(0)
    assert not complaints


def test_a_program_ends_while_a_name_hangs(look: Look) -> None:
    async def give_up() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await Resolver(look).addresses("hung", 22)

    asyncio.run(give_up())
    (thread,) = [each for each in threading.enumerate() if each.name == "resolve hung"]
    assert thread.daemon
    look.free.set()  # its answer finds the loop closed
    thread.join(10)
    assert not thread.is_alive()


@pytest.mark.parametrize(
    "error", [socket.gaierror(-2, "unknown"), UnicodeError("too long"), ValueError("NUL")]
)
async def test_what_a_look_up_raises_comes_to_who_asked(error: Exception) -> None:
    def fails(host: str, port: int, flags: int) -> list[Address]:
        raise error

    with pytest.raises(type(error)):
        await Resolver(fails).addresses("r1", 22)


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", (socket.AF_INET, ("127.0.0.1", 2022))),
        ("::1", (socket.AF_INET6, ("::1", 2022, 0, 0))),
        ("fe80::1%lo", (socket.AF_INET6, ("fe80::1", 2022, 0, socket.if_nametoindex("lo")))),
    ],
)
async def test_an_address_is_not_looked_up(host: str, address: Address) -> None:
    ((family, found),) = await Resolver().addresses(host, 2022)
    assert family is address[0]
    assert found[1:] == address[1][1:]
    assert found[0].partition("%")[0] == address[1][0]


@pytest.mark.parametrize("host", ["r1..lab", ".", "a" * 64, "x" * 300])
async def test_a_name_that_is_none_is_a_fault_of_its_own(host: str) -> None:
    with pytest.raises(DeviceError) as caught:
        target = replace(device("r1", 22, "generic"), host=host)
        await connector().open(target, Timeouts(connect=5, login=5))
    fault = caught.value.fault
    assert (fault.fault_class, fault.phase) == (FaultClass.DNS, Phase.RESOLVE)
    assert fault.hint


class TestConnected:
    @pytest.fixture
    def listening(self) -> Iterator[socket.socket]:
        with socket.create_server(("127.0.0.1", 0)) as server:
            yield server

    @pytest.fixture
    def refusing(self) -> Iterator[Address]:
        with socket.socket() as bound:  # bound and not listening
            bound.bind(("127.0.0.1", 0))
            yield (socket.AF_INET, bound.getsockname())

    @pytest.fixture
    def silent(self) -> Iterator[Address]:
        """A port whose queue is full, so that nobody answers the next one."""
        with socket.socket() as server:
            server.bind(("127.0.0.1", 0))
            server.listen(0)
            fillers = [socket.socket() for _ in range(4)]
            for filler in fillers:
                filler.setblocking(False)
                filler.connect_ex(server.getsockname())
            yield (socket.AF_INET, server.getsockname())
            for filler in fillers:
                filler.close()

    async def test_addresses_are_tried_in_turn(
        self, listening: socket.socket, refusing: Address, silent: Address
    ) -> None:
        before = open_sockets()
        good: Address = (socket.AF_INET, listening.getsockname())
        with await connected([refusing, silent, good], 1.0) as sock:
            assert sock.getpeername() == listening.getsockname()
            assert open_sockets() == before + 1
        assert open_sockets() == before

    async def test_the_last_error_counts_and_no_socket_stays(
        self, refusing: Address, silent: Address
    ) -> None:
        before = open_sockets()
        with pytest.raises(ConnectionRefusedError):
            await connected([silent, refusing], 2.0)  # half of it for each
        with pytest.raises(TimeoutError):
            await connected([refusing, silent], 0.3)
        assert open_sockets() == before

    async def test_cancelled_it_leaves_no_socket(self, silent: Address) -> None:
        before = open_sockets()
        connecting = asyncio.create_task(connected([silent], 30))
        await becomes_true(lambda: open_sockets() == before + 1)
        connecting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await connecting
        assert open_sockets() == before

    async def test_a_family_that_this_machine_lacks_is_passed_over(
        self, listening: socket.socket
    ) -> None:
        lacking: Address = (socket.AddressFamily(socket.AF_APPLETALK), ("127.0.0.1", 1))
        good: Address = (socket.AF_INET, listening.getsockname())
        with await connected([lacking, good], 1.0) as sock:
            assert sock.getpeername() == listening.getsockname()
