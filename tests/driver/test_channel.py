"""The terminal over SSH: what comes is heard once and in order; nobody is trusted unasked."""

from __future__ import annotations

import asyncio
import gc
import logging
import socket
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from support.direct import device

from collector.credentials import Credential
from collector.driver import ssh
from collector.driver.channel import Connection, Terminal, connected
from collector.driver.hostkeys import KnownHosts
from collector.model import HostKeys, SshProfile

STRANGER = KnownHosts(Path("unused"), HostKeys.OFF)
CREDENTIAL = Credential(username="admin", password="admin")


def _options(port: int) -> asyncssh.SSHClientConnectionOptions:
    client = ssh.Client(STRANGER, lambda phase: None, CREDENTIAL)
    r1 = device("r1", port, "cisco_iosxe")
    return ssh.options(client, CREDENTIAL, (), r1, STRANGER, seconds=5.0)


def test_what_came_before_somebody_listened_is_heard_first() -> None:
    terminal, heard = Terminal(), bytearray()
    ends: list[bytes] = []
    terminal.data_received(b"one ", None)
    terminal.data_received(b"two ", None)
    terminal.listen(heard.extend, lambda: ends.append(bytes(heard)))
    terminal.data_received(b"three", None)
    terminal.data_received(b"of another output", asyncssh.EXTENDED_DATA_STDERR)
    assert (bytes(heard), ends) == (b"one two three", [])
    terminal.connection_lost(None)
    assert ends == [b"one two three"]


def test_an_end_that_came_before_somebody_listened_is_told() -> None:
    terminal, heard = Terminal(), bytearray()
    ends: list[bytes] = []
    terminal.data_received(b"the last of it", None)
    terminal.eof_received()
    terminal.listen(heard.extend, lambda: ends.append(bytes(heard)))
    assert ends == [b"the last of it"]


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
    async with _served(encryption_algs=[cipher]) as server:
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


async def test_what_a_connection_was_not_told_ends_it() -> None:
    """What many have in common trusts nobody: without an answer of the file there is no login."""
    async with _served() as server:
        options = ssh._alike(SshProfile.MODERN, "admin", ("password",), 5.0)
        options.host, options.port = "127.0.0.1", server.get_port()
        with pytest.raises(asyncssh.HostKeyNotVerifiable):
            await connected(options, {"sock": await _dialled(server.get_port())})


class _Closed(Connection):
    """What it is where uvloop has closed the transport, and nobody has been told yet."""

    def __init__(self) -> None:
        self.is_cut = False

    def close(self) -> None:
        raise RuntimeError("the handler is closed")

    def abort(self) -> None:
        self.is_cut = True


async def test_a_connection_that_cannot_be_closed_any_more_is_cut() -> None:
    """Else this would be raised in the place of what has ended the opening, a cancellation too."""
    connection = _Closed()
    await ssh.hang_up(connection)
    assert connection.is_cut


class _Broken:
    """A tunnel that breaks when it has just been made."""

    async def create_connection(self, made: Any, host: str, port: int) -> None:
        await asyncio.get_running_loop().create_connection(made, host, port)
        raise OSError("broken")


class _Refusing(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()


async def test_a_connection_that_fails_under_way_complains_to_nobody() -> None:
    complaints: list[object] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: complaints.append(context))
    async with await loop.create_server(_Refusing, "127.0.0.1", 0) as server:
        options = _options(server.sockets[0].getsockname()[1])
        with pytest.raises(OSError, match="broken"):
            await connected(options, {"tunnel": _Broken()})
        client = options.protocol_factory()
        assert isinstance(client, ssh.Client)
        assert client.connection
        await client.connection.wait_closed()
        assert client.is_lost
    del options, client
    gc.collect()
    assert complaints == []


async def _greeting(port: int, cipher: str) -> tuple[bytes, str]:
    """Give the first that a server says, and the number of the connection in the log."""
    options = _options(port)
    options.encryption_algs = [cipher.encode()]
    connection = await connected(options, {"sock": await _dialled(port)})
    try:
        assert isinstance(connection, Connection)
        heard: asyncio.Queue[bytes] = asyncio.Queue()
        (await connection.terminal()).listen(heard.put_nowait, lambda: None)
        context = str(vars(connection.logger)["_context"])
        return await asyncio.wait_for(heard.get(), 5), context.removeprefix("conn=")
    finally:
        connection.abort()


async def _dialled(port: int) -> socket.socket:
    dialled = socket.socket()
    dialled.setblocking(False)
    await asyncio.get_running_loop().sock_connect(dialled, ("127.0.0.1", port))
    return dialled


def _served(**options: Any) -> Any:
    return asyncssh.listen(
        "127.0.0.1",
        0,
        server_factory=_Open,
        server_host_keys=[asyncssh.generate_private_key("ssh-ed25519")],
        process_factory=lambda process: process.stdout.write("r1#"),
        **options,
    )
