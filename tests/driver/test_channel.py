"""The terminal over SSH: what came is read once and in order, and a flood has to wait."""

from __future__ import annotations

import asyncio
import logging

import asyncssh
import pytest

from collector.driver import channel
from collector.driver.channel import Connection, Terminal, lighten


class Channel:
    """What asyncssh does for a session: while it is paused, what comes is kept."""

    def __init__(self, terminal: Terminal) -> None:
        self.paused = False
        self.kept: list[bytes] = []
        self._terminal = terminal

    def arrive(self, data: bytes) -> None:
        if self.paused:
            self.kept.append(data)
        else:
            self._terminal.data_received(data, None)

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False
        kept, self.kept = self.kept, []
        for data in kept:
            self.arrive(data)


def _terminal() -> tuple[Terminal, Channel]:
    terminal = Terminal()
    there = Channel(terminal)
    terminal.connection_made(there)  # type: ignore[arg-type]  # as much of a channel as it needs
    return terminal, there


async def test_all_that_has_come_is_read_at_once_and_nothing_twice() -> None:
    terminal, there = _terminal()
    there.arrive(b"one")
    there.arrive(b"two")
    assert await terminal.read() == b"onetwo"
    reading = asyncio.ensure_future(terminal.read())
    await asyncio.sleep(0)
    there.arrive(b"three")
    assert await reading == b"three"
    terminal.data_received(b"of another output", asyncssh.EXTENDED_DATA_STDERR)
    terminal.connection_lost(None)
    assert terminal.at_eof()
    assert await terminal.read() == b""


async def test_a_flood_waits_until_it_is_read_and_comes_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(channel, "MOST", 10)
    terminal, there = _terminal()
    sent = [bytes([number]) * 11 for number in range(9)]
    for data in sent:
        there.arrive(data)
    assert there.paused
    read = b""
    while len(read) < 9 * 11:
        read += await asyncio.wait_for(terminal.read(), 5)
    assert read == b"".join(sent)
    assert not there.paused


async def test_what_came_before_the_end_is_read_first() -> None:
    terminal, there = _terminal()
    there.arrive(b"the last of it")
    terminal.eof_received()
    assert not terminal.at_eof()
    assert await terminal.read() == b"the last of it"
    assert terminal.at_eof()


class _Light(asyncssh.SSHClient):
    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        lighten(conn)


class _Open(asyncssh.SSHServer):
    def begin_auth(self, username: str) -> bool:
        return False


@pytest.mark.parametrize(
    ("cipher", "is_chained"), [("aes128-gcm@openssh.com", False), ("aes128-cbc", True)]
)
async def test_empty_packets_go_out_only_where_they_protect_something(
    cipher: str, is_chained: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """The log of asyncssh tells of each packet, and is all that does."""
    async with asyncssh.listen(
        "127.0.0.1",
        server_factory=_Open,
        server_host_keys=[asyncssh.generate_private_key("ssh-ed25519")],
        encryption_algs=[cipher],
        process_factory=lambda process: process.stdout.write("r1#"),
    ) as server:
        asyncssh.set_debug_level(3)
        try:
            with caplog.at_level(logging.DEBUG, "asyncssh"):
                said, number = await _greeting(server.get_port(), cipher)
        finally:
            asyncssh.set_debug_level(1)
    lines = [record.getMessage() for record in caplog.records]
    sent = [line for line in lines if f"conn={number}," in line and "Sent MSG_" in line]
    assert said == b"r1#"
    assert any("MSG_CHANNEL_OPEN" in line for line in sent)
    assert any("MSG_IGNORE" in line for line in sent) is is_chained


async def _greeting(port: int, cipher: str) -> tuple[bytes, str]:
    """Give the first that a server says, and the number of the connection in the log."""
    connection = await asyncssh.connect(
        "127.0.0.1",
        port,
        known_hosts=None,
        config=None,
        client_keys=None,
        client_factory=_Light,
        encryption_algs=[cipher],
    )
    try:
        assert isinstance(connection, Connection)
        terminal, _, _ = await connection.open_session(term_type="vt100", encoding=None)
        context = str(vars(connection.logger)["_context"])
        return await asyncio.wait_for(terminal.read(), 5), context.removeprefix("conn=")
    finally:
        connection.abort()
