"""Foreign errors: each family ever seen at the edge has its class, phase and next step."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Iterator
from typing import Any

import asyncssh
import asyncssh.sftp
import pytest
from scrapli import exceptions as scrapli
from support.direct import connector, device

from collector.driver.faults import first_cause
from collector.driver.foreign import translate
from collector.errors import DeviceError
from collector.model import FaultClass, Phase, Timeouts

CREDENTIAL_SEEN = {Phase.AUTH, Phase.CHANNEL, Phase.LOGIN, Phase.COMMAND}


def caused(outer: Exception, *causes: BaseException) -> Exception:
    """Chain exceptions as ``raise ... from`` does, the first cause last."""
    error: BaseException = outer
    for cause in causes:
        error.__cause__ = cause
        error = cause
    return outer


def within(outer: Exception, context: BaseException) -> Exception:
    """Chain as an exception raised while another one was handled."""
    outer.__context__ = context
    return outer


SEEN = [
    # what scrapli says, and what it was
    (
        caused(scrapli.ScrapliAuthenticationFailed("timed out"), TimeoutError()),
        Phase.CONNECT,
        FaultClass.TIMEOUT,
    ),
    (
        caused(
            scrapli.ScrapliAuthenticationFailed("timed out"),
            TimeoutError(),
            asyncio.CancelledError(),
        ),
        Phase.CONNECT,
        FaultClass.TIMEOUT,
    ),
    (
        caused(scrapli.ScrapliAuthenticationFailed("all"), asyncssh.PermissionDenied("denied")),
        Phase.AUTH,
        FaultClass.AUTH,
    ),
    (
        caused(
            scrapli.ScrapliConnectionError("x"),
            scrapli.ScrapliAuthenticationFailed("all"),
            asyncssh.PermissionDenied("denied"),
        ),
        Phase.AUTH,
        FaultClass.AUTH,
    ),
    (
        caused(scrapli.ScrapliConnectionError("EOF"), asyncssh.ConnectionLost("lost")),
        Phase.COMMAND,
        FaultClass.DISCONNECTED,
    ),
    (
        within(scrapli.ScrapliConnectionNotOpened(), BrokenPipeError(errno.EPIPE, "pipe")),
        Phase.COMMAND,
        FaultClass.DISCONNECTED,
    ),
    (
        caused(
            scrapli.ScrapliConnectionError("failed to open"),
            ConnectionRefusedError(errno.ECONNREFUSED, "refused"),
        ),
        Phase.CONNECT,
        FaultClass.REFUSED,
    ),
    (scrapli.ScrapliConnectionNotOpened(), Phase.COMMAND, FaultClass.DISCONNECTED),
    (scrapli.ScrapliConnectionError("at EOF"), Phase.COMMAND, FaultClass.DISCONNECTED),
    (scrapli.ScrapliTimeout("timed out"), Phase.LOGIN, FaultClass.TIMEOUT),
    (scrapli.ScrapliAuthenticationFailed("all"), Phase.AUTH, FaultClass.AUTH),
    (scrapli.ScrapliValueError("ours"), Phase.CONNECT, FaultClass.INTERNAL),
    # the system
    (ConnectionRefusedError(errno.ECONNREFUSED, "refused"), Phase.CONNECT, FaultClass.REFUSED),
    (ConnectionResetError(errno.ECONNRESET, "reset"), Phase.CONNECT, FaultClass.BUSY),
    (ConnectionResetError(errno.ECONNRESET, "reset"), Phase.KEX, FaultClass.BUSY),
    (ConnectionResetError(errno.ECONNRESET, "reset"), Phase.AUTH, FaultClass.DISCONNECTED),
    (ConnectionResetError(errno.ECONNRESET, "reset"), Phase.COMMAND, FaultClass.DISCONNECTED),
    (ConnectionAbortedError(errno.ECONNABORTED, "abort"), Phase.COMMAND, FaultClass.DISCONNECTED),
    (BrokenPipeError(errno.EPIPE, "pipe"), Phase.COMMAND, FaultClass.DISCONNECTED),
    (EOFError(), Phase.COMMAND, FaultClass.DISCONNECTED),
    (TimeoutError(errno.ETIMEDOUT, "timed out"), Phase.CONNECT, FaultClass.TIMEOUT),
    (OSError(errno.EHOSTUNREACH, "no route"), Phase.CONNECT, FaultClass.UNREACHABLE),
    (OSError(errno.ENETUNREACH, "no network"), Phase.CONNECT, FaultClass.UNREACHABLE),
    (PermissionError(errno.EACCES, "denied"), Phase.CONNECT, FaultClass.UNREACHABLE),
    (OSError(errno.EMFILE, "too many open files"), Phase.CONNECT, FaultClass.INTERNAL),
    (socket.gaierror(socket.EAI_NONAME, "unknown"), Phase.RESOLVE, FaultClass.DNS),
    (UnicodeError("label empty or too long"), Phase.RESOLVE, FaultClass.DNS),
    (IndexError("list index out of range"), Phase.LOGIN, FaultClass.INTERNAL),
    # asyncssh
    (asyncssh.ConnectionLost("lost"), Phase.KEX, FaultClass.BUSY),
    (asyncssh.ConnectionLost("lost"), Phase.AUTH, FaultClass.DISCONNECTED),
    (asyncssh.ConnectionLost("Login timeout expired"), Phase.AUTH, FaultClass.TIMEOUT),
    (asyncssh.KeyExchangeFailed("hash mismatch"), Phase.KEX, FaultClass.KEX),
    (asyncssh.ProtocolError("garbage"), Phase.KEX, FaultClass.KEX),
    (asyncssh.ProtocolError("garbage"), Phase.COMMAND, FaultClass.DISCONNECTED),
    (asyncssh.ProtocolNotSupported("SSH-1"), Phase.KEX, FaultClass.KEX),
    (asyncssh.MACError("mismatch"), Phase.COMMAND, FaultClass.DISCONNECTED),
    (asyncssh.CompressionError("bad"), Phase.COMMAND, FaultClass.DISCONNECTED),
    (asyncssh.PermissionDenied("denied"), Phase.AUTH, FaultClass.AUTH),
    (asyncssh.IllegalUserName("no"), Phase.AUTH, FaultClass.AUTH),
    (asyncssh.PasswordChangeRequired("expired"), Phase.AUTH, FaultClass.AUTH),
    (asyncssh.ChannelOpenError(4, "no shell"), Phase.CHANNEL, FaultClass.BUSY),
    (asyncssh.ServiceNotAvailable("later"), Phase.AUTH, FaultClass.DISCONNECTED),
    (asyncssh.DisconnectError(12, "too many"), Phase.AUTH, FaultClass.BUSY),
    (
        asyncssh.DisconnectError(2, "Too many authentication failures"),
        Phase.AUTH,
        FaultClass.AUTH,
    ),
    (asyncssh.DisconnectError(11, "idle"), Phase.COMMAND, FaultClass.DISCONNECTED),
]


@pytest.mark.parametrize(
    ("error", "phase", "fault_class"),
    SEEN,
    ids=[f"{type(error).__name__}-{phase}-{n}" for n, (error, phase, _) in enumerate(SEEN)],
)
def test_each_has_its_class_and_a_next_step(
    error: Exception, phase: Phase, fault_class: FaultClass
) -> None:
    fault = translate(error, phase)
    assert (fault.fault_class, fault.phase) == (fault_class, phase)
    assert fault.message
    assert fault.message.isprintable()
    assert fault.hint


def test_a_host_key_that_asyncssh_refuses_has_a_phase_of_its_own() -> None:
    fault = translate(asyncssh.HostKeyNotVerifiable("Host key is revoked"), Phase.KEX)
    assert (fault.fault_class, fault.phase) == (FaultClass.HOSTKEY, Phase.HOSTKEY)
    assert fault.message == "Host key is revoked"


def test_our_own_fault_goes_through_as_it_is() -> None:
    ours = DeviceError.of(FaultClass.PAGER, Phase.COMMAND, "it does not go on")
    assert translate(caused(scrapli.ScrapliConnectionError("x"), ours), Phase.LOGIN) is ours.fault


def test_the_first_cause_counts_and_a_cancellation_is_none() -> None:
    first = ConnectionResetError()
    assert first_cause(caused(ValueError(), within(KeyError(), first))) is first
    timeout = caused(TimeoutError(), asyncio.CancelledError())
    assert first_cause(caused(ValueError(), timeout)) is timeout
    hidden = within(ValueError(), KeyError())
    hidden.__suppress_context__ = True
    assert first_cause(hidden) is hidden


def test_a_device_cannot_write_on_the_screen_through_its_words() -> None:
    fault = translate(
        asyncssh.DisconnectError(11, "\x1b[2Jbye\r\nroot#" + "x" * 999), Phase.COMMAND
    )
    assert fault.message.startswith("?[2Jbye root#xxx")
    assert len(fault.message) == 200


# Raised by file transfer and by commands run without a terminal; the driver does neither.
NOT_MET = (asyncssh.sftp.SFTPError, asyncssh.ProcessError)


def families(root: type[BaseException]) -> Iterator[type[BaseException]]:
    for kind in root.__subclasses__():
        yield kind
        yield from families(kind)


def test_no_error_of_asyncssh_is_unknown() -> None:
    kinds = [kind for kind in families(asyncssh.Error) if not issubclass(kind, NOT_MET)]
    assert len(kinds) >= 11
    for kind in kinds:
        error = kind.__new__(kind)
        Exception.__init__(error, "words")
        vars(error).update(code=0, reason="words", lang="")
        for phase in CREDENTIAL_SEEN | {Phase.KEX}:
            assert translate(error, phase).fault_class is not FaultClass.INTERNAL, (kind, phase)


def test_no_error_number_of_the_system_is_a_bug_of_ours() -> None:
    limits = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
    for number in errno.errorcode:
        fault = translate(OSError(number, os.strerror(number)), Phase.CONNECT)
        assert (fault.fault_class is FaultClass.INTERNAL) == (number in limits), number


OLD = {
    "key exchange": {"kex_algs": ["diffie-hellman-group1-sha1"]},
    "both": {
        "kex_algs": ["diffie-hellman-group1-sha1"],
        "encryption_algs": ["3des-cbc", "aes128-cbc"],
    },
    "encryption": {"encryption_algs": ["3des-cbc", "aes128-cbc"]},
    "MAC": {"encryption_algs": ["aes128-ctr"], "mac_algs": ["hmac-md5"]},
}


@pytest.mark.parametrize(
    ("kind", "offers"),
    [
        ("key exchange", "diffie-hellman-group1-sha1"),
        ("both", "diffie-hellman-group1-sha1"),
        ("encryption", "3des-cbc, aes128-cbc"),
        ("MAC", "hmac-md5"),
    ],
)
async def test_a_device_too_old_is_told_by_what_it_offers(kind: str, offers: str) -> None:
    options: dict[str, Any] = dict(OLD[kind])
    options["server_host_keys"] = [asyncssh.generate_private_key("ssh-ed25519")]
    async with await asyncssh.listen("127.0.0.1", 0, **options) as server:
        with pytest.raises(DeviceError) as caught:
            target = device("old", server.get_port(), "generic")
            await connector().open(target, Timeouts(connect=5, login=5))
    fault = caught.value.fault
    assert (fault.fault_class, fault.phase) == (FaultClass.KEX, Phase.KEX)
    assert fault.message.endswith(f"algorithm is shared: the device offers only {offers}")
    assert "on the device" in fault.hint


@pytest.mark.parametrize(
    "error", [ConnectionRefusedError(), TimeoutError(), ConnectionResetError()], ids=repr
)
@pytest.mark.parametrize("phase", [Phase.CONNECT, Phase.AUTH])
def test_the_hint_for_a_jump_host_speaks_of_no_device(error: OSError, phase: Phase) -> None:
    hint = translate(error, phase, "it").hint
    assert hint
    assert "device" not in hint
    assert "telnet" not in hint
    assert "{" not in hint + translate(error, phase).hint
    assert "device" in translate(error, phase).hint
