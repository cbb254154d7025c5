"""Telnet: option bytes wherever packets cut them, every end of a login, outputs byte for byte."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import warp
from support.direct import ask, connector, device
from support.recorded import RecordedServer, find_recordings
from support.sockets import becomes_true, open_sockets
from support.wire import Manner, Wire

from collector.credentials import Credential
from collector.driver.statements import Statements
from collector.driver.stream import Stream
from collector.driver.telnet import TelnetReader, log_in
from collector.errors import DeviceError
from collector.lab import (
    DeviceStats,
    Echo,
    Ending,
    Lab,
    LabDevice,
    LabFault,
    Pace,
    TelnetLogin,
    Terminal,
)
from collector.model import CommandStatus, Device, FaultClass, Phase, Timeouts, Transport

ADMIN = Credential(username="admin", password="admin")
SHORT = Timeouts(connect=1.0, login=2.0, command=1.5)
WILL_ECHO, WILL_SGA = b"\xff\xfb\x01", b"\xff\xfb\x03"
DO_ECHO, DO_SGA = b"\xff\xfd\x01", b"\xff\xfd\x03"
DO_TYPE, DO_NAWS = b"\xff\xfd\x18", b"\xff\xfd\x1f"
WONT_TYPE, WONT_NAWS = b"\xff\xfc\x18", b"\xff\xfc\x1f"


class Packets:
    """Both ends of a connection for a `TelnetReader`: packets in, written bytes kept."""

    def __init__(self, packets: list[bytes]) -> None:
        self._packets: Iterator[bytes] = iter(packets)
        self.written: list[bytes] = []
        self.reads = 0

    async def read(self, _: int) -> bytes:
        self.reads += 1
        return next(self._packets, b"")

    def write(self, data: bytes) -> None:
        self.written.append(data)


def heard(*packets: bytes) -> tuple[bytes, list[bytes]]:
    """What a reader makes of packets up to the end of the stream, and what it answers."""
    line = Packets([packet for packet in packets if packet])
    reader = TelnetReader(cast(Any, line), cast(Any, line))

    async def all_text() -> bytes:
        pieces = []
        while text := await reader.read():
            pieces.append(text)
        return b"".join(pieces)

    return warp.run(all_text()), line.written


def test_the_end_of_the_stream_is_read_once() -> None:
    line = Packets([b"half of an outp"])

    async def heard_to_the_end() -> None:
        stream = Stream(
            TelnetReader(cast(Any, line), cast(Any, line)).read,
            line.write,
            lambda: None,
            limit=100,
        )
        stream.allow(3600, Phase.COMMAND)
        with pytest.raises(DeviceError) as caught:
            await stream.until(100)
        assert caught.value.fault.fault_class is FaultClass.DISCONNECTED
        assert caught.value.evidence == b"half of an outp"
        await asyncio.sleep(60)
        await stream.close()

    warp.run(heard_to_the_end())
    assert line.reads == 2


class TestOptions:
    @pytest.mark.parametrize(
        ("said", "answered"),
        [
            (WILL_ECHO, [DO_ECHO]),
            (WILL_SGA, [DO_SGA]),
            (b"\xff\xfd\x03", [b"\xff\xfb\x03"]),
            (DO_TYPE, [WONT_TYPE]),
            (DO_NAWS, [WONT_NAWS]),
            (b"\xff\xfb\x05", [b"\xff\xfe\x05"]),
            (b"\xff\xfd\x01", [b"\xff\xfc\x01"]),  # we echo nothing
            (b"\xff\xfe\x18", []),  # DONT, WONT: so it is already
            (b"\xff\xfc\x01", []),
            (WILL_ECHO + WILL_ECHO, [DO_ECHO]),  # agreed already: an answer would be a loop
            (DO_TYPE + DO_TYPE, [WONT_TYPE]),
            (b"\xff\xf1\xff\xf9", []),  # NOP, go ahead
            (b"\xff\xfa\x18\x01\xff\xf0", []),
        ],
    )
    def test_each_is_answered_once(self, said: bytes, answered: list[bytes]) -> None:
        assert heard(said + b"text") == (b"text", answered)

    def test_echo_given_up_and_taken_again_is_answered_each_time(self) -> None:
        wont = b"\xff\xfc\x01"
        _, answers = heard(WILL_ECHO + b"Password: " + wont + b"\r\n" + WILL_ECHO + b"again")
        assert answers == [DO_ECHO, b"\xff\xfe\x01", DO_ECHO]

    def test_what_a_device_asks_to_stop_is_stopped(self) -> None:
        _, answers = heard(b"\xff\xfd\x03" + b"\xff\xfe\x03" + b"\xff\xfe\x03" + b"text")
        assert answers == [b"\xff\xfb\x03", b"\xff\xfc\x03"]

    def test_a_doubled_byte_inside_a_subnegotiation_does_not_end_it(self) -> None:
        assert heard(b"a\xff\xfa\x1f\x00\xff\xff\xf0x\xff\xf0b")[0] == b"ab"

    def test_text_of_a_device_that_doubles_nothing_is_kept(self) -> None:
        text = b"caf\xff au lait \xff\r\n\xffa"
        assert heard(text) == (text, [])

    def test_a_subnegotiation_that_never_ends_is_text(self) -> None:
        text = b"\xff\xfa" + b"x" * 5000
        assert heard(*(text[n : n + 100] for n in range(0, len(text), 100)), b"end") == (
            text + b"end",
            [],
        )

    def test_a_return_with_its_nul_is_one_return(self) -> None:
        assert heard(b"10%\r\x00100%\r\n")[0] == b"10%\r100%\r\n"
        assert heard(b"10%\r", b"\x00100%\r", b"\n")[0] == b"10%\r100%\r\n"

    def test_a_return_at_the_very_end_is_not_lost(self) -> None:
        assert heard(b"text\r")[0] == b"text\r"

    @given(
        pieces=st.lists(
            st.one_of(
                st.binary(max_size=9).map(lambda text: ("text", text)),
                st.sampled_from(
                    [WILL_ECHO, WILL_SGA, DO_TYPE, b"\xff\xf1", b"\xff\xfa\x18\x01\xff\xf0"]
                ).map(lambda command: ("command", command)),
            ),
            max_size=8,
        ),
        cuts=st.lists(st.integers(0, 120), max_size=12),
    )
    def test_wherever_packets_are_cut_the_text_is_the_same(
        self, pieces: list[tuple[str, bytes]], cuts: list[int]
    ) -> None:
        text = b"".join(data for kind, data in pieces if kind == "text")
        text = text.replace(b"\r", b"").replace(b"\0", b"")  # their pairs have a test of their own
        sent = b"".join(
            data.replace(b"\r", b"").replace(b"\0", b"").replace(b"\xff", b"\xff\xff")
            if kind == "text"
            else data
            for kind, data in pieces
        )
        edges = sorted({0, len(sent), *(cut for cut in cuts if cut < len(sent))})
        packets = [sent[a:b] for a, b in pairwise(edges)]
        assert heard(*packets)[0] == text
        assert heard(*packets) == heard(sent)


def lab_device(**changes: Any) -> LabDevice:
    plain = LabDevice(name="r1", platform="cisco_iosxe", transport=Transport.TELNET)
    return replace(plain, **changes)


def telnet(lab: Lab, platform: str = "cisco_iosxe", name: str = "r1") -> Device:
    return replace(device(name, lab.port(name), platform), transport=Transport.TELNET)


LOGINS = {
    "router": TelnetLogin(),
    "password-only": TelnetLogin(username=""),
    "linux": TelnetLogin(username="login: ", password="Password:", greeting="\nDebian 12\n"),
    "named": TelnetLogin(username="r1 login: ", password="Password for admin: "),
    "no-options": TelnetLogin(options=b""),
    "slow-aaa": TelnetLogin(wait=0.5),
    "odd-option": TelnetLogin(options=WILL_ECHO[:2]),  # its last byte is the greeting's first
}
REFUSALS = {
    "asks-again": TelnetLogin(),
    "closes": TelnetLogin(attempts=1),
    "vty": TelnetLogin(username=""),
    "vty-closes": TelnetLogin(username="", attempts=1, refused=""),
    "linux": TelnetLogin(username="login: ", refused="\nLogin incorrect\n"),
    "slow-aaa": TelnetLogin(wait=0.5),
    "says-and-closes": TelnetLogin(refused="% Bad passwords", attempts=1),
}
AT_OPENING = {
    LabFault.REFUSE: (FaultClass.REFUSED, Phase.CONNECT),
    LabFault.RESET: (FaultClass.BUSY, Phase.AUTH),
    LabFault.DENY_CHANNEL: (FaultClass.BUSY, Phase.AUTH),
    LabFault.SILENT_TCP: (FaultClass.TIMEOUT, Phase.AUTH),
    LabFault.SILENT_AUTH: (FaultClass.TIMEOUT, Phase.AUTH),
    LabFault.SILENT_CHANNEL: (FaultClass.TIMEOUT, Phase.AUTH),
}
IN_MID_OUTPUT = {
    LabFault.SILENT_COMMAND: FaultClass.TIMEOUT,
    LabFault.STALL_OUTPUT: FaultClass.TIMEOUT,
    LabFault.DROP_OUTPUT: FaultClass.DISCONNECTED,
    LabFault.EOF_OUTPUT: FaultClass.DISCONNECTED,
}


class TestLogin:
    async def test_whatever_the_device_asks_it_logs_in(self) -> None:
        async with Lab([lab_device(name=n, telnet=login) for n, login in LOGINS.items()]) as lab:
            before = open_sockets()

            async def one(name: str) -> None:
                (result,) = await ask(connector(), telnet(lab, name=name), ["show version"])
                assert result.output.decode() == lab.text(name, "show version"), name
                stats = lab.stats[name]
                assert (stats.logins, stats.rejected_logins) == (1, 0), name

            await asyncio.gather(*(one(name) for name in LOGINS))
            await becomes_true(lambda: not lab.open_connections and open_sockets() == before)

    async def test_no_login_at_all(self) -> None:
        async with Lab([lab_device(password=None)]) as lab:
            (result,) = await ask(connector(), telnet(lab), ["show version"])
            assert result.status is CommandStatus.OK

    async def test_options_are_answered_as_a_person_would_want(self) -> None:
        async with Lab([lab_device()]) as lab:
            await ask(connector(), telnet(lab), ["show version"])
            assert list(lab.stats["r1"].options) == [DO_ECHO, DO_SGA, WONT_TYPE, WONT_NAWS]

    async def test_a_wrong_password_is_sent_once(self) -> None:
        async with Lab([lab_device(name=n, telnet=login) for n, login in REFUSALS.items()]) as lab:
            before = open_sockets()

            async def one(name: str) -> None:
                with pytest.raises(DeviceError) as caught:
                    await connector(password="wrong").open(telnet(lab, name=name), SHORT)
                fault = caught.value.fault
                assert (fault.fault_class, fault.phase) == (FaultClass.AUTH, Phase.AUTH), name
                assert fault.hint, name
                assert b"wrong" not in caught.value.evidence, name

            await asyncio.gather(*(one(name) for name in REFUSALS))
            await becomes_true(lambda: not lab.open_connections and open_sockets() == before)
            assert {name: lab.stats[name].rejected_logins for name in REFUSALS} == dict.fromkeys(
                REFUSALS, 1
            )

    def test_a_refusal_that_dawdles_before_it_asks_again_is_still_a_refusal(self) -> None:
        async def play(terminal: Terminal) -> list[bytes]:
            await terminal.send(b"Password: ")
            lines = [await terminal.read_line(hidden=True)]
            await terminal.send(b"\r\nLogin incorrect")
            await asyncio.sleep(30)
            await terminal.send(b"\r\nPassword: ")
            return [*lines, await terminal.read_line(hidden=True)]

        async def main() -> None:
            async with line_to(play) as (stream, playing):
                with pytest.raises(DeviceError) as caught:
                    await log_in(stream, ADMIN, b"\n", Statements(()), lambda: None)
                fault = caught.value.fault
                assert (fault.fault_class, fault.phase) == (FaultClass.AUTH, Phase.AUTH)
                await asyncio.sleep(60)
                assert not playing.done()  # it still waits for a second password

        warp.run(main())

    def test_words_of_the_server_and_a_pause_are_no_prompt(self) -> None:
        away = Statements([re.compile("% Backup authentication")])

        async def play(terminal: Terminal) -> list[bytes]:
            await terminal.send(b"Password: ")
            lines = [await terminal.read_line(hidden=True)]
            await terminal.send(b"\r\n% Backup authentication")
            await asyncio.sleep(10)
            await terminal.send(b"\r\nPassword: ")
            return [*lines, await terminal.read_line(hidden=True)]

        async def main() -> None:
            async with line_to(play) as (stream, playing):
                with pytest.raises(DeviceError) as caught:
                    await log_in(stream, ADMIN, b"\n", away, lambda: None)
                assert caught.value.fault.fault_class is FaultClass.AUTH
                assert away.words == "% Backup authentication"
                await asyncio.sleep(60)
                assert not playing.done()

        warp.run(main())

    @pytest.mark.parametrize(
        "question", [b"Enter new password: ", b"Change password now? ", b"Save? [yes/no]: "]
    )
    async def test_a_question_after_the_password_is_not_a_rejected_credential(
        self, question: bytes
    ) -> None:
        async def shell(terminal: Terminal, _: LabDevice, stats: DeviceStats) -> Ending:
            await terminal.send(b"Password: ")
            stats.lines.append((await terminal.read_line(hidden=True)).decode())
            await terminal.send(b"\r\nYour password has expired.\r\n" + question)
            stats.lines.append((await terminal.read_line()).decode())
            return Ending.EXIT

        fault, lines = await refused_by(shell)
        assert (fault.fault_class, fault.phase) == (FaultClass.PROMPT, Phase.LOGIN)
        assert lines == ["admin"]

    @pytest.mark.parametrize("pause", [0.3, 30.0])
    def test_last_login_is_not_a_question(self, pause: float) -> None:
        async def play(terminal: Terminal) -> list[bytes]:
            await terminal.send(b"login: ")
            lines = [await terminal.read_line()]
            await terminal.send(b"Last login: ")
            await asyncio.sleep(pause)
            await terminal.send(b"Sun Nov 22 11:00:00 on tty1\r\nr1#")
            return lines

        async def main() -> None:
            async with line_to(play) as (stream, playing):
                await log_in(stream, ADMIN, b"\n", Statements(()), lambda: None)
                assert await playing == [b"admin"]

        warp.run(main())

    async def test_a_fault_at_opening_has_its_class_and_phase(self) -> None:
        async with Lab([lab_device(name=fault, fault=fault) for fault in AT_OPENING]) as lab:
            before = open_sockets()

            async def one(fault: LabFault) -> None:
                with pytest.raises(DeviceError) as caught:
                    await connector().open(telnet(lab, name=fault), replace(SHORT, login=0.7))
                found = caught.value.fault
                assert (found.fault_class, found.phase) == AT_OPENING[fault], fault
                assert found.hint, fault

            await asyncio.gather(*(one(fault) for fault in AT_OPENING))
            await becomes_true(lambda: not lab.open_connections and open_sockets() == before)

    async def test_words_and_a_hang_up_before_any_question_mean_that_no_line_is_free(self) -> None:
        async def shell(terminal: Terminal, _: LabDevice, __: DeviceStats) -> Ending:
            await terminal.send(b"\r\n% Sorry, all lines are in use\r\n")
            return Ending.EXIT

        fault, _ = await refused_by(shell)
        assert (fault.fault_class, fault.phase) == (FaultClass.BUSY, Phase.AUTH)

    @pytest.mark.parametrize("fault", [LabFault.SILENT_TCP, LabFault.SILENT_AUTH])
    async def test_cancelled_while_opening_it_leaves_no_connection(self, fault: LabFault) -> None:
        async with Lab([lab_device(fault=fault)]) as lab:
            before = open_sockets()
            opening = asyncio.create_task(connector().open(telnet(lab), Timeouts()))
            await becomes_true(lambda: bool(lab.stats["r1"].open))
            opening.cancel()
            with pytest.raises(asyncio.CancelledError):
                await opening
            await becomes_true(lambda: not lab.stats["r1"].open and open_sockets() == before)


class TestOutput:
    @pytest.mark.parametrize(
        ("echo", "pace", "start"),
        [
            (Echo.WHEN_READ, Pace(), 0),
            (Echo.WHEN_READ, Pace(chunk=512, delay=0.001), 1),
            (Echo.READLINE, Pace(chunk=997), 2),
        ],
        ids=["as-it-comes", "in-packets", "readline"],
    )
    async def test_recordings_are_collected_byte_for_byte(
        self, recordings: Path, echo: Echo, pace: Pace, start: int
    ) -> None:
        found = find_recordings(recordings / "ntc-templates")[start::5]
        async with RecordedServer(
            found, echo=echo, pace=pace, transport=Transport.TELNET
        ) as server:

            async def compare(name: str) -> int:
                commands = server.commands(name)
                target = telnet(server.lab, server.platform(name), name)
                for result in await ask(connector(), target, commands):
                    assert result.status is CommandStatus.OK, (name, result.command, result.fault)
                    assert result.output == server.truth(name, result.command)
                return len(commands)

            counts = await asyncio.gather(*(compare(name) for name in server.lab.devices))
        assert sum(counts) == len(found) >= 58

    @pytest.mark.parametrize("chunk", [0, 1])
    async def test_bytes_that_are_no_text_are_kept(self, chunk: int) -> None:
        text = (
            b"caf\xe9 \xff\xff\xf0 \xff\xfb\x41 \xffa\r\n\xff\r\n\xff\xff\r\ncaf\xc3\xa9\r\nr1#\r\n"
        )

        async def shell(terminal: Terminal, _: LabDevice, __: DeviceStats) -> Ending:
            return await plain_shell(terminal, text)

        pace = Pace(chunk=chunk, delay=0.0001 if chunk else 0)
        (result,) = await asked_of(shell, ["show"], pace=pace)
        assert result.status is CommandStatus.OK
        assert result.output == text.replace(b"\r\n", b"\n")
        assert result.encoding == "unknown-8bit"

    async def test_a_progress_line_is_drawn_over(self) -> None:
        async def shell(terminal: Terminal, _: LabDevice, __: DeviceStats) -> Ending:
            return await plain_shell(terminal, b"Building: 10%\rBuilding: 100%\r\ndone\r\n")

        (result,) = await asked_of(shell, ["show"])
        assert result.output == b"Building: 100%\ndone\n"

    async def test_a_fault_in_mid_output_has_its_class(self) -> None:
        commands = ("show running-config",)
        sick = [lab_device(name=f, fault=f, faulty_commands=commands) for f in IN_MID_OUTPUT]
        async with Lab(sick) as lab:
            before = open_sockets()

            async def one(fault: LabFault) -> None:
                with pytest.raises(DeviceError) as caught:
                    await ask(connector(), telnet(lab, name=fault), commands, timeouts=SHORT)
                assert caught.value.fault.fault_class is IN_MID_OUTPUT[fault], fault
                assert caught.value.fault.phase is Phase.COMMAND, fault
                assert b"show running-config" in caught.value.evidence, fault

            await asyncio.gather(*(one(fault) for fault in IN_MID_OUTPUT))
            await becomes_true(lambda: not lab.open_connections and open_sockets() == before)

    async def test_cancelled_in_mid_output_it_leaves_no_connection(self) -> None:
        commands = ("show running-config",)
        stalled = lab_device(fault=LabFault.STALL_OUTPUT, faulty_commands=commands)
        async with Lab([stalled]) as lab:
            before = open_sockets()
            asking = asyncio.create_task(ask(connector(), telnet(lab), commands))
            await becomes_true(lambda: commands[0] in lab.stats["r1"].lines)
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            await becomes_true(lambda: not lab.stats["r1"].open and open_sockets() == before)


@asynccontextmanager
async def line_to(
    play: Callable[[Terminal], Awaitable[list[bytes]]],
) -> AsyncIterator[tuple[Stream, asyncio.Task[list[bytes]]]]:
    """Give a line without a network to a device that is played; to be run in warped time."""
    wire = Wire(Manner())
    terminal = Terminal(wire.to_us, drained)
    playing = asyncio.ensure_future(play(terminal))
    stream = Stream(wire.heard.get, terminal.feed, lambda: None, limit=1 << 20)
    stream.allow(100, Phase.LOGIN)
    try:
        yield stream, playing
    finally:
        await stream.close()
        playing.cancel()
        await asyncio.wait([playing])


async def drained() -> None:
    return None


async def plain_shell(terminal: Terminal, text: bytes = b"") -> Ending:
    """One prompt; ``text`` for `show`, a denial for the rest."""
    while True:
        await terminal.send(b"r1#")
        line = (await terminal.read_line()).strip()
        if line == b"show" and text:
            await terminal.send(text)
        elif line:
            await terminal.send(b"% Invalid input detected at '^' marker.\r\n")


async def asked_of(shell: Any, commands: list[str], pace: Pace | None = None) -> Any:
    """The results of a device that one shell plays from the first byte on."""
    played = lab_device(platform="played", password=None, pace=pace or Pace())
    async with Lab([played], shells={"played": shell}) as lab:
        return await ask(connector(), telnet(lab, "generic"), commands)


async def refused_by(shell: Any) -> tuple[Any, list[str]]:
    """The fault of a device that refuses the login, and what it was told."""
    played = lab_device(platform="played", password=None)
    async with Lab([played], shells={"played": shell}) as lab:
        with pytest.raises(DeviceError) as caught:
            await connector().open(telnet(lab, "generic"), SHORT)
        return caught.value.fault, list(lab.stats["r1"].lines)
