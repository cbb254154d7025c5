"""The byte-level terminal: when each discipline shows what was typed, and how a line is edited."""

from __future__ import annotations

import asyncio

import pytest

from collector.lab import Echo, Pace, Terminal


class Screen:
    """What a terminal wrote, write by write."""

    def __init__(self, echo: Echo = Echo.WHEN_READ, pace: Pace | None = None) -> None:
        self.writes: list[bytes] = []
        self.terminal = Terminal(self.writes.append, self._drain, echo=echo, pace=pace)

    async def _drain(self) -> None:
        return None

    @property
    def shown(self) -> bytes:
        return b"".join(self.writes)


async def test_a_line_editor_shows_typed_ahead_input_only_when_it_reads_it() -> None:
    screen = Screen()
    screen.terminal.feed(b"show version\nshow")
    assert screen.shown == b""
    assert await screen.terminal.read_line() == b"show version"
    assert screen.shown == b"show version\r\n"


async def test_a_kernel_tty_shows_at_once_and_shows_control_bytes() -> None:
    screen = Screen(Echo.AT_ONCE)
    screen.terminal.feed(b"  \x05\n")
    assert screen.shown == b"  ^E\r\n"
    assert await screen.terminal.read_line() == b"  \x05"
    assert screen.shown == b"  ^E\r\n"


async def test_readline_shows_twice_what_was_typed_while_busy() -> None:
    screen = Screen(Echo.READLINE)
    screen.terminal.feed(b"show\x05\n")
    assert screen.shown == b"show^E\r\n"
    assert await screen.terminal.read_line() == b"show"
    assert screen.shown == b"show^E\r\nshow\r\n"


async def test_readline_at_its_prompt_shows_once() -> None:
    screen = Screen(Echo.READLINE)
    reading = asyncio.create_task(screen.terminal.read_line())
    await asyncio.sleep(0)
    screen.terminal.feed(b"show\x05\n")
    assert await reading == b"show"
    assert screen.shown == b"show\r\n"


async def test_no_echo() -> None:
    screen = Screen(Echo.NONE)
    screen.terminal.feed(b"show\x05\n")
    assert await screen.terminal.read_line() == b"show"
    assert screen.shown == b""


@pytest.mark.parametrize("echo", [Echo.WHEN_READ, Echo.READLINE, Echo.AT_ONCE, Echo.NONE])
async def test_a_password_is_never_shown(echo: Echo) -> None:
    screen = Screen(echo)
    reading = asyncio.create_task(screen.terminal.read_line(hidden=True))
    await asyncio.sleep(0)
    screen.terminal.feed(b"secret\n")
    assert await reading == b"secret"
    assert screen.shown == b""


@pytest.mark.parametrize(
    "chunks",
    [
        [b"a\rb\r"],
        [b"a\nb\n"],
        [b"a\r\nb\r\n"],
        [b"a\r\0b\r\0"],
        [b"a\r", b"\nb\r", b"\n"],
        [b"a\r", b"\0b", b"\r"],
    ],
)
async def test_each_kind_of_return_is_one_return(chunks: list[bytes]) -> None:
    screen = Screen()
    for chunk in chunks:
        screen.terminal.feed(chunk)
    lines = [await screen.terminal.read_line() for _ in range(2)]
    assert lines == [b"a", b"b"]
    screen.terminal.hang_up()
    with pytest.raises(EOFError):
        await screen.terminal.read_line()


@pytest.mark.parametrize(
    ("typed", "line", "shown"),
    [
        (b"shpw\x7f\x7fow\n", b"show", b"shpw\x08 \x08\x08 \x08ow\r\n"),
        (b"\x08x\n", b"x", b"x\r\n"),
        (b"abc\x15x\n", b"x", b"abc" + b"\x08 \x08" * 3 + b"x\r\n"),
        (b"ab cd \x17x\n", b"abx", b"ab cd " + b"\x08 \x08" * 4 + b"x\r\n"),
        (b"abc\x03", b"", b"abc\r\n"),
        (b"a\x01\x05\x0bb\n", b"ab", b"ab\r\n"),
        (b"caf\xc3\xa9\n", b"caf\xc3\xa9", b"caf\xc3\xa9\r\n"),
    ],
)
async def test_editing(typed: bytes, line: bytes, shown: bytes) -> None:
    screen = Screen()
    screen.terminal.feed(typed)
    assert await screen.terminal.read_line() == line
    assert screen.shown == shown


async def test_a_pager_takes_one_key_and_leaves_the_rest() -> None:
    screen = Screen()
    screen.terminal.feed(b" show\n")
    assert await screen.terminal.read_key() == b" "
    assert screen.shown == b""
    assert await screen.terminal.read_line() == b"show"


async def test_output_leaves_in_pieces() -> None:
    screen = Screen(pace=Pace(chunk=4))
    await screen.terminal.send(b"0123456789")
    assert screen.writes == [b"0123", b"4567", b"89"]


async def test_nothing_more_is_sent_after_hanging_up() -> None:
    screen = Screen()
    screen.terminal.hang_up()
    with pytest.raises(EOFError):
        await screen.terminal.send(b"x")
    assert screen.shown == b""
