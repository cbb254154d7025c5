"""Where the text goes on after a page: recorded erasures, and what only looks like one."""

from __future__ import annotations

import pytest

from collector.driver.pages import page_end
from collector.driver.terminal import clean

WORDS = b"--More-- "
ERASURES = [
    b"\x08" * 9 + b" " * 9 + b"\x08" * 9,
    b"\x08" * 9 + b"\x1b[K",
    b"\r         \r",
    b"\r" + b" " * 40 + b"\r\x1b[K",
    b"\x1b[42D" + b" " * 42 + b"\x1b[42D",
    b"\r\x1b[K",
    b"\x1b[2K\r",
]


def left(before: bytes, erasure: bytes, after: bytes) -> bytes | None:
    """Give the text without the page as it is read; None where nothing can be known."""
    heard = bytearray(before + WORDS + erasure + after)
    line = before.rfind(b"\n") + 1
    end = page_end(heard, line, len(before), len(before + WORDS), len(heard))
    return None if end is None else clean(before + bytes(heard[end:]))


@pytest.mark.parametrize("erasure", ERASURES)
@pytest.mark.parametrize("after", [b"line 25\r\n", b"\r\n", b"  \r\n", b"", b"\t x\r\n"])
def test_an_erasure_is_taken_whole_and_no_more(erasure: bytes, after: bytes) -> None:
    assert left(b"line 24\r\n", erasure, after) == clean(b"line 24\r\n" + after)


@pytest.mark.parametrize("text", [b"line 25\r\n", b"\r\nline 25", b""])
def test_what_is_not_erased_may_be_output(text: bytes) -> None:
    assert left(b"line 24\r\n", b"", text) is None
    assert left(b"line 24\r\n", b"\x08\x08", text) is None
    assert left(b"line 24\r\n", b"\r" + b" " * 1_000_000 + b"\r", text) is None


@pytest.mark.parametrize("erasure", ERASURES)
@pytest.mark.parametrize("redrawn", [b"\r  \rx\r\n", b"  \rx\r\n", b"\x08 \x08x\r\n"])
def test_a_line_that_is_redrawn_is_exact_or_refused(erasure: bytes, redrawn: bytes) -> None:
    """As a device does that shows how far it is: blanks, and an x over the first of them."""
    before = b"line 24\r\n"
    assert left(before, erasure, redrawn) in {None, clean(before + redrawn)}


@pytest.mark.parametrize("more", [b"\x1b[K", b"\x1b[m", b"\r\x1b[K", b"\r  \r"])
def test_more_of_an_erasure_that_shows_nowhere_is_harmless(more: bytes) -> None:
    erasure = b"\r         \r"
    assert left(b"line 24\r\n", erasure + more, b"line 25\r\n") == b"line 24\nline 25\n"
