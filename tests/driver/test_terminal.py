"""Cleaning: text is left alone, and what moves the cursor does what it does on a screen."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from collector.driver.terminal import clean, slices

PRINTED = st.binary(max_size=200).map(
    lambda text: bytes(c for c in text if c in b"\t\n\v\f" or (c >= 32 and c != 127))
)
SEQUENCES = st.sampled_from(
    [
        b"\r", b"\r\n", b"\n", b"\r\r\n", b"\x08", b"\x07", b"\0", b"\x1b[K", b"\x1b[1K",
        b"\x1b[2K",
        b"\x1b[2J", b"\x1b[m", b"\x1b[1;31m", b"\x1b[3D", b"\x1b[5C", b"\x1b[2P", b"\x1b[2@",
        b"\x1b[3X", b"\x1b[9G", b"\x1b[H", b"\x1b[24;1H", b"\x1b[?25h", b"\x1b]0;title\x07",
        b"\x1b(B", b"\x1bM", b"\x1b", b"\x1b[", b"\x9b", b"caf\xc3\xa9", b"\xc3", b"\xff", b"text",
    ]
)  # fmt: skip
DRAWN = st.lists(st.one_of(SEQUENCES, PRINTED), max_size=20).map(b"".join)


@given(PRINTED, st.sampled_from([b"\n", b"\r\n", b"\r\r\n"]))
def test_text_is_left_alone_but_for_its_line_ends(text: bytes, line_end: bytes) -> None:
    assert clean(text.replace(b"\n", line_end)) == text


@given(DRAWN)
def test_what_is_clean_stays_as_it_is(heard: bytes) -> None:
    cleaned = clean(heard)
    assert clean(cleaned) == cleaned
    assert not any(c < 32 and c not in b"\t\n\v\f" for c in cleaned)


@given(DRAWN, st.integers(1, 300))
@example(b"one\r\r\ntwo\x1b[2D\r\n", 1)
def test_cleaned_in_slices_it_is_the_same(heard: bytes, size: int) -> None:
    pieces = list(slices(heard, size))
    assert b"".join(pieces) == heard
    assert all(piece.endswith(b"\n") for piece in pieces[:-1])
    assert b"".join(clean(piece) for piece in pieces) == clean(heard)


def test_returns_without_end_are_looked_through_once() -> None:
    # From each of them anew it would be hours, in which no other device is heard.
    assert clean(b"\r" * 4_000_000 + b"x\r\r\n") == b"x\n"


@pytest.mark.parametrize(
    ("heard", "shown"),
    [
        (b"", b""),
        (b"10%\r20%\r100%\r\ndone", b"100%\ndone"),
        (b"long line\rshort\r\n", b"shortline\n"),
        (b"abc\x08\x08X\r\n", b"aXc\n"),
        (b"abc\x08 \x08\x08 \x08\r\n", b"a  \n"),
        (b"ab\r\x08\x08x", b"xb"),
        (b"\x1b[1;31mred\x1b[0m \x1b[4munder\x1b[24m", b"red under"),
        (b"\x1b[H\x1b[Jr1 text", b"r1 text"),
        (b"gone\x1b[2K\rnew", b"new"),
        (b"gone\x1b[1Gnew\x1b[K", b"new"),
        (b"abcdef\x1b[4Dxy", b"abxyef"),
        (b"ab\x1b[3Ccd", b"ab   cd"),
        (b"abcdef\r\x1b[2Pgh", b"ghef"),
        (b"abc\r\x1b[2@xy", b"xyabc"),
        (b"abcdef\r\x1b[3X", b"   def"),
        (b"abcdef\x1b[3D\x1b[1K", b"    ef"),
        (b"\x1b]0;user@host: ~\x07text", b"text"),
        (b"\x1b]0;user@host: ~\x1b\\text", b"text"),
        (b"\x1b[?2004l\r\r\ntext\x1b[?2004h", b"\ntext"),
        (b"\x1b(Btext\x1b)0\x1b=\x1b>", b"text"),
        (b"\x00te\x00xt\x07", b"text"),
        (b"caf\xc3\xa9\x08e", b"cafe"),
        (b"caf\xe9\x08e\xff", b"cafe\xff"),
        (b"a\tb\x0b\x0cc", b"a\tb\x0b\x0cc"),
    ],
)
def test_the_screen_shows(heard: bytes, shown: bytes) -> None:
    assert clean(heard) == shown


MORE = b"line 1\r\n"
PAGERS = {
    "ios": b" --More-- " + b"\x08" * 9 + b" " * 8 + b"\x08" * 9,
    "nxos": b"--More--\r        \r",
    "junos": b"---(more)---\r                                        \r",
    "junos-percent": b"---(more 55%)---\r                                        \r",
    "vrp": b"  ---- More ----\x1b[42D                                          \x1b[42D",
    "comware": b"---- More ----\x1b[16D                \x1b[16D",
    "fortios": b"--More-- \r         \r",
    "asa": b"<--- More --->\r              \r",
    "aos-cx": b"-- MORE --, next page: Space, next line: Enter, quit: q\r\x1b[K",
    "eos": b" --More-- \x1b[K\r\x1b[K",
    "procurve": b"-- MORE --\x1b[2K\x1b[1G",
}


@pytest.mark.parametrize("platform", PAGERS)
def test_a_pager_that_rubs_itself_out_leaves_no_trace(platform: str) -> None:
    heard = MORE + PAGERS[platform] + b"line 2\r\n"
    lines = clean(heard).split(b"\n")
    assert [line.rstrip() for line in lines] == [b"line 1", b"line 2", b""]


def test_a_device_cannot_make_a_little_into_much() -> None:
    assert len(clean(b"\x1b[" + b"9" * 5000 + b"Cx\n")) < 600
    assert len(clean(b"\x1b[999999999@x\n")) < 600
    assert len(clean(b"\x1b[999999999Gx\n")) < 600
    assert clean(b"x" * 2000 + b"\x1b[2000Dy\x1b[1999P") == b"y"
    assert clean(b"x" * 2000 + b"\x1b[99Cy") == b"x" * 2000 + b"y"


def test_the_recordings_are_text_already(recordings: Path) -> None:
    found = sorted((recordings / "ntc-templates").rglob("*.raw"))
    assert len(found) >= 293
    for path in found:
        text = path.read_bytes()
        assert clean(text) == text.replace(b"\r\n", b"\n"), path
